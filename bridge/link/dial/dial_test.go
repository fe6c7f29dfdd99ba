package dial

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestDials(t *testing.T) {
	a := newAuthority(t)
	plain, under := serve(t, broker), serve(t, underTLS(a.server(nil), broker))
	ws, wss := webServer(t, webSocketHandler("mqtt"), nil), webServer(t, webSocketHandler("mqtt"), a.server(nil))
	for _, address := range []string{
		"mqtt://" + plain, "tcp://" + plain, "mqtts://" + under, "ssl://" + under, "tls://" + under,
		"ws://" + ws, "ws://" + ws + "/mqtt", "ws://" + ws + "/mqtt?client=1", "wss://" + wss,
		"ws://" + webServer(t, webSocketHandler("mqttv3.1"), nil), "ws://" + webServer(t, webSocketHandler(), nil),
	} {
		t.Run(address, func(t *testing.T) {
			d := New(Config{TLS: TLS{CA: a.file}}, slog.New(slog.DiscardHandler))
			c, err := meetBy(t, d, address)
			if err != nil {
				t.Fatalf("%v (%s)", err, Explain(err))
			}
			_, port, _ := net.SplitHostPort(c.RemoteAddr().String())
			if !strings.Contains(address, port) {
				t.Errorf("remote address %v", c.RemoteAddr())
			}
			if secure := address[:4] != "mqtt" && address[:3] != "tcp" && address[:3] != "ws:" || address[:5] == "mqtts"; secure != (c.TLS() != nil) {
				t.Errorf("TLS %v", c.TLS())
			}
			in, out := d.Wire()
			if in < int64(len(welcome)) || out < int64(len(hello)) {
				t.Errorf("counted %d bytes in and %d out", in, out)
			}
			if strings.HasPrefix(address, "mqtt:") && (in != int64(len(welcome)) || out != int64(len(hello))) {
				t.Errorf("counted %d bytes in and %d out", in, out)
			}
		})
	}
}

// A large message goes through a WebSocket: the library's limit of 32 KB is
// for strangers.
func TestWebSocketHasNoReadLimit(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 1<<20)
	copy(large, welcome)
	c, err := New(Config{}, slog.New(slog.DiscardHandler)).Dial(t.Context(), "ws://"+webServer(t, largeHandler(large), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]byte, len(large))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, large) {
		t.Errorf("got not what was sent: %v", err)
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			broker(c)
			c.Close()
		}
	}()
	c, err := meet(t, Config{}, "mqtt://"+l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-done
}

// A handshake does not outlast ctx.
func TestHandshakesEndWithContext(t *testing.T) {
	for _, scheme := range []string{"mqtts", "ws", "wss"} {
		ctx, cancel := context.WithCancel(t.Context())
		silent := serve(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // it has begun
			cancel()
			_, _ = io.Copy(io.Discard, c)
		})
		if _, err := New(Config{}, slog.New(slog.DiscardHandler)).Dial(ctx, scheme+"://"+silent); err == nil {
			t.Errorf("%s: connected", scheme)
		}
	}
}

// Close does not wait for an upstream that says nothing any more.
func TestCloseDoesNotWait(t *testing.T) {
	a := newAuthority(t)
	for _, address := range []string{"mqtts://" + serve(t, underTLS(a.server(nil), broker)), "ws://" + webServer(t, webSocketHandler("mqtt"), nil)} {
		c, err := meet(t, Config{TLS: TLS{CA: a.file}}, address)
		if err != nil {
			t.Fatal(err)
		}
		reading := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			reading <- err
		}()
		c.Close()
		if err := <-reading; err == nil {
			t.Errorf("%s: something came after Close", address)
		}
	}
}

// What is renewed on the disk is used by the next connection.
func TestRenewedFilesNeedNoRestart(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	var current atomic.Pointer[tls.Config]
	serveAs := func(by *authority) {
		config := by.server(nil)
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, by.pool
		current.Store(config)
	}
	serveAs(a)
	address := "mqtts://" + serve(t, func(c net.Conn) { underTLS(current.Load(), broker)(c) })
	cfg := Config{TLS: TLS{CA: a.folder + "/own-ca.pem", Certificate: a.folder + "/own.pem", Key: a.folder + "/own.key"}}
	install := func(from *authority) {
		to := *from
		to.folder = a.folder
		to.write("own", from.leaf("gateway", nil))
		to.write("own-ca", tls.Certificate{Certificate: [][]byte{from.cert.Raw}, PrivateKey: from.key})
	}
	install(a)
	d := New(cfg, slog.New(slog.DiscardHandler))
	if _, err := meetBy(t, d, address); err != nil {
		t.Fatal(err)
	}
	serveAs(b)
	if _, err := meetBy(t, d, address); err == nil {
		t.Fatal("the old authority is believed")
	}
	install(b)
	if _, err := meetBy(t, d, address); err != nil {
		t.Errorf("%v (%s)", err, Explain(err))
	}
}

func TestALPNAndServerName(t *testing.T) {
	a := newAuthority(t)
	var name string
	config := a.server(nil)
	config.NextProtos = []string{"x-amzn-mqtt-ca"}
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name = h.ServerName
		return nil, nil
	}
	c, err := meet(t, Config{TLS: TLS{CA: a.file, ServerName: "upstream.test", ALPN: []string{"x-amzn-mqtt-ca"}, MinVersion: "1.3"}},
		"mqtts://"+serve(t, underTLS(config, broker)))
	if err != nil {
		t.Fatal(err)
	}
	if p := c.TLS().NegotiatedProtocol; p != "x-amzn-mqtt-ca" || name != "upstream.test" {
		t.Errorf("agreed on %q, the server was called %q", p, name)
	}
}

// Accepting any certificate is said once, not with each connection.
func TestInsecureWarnsOnce(t *testing.T) {
	a := newAuthority(t)
	var log bytes.Buffer
	d := New(Config{TLS: TLS{Insecure: true}}, slog.New(slog.NewTextHandler(&log, nil)))
	address := "mqtts://" + serve(t, underTLS(a.server(nil), broker))
	for range 2 {
		if _, err := meetBy(t, d, address); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "not checked"); n != 1 {
		t.Errorf("warned %d times: %s", n, log.String())
	}
}

// A read deadline of the MQTT client is no verdict on the upstream.
func TestDeadlineIsNoAnswer(t *testing.T) {
	c, err := New(Config{}, slog.New(slog.DiscardHandler)).Dial(t.Context(), "mqtt://"+serve(t, broker))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(make([]byte, 1))
	if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
		t.Errorf("error %v", err)
	}
}

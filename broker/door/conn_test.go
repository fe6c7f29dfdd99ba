package door

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// halfClose closes one direction and sees that the other still works.
func halfClose(t *testing.T, server *Conn, client net.Conn) {
	t.Helper()
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client read %d bytes, %v", n, err)
	}
	if _, err := client.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(server); string(b) != "last words" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestPlain(t *testing.T) {
	d := open(t, Options{})
	client, server := dial(t, d), accept(t, d)
	if _, ok := server.Raw().(*net.TCPConn); !ok {
		t.Errorf("raw is %T", server.Raw())
	}
	if err := server.Handshake(context.Background()); err != nil {
		t.Error(err)
	}
	if p := server.Peer(); p.Remote.String() != client.LocalAddr().String() || p.Proxy.IsValid() || p.TLS != nil {
		t.Errorf("peer is %+v", p)
	}
	if server.LocalAddr().String() != d.Addr().String() || server.RemoteAddr().String() != client.LocalAddr().String() {
		t.Errorf("addresses are %v, %v", server.LocalAddr(), server.RemoteAddr())
	}
	echo(t, client, server)
	if err := server.SetDeadline(time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past the deadline: %v", err)
	}
	if err := errors.Join(server.SetReadDeadline(time.Time{}), server.SetWriteDeadline(time.Time{})); err != nil {
		t.Error(err)
	}
	halfClose(t, server, client)
}

func TestHalfCloseTLS(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls})
	server, client := mustShake(t, d, p.client())
	halfClose(t, server, client)
}

// CloseWrite without a handshake ends what little there is.
func TestHalfCloseBeforeHandshake(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls})
	client, server := dial(t, d), accept(t, d)
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client read %d bytes, %v", n, err)
	}
	c := &Conn{door: d, socket: struct{ net.Conn }{client}}
	if err := c.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("of a socket that cannot: %v", err)
	}
}

func TestProxy(t *testing.T) {
	d := open(t, Options{ProxyProtocol: true})
	for _, tt := range []struct{ header, want string }{
		{"PROXY TCP4 192.0.2.7 198.51.100.1 54321 1883\r\n", "192.0.2.7:54321"},
		{v2(0x21, 0x21, mixed...), "192.0.2.7:54321"},
		{v2(0x20, 0x00), ""},
	} {
		client, server := dial(t, d), accept(t, d)
		if server.Raw() != nil {
			t.Error("the header can be read as the client's bytes")
		}
		if _, err := io.WriteString(client, tt.header+"CONNECT"); err != nil {
			t.Fatal(err)
		}
		if err := server.Handshake(context.Background()); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 7)
		if _, err := io.ReadFull(server.Raw(), buf); err != nil || string(buf) != "CONNECT" {
			t.Errorf("raw gave %q, %v", buf, err)
		}
		p := server.Peer()
		proxy := client.LocalAddr().String()
		if tt.want == "" && (p.Remote.String() != proxy || p.Proxy.IsValid()) || tt.want != "" && (p.Remote.String() != tt.want || p.Proxy.String() != proxy) {
			t.Errorf("peer is %+v", p)
		}
		if tt.want != "" && !strings.HasSuffix(server.RemoteAddr().String(), tt.want) {
			t.Errorf("remote address is %v", server.RemoteAddr())
		}
		echo(t, client, server)
	}
}

// The PROXY header comes before TLS.
func TestProxyTLS(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{ProxyProtocol: true, TLS: &p.tls})
	nc := dial(t, d)
	server := accept(t, d)
	if _, err := io.WriteString(nc, v2(0x21, 0x11, ipv4...)); err != nil {
		t.Fatal(err)
	}
	client := tls.Client(nc, p.client())
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := errors.Join(server.Handshake(context.Background()), <-done); err != nil {
		t.Fatal(err)
	}
	if got := server.Peer(); got.Remote.String() != "192.0.2.7:54321" || got.TLS == nil {
		t.Errorf("peer is %+v", got)
	}
	echo(t, client, server)
}

func TestProxyMissing(t *testing.T) {
	var l logs
	d := open(t, Options{ProxyProtocol: true})
	d.log = slog.New(slog.NewTextHandler(&l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, server := dial(t, d), accept(t, d)
	_, _ = io.WriteString(client, "\x10\x0c\x00\x04MQTT\x04\x02")
	for range 2 {
		_, err := server.Read(make([]byte, 1)) // Handshake by itself
		wants(t, err, "no PROXY header came first")
	}
	if got := l.String(); strings.Count(got, "no PROXY header came first") != 1 || !strings.Contains(got, "remote="+client.LocalAddr().String()) {
		t.Errorf("logged\n%s", got)
	}
	if s := d.Stats(); s.Refused.ProxyHeader != 1 || s.Open != 0 || s.Accepted != 1 {
		t.Errorf("stats are %+v", s)
	}
}

// A client that says nothing, or too slowly, costs its own goroutine until
// the time is over, and holds up nobody.
func TestSlowClients(t *testing.T) {
	p := newPKI(t)
	for name, tt := range map[string]struct {
		o     Options
		begin string
		want  string
	}{
		"silent with PROXY":  {Options{ProxyProtocol: true}, "", "no PROXY header within 50ms"},
		"slow with PROXY":    {Options{ProxyProtocol: true}, "PROXY TCP4 192.0.2.7 ", "no PROXY header within 50ms"},
		"silent with TLS":    {Options{TLS: &p.tls}, "", "no TLS handshake within 50ms"},
		"slow with TLS":      {Options{TLS: &p.tls}, "\x16\x03\x01", "no TLS handshake within 50ms"},
		"silent after PROXY": {Options{TLS: &p.tls, ProxyProtocol: true}, "PROXY UNKNOWN\r\n", "no TLS handshake within 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.HandshakeTimeout = 50 * time.Millisecond
			d := open(t, tt.o)
			client := dial(t, d)
			_, _ = io.WriteString(client, tt.begin)
			server := accept(t, d)
			dial(t, d)
			accept(t, d) // nobody waits for the first
			err := server.Handshake(context.Background())
			wants(t, err, tt.want)
			if n, err := client.Read(make([]byte, 1)); err == nil {
				t.Errorf("the client read %d bytes", n)
			}
			if s := d.Stats(); s.Refused.Timeout != 1 || s.Refused.Total() != 1 || s.Open != 1 || s.Accepted != 2 {
				t.Errorf("stats are %+v", s)
			}
		})
	}
}

// The deadline that an owner sets ends a handshake as well.
func TestDeadlineDuringHandshake(t *testing.T) {
	p := newPKI(t)
	for _, o := range []Options{{TLS: &p.tls}, {ProxyProtocol: true}} {
		d := open(t, o)
		dial(t, d)
		server := accept(t, d)
		_ = server.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read says %v", err)
		}
		if s := d.Stats(); s.Refused.Timeout != 1 {
			t.Errorf("stats are %+v", s)
		}
	}
}

// What the owner ends is not counted as the client's failure.
func TestGivenUp(t *testing.T) {
	p := newPKI(t)
	for _, o := range []Options{{TLS: &p.tls}, {ProxyProtocol: true}} {
		d := open(t, o)
		dial(t, d)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(10*time.Millisecond, cancel)
		if err := accept(t, d).Handshake(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		dial(t, d)
		server := accept(t, d)
		time.AfterFunc(10*time.Millisecond, func() { server.Close() })
		if err := server.Handshake(context.Background()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if s := d.Stats(); s.Refused.Total() != 0 || s.Open != 0 {
			t.Errorf("stats are %+v", s)
		}
	}
}

// Close does not wait for a client that does not read.
func TestCloseDoesNotWait(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls})
	server, _ := mustShake(t, d, p.client())
	// The socket is full without a write of TLS that failed, after which TLS
	// would not try its goodbye.
	for junk, n := make([]byte, 1<<20), 1; n > 0; {
		_ = server.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		n, _ = server.socket.Write(junk)
	}
	_ = server.SetWriteDeadline(time.Time{})
	start := time.Now()
	server.Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// An http.Server on a door with everything, as the broker's WebSocket is.
func TestBelowHTTP(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls, NextProtos: []string{"http/1.1"}})
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ConnContext:       func(ctx context.Context, nc net.Conn) context.Context { return context.WithValue(ctx, peerKey{}, nc) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := r.Context().Value(peerKey{}).(*Conn)
			if p := c.Peer(); p.TLS == nil || p.Remote.String() != r.RemoteAddr {
				t.Errorf("peer is %+v", p)
			}
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			_, _ = io.WriteString(nc, "HTTP/1.1 204 No Content\r\n\r\n")
		}),
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(d) })
	config := p.client()
	config.NextProtos = []string{"http/1.1"}
	client := tls.Client(dial(t, d), config)
	_, _ = io.WriteString(client, "GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_, _ = io.ReadAll(client) // until the handler has closed it
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", resp.StatusCode)
	}
	srv.Close()
	wg.Wait()
	if s := d.Stats(); s.Open != 0 || s.Accepted != 1 {
		t.Errorf("stats are %+v", s)
	}
}

type peerKey struct{}

// failing is a listener that fails a while, and then is closed.
type failing struct {
	net.Listener
	errs chan error
	conn chan net.Conn
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, err
	default:
		return <-f.conn, nil
	}
}

// Failures to accept pass: they are logged once, and waited out.
func TestAcceptFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{errs: make(chan error, 10), conn: make(chan net.Conn, 1)}
		for range 10 {
			f.errs <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		}
		theirs, ours := net.Pipe()
		defer theirs.Close()
		f.conn <- ours
		var l logs
		d := &Door{log: l.logger(), listener: f, closed: make(chan struct{})}
		start := time.Now()
		c, err := d.AcceptConn()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if took := time.Since(start); took < time.Second || took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		if got := l.String(); strings.Count(got, "too many open files") != 1 || strings.Count(got, "accepting connections again") != 1 || !strings.Contains(got, "failures=10") {
			t.Errorf("logged\n%s", got)
		}

		f.errs <- syscall.ENFILE // and then the door is closed while it waits
		close(d.closed)
		if _, err := d.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestAcceptAfterClose(t *testing.T) {
	d := open(t, Options{})
	client, server := dial(t, d), accept(t, d)
	d.Close()
	if nc, err := d.Accept(); nc != nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v, %v", nc, err)
	}
	echo(t, client, server) // it is not the door's
}

package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/bridge/link"
)

// Each thing that real servers do, and the words for it.
func TestExplains(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	under := serve(t, underTLS(a.server(nil), broker))
	ws, wss := webServer(t, webSocketHandler("mqtt"), nil), webServer(t, webSocketHandler("mqtt"), a.server(nil))
	tlsServer := func(change func(*x509.Certificate)) string {
		return "mqtts://" + serve(t, underTLS(a.server(change), broker))
	}
	mutual := func(version uint16, auth tls.ClientAuthType) string {
		c := a.server(nil)
		c.ClientAuth, c.ClientCAs, c.MaxVersion = auth, a.pool, version
		return "mqtts://" + serve(t, underTLS(c, broker))
	}
	alpn := a.server(nil)
	alpn.NextProtos = []string{"x-amzn-mqtt-ca"}
	old := a.server(nil)
	old.MaxVersion = tls.VersionTLS12
	own := func(by *authority, change func(*x509.Certificate)) TLS {
		cert, key := by.write(fmt.Sprint("own", by.serial), by.leaf("gateway", change))
		return TLS{CA: a.file, Certificate: cert, Key: key}
	}
	expired := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-3*time.Hour), time.Now().Add(-time.Hour)
	}
	future := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	}
	believes := TLS{CA: a.file}
	const closed = "127.0.0.1:1" // nobody listens there, and the system gives it to nobody
	web := webServer(t, http.NotFoundHandler(), nil)
	for _, x := range []struct {
		name, address string
		tls           TLS
		want          []string
	}{
		{"refused", "mqtt://" + closed, TLS{}, []string{"nothing listens on that port"}},
		{"wrong authority", "mqtts://" + under, TLS{CA: stranger.file}, []string{"CN=server", "CN=test authority", "tls.ca"}},
		{"authority of the system", "mqtts://" + under, TLS{}, []string{"tls.ca"}},
		{"expired", tlsServer(expired), believes, []string{"expired on 20", "renew"}},
		{"not yet valid", tlsServer(future), believes, []string{"valid from", "clock"}},
		{"other host", tlsServer(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"a.example", "b.example"}, nil }), believes, []string{"a.example, b.example", "127.0.0.1", "tls.server_name"}},
		{"no name", tlsServer(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), believes, []string{"names no host"}},
		{"for clients", tlsServer(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), believes, []string{"serverAuth"}},
		{"no client certificate, 1.3", mutual(tls.VersionTLS13, tls.RequireAndVerifyClientCert), believes, []string{"wants a client certificate", "tls.certificate"}},
		{"no client certificate, 1.2", mutual(tls.VersionTLS12, tls.RequireAndVerifyClientCert), believes, []string{"client certificate", "tls.certificate"}},
		{"strange client certificate", mutual(tls.VersionTLS13, tls.RequireAndVerifyClientCert), own(stranger, nil), []string{"authority that signed our certificate"}},
		{"expired client certificate", mutual(tls.VersionTLS13, tls.RequireAndVerifyClientCert), own(a, expired), []string{"has expired", "tls.certificate"}},
		{"no such protocol", "mqtts://" + serve(t, underTLS(alpn, broker)), TLS{CA: a.file, ALPN: []string{"mqtt"}}, []string{"tls.alpn", "x-amzn-mqtt-ca"}},
		{"old TLS", "mqtts://" + serve(t, underTLS(old, broker)), TLS{CA: a.file, MinVersion: "1.3"}, []string{"tls.min_version"}},
		{"TCP to a TLS port", "mqtt://" + under, TLS{}, []string{"mqtts://"}},
		{"TCP to a TLS port that says so", "mqtt://" + serve(t, saying("\x15\x03\x01\x00\x02\x02\x46")), TLS{}, []string{"that port speaks TLS"}},
		{"TLS to a TCP port", "mqtts://" + serve(t, saying("")), believes, []string{"port without TLS"}},
		{"TLS to a port that says something", "mqtts://" + serve(t, saying("hello, this is not TLS")), believes, []string{"does not speak TLS"}},
		{"TLS to a web server", "mqtts://" + web, believes, []string{"web server without TLS"}},
		{"MQTT to a web server", "mqtt://" + serve(t, saying("HTTP/1.1 400 Bad Request\r\n\r\n")), TLS{}, []string{"a web server answers", "ws://"}},
		{"MQTT to SSH", "mqtt://" + serve(t, saying("SSH-2.0-OpenSSH_9\r\n")), TLS{}, []string{"SSH"}},
		{"MQTT to something", "mqtt://" + serve(t, saying("220 mail\r\n")), TLS{}, []string{"something else than an MQTT broker"}},
		{"closed after CONNECT", "mqtt://" + serve(t, saying("")), TLS{}, []string{"without saying why", "bridge_bit", "client_id", "iot:Connect"}},
		{"closed after CONNECT in TLS", "mqtts://" + serve(t, underTLS(a.server(nil), saying(""))), believes, []string{"without saying why", "tls.alpn"}},
		{"closed for want of a certificate", mutualClosing(t, a), believes, []string{"client certificate"}},
		{"WebSocket elsewhere", "ws://" + ws + "/moved", TLS{}, []string{"elsewhere", "/elsewhere"}},
		{"no WebSocket there", "ws://" + ws + "/nothing", TLS{}, []string{"/nothing", "RabbitMQ /ws"}},
		{"page", "ws://" + ws + "/200", TLS{}, []string{"not by WebSocket"}},
		{"login", "ws://" + ws + "/401", TLS{}, []string{"login of its own"}},
		{"forbidden", "wss://" + wss + "/403", believes, []string{"login of its own"}},
		{"teapot", "ws://" + ws + "/418", TLS{}, []string{"does not want a WebSocket at /418"}},
		{"too many", "ws://" + ws + "/429", TLS{}, []string{"reconnect_min"}},
		{"gateway", "ws://" + ws + "/502", TLS{}, []string{"cannot reach it"}},
		{"WebSocket to a TLS port", "ws://" + serve(t, saying("\x15\x03\x01\x00\x02\x02\x46")), TLS{}, []string{"wss://"}},
		{"WebSocket to TLS on the web", "ws://" + wss, TLS{}, []string{"wss://"}},
		{"WebSocket to an MQTT port", "ws://" + serve(t, saying("\x20\x02\x00\x01")), TLS{}, []string{"no web server"}},
		{"wss to a TCP port", "wss://" + serve(t, saying("")), believes, []string{"TLS"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := meet(t, Config{TLS: x.tls}, x.address)
			if err == nil {
				t.Fatal("connected")
			}
			t.Log(err)
			t.Log(Explain(err))
			wantIn(t, Explain(fmt.Errorf("connect: %w", err)), x.want...)
		})
	}
}

// mutualClosing asks for a certificate and closes when there is none, without a
// word: as OpenSSL does whose alert is overtaken by the end of the connection.
func mutualClosing(t *testing.T, a *authority) string {
	c := a.server(nil)
	c.ClientAuth = tls.RequestClientCert
	return "mqtts://" + serve(t, underTLS(c, saying("")))
}

// What cannot be had from a server on loopback.
func TestExplainsErrors(t *testing.T) {
	dns := func(e net.DNSError) error { return &net.OpError{Op: "dial", Err: &e} }
	opErr := func(e error) error {
		return fmt.Errorf("connect to x: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", e)})
	}
	remote := func(s string) error {
		return &handshakeError{&net.OpError{Op: "remote error", Err: errors.New("tls: " + s)}, false}
	}
	for _, x := range []struct {
		err  error
		want string
	}{
		{dns(net.DNSError{Name: "broker.exmaple", IsNotFound: true}), "no host of the name broker.exmaple"},
		{dns(net.DNSError{Name: "b", IsTimeout: true}), "no DNS server"},
		{dns(net.DNSError{Name: "b", Err: "server misbehaving"}), "server misbehaving"},
		{opErr(syscall.ECONNREFUSED), "nothing listens"},
		{opErr(syscall.ENETUNREACH), "no way to that network"},
		{opErr(syscall.EHOSTUNREACH), "no router knows"},
		{opErr(syscall.ETIMEDOUT), "nothing answers in time"},
		{opErr(syscall.EACCES), "firewall"},
		{context.DeadlineExceeded, "nothing answers in time"},
		{fmt.Errorf("read: %w", os.ErrDeadlineExceeded), "nothing answers in time"},
		{fmt.Errorf("read: %w", io.EOF), "has closed the connection"},
		{remote("revoked certificate"), "revoked"},
		{remote("bad certificate"), "does not accept our certificate"},
		{remote("access denied"), "does not let it in"},
		{remote("unrecognized name"), "tls.server_name"},
		{remote("handshake failure"), "no cipher in common"},
		{remote("internal error"), `"internal error"`},
		{&handshakeError{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, true}, "wants a client certificate"},
		{x509.SystemRootsError{}, "ca-certificates"},
		{nil, ""},
		{errors.New("something of ours"), ""},
		{context.Canceled, ""},
	} {
		got := Explain(x.err)
		if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
			t.Errorf("%v: %q, want %q", x.err, got, x.want)
		}
	}
}

// A board without a battery clock wakes up in 1970, and no certificate is valid
// then. The clock is the cause, whatever the error says.
func TestExplainsTheClock(t *testing.T) {
	a := newAuthority(t)
	leaf := a.leaf("server", nil).Leaf
	woke := time.Date(1970, 1, 1, 0, 1, 0, 0, time.UTC)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: a.pool, CurrentTime: woke})
	wantIn(t, explain(err, woke), "clock says 1970-01-01", "the clock is the cause", "timedatectl")
	remote := &net.OpError{Op: "remote error", Err: errors.New("tls: expired certificate")}
	wantIn(t, explain(remote, woke), "clock is wrong")
}

func TestExplainsRefusals(t *testing.T) {
	for _, x := range []struct {
		packet string
		code   byte
		want   string
	}{
		{"CONNACK", link.FromReturnCode(1), `protocol: "3.1.1"`},
		{"CONNACK", link.FromReturnCode(2), "client_id"},
		{"CONNACK", link.FromReturnCode(3), "tries again by itself"},
		{"CONNACK", link.FromReturnCode(4), "password_file"},
		{"CONNACK", link.FromReturnCode(5), "username and password"},
		{"CONNACK", link.FromReturnCode(99), "its log"},
		{"CONNACK", link.Banned, "banned"},
		{"CONNACK", link.QuotaExceeded, "quota"},
		{"CONNACK", link.BadAuthenticationMethod, "log in"},
		{"CONNACK", link.UseAnotherServer, "correct address"},
		{"CONNACK", link.RetainNotSupported, "retain_available: false"},
		{"CONNACK", link.ConnectionRateExceeded, "reconnect_min"},
		{"SUBACK", 0x80, "read the topics of this route"},
		{"SUBACK", link.NotAuthorized, "ACL"},
		{"SUBACK", link.QuotaExceeded, "subscriptions"},
		{"SUBACK", link.WildcardsNotSupported, "without + and #"},
		{"PUBACK", link.NotAuthorized, "publish to this topic"},
		{"PUBREC", link.QuotaExceeded, "quota"},
		{"PUBACK", link.TopicNameInvalid, "remote_prefix"},
		{"DISCONNECT", link.SessionTakenOver, "same client_id"},
		{"DISCONNECT", link.PacketTooLarge, "max_message_size"},
		{"DISCONNECT", link.QoSNotSupported, "max_qos"},
		{"DISCONNECT", link.KeepAliveTimeout, "keep_alive"},
		{"DISCONNECT", link.MessageRateTooHigh, "rate"},
	} {
		wantIn(t, Explain(fmt.Errorf("x: %w", &link.Refused{Packet: x.packet, Code: x.code})), x.want)
	}
	wantIn(t, Explain(&link.Refused{Packet: "CONNACK", Code: link.ServerMoved, Server: "b.example"}), `"b.example"`)
}

// FuzzFirstBytes: whatever comes first, Conn hands on what may be an answer and has
// words for the rest.
func FuzzFirstBytes(f *testing.F) {
	for _, s := range []string{"\x20\x02\x00\x00", "HTTP/1.1 400 \r\n", "\x15\x03\x01", "", "S"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &Conn{Conn: &scripted{b: b}}
		got, err := io.ReadAll(c)
		if len(b) > 0 && isAnswer(b[0]) {
			if err != nil || string(got) != string(b) {
				t.Errorf("%q read as %q, %v", b, got, err)
			}
		} else if len(b) > 0 && (err == nil || len(got) > 0 || Explain(err) == "") {
			t.Errorf("%q read as %q, %v", b, got, err)
		}
	})
}

// scripted is a connection on which b comes.
type scripted struct {
	net.Conn
	b []byte
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(len(s.b), 3)])
	s.b = s.b[n:]
	return n, nil
}

func (s *scripted) SetReadDeadline(time.Time) error { return nil }

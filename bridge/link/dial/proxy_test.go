package dial

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is what the proxies of these tests do: they alone know where the host
// upstream.test is.
type relay struct {
	to       string // host:port of upstream.test
	password string // of the user ann; "" lets everybody in
	refuse   byte   // SOCKS reply, or HTTP status / 10
}

func (r *relay) splice(c net.Conn, host string) {
	if !strings.HasPrefix(host, "upstream.test:") {
		return
	}
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(far, c)
		far.Close()
	})
	_, _ = io.Copy(c, far)
	c.Close()
	far.Close()
	wg.Wait()
}

// socks is a SOCKS5 server.
func (r *relay) socks(c net.Conn) {
	b := make([]byte, 512)
	read := func(n int) []byte {
		if _, err := io.ReadFull(c, b[:n]); err != nil {
			clear(b[:n])
		}
		return b[:n]
	}
	offered := string(read(int(read(2)[1])))
	switch {
	case r.password == "":
		_, _ = c.Write([]byte{5, 0})
	case !strings.Contains(offered, "\x02"):
		_, _ = c.Write([]byte{5, 0xff})
		return
	default:
		_, _ = c.Write([]byte{5, 2})
		user := string(read(int(read(2)[1])))
		if password := string(read(int(read(1)[0]))); user != "ann" || password != r.password {
			_, _ = c.Write([]byte{1, 1})
			return
		}
		_, _ = c.Write([]byte{1, 0})
	}
	if head := read(4); head[3] != 3 { // a name; the address is not resolved by the client
		_, _ = c.Write([]byte{5, 8, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	host := string(read(int(read(1)[0])))
	read(2)
	_, _ = c.Write([]byte{5, r.refuse, 0, 1, 127, 0, 0, 1, 0, 0})
	if r.refuse == 0 {
		r.splice(c, host+":")
	}
}

// http is an HTTP proxy.
func (r *relay) http(c net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	answer := "HTTP/1.1 200 OK\r\n\r\n"
	req.Header.Set("Authorization", req.Header.Get("Proxy-Authorization"))
	user, password, _ := req.BasicAuth()
	switch {
	case req.Method != http.MethodConnect:
		answer = "HTTP/1.1 405 No\r\n\r\n"
	case r.password != "" && (user != "ann" || password != r.password):
		answer = "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n"
	case r.refuse == 40:
		answer = "HTTP/1.1 403 No\r\n\r\n"
	case r.refuse == 50:
		answer = "HTTP/1.1 502 No\r\n\r\n"
	}
	_, _ = io.WriteString(c, answer)
	if strings.Contains(answer, " 200 ") {
		r.splice(c, req.Host)
	}
}

// Each way through each proxy. Only the proxy can know the name.
func TestProxies(t *testing.T) {
	a := newAuthority(t)
	upstreams := map[string]string{
		"mqtt://upstream.test:1883": serve(t, broker),
		"mqtts://upstream.test":     serve(t, underTLS(a.server(nil), broker)),
		"ws://upstream.test":        webServer(t, webSocketHandler("mqtt"), nil),
		"wss://upstream.test/mqtt":  webServer(t, webSocketHandler("mqtt"), a.server(nil)),
	}
	file := filepath.Join(t.TempDir(), "password")
	writeFile(t, file, "s3cret\n")
	for address, to := range upstreams {
		open, guarded := &relay{to: to}, &relay{to: to, password: "s3cret"}
		for name, cfg := range map[string]Config{
			"socks5":          {Proxy: "socks5://" + serve(t, open.socks)},
			"socks5 password": {Proxy: "socks5://ann:s3cret@" + serve(t, guarded.socks)},
			"socks5h file":    {Proxy: "socks5h://ann@" + serve(t, guarded.socks), ProxyPasswordFile: file},
			"http":            {Proxy: "http://" + serve(t, open.http)},
			"http password":   {Proxy: "http://ann:s3cret@" + serve(t, guarded.http)},
			"http file":       {Proxy: "http://ann@" + serve(t, guarded.http), ProxyPasswordFile: file},
		} {
			t.Run(address+" "+name, func(t *testing.T) {
				cfg.TLS.CA = a.file
				if err := cfg.Check(); err != nil {
					t.Fatal(err)
				}
				if _, err := meet(t, cfg, address); err != nil {
					t.Errorf("%v (%s)", err, Explain(err))
				}
			})
		}
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	for _, key := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(key, "")
	}
	r := &relay{to: serve(t, broker)}
	viaSocks, viaHTTP := "socks5://"+serve(t, r.socks), "http://"+serve(t, r.http)
	cfg := Config{Proxy: "environment"}
	for key, value := range map[string]string{"HTTPS_PROXY": viaHTTP, "ALL_PROXY": viaSocks} {
		t.Run(key, func(t *testing.T) {
			t.Setenv(key, value)
			if _, err := meet(t, cfg, "mqtt://upstream.test"); err != nil {
				t.Errorf("%v (%s)", err, Explain(err))
			}
			t.Setenv("NO_PROXY", ".test")
			if p, err := cfg.proxyFor(target{host: "upstream.test", port: "1883"}); p != nil || err != nil {
				t.Errorf("with NO_PROXY it goes through %v, %v", p, err)
			}
		})
	}
	t.Run("wrong", func(t *testing.T) {
		t.Setenv("HTTPS_PROXY", "https://ann:s3cret@proxy.example")
		_, err := meet(t, cfg, "mqtt://upstream.test")
		if err == nil || !strings.Contains(err.Error(), "socks5 or http") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v", err)
		}
	})
}

// A proxy that says nothing is left when ctx ends.
func TestSilentProxyEndsWithContext(t *testing.T) {
	for _, scheme := range []string{"http", "socks5"} {
		ctx, cancel := context.WithCancel(t.Context())
		silent := serve(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // it has begun
			cancel()
			_, _ = io.Copy(io.Discard, c)
		})
		_, err := New(Config{Proxy: scheme + "://" + silent}, slog.New(slog.DiscardHandler)).Dial(ctx, "mqtt://upstream.test")
		if err == nil {
			t.Errorf("%s: connected", scheme)
		}
	}
}

func TestExplainsProxies(t *testing.T) {
	to := serve(t, broker)
	const closed = "127.0.0.1:1" // nobody listens there, and the system gives it to nobody
	guarded := &relay{to: to, password: "s3cret"}
	for _, x := range []struct{ name, proxy, want string }{
		{"socks not there", "socks5://" + closed, "nothing listens on that port"},
		{"http not there", "http://" + closed, "of the proxy"},
		{"http no such name", "http://proxy.invalid", "proxy.invalid"},
		{"socks wrong password", "socks5://ann:no@" + serve(t, guarded.socks), "proxy_password_file"},
		{"socks no user", "socks5://" + serve(t, guarded.socks), "proxy_password_file"},
		{"http wrong password", "http://ann:no@" + serve(t, guarded.http), "proxy_password_file"},
		{"socks rules", "socks5://" + serve(t, (&relay{refuse: 2}).socks), "does not allow this host or port"},
		{"socks unreachable", "socks5://" + serve(t, (&relay{refuse: 4}).socks), "cannot reach the upstream"},
		{"socks refused", "socks5://" + serve(t, (&relay{refuse: 5}).socks), "cannot reach the upstream"},
		{"socks failure", "socks5://" + serve(t, (&relay{refuse: 1}).socks), "cannot reach the upstream"},
		{"http rules", "http://" + serve(t, (&relay{refuse: 40}).http), "port 443 only"},
		{"http gateway", "http://" + serve(t, (&relay{refuse: 50}).http), "cannot reach the upstream"},
		{"http on a SOCKS port", "http://" + serve(t, saying("\x05\xff hello there\r\n\r\n")), "no such proxy"},
		{"socks on an HTTP port", "socks5://" + serve(t, saying("HTTP/1.1 400 Bad Request\r\n\r\n")), "no such proxy"},
		{"http says nothing", "http://" + serve(t, saying("")), "such proxy"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := meet(t, Config{Proxy: x.proxy}, "mqtt://upstream.test")
			if err == nil {
				t.Fatal("connected")
			}
			t.Log(err)
			wantIn(t, Explain(err), x.want)
			for _, secret := range []string{"s3cret", "ann:no"} {
				if strings.Contains(err.Error()+Explain(err), secret) {
					t.Errorf("%v repeats %q", err, secret)
				}
			}
		})
	}
}

// FuzzTunnelStatus: whatever a proxy answers, reading it ends, and a tunnel is open
// only if it says so.
func FuzzTunnelStatus(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 407 x\r\nA: b\r\n\r\n", "\x05\x00", "HTTP/1.1 200\r\n\r\nmore", "HTTP/1.1 20000000000000 x\r\n\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		status, err := tunnelStatus(strings.NewReader(s))
		if err == nil && status/100 == 2 && !strings.HasPrefix(s, "HTTP/") {
			t.Errorf("%q opens a tunnel", s)
		}
		_ = explain(&proxyError{proxy: "p:1", status: status, err: err}, time.Time{})
	})
}

package dial

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"

	"gateway/broker/door/pemfile"
)

// way is a proxy to go through.
type way struct {
	socks    bool
	hostPort string
	username string
	password string
}

// proxyFor returns the proxy on the way to an upstream; nil for none.
func (c Config) proxyFor(to target) (*way, error) {
	switch c.Proxy {
	case "":
		return nil, nil
	case environment:
		return proxyFromEnvironment(to)
	}
	u, err := parseProxy(c.Proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	w := newWay(u)
	if c.ProxyPasswordFile != "" {
		w.password, err = c.proxyPassword()
	}
	return w, err
}

func newWay(u *url.URL) *way {
	password, _ := u.User.Password()
	return &way{
		socks:    strings.HasPrefix(u.Scheme, "socks5"),
		hostPort: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), proxyPorts[u.Scheme])),
		username: u.User.Username(), password: password,
	}
}

func (c Config) proxyPassword() (string, error) {
	if c.ProxyPasswordFile == "" {
		return "", nil
	}
	b, err := pemfile.Read("proxy_password_file", c.ProxyPasswordFile)
	return strings.TrimRight(string(b), "\r\n"), err
}

// proxyFromEnvironment reads the variables as curl does: HTTPS_PROXY, without it
// ALL_PROXY, and NO_PROXY for exceptions. This machine itself is never behind it.
func proxyFromEnvironment(to target) (*way, error) {
	env := httpproxy.FromEnvironment()
	env.HTTPSProxy = cmp.Or(env.HTTPSProxy, os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"))
	u, err := env.ProxyFunc()(&url.URL{Scheme: "https", Host: to.hostPort()})
	if err != nil { // it repeats the address, which may hold a password
		return nil, errors.New("proxy: HTTPS_PROXY or ALL_PROXY of the environment is not an address")
	}
	if u == nil {
		return nil, nil
	}
	if u, err = parseProxy(u.String()); err != nil {
		return nil, fmt.Errorf("proxy: HTTPS_PROXY or ALL_PROXY of the environment %w", err)
	}
	return newWay(u), nil
}

// reach goes through the proxy to hostPort, whose name the proxy resolves.
func (w *way) reach(ctx context.Context, d *Dialer, hostPort string) (net.Conn, error) {
	if w.socks {
		return w.socks5(ctx, d, hostPort)
	}
	nc, err := d.socket(ctx, "tcp", w.hostPort)
	if err != nil {
		return nil, &proxyError{proxy: w.hostPort, err: err, unreached: true}
	}
	if err := w.connect(ctx, nc, hostPort); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// proxyError is that the proxy cannot be reached, or does not want to.
type proxyError struct {
	proxy     string // host:port
	unreached bool   // err is about the way to the proxy
	status    int    // that an HTTP proxy answered, 0 for none
	err       error
}

func (e *proxyError) Error() string {
	switch {
	case e.unreached:
		return fmt.Sprintf("the proxy %s cannot be reached: %v", e.proxy, e.err)
	case e.status != 0:
		return fmt.Sprintf("the proxy %s answers %d %s", e.proxy, e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("the proxy %s: %v", e.proxy, e.err)
}

func (e *proxyError) Unwrap() error { return e.err }

// toProxy reaches the proxy for package proxy, and remembers whether that failed.
type toProxy struct {
	d      *Dialer
	failed bool
}

func (t *toProxy) DialContext(ctx context.Context, network, hostPort string) (net.Conn, error) {
	nc, err := t.d.socket(ctx, network, hostPort)
	t.failed = err != nil
	return nc, err
}

// Dial is there because package proxy wants it; it is not called.
func (t *toProxy) Dial(network, hostPort string) (net.Conn, error) {
	return t.DialContext(context.Background(), network, hostPort)
}

// socks5 is RFC 1928 and, for a user, RFC 1929.
func (w *way) socks5(ctx context.Context, d *Dialer, hostPort string) (net.Conn, error) {
	var auth *proxy.Auth
	if w.username != "" {
		auth = &proxy.Auth{User: w.username, Password: w.password}
	}
	forward := &toProxy{d: d}
	s, err := proxy.SOCKS5("tcp", w.hostPort, auth, forward)
	if err != nil {
		return nil, &proxyError{proxy: w.hostPort, err: err}
	}
	nc, err := s.(proxy.ContextDialer).DialContext(ctx, "tcp", hostPort)
	if err == nil {
		return nc, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && !forward.failed {
		err = op.Err // it would name the two addresses again
	}
	return nil, &proxyError{proxy: w.hostPort, unreached: forward.failed, err: err}
}

// connect asks an HTTP proxy for a tunnel, RFC 9110, section 9.3.6.
func (w *way) connect(ctx context.Context, nc net.Conn, hostPort string) error {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	status, err := w.ask(nc, hostPort)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err == nil && status/100 == 2 {
		return nil
	}
	return &proxyError{proxy: w.hostPort, status: status, err: err}
}

func (w *way) ask(nc net.Conn, hostPort string) (status int, err error) {
	request := "CONNECT " + hostPort + " HTTP/1.1\r\nHost: " + hostPort + "\r\n"
	if w.username != "" {
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(w.username+":"+w.password)) + "\r\n"
	}
	if _, err := io.WriteString(nc, request+"\r\n"); err != nil {
		return 0, err
	}
	return tunnelStatus(nc)
}

// maxHeader is how long the answer to CONNECT may be, bytes.
const maxHeader = 16 << 10

// tunnelStatus reads the answer to CONNECT. In MQTT and TLS it is us who speak
// first, so nothing follows a tunnel's.
func tunnelStatus(r io.Reader) (int, error) {
	br := bufio.NewReaderSize(io.LimitReader(r, maxHeader), maxHeader)
	answer, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return 0, fmt.Errorf("its answer to CONNECT is not HTTP: %w", err)
	}
	if answer.StatusCode/100 == 2 && br.Buffered() > 0 {
		return 0, errors.New("it sent something before the upstream could")
	}
	return answer.StatusCode, nil
}

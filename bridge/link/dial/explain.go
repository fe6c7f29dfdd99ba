package dial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// Explain says what an error of [Dialer.Dial], of a connection, or a refusal of
// package link means, and what to do about it; "" if it has nothing to add. The
// keys it names are those of a bridge. It looks at the clock: certificates are
// not valid yet on a machine that does not know the time.
func Explain(err error) string { return explain(err, time.Now()) }

// clockSet is a time that any clock is past that was set.
var clockSet = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// explain asks those who know most first: a refused certificate is more than the
// closed connection that it led to.
func explain(err error, now time.Time) string {
	if err == nil {
		return ""
	}
	for _, words := range []func(error, time.Time) string{
		refusal, viaProxy, certificate, alert, handshake, webSocket, firstBytes, name, system, unanswered,
	} {
		if s := words(err, now); s != "" {
			return s
		}
	}
	return ""
}

// name is for what DNS says.
func name(err error, _ time.Time) string {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return ""
	case dns.IsNotFound:
		return fmt.Sprintf("there is no host of the name %s; correct the host in address, or look whether this machine asks the right DNS server (getent hosts %[1]s)", dns.Name)
	case dns.IsTimeout:
		return fmt.Sprintf("no DNS server says where %s is; is this machine's network up, and its DNS server reachable (/etc/resolv.conf)? An IP address in address needs none", dns.Name)
	}
	return fmt.Sprintf("the DNS server cannot say where %s is (%s); that is often over in a minute; an IP address in address needs none", dns.Name, dns.Err)
}

// system is for what the system says about the way to the upstream.
func system(err error, _ time.Time) string {
	is := func(e syscall.Errno) bool { return errors.Is(err, e) }
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case is(syscall.ECONNREFUSED):
		return "the host is there, but nothing listens on that port; is the upstream running, and the port in address the right one (1883 TCP, 8883 TLS, 80 and 443 WebSocket)?"
	case is(syscall.ENETUNREACH):
		return "this machine has no way to that network; is its network up (ip route), and does it have IPv6 if the address is one?"
	case is(syscall.EHOSTUNREACH):
		return "no router knows a way to the host, or a firewall forbids it; is the host switched on, and the address right?"
	case is(syscall.EACCES), is(syscall.EPERM):
		return "this machine's own firewall or the sandbox of the service forbids the connection; allow it there"
	case errors.Is(err, context.Canceled):
		return ""
	case is(syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timeout != nil && timeout.Timeout():
		return "nothing answers in time; a firewall drops the packets, the address or port is wrong, or the line is down"
	}
	return ""
}

// firstBytes is for something that is not MQTT.
func firstBytes(err error, _ time.Time) string {
	e, ok := errors.AsType[*notMQTTError](err)
	switch {
	case !ok:
		return ""
	case bytes.HasPrefix(e.first, []byte("HTTP/")):
		return "a web server answers on that port; take the upstream's MQTT port, or ws:// (wss://) in address if this is its WebSocket port"
	case isTLS(e.first):
		return "that port speaks TLS; write mqtts:// (or wss://) in address"
	case bytes.HasPrefix(e.first, []byte("SSH-")):
		return "an SSH server answers on that port; correct the port in address"
	}
	return "something else than an MQTT broker answers on that port; correct the port in address"
}

// isTLS tells whether b begins with a record of TLS: alert or handshake.
func isTLS(b []byte) bool { return len(b) > 1 && (b[0] == 21 || b[0] == 22) && b[1] == 3 }

// unanswered is for a connection that was closed in answer to CONNECT, or without
// a word later.
func unanswered(err error, _ time.Time) string {
	e, ok := errors.AsType[*noAnswerError](err)
	switch {
	case !ok && isEnd(err):
		return "the upstream, or something on the way to it, has closed the connection; its log may say why"
	case !ok:
		return ""
	case e.asked:
		return "the upstream asks for a client certificate and closes without one; name it in tls.certificate and tls.key"
	}
	causes := []string{
		"it does not know the bridge bit (bridge_bit: off) or this version of MQTT (protocol)",
		"it does not allow this client_id (on AWS IoT the policy has to allow iot:Connect for it), user or certificate",
	}
	if e.tls {
		causes = append(causes, "it wants something in tls.alpn (AWS IoT on port 443: x-amzn-mqtt-ca)")
	} else {
		causes = append(causes, "the port is one of TLS (mqtts://) or of WebSocket (ws://)")
	}
	return "the upstream closed the connection in answer to CONNECT without saying why. It may be that " + strings.Join(causes, "; or ") + ". Its log may say which"
}

// webSocket is for a refused handshake of WebSocket.
func webSocket(err error, _ time.Time) string {
	e, ok := errors.AsType[*upgradeError](err)
	if !ok {
		if strings.Contains(err.Error(), "malformed HTTP ") {
			return webSocketGarbage(err)
		}
		return ""
	}
	switch {
	case e.status/100 == 3:
		return fmt.Sprintf("the server wants the WebSocket to be asked for elsewhere, at %q; write that as address, with ws:// or wss:// in front", e.location)
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return "the web server in front of the upstream lets nobody in without a login of its own, or not from here; MQTT's user and password come only later. Ask who runs it"
	case e.status == http.StatusNotFound:
		return fmt.Sprintf("there is no WebSocket at %s; write the path in address: most have /mqtt, RabbitMQ /ws, some just /", e.uri)
	case e.status == http.StatusOK || e.status == http.StatusUpgradeRequired || e.status == http.StatusBadRequest || e.status == http.StatusMethodNotAllowed:
		return fmt.Sprintf("a web server answers for %s, but not by WebSocket; correct path and port in address. If the port is one of TLS, write wss://; a reverse proxy has to pass Upgrade and Connection on", e.uri)
	case e.status == http.StatusTooManyRequests:
		return "the server has had too many connections from here; wait, and raise reconnect_min"
	case e.status/100 == 5:
		return "the web server in front of the upstream cannot reach it; is the upstream running behind it?"
	}
	return fmt.Sprintf("the server does not want a WebSocket at %s; correct path and port in address", e.uri)
}

func webSocketGarbage(err error) string {
	if strings.Contains(err.Error(), `"\x15\x03`) {
		return "that port speaks TLS; write wss:// in address"
	}
	return "what answers on that port is no web server; ws:// and wss:// are for WebSocket ports, mqtt:// and mqtts:// for the others"
}

// viaProxy is for what the proxy says.
func viaProxy(err error, now time.Time) string {
	e, ok := errors.AsType[*proxyError](err)
	if !ok {
		return ""
	}
	text := ""
	if e.err != nil {
		text = e.err.Error()
	}
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case e.unreached:
		for _, words := range []func(error, time.Time) string{name, system} {
			if s := words(e.err, now); s != "" {
				return "of the proxy " + e.proxy + ": " + strings.ReplaceAll(s, "in address", "in proxy")
			}
		}
		return "the proxy cannot be reached; correct proxy"
	case e.status == http.StatusProxyAuthRequired, has("username/password"), has("no acceptable authentication"), has("authentication"):
		return "the proxy wants a user and a password, or others; write proxy: with user@ before the host, and proxy_password_file"
	case e.status == http.StatusForbidden || e.status == http.StatusMethodNotAllowed, has("not allowed by ruleset"):
		return "the proxy does not allow this host or port; many HTTP proxies allow port 443 only: use wss:// or ALPN on 443, or have the port allowed"
	case e.status/100 == 5, e.status == http.StatusNotFound, has("host unreachable"), has("network unreachable"), has("connection refused"), has("general SOCKS server failure"), has("TTL expired"):
		return "the proxy cannot reach the upstream; it resolves the name itself, so the host in address has to be one that the proxy knows; is the upstream running?"
	case e.status != 0:
		return "the proxy does not open a tunnel; is it an HTTP proxy that allows CONNECT?"
	case has("is not HTTP"), has("unexpected protocol version"):
		return "what answers is no such proxy; correct scheme and port in proxy (socks5:// 1080, http:// 3128)"
	}
	if s := system(err, now); s != "" {
		return "the proxy is reached, and then " + s
	}
	return "the proxy has closed the connection; is it of the kind that proxy says, and does it allow this host?"
}

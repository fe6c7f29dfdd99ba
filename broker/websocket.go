package broker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// MQTT over WebSocket, section 6 of the specification: binary messages that
// carry the byte stream, whatever their boundaries; a text message ends the
// connection [MQTT-6.0.0-1] [MQTT-6.0.0-2].
//
// github.com/coder/websocket is here because the protocol itself is nobody's
// reason to use this broker; it has no dependencies and passes Autobahn.

// Subprotocols we speak [MQTT-6.0.0-4]; the second is what old clients of MQTT 3.1 say.
var subprotocols = []string{"mqtt", "mqttv3.1"}

// webSocketServer returns the server whose connections become MQTT ones.
func (l *listener) webSocketServer(b *Broker) *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.upgrade(b, w, r) }),
		ReadHeaderTimeout: b.cfg().ConnectTimeout,
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, rawConn{}, nc)
		},
		ErrorLog: slog.NewLogLogger(b.log.Handler(), slog.LevelDebug),
	}
}

// upgrade turns a request on any path into an MQTT connection and serves it.
func (l *listener) upgrade(b *Broker, w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		http.Error(w, "This is MQTT over WebSocket; connect with an MQTT client, as ws://"+r.Host+"/mqtt", http.StatusUpgradeRequired)
		return
	}
	if !l.welcomes(r) {
		if more, ok := b.originLog.allow(time.Now()); ok {
			b.log.Warn("WebSocket refused: the page comes from another host; name its host in origins if it may connect",
				"origin", short(r.Header.Get("Origin")), "host", short(r.Host), "not_logged", more)
		}
		http.Error(w, "origin not allowed", http.StatusForbidden)
		return
	}
	if !l.enter() {
		http.Error(w, "the broker is stopping", http.StatusServiceUnavailable)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       subprotocols,
		InsecureSkipVerify: true, // welcomes has looked
	})
	if err != nil {
		b.log.Debug("WebSocket refused", "remote", r.RemoteAddr, "reason", err)
		l.leave()
		return
	}
	ws.SetReadLimit(int64(l.now().maxPacket) + 64<<10)
	raw := r.Context().Value(rawConn{}).(net.Conn)
	b.serve(&wsConn{Conn: raw, ws: ws}, l.now(), l.leave)
}

// welcomes tells whether the request comes from no page at all, from one that
// the listener names, or from one of the same host, whatever its port: the
// gateway's own page, or one served beside it. Any other page that a person of
// the house looks at could otherwise use this broker.
//
// The name of a host is what a page's owner says that it is, also 127.0.0.1 (DNS
// rebinding): a listener that only this machine reaches wants to be called by a
// name that nobody else can have.
func (l *listener) welcomes(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if allowed := l.now().listener.Origins; slices.Contains(allowed, "*") || slices.Contains(allowed, originHost(r)) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" { // "null" and files
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return strings.EqualFold(u.Hostname(), host) && (!l.now().listener.local() || loopback(host))
}

// originHost returns the host of the page that the request comes from, as a
// listener's origins name it.
func originHost(r *http.Request) string {
	u, err := url.Parse(r.Header.Get("Origin"))
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// rawConn is the key of the TCP connection in a request's context.
type rawConn struct{}

// wsConn makes a net.Conn of a WebSocket. Its deadlines are those of the TCP
// connection below: a read deadline that passes ends reading for good, and
// leaves writing as it is.
type wsConn struct {
	net.Conn
	ws     *websocket.Conn
	reader io.Reader // of the current message, nil between two
}

// Read reads on in the byte stream. End of file is the client's closing
// handshake.
func (c *wsConn) Read(p []byte) (int, error) {
	for {
		if c.reader == nil {
			typ, r, err := c.ws.Reader(context.Background())
			if err != nil {
				if websocket.CloseStatus(err) != -1 {
					return 0, io.EOF
				}
				return 0, err
			}
			if typ != websocket.MessageBinary { // [MQTT-6.0.0-1]
				c.ws.Close(websocket.StatusUnsupportedData, "MQTT is in binary messages")
				return 0, errors.New("a WebSocket text message; MQTT is in binary ones")
			}
			c.reader = r
		}
		n, err := c.reader.Read(p)
		if errors.Is(err, io.EOF) { // of the message
			c.reader, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write sends p as one binary message.
func (c *wsConn) Write(p []byte) (int, error) {
	if err := c.ws.Write(context.Background(), websocket.MessageBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close closes with the closing handshake, for which it waits a second.
func (c *wsConn) Close() error {
	_ = c.Conn.SetDeadline(time.Now().Add(time.Second))
	return c.ws.Close(websocket.StatusNormalClosure, "")
}

package broker

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"gateway/broker/door"
	"gateway/broker/packet"
)

// listener is one open door.
type listener struct {
	terms atomic.Pointer[terms]
	door  *door.Door
	http  *http.Server // protocols ws and wss

	mu     sync.Mutex
	open   int // its connections
	closed bool
	empty  chan struct{} // closed when it is closed and none is open
}

// enter counts a connection, unless the listener is closed. Who enters calls
// leave.
func (l *listener) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open++
	return true
}

func (l *listener) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open--; l.open == 0 && l.closed {
		close(l.empty)
	}
}

// wait lets nobody enter any more and waits until all have left.
func (l *listener) wait() {
	l.mu.Lock()
	l.closed = true
	if l.open == 0 {
		close(l.empty)
	}
	l.mu.Unlock()
	<-l.empty
}

// listen opens a listener of a configuration, with its terms.
func listen(b *Broker, c *conf, t *terms) (*listener, error) {
	cfg := t.listener
	o := doorOptions(c, cfg)
	var err error
	if o.UnixMode, err = cfg.mode(); err != nil {
		return nil, err
	}
	l := &listener{empty: make(chan struct{})}
	l.terms.Store(t)
	o.Refused = func(remote net.Addr, err error) { b.refusedAtDoor(l.now().name(), remote.String(), err) }
	d, err := door.Open(o, b.log)
	if err != nil {
		return nil, err
	}
	t.where = cfg.Protocol + " " + d.Addr().String()
	l.door = d
	if cfg.webSocket() {
		l.http = l.webSocketServer(b)
	}
	return l, nil
}

// doorOptions returns what a listener's door is like.
func doorOptions(c *conf, cfg Listener) door.Options {
	mode, _ := cfg.mode() // listen looks at the error
	o := door.Options{
		Network: "tcp", Address: cfg.Address, UnixMode: mode, TLS: cfg.TLS,
		ProxyProtocol:            cfg.ProxyProtocol,
		MaxConnections:           cfg.MaxConnections,
		MaxConnectionsPerAddress: c.MaxConnectionsPerAddress,
		HandshakeTimeout:         c.ConnectTimeout,
	}
	if cfg.Protocol == "unix" {
		o.Network = "unix"
	}
	if cfg.webSocket() {
		o.NextProtos = []string{"http/1.1"}
	}
	if o.MaxConnections == 0 { // who does not come to an end with the handshake takes memory too
		o.MaxConnections = 2 * c.MaxConnections
	}
	if cfg.MaxConnectionsPerAddress > 0 {
		o.MaxConnectionsPerAddress = cfg.MaxConnectionsPerAddress
	}
	return o
}

// now returns the terms for who comes in now.
func (l *listener) now() *terms { return l.terms.Load() }

func (l *listener) addr() net.Addr { return l.door.Addr() }

// serve accepts connections until close is called, and returns when all of
// them have ended.
func (l *listener) serve(b *Broker) (err error) {
	if l.http != nil {
		err = l.http.Serve(l.door)
	} else {
		err = l.accept(b)
	}
	l.wait()
	if err != nil && isClosed(err) {
		return nil
	}
	return err
}

func (l *listener) close() {
	if l.http != nil {
		l.http.Close()
	}
	l.door.Close()
}

func (l *listener) accept(b *Broker) error {
	for {
		nc, err := l.door.AcceptConn()
		if err != nil {
			return err
		}
		if !l.enter() {
			nc.Close()
			continue
		}
		if nc.Raw() != nil {
			b.serve(nc, l.now(), l.leave)
			continue
		}
		go b.greet(nc, l.now(), l.leave)
	}
}

// greet does what comes before MQTT, a PROXY header or TLS, and serves.
func (b *Broker) greet(nc *door.Conn, t *terms, done func()) {
	if !b.expect(nc) {
		nc.Close()
		done()
		return
	}
	err := nc.Handshake(context.Background())
	b.unexpect(nc)
	if err != nil {
		b.log.Debug("connection refused", "remote", nc.RemoteAddr().String(), "reason", err)
		nc.Close()
		done()
		return
	}
	b.serve(nc, t, done)
}

// expect notes a connection that is not yet one of MQTT, so that it can be
// closed when the broker stops; it reports false when that has begun.
func (b *Broker) expect(nc *door.Conn) bool {
	b.connsMu.Lock()
	defer b.connsMu.Unlock()
	if b.closing {
		return false
	}
	b.expected[nc] = struct{}{}
	return true
}

func (b *Broker) unexpect(nc *door.Conn) {
	b.connsMu.Lock()
	delete(b.expected, nc)
	b.connsMu.Unlock()
}

// disconnectAll ends every connection, and closes those that do not end
// within a second or two.
func (b *Broker) disconnectAll() {
	b.connsMu.Lock()
	b.closing = true
	all := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		all = append(all, c)
	}
	for nc := range b.expected {
		nc.Close()
	}
	b.connsMu.Unlock()
	for _, c := range all {
		c.disconnect(packet.ServerShuttingDown, ending{cause: Stopped})
	}
}

// Reload reads passwords, rules and certificates again. Clients stay
// connected; what they may do from now on is what the new rules say. What
// cannot be read leaves what it replaces in force, and is in the error.
func (b *Broker) Reload() error {
	b.changing.Lock()
	defer b.changing.Unlock()
	var errs []error
	for _, g := range b.guards {
		errs = append(errs, g.Reload())
		b.warn(g)
	}
	for _, l := range b.doors() {
		errs = append(errs, l.door.Reload())
	}
	b.refreshRights()
	return errors.Join(errs...)
}

// refreshRights asks for the rights of every client again. Whose user is gone
// has none any more.
func (b *Broker) refreshRights() {
	b.sessionsMu.Lock()
	defer b.sessionsMu.Unlock()
	for _, s := range b.sessions {
		s.refreshRights()
		if c := s.owner; c != nil && !c.stillKnown() {
			c.log().Info("client disconnected: its user is gone", "user", short(c.identity.User))
			c.disconnect(packet.NotAuthorized, ending{cause: UserGone})
		}
	}
	b.mu.Lock()
	b.subsVersion++ // nobody's targets hold any more
	b.mu.Unlock()
}

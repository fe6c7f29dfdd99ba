package door

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Door is an open door. It is a net.Listener whose connections are *[Conn].
// All its methods may be called concurrently.
type Door struct {
	options  Options
	log      *slog.Logger
	listener net.Listener
	file     *socketFile // nil without one
	keys     *keyring    // nil without TLS
	tls      *tls.Config // nil without TLS
	closing  sync.Once
	closed   chan struct{}

	mu        sync.Mutex // guards what follows, and the same in every Conn
	open      int
	addresses map[netip.Prefix]int // open connections of those that are counted
	accepted  uint64
	refused   Refused
	full      complaint // about MaxConnections
	crowded   complaint // about MaxConnectionsPerAddress
}

// Addr returns the address, with the port that the system chose.
func (d *Door) Addr() net.Addr { return d.listener.Addr() }

// Accept waits for the next connection, a *[Conn]. It never waits for what a
// peer sends. Connections over a limit are closed and not returned. Failures
// that pass, such as too many open files, are logged and waited out: an error
// means that the door is closed.
func (d *Door) Accept() (net.Conn, error) {
	c, err := d.AcceptConn()
	if err != nil {
		return nil, err // not a nil *Conn in an interface
	}
	return c, nil
}

// AcceptConn is Accept for who wants the type.
func (d *Door) AcceptConn() (*Conn, error) {
	var trouble patience
	for {
		socket, err := d.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !trouble.wait(d, err) {
				return nil, net.ErrClosed
			}
			continue
		}
		trouble.over(d)
		if c := d.admit(socket); c != nil {
			return c, nil
		}
	}
}

// patience is for failures to accept. None of those that accept(2) lists is
// for good: memory and files come back, and the others are about a connection
// that ended before we took it.
type patience struct {
	pause time.Duration
	n     int
}

// wait waits, longer each time, and returns false if the door was closed.
func (p *patience) wait(d *Door, err error) bool {
	if p.n == 0 {
		d.log.Warn("cannot accept connections; trying on", "error", err)
	}
	p.n++
	p.pause = min(max(2*p.pause, 5*time.Millisecond), time.Second)
	timer := time.NewTimer(p.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.closed:
		return false
	}
}

// over says that it works again.
func (p *patience) over(d *Door) {
	if p.n > 0 {
		d.log.Info("accepting connections again", "failures", p.n)
	}
	*p = patience{}
}

// Close stops listening and removes the socket file. Connections stay open:
// they are their owners'.
func (d *Door) Close() error {
	err := net.ErrClosed
	d.closing.Do(func() {
		close(d.closed)
		if d.file != nil {
			err = errors.Join(d.file.remove(), d.listener.Close())
			return
		}
		err = d.listener.Close()
	})
	return err
}

// Reload reads certificate, key, authorities and revocation list again, for
// the handshakes to come. On an error, which begins with the key of the
// configuration, those before stay in force. Without TLS it does nothing.
func (d *Door) Reload() error {
	if d.keys == nil {
		return nil
	}
	return below("tls", d.keys.reload())
}

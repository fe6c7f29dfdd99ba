package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection that came in by a [Door]. Like every net.Conn it may be
// used concurrently. Close it, and not what Raw returns: the door counts.
type Conn struct {
	door   *Door
	socket net.Conn  // *net.TCPConn or *net.UnixConn
	tls    *tls.Conn // nil without TLS
	wire   *wire     // below tls
	ready  atomic.Bool
	told   atomic.Bool                 // why the handshake failed was logged
	given  atomic.Pointer[net.TCPAddr] // the client's address in a PROXY header

	mu  sync.Mutex // held during the handshake
	err error      // why the handshake failed

	closed  bool         // guarded by door.mu
	counted netip.Prefix // guarded by door.mu; zero if not counted by address
}

// Peer is who is at the other end of a connection.
type Peer struct {
	// Remote is the client's address: of the socket, or with ProxyProtocol the
	// one that the proxy says. It is not valid for a Unix socket, unless a proxy
	// says one.
	Remote netip.AddrPort
	// Proxy is the address of the proxy, if Remote is what it said. It is not
	// valid otherwise, and for a proxy that comes by a Unix socket.
	Proxy netip.AddrPort
	// Certificate is the user name in the client's certificate, which is
	// verified. It is empty without one, and unless TLS.UsernameFrom is set.
	Certificate string
	// TLS is what the TLS handshake agreed on; nil without TLS.
	TLS *tls.ConnectionState
}

// errSlow is that a peer took more time than it has.
var errSlow = errors.New("the time is over")

// Handshake reads the PROXY header and does the TLS handshake, if the door has
// them. It waits for the peer, at most for the time in Options or until ctx is
// done. On an error the connection is closed, and every later call returns the
// same error. After success further calls return nil at once.
func (c *Conn) Handshake(ctx context.Context) error {
	if c.ready.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready.Load() || c.err != nil {
		return c.err
	}
	if c.err = c.handshake(ctx); c.err != nil {
		c.door.refuse(c.RemoteAddr(), c.err)
		_ = c.Close()
		return c.err
	}
	c.ready.Store(true)
	return nil
}

// handshakeUnasked does the handshake for a caller who knows of none, and so
// would not log why it failed.
func (c *Conn) handshakeUnasked() error {
	if c.ready.Load() {
		return nil
	}
	err := c.Handshake(context.Background())
	if err != nil && c.told.CompareAndSwap(false, true) {
		c.door.log.Debug("connection refused", "remote", c.RemoteAddr().String(), "reason", err)
	}
	return err
}

func (c *Conn) handshake(ctx context.Context) error {
	d := c.door
	ctx, cancel := context.WithTimeoutCause(ctx, d.options.HandshakeTimeout, errSlow)
	defer cancel()
	if d.options.ProxyProtocol {
		if err := c.readProxyHeader(ctx); err != nil {
			d.countFailure(&d.refused.ProxyHeader, err)
			return err
		}
		if err := d.countAddress(c, addrPort(c.RemoteAddr())); err != nil {
			return err
		}
	}
	if c.tls == nil {
		return nil
	}
	if err := c.tls.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil {
			err = c.gaveUp(ctx, "TLS handshake")
		} else {
			err = explainTLS(err)
		}
		d.countFailure(&d.refused.TLS, err)
		return err
	}
	return nil
}

// readProxyHeader reads the header and notes the address in it. Time is up by
// closing the socket: its deadlines are the caller's.
func (c *Conn) readProxyHeader(ctx context.Context) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.socket.Close()
		close(closed)
	})
	from, err := readProxyHeader(c.socket)
	if !stop() {
		<-closed
		return c.gaveUp(ctx, "PROXY header")
	}
	if err == nil && from != nil {
		c.given.Store(from)
	}
	return err
}

// gaveUp says why the handshake ended when ctx did.
func (c *Conn) gaveUp(ctx context.Context, what string) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errSlow) {
		return fmt.Errorf("no %s within %v: %w", what, c.door.options.HandshakeTimeout, cause)
	}
	return fmt.Errorf("%s given up: %w", what, cause)
}

// Peer returns who is at the other end. Before a successful Handshake it knows
// only the address of the socket.
func (c *Conn) Peer() Peer {
	p := Peer{Remote: addrPort(c.RemoteAddr())}
	if c.given.Load() != nil {
		p.Proxy = addrPort(c.socket.RemoteAddr())
	}
	if c.tls == nil || !c.ready.Load() {
		return p
	}
	state := c.tls.ConnectionState()
	p.TLS = &state
	// An unverified certificate is never accepted; this is the second lock.
	if from := c.door.options.TLS.UsernameFrom; from != "" && len(state.VerifiedChains) > 0 {
		p.Certificate, _ = userName(state.PeerCertificates[0], from) // verify has let it pass
	}
	return p
}

// Raw returns the socket, a *net.TCPConn or *net.UnixConn, if its bytes are
// those that the client and we exchange: without TLS, and with ProxyProtocol
// after Handshake. Otherwise it returns nil. It is for reading, writing,
// deadlines and options; close the Conn.
func (c *Conn) Raw() net.Conn {
	if c.tls != nil || !c.ready.Load() {
		return nil
	}
	return c.socket
}

// Read reads what the client sends, after the handshake.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.handshakeUnasked(); err != nil {
		return 0, err
	}
	if c.tls != nil {
		return c.tls.Read(p)
	}
	return c.socket.Read(p)
}

// Write sends to the client, after the handshake.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.handshakeUnasked(); err != nil {
		return 0, err
	}
	if c.tls != nil {
		return c.tls.Write(p)
	}
	return c.socket.Write(p)
}

// CloseWrite tells the client that nothing more will come, and leaves reading
// as it is. It may wait for a client that does not read, until the write
// deadline, or with TLS 5 s.
func (c *Conn) CloseWrite() error {
	var err error
	if c.tls != nil && c.ready.Load() {
		err = c.tls.CloseWrite()
	}
	half, ok := c.socket.(interface{ CloseWrite() error })
	if !ok {
		return errors.Join(err, errors.ErrUnsupported)
	}
	return errors.Join(err, half.CloseWrite())
}

// Close ends the connection, and a handshake that is under way. It waits for
// nobody: TLS's own goodbye is sent if the system takes it soon.
func (c *Conn) Close() error {
	if !c.door.release(c) {
		return net.ErrClosed
	}
	if c.tls != nil && c.ready.Load() {
		c.wire.closing.Store(true)
		return c.tls.Close()
	}
	return c.socket.Close()
}

// LocalAddr returns our address.
func (c *Conn) LocalAddr() net.Addr { return c.socket.LocalAddr() }

// RemoteAddr returns the client's address; see Peer.
func (c *Conn) RemoteAddr() net.Addr {
	if from := c.given.Load(); from != nil {
		return from
	}
	return c.socket.RemoteAddr()
}

// SetDeadline sets the deadlines of Read and Write, which end a handshake that
// they wait for, too.
func (c *Conn) SetDeadline(t time.Time) error { return c.socket.SetDeadline(t) }

// SetReadDeadline sets the deadline of Read. A handshake reads as well.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of Write. With TLS a write that fails by
// it is the last one.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }

// wire is the socket below TLS. crypto/tls gives its goodbye 5 s, for which a
// Close would wait for a client that does not read.
type wire struct {
	net.Conn
	closing atomic.Bool
}

const goodbye = 100 * time.Millisecond

// SetWriteDeadline sets the deadline, which is near once the end has begun.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if near := time.Now().Add(goodbye); w.closing.Load() && t.After(near) {
		t = near
	}
	return w.Conn.SetWriteDeadline(t)
}

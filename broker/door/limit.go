package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// errClosed is that a connection was closed while it was being let in.
var errClosed = fmt.Errorf("closed during the handshake: %w", net.ErrClosed)

// admit makes a Conn of a socket. Over a limit it closes the socket and
// returns nil.
func (d *Door) admit(socket net.Conn) *Conn {
	c := &Conn{door: d, socket: socket}
	if err := d.count(c); err != nil {
		socket.Close()
		d.refuse(socket.RemoteAddr(), err)
		return nil
	}
	if d.tls != nil {
		c.wire = &wire{Conn: socket}
		c.tls = tls.Server(c.wire, d.tls)
	}
	c.ready.Store(!d.options.ProxyProtocol && d.tls == nil)
	return c
}

// count counts a new connection in, if the limits allow it.
func (d *Door) count(c *Conn) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if limit := d.options.MaxConnections; limit > 0 && d.open >= limit {
		d.refused.Connections++
		if n, due := d.full.due(); due {
			d.log.Warn("connection refused: as many are open as may be", "max_connections", limit, "refused", n)
		}
		return fullError(fmt.Sprintf("%d connections are open already, as many as max_connections allows", limit))
	}
	if !d.options.ProxyProtocol { // else the address comes with the header
		if err := d.countAddressLocked(c, addrPort(c.socket.RemoteAddr())); err != nil {
			return err
		}
	}
	d.open++
	d.accepted++
	return nil
}

// countAddress counts a connection in under the address from which it comes.
func (d *Door) countAddress(c *Conn, from netip.AddrPort) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.closed {
		return errClosed
	}
	return d.countAddressLocked(c, from)
}

func (d *Door) countAddressLocked(c *Conn, from netip.AddrPort) error {
	limit := d.options.MaxConnectionsPerAddress
	if limit == 0 || !from.IsValid() {
		return nil
	}
	who := household(from.Addr())
	if d.addresses[who] >= limit {
		d.refused.Address++
		if n, due := d.crowded.due(); due {
			d.log.Warn("connection refused: as many of its address are open as may be", "remote", who.String(), "max_connections_per_address", limit, "refused", n)
		}
		return fullError(fmt.Sprintf("%d connections of %s are open already, as many as max_connections_per_address allows", limit, who))
	}
	d.addresses[who]++
	c.counted = who
	return nil
}

// fullError is ErrFull that says of what there are how many.
type fullError string

func (e fullError) Error() string        { return string(e) }
func (e fullError) Is(target error) bool { return target == ErrFull }

// refuse tells who wants to know.
func (d *Door) refuse(remote net.Addr, why error) {
	if d.options.Refused != nil && !errors.Is(why, net.ErrClosed) && !errors.Is(why, context.Canceled) {
		d.options.Refused(remote, why)
	}
}

// release counts a connection out. It returns false if that is done already.
func (d *Door) release(c *Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	d.open--
	if c.counted.IsValid() {
		if d.addresses[c.counted]--; d.addresses[c.counted] == 0 {
			delete(d.addresses, c.counted)
		}
	}
	return true
}

// household returns the addresses that are counted as one with a.
func household(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // fails for more bits than an address has
	return p
}

// addrPort returns a TCP address in the form that compares; for any other it
// is not valid.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp == nil {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// complaint is a warning that would come again and again. It is due once a
// minute, with how often there was reason for it.
type complaint struct {
	last time.Time
	n    uint64
}

func (c *complaint) due() (n uint64, due bool) {
	c.n++
	if !c.last.IsZero() && time.Since(c.last) < time.Minute {
		return 0, false
	}
	n = c.n
	c.n, c.last = 0, time.Now()
	return n, true
}

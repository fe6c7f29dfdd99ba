package dial

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// unacknowledged is how long what was sent may stay unacknowledged by the system
// at the other end. A modem that changes cells is silent for up to a minute.
const unacknowledged = 90 * time.Second

// probes find a line that is dead while nothing is sent, after three minutes. They
// come after MQTT's own pings, so that they cost nothing where there are some.
var probes = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Minute, Interval: 15 * time.Second, Count: 4}

// Dialer makes connections to an upstream. Its methods may be called
// concurrently.
type Dialer struct {
	cfg      Config
	log      *slog.Logger
	warnOnce sync.Once
	in, out  atomic.Int64 // bytes
}

// New returns a Dialer; cfg has been validated. The log is told, once, if
// certificates are not checked.
func New(cfg Config, log *slog.Logger) *Dialer { return &Dialer{cfg: cfg, log: log} }

// Wire returns how many bytes have come and gone over all connections, those that
// are open included.
func (d *Dialer) Wire() (in, out int64) { return d.in.Load(), d.out.Load() }

// Dial connects to address and returns when MQTT can be spoken: proxy, TLS and
// WebSocket have agreed. Ctx bounds all of that and nothing after; a Dial whose
// ctx has no deadline waits as long as the system does. The connection is a
// [*Conn]. [Explain] says more about an error.
func (d *Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	to, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if to.tls && d.cfg.TLS.Insecure {
		d.warnOnce.Do(func() {
			d.log.Warn("the upstream's certificate is not checked: whoever is in between can read and change everything; remove tls.insecure", "address", address)
		})
	}
	raw, err := d.reach(ctx, to)
	if err != nil {
		return nil, err
	}
	c, err := d.speak(ctx, raw, to)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// reach makes the TCP connection, through the proxy if there is one.
func (d *Dialer) reach(ctx context.Context, to target) (net.Conn, error) {
	p, err := d.cfg.proxyFor(to)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return d.socket(ctx, "tcp", to.hostPort())
	}
	return p.reach(ctx, d, to.hostPort())
}

// socket makes a TCP connection whose bytes are counted.
func (d *Dialer) socket(ctx context.Context, network, hostPort string) (net.Conn, error) {
	nd := net.Dialer{KeepAliveConfig: probes, Control: setSocket}
	nc, err := nd.DialContext(ctx, network, hostPort)
	if err != nil {
		return nil, err
	}
	return &wire{nc, d}, nil
}

// speak makes TLS and WebSocket of raw, as the address says.
func (d *Dialer) speak(ctx context.Context, raw net.Conn, to target) (*Conn, error) {
	c := &Conn{Conn: raw, raw: raw, closing: raw.Close}
	if to.tls {
		tc, asked, err := d.cfg.TLS.handshake(ctx, raw, to)
		if err != nil {
			return nil, err
		}
		state := tc.ConnectionState()
		c.Conn, c.closing, c.tls, c.asked = tc, func() error { return closeSoon(raw, tc) }, &state, asked
	}
	if to.websocket {
		ws, err := upgrade(ctx, c.Conn, to)
		if err != nil {
			return nil, withAsked(err, c.asked)
		}
		c.Conn, c.closing = ws, func() error { return closeSoon(raw, ws) }
	}
	return c, nil
}

// wire counts the bytes of a socket.
type wire struct {
	net.Conn
	d *Dialer
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.d.in.Add(int64(n))
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.d.out.Add(int64(n))
	return n, err
}

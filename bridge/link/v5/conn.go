package v5

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// errClosed is the cause after Close.
var errClosed = errors.New("closed by us")

// conn is one connection.
type conn struct {
	nc      net.Conn
	reader  *packet.Reader
	session link.Session
	present bool
	limits  link.Limits

	started time.Time
	bytesAt atomic.Int64 // when bytes came last, ns after started
	heardAt atomic.Int64 // when a packet came last, ns after started
	busy    atomic.Bool  // the session has a message: silence is not the upstream's fault

	wake   chan struct{} // there is something to write
	quit   chan struct{} // closed when err is set
	lost   chan struct{} // closed when everything has ended
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu      sync.Mutex
	room    *sync.Cond // something changed that Publish may wait for
	batch   batch      // what is to be written next
	under   map[uint16]flight
	quota   int             // messages that may be sent before another is acknowledged
	lastID  uint16          // that of the last request
	inbound map[uint16]bool // messages to us that are not complete: true when PUBREC has been sent
	taken   lane            // PUBACK and PUBREC
	freed   lane            // PUBREL
	gone    lane            // PUBCOMP
	asked   time.Duration   // when PINGREQ was written, after started; 0 if it was answered
	wrote   time.Duration   // when anything was written
	err     error           // why it ends; nil while it does not
	goodbye bool            // err is set, and DISCONNECT waits in batch
}

func newConn(nc net.Conn, h link.Hello, s link.Session) *conn {
	c := &conn{
		nc: nc, session: s, started: time.Now(),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), lost: make(chan struct{}),
		under: make(map[uint16]flight), inbound: make(map[uint16]bool),
	}
	c.room = sync.NewCond(&c.mu)
	c.reader = packet.NewReader(stamped{c}, int(min(h.MaxPacketSize, 1<<30)))
	return c
}

// start starts the goroutines. The last of them settles what is left when the
// others have ended.
func (c *conn) start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.wrote = c.now()
	c.heardAt.Store(int64(c.now()))
	c.tasks.Go(func() { c.read(ctx) })
	c.tasks.Go(c.write)
	if c.limits.KeepAlive > 0 {
		c.tasks.Go(c.keepAlive)
	}
	go func() {
		c.tasks.Wait()
		c.nc.Close()
		c.settleAll()
		close(c.lost)
	}()
}

// lostError is what becomes of receipts when the connection ends. It hides the
// cause from errors.As: a [*link.Refused] in DISCONNECT says nothing about any
// one message.
type lostError struct{ cause error }

func (e *lostError) Error() string { return fmt.Sprintf("connection lost: %v", e.cause) }

// settleAll settles what was under way.
func (c *conn) settleAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	loss := &lostError{c.err}
	for id, f := range c.under {
		if f.receipt != nil {
			f.receipt.Settle(loss)
		}
		delete(c.under, id)
	}
	c.batch.settle(loss)
}

// end ends the connection because of err; only the first call does anything.
// With say, DISCONNECT of that code goes out first.
func (c *conn) end(err error, say bool, code packet.ReasonCode) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if say {
		p := packets.Disconnect{ReasonCode: byte(code)}
		c.appendLocked(packets.DISCONNECT<<4, p.Buffers())
		c.goodbye = true
		_ = c.nc.SetWriteDeadline(time.Now().Add(writeGrace)) // of a write under way, too
	}
	close(c.quit)
	c.room.Broadcast()
	c.mu.Unlock()
	c.cancel()
	if !say {
		c.nc.Close()
	}
}

// fail ends the connection because of err, and tells the upstream if that was
// its fault, section 4.13.1.
func (c *conn) fail(err error) {
	var fault *packet.Error
	if errors.As(err, &fault) {
		c.end(fmt.Errorf("the upstream broke the protocol: %w", err), true, fault.Code)
		return
	}
	c.end(err, false, 0)
}

// Close implements [link.Link].
func (c *conn) Close() {
	c.end(errClosed, true, packet.Success)
	<-c.lost
}

// Lost implements [link.Link].
func (c *conn) Lost() <-chan struct{} { return c.lost }

// Cause implements [link.Link].
func (c *conn) Cause() error {
	select {
	case <-c.lost:
		return c.err
	default:
		return nil
	}
}

// Present implements [link.Link].
func (c *conn) Present() bool { return c.present }

// Limits implements [link.Link].
func (c *conn) Limits() link.Limits { return c.limits }

// LastHeard implements [link.Link].
func (c *conn) LastHeard() time.Time { return c.started.Add(time.Duration(c.heardAt.Load())) }

// now returns the time since started.
func (c *conn) now() time.Duration { return time.Since(c.started) }

// broken says how the upstream broke the protocol.
func broken(code packet.ReasonCode, clause, format string, args ...any) error {
	return &packet.Error{Code: code, Clause: clause, Text: fmt.Sprintf(format, args...)}
}

// refusedBy is what a packet with a reason code says.
func refusedBy(what string, code byte, p *packets.Properties) *link.Refused {
	r := &link.Refused{Packet: what, Code: code}
	if p != nil {
		r.Reason, r.Server = p.ReasonString, p.ServerReference
	}
	return r
}

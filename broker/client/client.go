package client

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// Client is one connection to an MQTT server. Make one with [Connect]; end it
// with Close or Disconnect. Its methods may be called concurrently.
type Client struct {
	conn       net.Conn
	version    packet.Version
	connack    *packet.Connack
	server     serverLimits
	keepAlive  time.Duration // 0: none
	receiveMax int           // messages of QoS 1 and 2 to us that the server may have on the way

	reader   *packet.Reader
	inbox    chan *packet.Publish // received and not taken
	taking   chan struct{}        // held by the Next that takes
	window   chan struct{}        // held by messages of QoS 1 and 2 that we sent, as many as the server allows
	requests chan struct{}        // held by SUBSCRIBE and UNSUBSCRIBE

	started  time.Time
	received atomic.Int64 // when bytes came last, ns after started
	written  atomic.Int64 // when bytes went last, ns after started
	blocked  atomic.Bool  // the reader waits for Next

	wake chan struct{} // there is something to write
	quit chan struct{} // closed when err is set
	done chan struct{} // closed when the goroutines have ended

	mu      sync.Mutex // never held while something blocks
	batch   *batch     // what is to be written next
	calls   map[uint16]*call
	lastID  uint16
	inbound map[uint16]bool // QoS 2 messages to us that are not complete: true when taken
	unacked int             // messages of QoS 1 and 2 to us that are not complete
	err     error           // why it ends; nil while it does not
	goodbye bool            // err is set, and a last packet waits in batch
	lastErr error           // why that packet was not written
}

func newClient(conn net.Conn, p *packet.Connect, o Options) *Client {
	c := &Client{
		conn:       conn,
		version:    p.Version,
		keepAlive:  time.Duration(p.KeepAlive) * time.Second,
		receiveMax: 65535,
		inbox:      make(chan *packet.Publish, o.buffer()),
		taking:     make(chan struct{}, 1),
		requests:   make(chan struct{}, requestIDs),
		started:    time.Now(),
		wake:       make(chan struct{}, 1),
		quit:       make(chan struct{}),
		done:       make(chan struct{}),
		batch:      newBatch(nil),
		calls:      make(map[uint16]*call),
		inbound:    make(map[uint16]bool),
	}
	if p.Properties != nil {
		c.receiveMax = int(p.Properties.ReceiveMaximum.Or(65535))
	}
	c.reader = packet.NewReader(stamped{c}, o.MaxPacketSize)
	return c
}

// start starts the goroutines; done is closed when they have ended.
func (c *Client) start() {
	var wg sync.WaitGroup
	wg.Go(c.read)
	wg.Go(c.write)
	if c.keepAlive > 0 {
		wg.Go(c.ping)
	}
	go func() {
		wg.Wait()
		c.conn.Close()
		close(c.done)
	}()
}

// Connack returns the server's answer to CONNECT, which is not to be changed.
func (c *Client) Connack() *packet.Connack { return c.connack }

// Done returns a channel that is closed when the connection has ended and no
// goroutine of the client is left.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil until Done is closed, and why the connection ended then:
// [ErrClosed] after Close or Disconnect, a [*DisconnectError] when the server
// said why, a [*packet.Error] within another when it broke the protocol.
func (c *Client) Err() error {
	select {
	case <-c.done:
		return c.cause()
	default:
		return nil
	}
}

// cause returns why the connection ends.
func (c *Client) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close closes the connection without a word, so that the server publishes the
// will, and returns when no goroutine of the client is left. Who waits in
// another method is woken with [ErrClosed]. Closing again does nothing, and the
// error is always nil.
func (c *Client) Close() error {
	c.stop(ErrClosed, nil)
	<-c.done
	return nil
}

const (
	// writeGrace is the time the server has to take what waits to be written,
	// and DISCONNECT behind it.
	writeGrace = 5 * time.Second
	// readGrace is the time the server has to close the connection after
	// DISCONNECT. Closing it ourselves at once, with bytes unread, would make
	// TCP reset it, and the server might never see what we wrote.
	readGrace = time.Second
)

// Disconnect says DISCONNECT behind all that waits to be written and returns
// when the connection has ended, after 6 s at most. Who waits in another
// method is woken with [ErrClosed].
//
// In MQTT 3 there is no code: DISCONNECT is Success, which makes the server
// forget the will. With any other code nothing is said, as with Close.
//
// The error says why DISCONNECT was not sent, such as that the connection had
// ended before.
func (c *Client) Disconnect(code packet.ReasonCode) error {
	var last packet.Packet
	if c.version >= packet.V5 || code == packet.Success {
		last = &packet.Disconnect{Code: code}
	}
	first := c.stop(ErrClosed, last)
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if !first {
		return fmt.Errorf("disconnect: %w", c.err)
	}
	return c.lastErr
}

// stop ends the connection because of err; only the first call does anything,
// and reports that. It does not wait. Without a last packet the connection is
// closed at once; with one, the writer does it.
func (c *Client) stop(err error, last packet.Packet) (first bool) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return false
	}
	if last != nil && c.appendLocked(last) == nil {
		c.goodbye = true
		_ = c.conn.SetWriteDeadline(time.Now().Add(writeGrace)) // of a write on its way, too
	}
	goodbye := c.goodbye
	c.err = err
	close(c.quit)
	c.mu.Unlock()
	if !goodbye {
		c.conn.Close()
	}
	return true
}

// now returns the time since the client began.
func (c *Client) now() time.Duration { return time.Since(c.started) }

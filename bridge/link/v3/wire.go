package v3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// maxBody is the most that a packet can have behind its fixed header, bytes.
const maxBody = 268_435_455

// errLost is what Paho is told of any end of a connection. Its reader takes no
// notice of an error that speaks of a closed connection.
var errLost = errors.New("connection lost")

// wire is the connection as Paho sees it: whole packets only, both ways. What
// is about identifiers, acknowledgements and life goes between the wire and the
// upstream, and Paho never sees it.
type wire struct {
	conn    net.Conn
	version packet.Version
	beat    time.Duration // keep-alive
	session link.Session

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	tasks  sync.WaitGroup // what runs for this connection besides Paho

	life life

	// Of Paho's reading goroutine.
	reader    *packet.Reader
	head      [5]byte
	rest      []byte // what Paho has still to read, and then of body
	body      []byte
	accepted  bool
	releasing chan struct{} // closed when the latest PUBREL has been sent, or not
	forgetful chan struct{} // holds one for each Session.Forgotten that runs

	here atomic.Bool // the upstream had kept the session

	// mu guards what is below; wake is when some of it has changed.
	mu       sync.Mutex
	wake     *sync.Cond
	cause    error // why the connection has ended
	out      []byte
	answers  int             // bytes in out that nobody waited to send
	unsent   []*link.Receipt // of QoS 0 messages in out
	ping     bool            // a PINGREQ is in out
	leaving  chan struct{}   // closed when DISCONNECT has been written; nil: it was not asked for
	next     *announced      // the message that Paho is to write next
	flights  map[uint16]*flight
	requests map[uint16]request
}

func newWire(conn net.Conn, h link.Hello, s link.Session) *wire {
	w := &wire{
		conn: conn, version: packet.V311, beat: h.KeepAlive, session: s,
		forgetful: make(chan struct{}, forgetting),
		releasing: make(chan struct{}),
		flights:   map[uint16]*flight{}, requests: map[uint16]request{},
	}
	close(w.releasing)
	if h.V31 {
		w.version = packet.V31
	}
	w.life.begin()
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.wake = sync.NewCond(&w.mu)
	w.reader = packet.NewReader(ears{w}, int(h.MaxPacketSize))
	return w
}

// fail ends the connection. The first cause counts.
func (w *wire) fail(cause error) {
	w.mu.Lock()
	first := w.cause == nil
	if first || w.cause == errLost { // Paho closes before it says why
		w.cause = cause
	}
	w.mu.Unlock()
	if !first {
		return
	}
	w.cancel()
	w.wake.Broadcast()
	w.conn.Close()
}

// why returns why the connection has ended.
func (w *wire) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}

func (w *wire) present() bool        { return w.here.Load() }
func (w *wire) lastHeard() time.Time { return w.life.time(&w.life.packet) }

// Read implements net.Conn for Paho.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		if len(w.body) > 0 {
			w.rest, w.body = w.body, nil
			continue
		}
		if err := w.take(); err != nil {
			w.fail(err)
			return 0, errLost
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// take reads a packet, and acts on it or puts it before Paho.
func (w *wire) take() error {
	first, body, err := w.reader.Next()
	if err != nil {
		return w.readError(err)
	}
	w.life.mark(&w.life.packet)
	err = w.incoming(first, body)
	var no *link.Refused
	switch {
	case errors.As(err, &no):
		return err
	case err != nil:
		return fmt.Errorf("the upstream sends what is not allowed: %w", err)
	}
	return nil
}

func (w *wire) readError(err error) error {
	var malformed *packet.Error
	switch {
	case errors.As(err, &malformed):
		return fmt.Errorf("the upstream sends what is not allowed: %w", err)
	case errors.Is(err, io.EOF) && !w.accepted:
		return fmt.Errorf("the upstream closed the connection without CONNACK: %w", err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the upstream closed the connection: %w", err)
	case !w.accepted:
		return fmt.Errorf("the connection broke without CONNACK: %w", err)
	}
	return err
}

// pass puts a packet before Paho.
func (w *wire) pass(first byte, body []byte) {
	w.head[0] = first
	n := 1 + putLength(w.head[1:], len(body))
	w.rest, w.body = w.head[:n], body
}

// putLength writes a remaining length, section 2.2.3, and returns how many
// bytes it has.
func putLength(b []byte, length int) int {
	for i := 0; ; i++ {
		b[i] = byte(length & 0x7f)
		if length >>= 7; length == 0 {
			return i + 1
		}
		b[i] |= 0x80
	}
}

// Close implements net.Conn for Paho, which says why afterwards.
func (w *wire) Close() error {
	w.fail(errLost)
	return nil
}

// LocalAddr and RemoteAddr implement net.Conn.
func (w *wire) LocalAddr() net.Addr  { return w.conn.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr { return w.conn.RemoteAddr() }

// Deadlines are nobody's: the context of Connect bounds the beginning, and
// pulse ends what does not live.

// SetDeadline does nothing.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

package link

import (
	"context"
	"net"
	"sync"
	"time"

	"gateway/broker/packet"
)

// Upstream is a version of MQTT.
type Upstream interface {
	// Connect says CONNECT on conn, which belongs to it from now on, and returns
	// when the upstream has accepted it. It fails with [*Refused] if the upstream
	// says no, and closes conn whenever it fails. The session is used from then
	// on, which may be before Connect has returned, until the Link's Lost is closed.
	Connect(ctx context.Context, conn net.Conn, h Hello, s Session) (Link, error)
}

// Hello is what a connection begins with.
type Hello struct {
	ClientID string
	// CleanStart ends what the upstream has of an earlier session. The session
	// lasts beyond this connection in either case: see SessionExpiry.
	CleanStart bool
	// SessionExpiry is how long the upstream is to keep the session while we are
	// away. 0 ends it with the connection; before MQTT 5 any other value is for as
	// long as the upstream likes, and CleanStart with a value that is not 0 is
	// reached by a short connection with a clean session first, see Dial.
	SessionExpiry time.Duration
	// Dial makes another connection to the same address, for when one does not do:
	// CleanStart with a SessionExpiry that is not 0. It is not used otherwise, and
	// may be nil then; in MQTT 5 it may always be, and then Mosquitto does not keep
	// the session over a restart.
	Dial      func(ctx context.Context) (net.Conn, error)
	Username  string // "" for none
	Password  string
	KeepAlive time.Duration // whole seconds
	Will      *Message      // nil for none
	// Bridge sets the bit by which Mosquitto tells bridges from clients: it sends
	// them nothing back that they have published, and RETAIN as it was published.
	// Before MQTT 5 only.
	Bridge bool
	// V31 speaks MQTT 3.1 in place of 3.1.1.
	V31 bool
	// MaxPacketSize is the largest packet that the upstream may send, bytes; 0 for
	// no bound. It is told in MQTT 5, and ends a connection before.
	MaxPacketSize uint32
	// ReceiveMaximum is how many QoS 1 and 2 messages may come at once that we
	// have not acknowledged; MQTT 5 tells the upstream.
	ReceiveMaximum uint16
}

// Message is what is published, in either direction. It is not changed by
// whom it is given to, payload and properties included.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	// Dup says that it may have been sent before.
	Dup bool
	// ID is the packet identifier of QoS 1 and 2. Out: no other message under way
	// has the same.
	ID uint16
	// Expiry is how long it is of use to anybody, rounded up to seconds; 0 for
	// ever. It is lost before MQTT 5, as are the Properties.
	Expiry     time.Duration
	Properties *packet.Properties // nil for none
}

// Session is the caller's part of what outlives a connection. Its methods may
// be called concurrently, but Received by one goroutine at a time, in the order
// in which the messages came.
type Session interface {
	// Released notes that the upstream has recorded the QoS 2 message of that
	// packet identifier. It returns when that is on stable storage, an error if
	// the connection has to end. PUBREL goes out afterwards.
	Released(ctx context.Context, id uint16) error
	// Received takes a message that came, which belongs to it from then on. One of
	// QoS 1 or 2 is acknowledged when stable has returned nil; stable may block,
	// and is called by other goroutines while the next ones are received, several at
	// once. An error ends the connection. Stable is nil if there is nothing to wait
	// for, and is not called for QoS 0.
	Received(m Message) (stable func(ctx context.Context) error, err error)
	// Forgotten notes that the upstream is done with the QoS 2 message of that
	// packet identifier, and returns when that is on stable storage. PUBCOMP goes
	// out afterwards.
	Forgotten(ctx context.Context, id uint16) error
}

// Link is one connection to an upstream. Its methods may be called
// concurrently, but Publish and Release by one goroutine at a time.
type Link interface {
	// Present tells whether the upstream had kept the session.
	Present() bool
	// Limits are what the upstream said of itself.
	Limits() Limits
	// Publish sends a message. It does not wait for the upstream's answer, but it
	// may block while the upstream takes nothing, until the connection is lost; and
	// while as many are under way as [Limits] has for ReceiveMaximum. A message that
	// the upstream would end the connection for is refused before it is sent.
	// A receipt of QoS 0 is settled when the message was handed to the system.
	Publish(m Message) *Receipt
	// Release sends PUBREL for a message that was published on an earlier
	// connection. The upstream may not know it any more: that settles the receipt
	// without an error.
	Release(id uint16) *Receipt
	// Subscribe asks for messages and returns what the upstream granted: the QoS,
	// or a code from 0x80 on, for each of subs.
	Subscribe(ctx context.Context, subs []Subscription) (codes []byte, err error)
	// Unsubscribe ends subscriptions; it is no error if there was none.
	Unsubscribe(ctx context.Context, filters []string) error
	// LastHeard is when the last packet came.
	LastHeard() time.Time
	// Lost is closed when the connection is gone; Cause then says why: [*Refused]
	// if the upstream said so in a DISCONNECT. All receipts are settled by then,
	// and nothing of the session is called any more.
	Lost() <-chan struct{}
	Cause() error
	// Close says DISCONNECT, which takes the will back, and returns when Lost is
	// closed. What is under way stays unacknowledged.
	Close()
}

// Subscription is a wish for messages.
type Subscription struct {
	Filter string
	QoS    byte
	// NoLocal, RetainAsPublished and SkipRetained (retain handling 1: what is
	// retained comes only if the subscription is new) are for MQTT 5.
	NoLocal           bool
	RetainAsPublished bool
	SkipRetained      bool
}

// Limits are what an upstream said of itself when it accepted the connection.
// Before MQTT 5 it says nothing: then they are the most that MQTT allows.
type Limits struct {
	MaxQoS          byte
	NoRetain        bool // retained messages are not available
	NoWildcard      bool // subscriptions with wildcards are not available
	ReceiveMaximum  uint16
	MaxPacketSize   uint32 // bytes; 0 for no bound
	KeepAlive       time.Duration
	ClientID        string // the one that is used
	SessionExpiry   time.Duration
	ServerReference string
}

// Receipt is the fate of a message that was published.
type Receipt struct {
	once sync.Once
	done chan struct{}
	err  error
}

// NewReceipt returns one that is not settled.
func NewReceipt() *Receipt { return &Receipt{done: make(chan struct{})} }

// Settle says what became of the message: nil if the upstream has taken it. The
// first call counts.
func (r *Receipt) Settle(err error) {
	r.once.Do(func() {
		r.err = err
		close(r.done)
	})
}

// Done is closed when the receipt is settled.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Err says, after Done, why the message was not taken: [*Refused] if the
// upstream refuses this message and the connection goes on, anything else if the
// connection is lost.
func (r *Receipt) Err() error { return r.err }

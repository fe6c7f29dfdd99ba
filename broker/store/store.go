package store

import (
	"context"
	"errors"
)

// SessionID names a session in the store for ever: no other session, then or
// later, gets the same. 0 is none.
type SessionID uint64

// Mark is how far the changes go that Append has taken: a change is on stable
// storage as soon as [Store.Stable] is not less than its mark. 0 is always.
type Mark uint64

// Op says what a Change changes.
type Op uint8

// What can be changed, and the fields of Change that say how.
const (
	// PutSession begins the session Session or replaces its Name and Data.
	PutSession Op = iota + 1
	// EndSession forgets Session with all it has.
	EndSession
	// Subscribe gives Session the subscription Name with the options Data, or
	// replaces the options of the one it has.
	Subscribe
	// Unsubscribe takes the subscription Name from Session.
	Unsubscribe
	// Publish keeps Message for the deliveries To, as the retained message of
	// its topic if Retain is set, and notes PacketID as received by Session if
	// it is not 0.
	Publish
	// ClearRetained removes the retained message of the topic Name.
	ClearRetained
	// Done ends the delivery Seq of Session.
	Done
	// Release notes that the receiver has recorded the delivery Seq of Session,
	// which is one of QoS 2. Its message is not needed any more.
	Release
	// Forget removes PacketID from what Session has received.
	Forget
)

// Change is one change. Fields that its Op does not speak of are ignored.
// Session has to be one of [Store.NewSession]; what concerns a session that was
// never put or has ended does nothing.
type Change struct {
	Op       Op
	Retain   bool
	PacketID uint16
	Session  SessionID
	Seq      uint64
	Name     string
	Data     []byte
	Message  *Message
	To       []Delivery
}

// Message is a message as it is kept. Topic, Properties and Publisher mean
// nothing to the store.
type Message struct {
	Topic      string
	Publisher  string
	Properties []byte
	Payload    []byte
	QoS        byte // 0 to 2
	Retain     bool // as it was published
	Came       int64
	Expires    int64 // Unix time, ms; 0 for never
}

// Delivery is a message on its way to one session.
type Delivery struct {
	Session SessionID
	Seq     uint64 // its place among all of the session; never used again
	Flags   byte   // what the caller likes to know of it without reading
	Extra   []byte // and what it likes to read with the message
}

// Session is a session as Load gives it.
type Session struct {
	ID            SessionID
	Name          string
	Data          []byte
	Subscriptions map[string][]byte // options by filter
	Received      []uint16          // in no order
	Next          uint64            // higher than every Seq that was used
	Waiting       int               // deliveries that are not done
	// Queue calls yield with each delivery that is not done, by rising Seq,
	// until it returns false.
	Queue func(yield func(Queued) bool)
}

// Queued is a delivery that is not done.
type Queued struct {
	Seq      uint64
	Size     int // bytes it takes in the store
	Flags    byte
	Extra    bool // there is some
	Released bool // there is no message any more
}

// Urgency says how soon a change has to be on stable storage.
type Urgency uint8

const (
	// Later is within the configured interval, or with the next that is urgent.
	Later Urgency = iota
	// Now is as soon as the disk can: somebody waits.
	Now
)

// Errors that callers tell apart.
var (
	// ErrFull is that there is no room for another message, or that it cannot be
	// written. Nothing was changed.
	ErrFull = errors.New("the store takes no more messages")
	// ErrNoMessage is that a delivery has no message.
	ErrNoMessage = errors.New("no such message")
	// ErrClosed is that the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// Store keeps what a broker must not forget. Its methods may be called
// concurrently.
type Store interface {
	// Append makes changes in their order and returns their mark. They are one:
	// a crash leaves all of them or none, and none without those that were
	// appended before. It does not wait for the disk and keeps nothing of what it
	// is given. Now without a change is for everything that was appended before.
	// It fails with [ErrFull] only where there is a Publish or PutSession among
	// them. Of a session that is known, PutSession does only while nothing can be
	// written.
	Append(u Urgency, changes ...Change) (Mark, error)
	// Read returns the message of a delivery that is not done, and the Extra it
	// was given. The caller owns both. It fails with [ErrNoMessage] if there is
	// none.
	Read(id SessionID, seq uint64) (*Message, []byte, error)
	// Load calls session with every session and then retained with every
	// retained message, each in no order, while nothing can be changed. It is for
	// the start.
	Load(session func(*Session), retained func(*Message)) error
	// NewSession returns an id that no session had before.
	NewSession() SessionID
	// Stable returns the mark of the last change on stable storage.
	Stable() Mark
	// Watch has advanced called, by a goroutine of the store, whenever Stable has
	// risen. It is set once, before the first Append.
	Watch(advanced func(Mark))
	// Wait returns when everything up to m is on stable storage, and asks for
	// that now. It fails with ctx's error, or [ErrClosed].
	Wait(ctx context.Context, m Mark) error
}

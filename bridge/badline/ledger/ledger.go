// Package ledger keeps the books of a chaos test: which messages were published
// and acknowledged at one end, which arrived at the other, and so what was lost,
// came twice or came out of order. It knows no time, no protocol and no payload;
// a message is a topic and a number.
//
//	books := ledger.New(ledger.AtLeastOnce)
//	books.Published("a/b", 1)     // before the first byte of it is sent
//	books.Acknowledged("a/b", 1)  // after PUBACK, or PUBCOMP
//	books.Arrived("a/b", 1)       // at the far subscriber
//	err := books.Wait(ctx)        // all that was acknowledged is there
//	err = books.Report().Err()
package ledger

import (
	"context"
	"fmt"
	"sync"
)

// Promise is what is held of every message; its value is the QoS.
type Promise byte

// The promises of MQTT, from the publisher to the far subscriber.
const (
	AtMostOnce  Promise = iota // may be lost, never twice
	AtLeastOnce                // not lost once acknowledged, may come again; first arrivals in order
	ExactlyOnce                // not lost once acknowledged, never twice, in order
)

// Ledger is the books. All its methods may be called concurrently.
type Ledger struct {
	promise Promise

	mu      sync.Mutex
	topics  map[string]*account
	missing int           // acknowledged and not arrived, of all topics
	settled chan struct{} // closed when missing is 0; nil if nobody waits
}

// New returns empty books for messages published under one promise.
func New(p Promise) *Ledger {
	return &Ledger{promise: p, topics: map[string]*account{}}
}

// account is the books of one topic.
type account struct {
	entries map[uint64]*entry
	next    int // the place of the next message published
	highest int // the highest place that has arrived, -1 if none

	late    []uint64 // out of order, in the order they arrived
	strange []uint64 // arrived and never published
}

// entry is one message.
type entry struct {
	place        int // in the order of publishing
	published    int // times
	arrived      int // times
	acknowledged bool
}

// Published notes that message n is about to be published. Called again for the
// same n, it is one more message with the same number, as when a publisher does
// not know whether its first attempt came through: it may then arrive once more
// under every promise, and keeps its place in the order of the topic.
func (l *Ledger) Published(topic string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(topic)
	e := a.entries[n]
	if e == nil {
		e = &entry{place: a.next}
		a.next++
		a.entries[n] = e
	}
	e.published++
}

// Acknowledged notes that the promise for message n holds from now on. It panics
// if n was not published: the test is wrong, not what it tests.
func (l *Ledger) Acknowledged(topic string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.accountLocked(topic).entries[n]
	if e == nil {
		panic(fmt.Sprintf("ledger: message %d of %q is acknowledged and was not published", n, topic))
	}
	if !e.acknowledged && e.arrived == 0 {
		l.missing++
	}
	e.acknowledged = true
}

// Arrived notes that message n came to the far subscriber.
func (l *Ledger) Arrived(topic string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(topic)
	e := a.entries[n]
	if e == nil {
		a.strange = append(a.strange, n)
		return
	}
	e.arrived++
	if e.arrived > 1 {
		return
	}
	if e.place < a.highest {
		a.late = append(a.late, n)
	}
	a.highest = max(a.highest, e.place)
	if e.acknowledged {
		l.missing--
		l.settleLocked()
	}
}

// Missing returns how many messages are acknowledged and have not arrived.
func (l *Ledger) Missing() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missing
}

// Wait returns when nothing is missing, or with an error that says how much is
// when ctx ends. What is acknowledged later it does not wait for, so call it
// when publishing has ended. Duplicates may still come after it.
func (l *Ledger) Wait(ctx context.Context) error {
	l.mu.Lock()
	if l.missing == 0 {
		l.mu.Unlock()
		return nil
	}
	if l.settled == nil {
		l.settled = make(chan struct{})
	}
	settled := l.settled
	l.mu.Unlock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %d acknowledged messages to arrive: %w", l.Missing(), ctx.Err())
	}
}

func (l *Ledger) settleLocked() {
	if l.missing == 0 && l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
}

func (l *Ledger) accountLocked(topic string) *account {
	a := l.topics[topic]
	if a == nil {
		a = &account{entries: map[uint64]*entry{}, highest: -1}
		l.topics[topic] = a
	}
	return a
}

package broker

import (
	"time"

	"gateway/broker/store"
)

// Acknowledgements that wait for the store.
//
// A connection keeps its answers in their order until what they promise is
// stable, and goes on reading meanwhile: so hundreds of messages of one client
// share a write to the disk. When the store has got further, it has the
// connections woken that wait.

// held is the answers of a connection that wait, in their order.
type held struct {
	marks []heldAnswer
	buf   []byte
}

type heldAnswer struct {
	mark store.Mark
	n    int // bytes in buf
}

func (h *held) none() bool { return h == nil || len(h.marks) == 0 }

// maxHeld is how many answers may wait before reading waits, too.
const maxHeld = 1000

// answerAfter queues an answer behind those before it, to be sent as soon as
// everything up to mark is stable.
func (c *conn) answerAfter(mark store.Mark, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final || c.dead != nil {
		return
	}
	if c.held.none() && (mark == 0 || c.b.store.Stable() >= mark) {
		if c.out != nil && c.out.control > maxControl {
			c.makeWayLocked()
		}
		c.appendLocked(b)
		return
	}
	if c.held == nil {
		c.held = new(held)
	}
	c.held.marks = append(c.held.marks, heldAnswer{mark, len(b)})
	c.held.buf = append(c.held.buf, b...)
	c.b.await(c)
	c.releaseLocked()
}

// releaseLocked queues the answers whose time has come.
func (c *conn) releaseLocked() {
	if c.held.none() {
		return
	}
	stable := c.b.store.Stable()
	n, bytes := 0, 0
	for n < len(c.held.marks) && c.held.marks[n].mark <= stable {
		bytes += c.held.marks[n].n
		n++
	}
	if n == 0 {
		return
	}
	c.appendLocked(c.held.buf[:bytes])
	if n == len(c.held.marks) {
		c.held.marks, c.held.buf = c.held.marks[:0], c.held.buf[:0]
		if cap(c.held.buf) > 4<<10 {
			c.held = nil
		}
		return
	}
	if c.out != nil {
		c.out.packets += int64(n - 1)
	}
	c.held.marks = append(c.held.marks[:0], c.held.marks[n:]...)
	c.held.buf = append(c.held.buf[:0], c.held.buf[bytes:]...)
}

// storePatience is how long a request waits for a store that cannot be written.
// What the connection says meanwhile is not heard.
const storePatience = 5 * time.Second

// awaitStable waits until everything up to mark is stable, and reports whether
// it is: not if the connection is to end, or that takes longer than
// storePatience. No lock is held.
func (c *conn) awaitStable(mark store.Mark) bool {
	if mark == 0 {
		return true
	}
	late := false
	timer := time.AfterFunc(storePatience, func() {
		c.mu.Lock()
		late = true
		c.drainedLocked()
		c.mu.Unlock()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.final && c.dead == nil && !late {
		c.b.await(c)
		if c.b.store.Stable() >= mark {
			return true
		}
		c.waitLocked()
	}
	return false
}

// letStoreFollow waits while very many answers of the connection are held.
func (c *conn) letStoreFollow() {
	if c.b.store == nil {
		return
	}
	c.mu.Lock()
	n := 0
	if c.held != nil {
		n = len(c.held.marks)
	}
	var mark store.Mark
	if n > maxHeld {
		mark = c.held.marks[n/2].mark
	}
	c.mu.Unlock()
	c.awaitStable(mark)
}

// await has c woken when the store has got further. conn.mu may be held. Who
// calls it looks at Stable afterwards.
func (b *Broker) await(c *conn) {
	b.waitMu.Lock()
	b.waiting[c] = struct{}{}
	b.waitMu.Unlock()
}

// stableFor tells whether everything up to mark is stable. If not, it soon is, and
// s is signalled then. Subscription.mu may be held.
func (b *Broker) stableFor(s *Subscription, mark store.Mark) bool {
	if mark <= b.store.Stable() {
		return true
	}
	b.waitMu.Lock()
	if b.readers == nil {
		b.readers = make(map[*Subscription]struct{})
	}
	b.readers[s] = struct{}{}
	b.waitMu.Unlock()
	_, _ = b.store.Append(store.Now) // whatever was not urgent is now
	return mark <= b.store.Stable()
}

// advanced wakes the connections and subscriptions that wait for the store. It is
// called by the store's goroutine.
func (b *Broker) advanced(store.Mark) {
	b.waitMu.Lock()
	readers := b.readers
	b.readers = nil
	waiting := b.waiting
	b.waiting = make(map[*conn]struct{}, len(waiting))
	b.waitMu.Unlock()
	for s := range readers {
		s.signal()
	}
	for c := range waiting {
		c.mu.Lock()
		c.releaseLocked()
		if !c.held.none() {
			b.await(c)
		}
		c.more = true // messages of QoS 2 may be sent now
		c.drainedLocked()
		c.mu.Unlock()
		c.flush()
	}
}

package broker

import (
	"math"
	"sync"
	"time"

	"gateway/broker/packet"
)

// session is the state of a client that outlives its connection.
//
// Broker.sessionsMu guards the fields of the first group, which change when
// clients come and go; mu those of the last.
type session struct {
	b  *Broker
	id string

	owner   *conn         // nil while the client is away
	expiry  time.Duration // how long it outlives its connection; noExpiry for ever
	ending  *entry        // its end, planned while it has no connection
	will    *Message      // published when ending or willDue come, whichever is first
	willDue *entry

	// The subscriptions by filter: they belong to the reading goroutine of owner,
	// or to who holds sessionsMu while there is none.
	subs map[string]*subscription

	mu       sync.Mutex
	conn     *conn // owner, as deliver sees it
	seq      uint64
	atMost   queue // QoS 0
	atLeast  queue // QoS 1 and 2
	flight   inflight
	received map[uint16]struct{} // QoS 2 packet ids received and not yet released
}

// noExpiry is the expiry of a session that is kept for ever.
const noExpiry = time.Duration(math.MaxInt64)

func newSession(b *Broker, id string) *session {
	return &session{b: b, id: id, subs: make(map[string]*subscription)}
}

func (s *session) clientID() string { return s.id }

// deliver queues d for the client. QoS 0 is not kept for a client that is
// away; what does not fit is dropped, newest first, as Mosquitto does.
func (s *session) deliver(d delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.atLeast
	maxMessages := s.b.cfg.MaxQueuedMessages
	if d.qos == 0 {
		if s.conn == nil {
			return
		}
		q, maxMessages = &s.atMost, 0
	}
	if d.replay && maxMessages > 0 {
		// What is retained is in memory anyway, and a client that asks for it
		// should get all of it.
		maxMessages += s.b.cfg.MaxRetained
	}
	if q.full(d.msg.size(), maxMessages, s.b.cfg.MaxQueuedBytes) && !d.replay {
		s.b.counters.droppedFull.Add(1)
		return
	}
	s.seq++
	d.seq = s.seq
	q.push(d)
	if s.conn != nil {
		s.conn.wake()
	}
}

// take moves what can be sent now from the queues to c's batch. mu is held.
func (s *session) take(c *conn, batch *batch) {
	if s.conn != c {
		return
	}
	now := time.Time{}
	for !batch.full() {
		if e := s.flight.nextResend(); e != nil {
			batch.add(outgoing{delivery: e.delivery, id: e.id, dup: true, release: e.released})
			continue
		}
		q := &s.atMost
		if d := s.atLeast.front(); d != nil && s.flight.room() {
			if o := s.atMost.front(); o == nil || d.seq < o.seq {
				q = &s.atLeast
			}
		}
		if q.front() == nil {
			return
		}
		d := q.pop()
		if !d.msg.Expires.IsZero() {
			if now.IsZero() {
				now = time.Now()
			}
			if d.msg.expired(now) {
				s.b.counters.droppedExpired.Add(1)
				continue
			}
		}
		if c.tooLarge(d) { // [MQTT-3.1.2-25]
			s.b.counters.droppedTooLarge.Add(1)
			continue
		}
		o := outgoing{delivery: d}
		if d.qos > 0 {
			o.id = s.flight.add(d)
		}
		batch.add(o)
	}
}

// attach makes c the session's connection. CONNACK is queued, and the caller
// holds sessionsMu.
func (s *session) attach(c *conn) {
	s.owner = c
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = c
	s.flight.restart(c.receiveMax)
	c.wake()
}

// detach takes the connection off the session. The caller holds sessionsMu.
func (s *session) detach() {
	s.owner = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = nil
	s.atMost = queue{}
}

// acked handles PUBACK, and PUBREC with an error: the message is done. It
// reports whether id was in flight in the state that the packet fits.
func (s *session) acked(id uint16, qos QoS) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.flight.ids[id]
	if e == nil || e.qos != qos || e.released {
		return false
	}
	s.flight.remove(e)
	if s.conn != nil {
		s.conn.wake()
	}
	return true
}

// recorded handles PUBREC: from now on PUBREL is sent, never the message
// again [MQTT-4.3.3-4].
func (s *session) recorded(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.flight.ids[id]
	if e == nil || e.qos != 2 {
		return false
	}
	e.released = true
	e.msg = nil
	return true
}

// completed handles PUBCOMP.
func (s *session) completed(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.flight.ids[id]
	if e == nil || !e.released {
		return false
	}
	s.flight.remove(e)
	if s.conn != nil {
		s.conn.wake()
	}
	return true
}

// receive notes the id of a QoS 2 message from the client. fresh is false if
// it is a repetition, whose message has been taken already [MQTT-4.3.3-10].
func (s *session) receive(id uint16, limit int) (fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.received[id]; ok {
		return false, nil
	}
	if len(s.received) >= limit { // [MQTT-3.3.4-9]
		return false, &packet.Error{Code: packet.ReceiveMaximumExceeded, Clause: "MQTT-3.3.4-9", Text: "more QoS 2 messages in flight than the server's receive maximum"}
	}
	if s.received == nil {
		s.received = make(map[uint16]struct{})
	}
	s.received[id] = struct{}{}
	return true, nil
}

// release forgets the id of a QoS 2 message and reports whether it was known.
func (s *session) release(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.received[id]
	delete(s.received, id)
	return ok
}

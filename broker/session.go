package broker

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/auth"
	"gateway/broker/packet"
	"gateway/broker/store"
)

// session is the state of a client that outlives its connection.
//
// Broker.sessionsMu guards the fields of the first group, which change when
// clients come and go; mu those of the last.
type session struct {
	b  *Broker
	id string

	bounds   *bounds         // of what waits
	num      store.SessionID // in the store; 0 if it is not kept there
	identity auth.Identity   // who it belongs to
	guard    *auth.Guard
	owner    *conn         // nil while the client is away
	expiry   time.Duration // how long it outlives its connection; noExpiry for ever
	ending   *entry        // its end, planned while it has no connection
	will     *will         // published when ending or willDue come, whichever is first
	willDue  *entry

	// The subscriptions by filter, and the packet identifiers of QoS 2 messages
	// received and not yet released: they belong to the reading goroutine of
	// owner, or to who holds sessionsMu while there is none. subs is changed with
	// mu held, too, so that others can look.
	subs     map[string]*subscription
	received map[uint16]struct{}
	noted    store.Mark // when what was done to them is stable

	rights atomic.Pointer[auth.Rights] // nil is everything
	conn   atomic.Pointer[conn]        // owner, as deliver sees it; changed with mu held

	mu      sync.Mutex
	ended   bool   // nothing is kept any more
	lasts   bool   // it outlives the connection: what is in flight may be sent again
	dropped uint32 // messages that the client does not get, on connections that have ended and while it was away
	seq     uint64 // number of the last message of QoS 1 or 2
	atMost  queue  // QoS 0
	atLeast queue  // QoS 1 and 2
	flight  inflight
	freed   store.Mark // when what was done to flight is stable
	sent    uint64     // number of the last message that was sent, here or before a restart
}

// noExpiry is the expiry of a session that is kept for ever.
const noExpiry = time.Duration(math.MaxInt64)

func newSession(b *Broker, id string) *session {
	s := &session{b: b, id: id, bounds: b.boundsOf(id)}
	s.atMost.total, s.atLeast.total = &b.queued, &b.queued
	return s
}

func (s *session) clientID() string { return s.id }

// note notes a subscription under the filter that the client has for it; nil
// takes it out. The reading goroutine calls it.
func (s *session) note(filter string, sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub == nil {
		delete(s.subs, filter)
		return
	}
	if s.subs == nil {
		s.subs = make(map[string]*subscription)
	}
	s.subs[filter] = sub
}

// refreshRights asks for the session's rights again. Broker.sessionsMu is
// held.
func (s *session) refreshRights() { s.rights.Store(s.guard.Rights(s.identity, s.id)) }

// mayReceive tells whether the client may get messages of a topic.
func (s *session) mayReceive(name string) bool { return s.rights.Load().Receive(name) }

// deliver sends p to the client, or queues it. QoS 0 is not kept for a client
// that is away; what does not fit is dropped, newest first, as Mosquitto
// does.
func (s *session) deliver(p *publication, t *target) {
	o := copied{qos: min(p.m.QoS, t.qos), retain: t.retain(p), ids: t.ids} // [MQTT-3.8.4-8]
	if o.qos == 0 {
		s.deliverAtMost(p, o, t)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keptLocked() {
		s.keepLocked(p, o, t)
		return
	}
	c := s.conn.Load()
	if c != nil && s.atLeast.len == 0 && s.room(s.seq+1) {
		c.mu.Lock()
		if c.canPutLocked() {
			if c.fits(p, o) {
				s.seq++
				s.send(c, p, o, viaOf(t.group, nil), s.seq)
			} else { // [MQTT-3.1.2-25]
				s.b.counters.droppedTooLarge.Add(1)
				c.traffic.dropped++
			}
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
	}
	if !s.queueLocked(&s.atLeast, p, o, t) {
		return
	}
	if c != nil && s.room(s.seq) {
		s.moreLocked(c, p)
	}
}

// keptLocked tells whether messages of QoS 1 and 2 for the session go into the
// store.
func (s *session) keptLocked() bool { return s.num != 0 && s.lasts }

// keepLocked queues p, to be sent when it is in the store.
func (s *session) keepLocked(p *publication, o copied, t *target) {
	if !s.queueLocked(&s.atLeast, p, o, t) {
		return
	}
	d := s.atLeast.at(s.atLeast.len - 1)
	d.mark = unstored
	p.keeping.add(s, store.Delivery{Session: s.num, Seq: d.seq, Flags: deliveryFlags(d), Extra: appendVia(nil, d.via)})
}

// stored implements keeper.
func (s *session) stored(p *publication, seq uint64, mark store.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.atLeast.find(seq)
	if d == nil { // dropped meanwhile
		s.b.note(store.Change{Op: store.Done, Session: s.num, Seq: seq})
		return
	}
	d.mark = mark
	if limit := s.b.cfg().MaxQueueMemory; limit > 0 && s.b.queued.Load() > limit/2 {
		s.atLeast.leave(d) // it is read when it is sent
	}
	if c := s.conn.Load(); c != nil {
		s.moreLocked(c, p)
	}
}

// lost implements keeper.
func (s *session) lost(p *publication, seq uint64, memory bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.atLeast.find(seq)
	switch {
	case d == nil:
		return
	case memory:
		d.mark = 0
	default:
		d.void = true
		d.mark = 0
	}
	if c := s.conn.Load(); c != nil {
		s.moreLocked(c, p)
	}
}

// moreLocked has c flushed: there may be something to send.
func (s *session) moreLocked(c *conn, p *publication) {
	c.mu.Lock()
	c.more = true
	c.markLocked(p)
	c.mu.Unlock()
}

// send sends a message of QoS 1 or 2 that fits, with an identifier of its own and
// without DUP, whatever came in [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2]. It
// stays in flight until the client has acknowledged it. mu and c.mu are held.
func (s *session) send(c *conn, p *publication, o copied, v *via, seq uint64) {
	e := flying{qos: o.qos, retain: o.retain, size: uint32(p.m.size())}
	if s.lasts || v != nil && v.group != nil {
		if v == nil {
			v = viaOf(nil, o.ids)
		}
		e.msg, e.via = p.keep(), v
	}
	o.id = s.flight.add(e, seq)
	s.sent = seq
	c.putLocked(p, o)
	c.markLocked(p)
}

// room tells whether the message of QoS 1 or 2 with that number may be sent.
func (s *session) room(seq uint64) bool {
	limit := s.b.cfg().MaxInflightBytes
	return s.flight.room() && (limit == 0 || s.flight.bytes < limit) && s.flight.reaches(seq)
}

func (s *session) deliverAtMost(p *publication, o copied, t *target) {
	c := s.conn.Load()
	if c == nil {
		s.keepAtMost(p, o, t)
		return
	}
	c.mu.Lock()
	if c.final || c.dead != nil {
		c.mu.Unlock()
		return
	}
	if !c.backlog && c.canPutLocked() {
		if c.fits(p, o) {
			c.putLocked(p, o)
			c.markLocked(p)
		} else {
			s.b.counters.droppedTooLarge.Add(1)
			c.traffic.dropped++
		}
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn.Load() != c {
		return
	}
	if !s.queueLocked(&s.atMost, p, o, t) {
		return
	}
	c.mu.Lock()
	c.backlog, c.more = true, true
	c.markLocked(p)
	c.mu.Unlock()
}

// keepAtMost queues a QoS 0 message for a client that is away, if that is
// wished.
func (s *session) keepAtMost(p *publication, o copied, t *target) {
	if !s.b.cfg().QueueQoS0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queueLocked(&s.atMost, p, o, t) && s.conn.Load() != nil { // it came back just now
		c := s.conn.Load()
		c.mu.Lock()
		c.backlog, c.more = true, true
		c.markLocked(p)
		c.mu.Unlock()
	}
}

// queueLocked queues p, also for a client that is away [MQTT-3.1.2-5 v3], or
// drops it where a bound would be broken, and reports whether it is queued. What
// is retained is in memory anyway, and a client that asks for it should get all
// of it, but not as often as it asks while it does not read.
func (s *session) queueLocked(q *queue, p *publication, o copied, t *target) bool {
	cfg := s.b.cfg()
	switch {
	case s.ended: // and somebody had found it in the tree before
		return false
	case t.replay && q.full(0, s.replayLimit(), 0):
		s.b.counters.droppedFull.Add(1)
		s.dropped++
		return false
	case t.replay:
	case !s.makeRoomLocked(q, p):
		s.b.counters.droppedFull.Add(1)
		s.dropped++
		return false
	case q == &s.atLeast && s.keptLocked(): // memory is no matter: it goes to the disk
	case cfg.MaxQueueMemory > 0 && q.bytes+p.m.size() > cfg.MaxQueueMemory-s.b.queued.Load():
		// As much as is left for the others: those that do not read cannot take
		// all of it.
		s.b.counters.droppedMemory.Add(1)
		s.dropped++
		return false
	}
	if q == &s.atLeast {
		s.seq++
	}
	q.push(delivery{
		msg: p.keep(), via: viaOf(t.group, o.ids), seq: s.seq, size: uint32(p.m.size()),
		qos: o.qos, retain: o.retain, replay: t.replay,
	})
	return true
}

// makeRoomLocked tells whether p may wait in q. Where the oldest are to give
// way, they do.
func (s *session) makeRoomLocked(q *queue, p *publication) bool {
	for q.full(p.m.size(), s.bounds.messages, s.bounds.bytes) {
		switch s.bounds.full {
		case dropOldest:
			if q.len == 0 {
				return false
			}
			d := q.pop()
			s.b.counters.droppedFull.Add(1)
			s.dropped++
			s.forgetLocked(d.seq, d.qos, d.mark)
			continue
		case refuseNew:
			p.keeping.refused = true
		}
		return false
	}
	return true
}

// forgetLocked takes a message that will not be sent out of the store.
func (s *session) forgetLocked(seq uint64, qos QoS, mark store.Mark) {
	if qos > 0 && s.keptLocked() && mark != unstored {
		s.b.note(store.Change{Op: store.Done, Session: s.num, Seq: seq})
	}
}

// replayLimit is how many messages may wait for the client when one more that is
// retained is to, 0 for any number.
func (s *session) replayLimit() int {
	if s.bounds.messages == 0 || s.b.cfg().MaxRetained == 0 {
		return 0
	}
	return s.bounds.messages + s.b.cfg().MaxRetained
}

// refill moves what can be sent now from the queues to c's outbox.
func (s *session) refill(c *conn) {
	w := benches.Get().(*bench)
	defer w.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.conn.Load() != c {
		return
	}
	for c.canPutLocked() {
		if !s.nextLocked(c, &w.pub) {
			c.backlog = s.atMost.len > 0
			return
		}
	}
	c.backlog = s.atMost.len > 0
	c.more = true
}

// fetchAtOnce is how many messages are read from the store before they are sent.
const fetchAtOnce = 32

// fetch reads messages from the store that are to be sent next. No lock is
// held meanwhile.
func (s *session) fetch() {
	if s.num == 0 {
		return
	}
	var want []uint64
	s.mu.Lock()
	for i := s.flight.resend; i < s.flight.span && len(want) < fetchAtOnce; i++ {
		if e := s.flight.at(i); e.state == flyingSent && e.msg == nil && !e.sent {
			want = append(want, s.flight.seq(i))
		}
	}
	for i := range min(s.atLeast.len, fetchAtOnce-len(want)) {
		if d := s.atLeast.at(i); d.msg == nil && !d.void {
			want = append(want, d.seq)
		}
	}
	s.mu.Unlock()
	for _, seq := range want {
		m, err := s.b.read(s.num, seq)
		if err != nil {
			s.b.unreadable(s.id, seq, err)
		}
		s.mu.Lock()
		if d := s.atLeast.find(seq); d != nil {
			d.void = d.void || err != nil
			s.atLeast.fetch(d, m)
		} else if e := s.flight.numbered(seq); e != nil && e.state == flyingSent && e.msg == nil {
			if e.msg = m; err != nil {
				s.flight.remove(e)
			}
		}
		if err != nil {
			s.forgetLocked(seq, 1, 0)
		}
		s.mu.Unlock()
	}
}

// nextLocked sends, or drops, the next message that waits. It reports false if
// none can be sent. c.mu is held too.
func (s *session) nextLocked(c *conn, p *publication) bool {
	if e := s.flight.peekResend(); e != nil {
		if e.state == flyingSent && e.msg == nil {
			c.more = true // when it was fetched
			return false
		}
		e, id := s.flight.nextResend()
		s.resendLocked(c, p, e, id)
		return true
	}
	q := &s.atMost
	if d := s.atLeast.front(); d != nil && s.readyLocked(c, d) {
		if o := s.atMost.front(); o == nil || d.seq <= o.seq {
			q = &s.atLeast
		}
	}
	if q.front() == nil {
		return false
	}
	d := q.pop()
	if d.void {
		return true
	}
	p.beginKept(d.msg)
	o := copied{qos: d.qos, retain: d.retain, dup: d.dup, ids: d.ids()}
	switch {
	case p.expires() && d.msg.expired(p.time()): // [MQTT-3.3.2-5]
		s.b.counters.droppedExpired.Add(1)
	case !s.mayReceive(p.m.Topic): // not any more
		s.b.counters.droppedDenied.Add(1)
	case !c.fits(p, o): // [MQTT-3.1.2-25]
		s.b.counters.droppedTooLarge.Add(1)
	case d.qos > 0:
		s.send(c, p, o, d.via, d.seq)
		return true
	default:
		c.putLocked(p, o)
		return true
	}
	s.dropped++
	s.forgetLocked(d.seq, d.qos, d.mark)
	return true
}

// readyLocked tells whether d, which is the next, can be sent. If it has to be
// fetched or is not stored yet, c is flushed again when it is. c.mu is held too.
func (s *session) readyLocked(c *conn, d *delivery) bool {
	switch {
	case !s.room(d.seq) || d.mark == unstored:
		return false
	case d.void:
		return true
	case d.msg == nil:
		c.more = true
		return false
	case d.qos == 2 && d.mark > 0 && d.mark > s.b.store.Stable():
		s.b.await(c)
		_, _ = s.b.store.Append(store.Now) // whatever was not urgent is now
		return d.mark <= s.b.store.Stable()
	}
	return true
}

// resendLocked sends again what was in flight on an earlier connection, with DUP
// [MQTT-3.3.1-1], and only PUBREL of what the client has recorded
// [MQTT-4.3.3-6].
func (s *session) resendLocked(c *conn, p *publication, e *flying, id uint16) {
	if e.state == flyingReleased { // [MQTT-4.3.3-7]
		if c.out == nil {
			c.out = newOutbox(&s.b.queued)
		}
		var b [8]byte
		c.out.add(packet.AppendAck(b[:0], packet.TypePubrel, id, packet.Success, c.version))
		c.out.packets++
		return
	}
	p.beginKept(e.msg)
	o := copied{qos: e.qos, retain: e.retain, dup: true, id: id, ids: e.ids()}
	switch {
	case !s.mayReceive(p.m.Topic):
		s.b.counters.droppedDenied.Add(1)
	case !c.fits(p, o):
		s.b.counters.droppedTooLarge.Add(1)
	default:
		c.putLocked(p, o)
		return
	}
	_, seq := s.flight.lookup(id)
	s.flight.remove(e)
	s.dropped++
	s.forgetLocked(seq, e.qos, 0)
}

// attach makes c the session's connection. CONNACK is queued, and the caller
// holds sessionsMu.
func (s *session) attach(c *conn) {
	s.owner = c
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.Store(c)
	s.lasts = s.expiry > 0
	s.flight.restart(c.window)
	c.mu.Lock()
	c.more = s.flight.open > 0 || s.atLeast.len > 0 || s.atMost.len > 0
	c.backlog = s.atMost.len > 0
	c.mu.Unlock()
}

// detach takes the connection off the session. The caller holds sessionsMu.
func (s *session) detach() {
	s.owner = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conn.Swap(nil); c != nil {
		c.mu.Lock()
		s.dropped += c.traffic.dropped
		c.traffic.dropped = 0
		c.mu.Unlock()
	}
	if !s.b.cfg().QueueQoS0 {
		s.atMost.clear()
	}
}

// resumeLocked makes sure that what waits is sent when there is room for it
// again.
func (s *session) resumeLocked() {
	if s.atLeast.len == 0 && s.flight.resend >= s.flight.span {
		return
	}
	if c := s.conn.Load(); c != nil {
		c.mu.Lock()
		c.more = true
		c.mu.Unlock()
	}
}

// acked handles PUBACK, and PUBREC with an error: the message is done
// [MQTT-4.3.2-3] [MQTT-4.4.0-2], for a shared subscription too: what one member
// refuses no other gets [MQTT-4.8.2-6]. It reports whether id was in flight in
// the state that the packet fits.
func (s *session) acked(id uint16, qos QoS) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, seq := s.flight.lookup(id)
	if e == nil || e.qos != qos || e.state != flyingSent {
		return false
	}
	s.flight.remove(e)
	s.forgetLocked(seq, qos, 0)
	s.resumeLocked()
	return true
}

// recorded handles PUBREC, until which the message is unacknowledged
// [MQTT-4.3.3-3]: from now on PUBREL is sent, never the message again
// [MQTT-4.3.3-4].
//
// PUBREL waits until the store has that: the client forgets the message when it
// comes, and would take one that is sent again after a crash for a new one.
func (s *session) recorded(id uint16) (known bool, mark store.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, seq := s.flight.lookup(id)
	if e == nil || e.qos != 2 {
		return false, 0
	}
	if e.state == flyingSent && s.keptLocked() {
		s.freed = s.b.promise(store.Change{Op: store.Release, Session: s.num, Seq: seq})
	}
	e.state = flyingReleased
	s.flight.drop(e)
	return true, s.freed
}

// completed handles PUBCOMP, until which PUBREL is unacknowledged
// [MQTT-4.3.3-5].
func (s *session) completed(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, seq := s.flight.lookup(id)
	if e == nil || e.state != flyingReleased {
		return false
	}
	s.flight.remove(e)
	s.forgetLocked(seq, 2, 0)
	s.resumeLocked()
	return true
}

// receive notes the id of a QoS 2 message from the client. fresh is false if
// it is a repetition, whose message has been taken already [MQTT-4.3.3-10]. No
// more than the id is kept, so that the exchange goes on when the message has
// expired [MQTT-4.3.3-13].
func (s *session) receive(id uint16, limit int) (fresh bool, err error) {
	if _, ok := s.received[id]; ok {
		return false, nil
	}
	if len(s.received) >= limit { // [MQTT-3.3.4-7]
		return false, &packet.Error{Code: packet.ReceiveMaximumExceeded, Clause: "MQTT-3.3.4-7", Text: "more QoS 2 messages in flight than the server's receive maximum"}
	}
	if s.received == nil {
		s.received = make(map[uint16]struct{})
	}
	s.received[id] = struct{}{}
	return true, nil
}

// release forgets the id of a QoS 2 message, which then stands for a new one
// [MQTT-4.3.3-12], and reports whether it was known.
//
// PUBCOMP waits until the store has that: the client uses the id again when it
// comes, and after a crash the new message would pass for the old one.
func (s *session) release(id uint16) bool {
	_, ok := s.received[id]
	delete(s.received, id)
	if ok && s.num != 0 {
		s.noted = max(s.noted, s.b.promise(store.Change{Op: store.Forget, Session: s.num, PacketID: id}))
	}
	return ok
}

// sentLocked returns the number of the last message that may have been sent.
func (s *session) sentLocked() uint64 { return s.sent }

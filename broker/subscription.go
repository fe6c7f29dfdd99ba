package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"gateway/broker/store"
	"gateway/broker/topic"
)

// ErrClosed is what Next returns when the subscription was closed.
var ErrClosed = errors.New("subscription closed")

// SubscribeOptions say how a Subscription behaves. The zero value is a live
// subscription.
type SubscribeOptions struct {
	// Name makes the subscription durable: what matches its filters is kept for
	// the next Subscribe of that name while it is closed, and what was not
	// acknowledged is delivered again. It collects what happened, so it gets
	// messages whatever their expiry, which says how long they are current.
	Name string
	// MaxMessages and MaxBytes bound what waits. 0 is 256 messages for a live
	// subscription and no bound for a durable one. What is retained when the
	// subscription begins comes on top.
	MaxMessages int
	MaxBytes    int64
	// MaxAge bounds how long a message of a durable subscription waits; 0 for
	// ever. What is older is dropped when others come, and by Next.
	MaxAge time.Duration
	// Full says what happens then, as Config.QueueFull does; "" is drop_oldest.
	Full string
	// Latest are filters: of a topic that one of them matches, a durable
	// subscription keeps no more than the newest of the messages that wait. After a
	// restart it does not know those that waited before.
	Latest []string
	// Skip tells which messages are not for this subscription; nil for none. It is
	// called by whoever publishes, must not block and keeps nothing of m.
	Skip func(m *Message) bool
}

// Delivery is a message that a Subscription delivers.
type Delivery struct {
	*Message
	Replay bool // the message is retained, and was published before the subscription began
	// Backlog says that it waited already when Live or Mark was called.
	Backlog bool
	// Again says that it may have been delivered before: it came back by Rewind or
	// a restart.
	Again bool
	// Released says that Release was called for it: all that is left of it is its
	// number, and Message is empty.
	Released bool
	seq      uint64
}

// Seq is the number of the delivery. It rises with each message that the
// subscription gets, and stays the same over restarts.
func (d Delivery) Seq() uint64 { return d.seq }

// PacketID is a packet identifier for the delivery, made from its number: the
// same whenever it is sent, and another for each of 65,535 in a row.
func (d Delivery) PacketID() uint16 { return uint16((d.seq-1)%math.MaxUint16) + 1 }

// SubscriptionStats are the figures of a Subscription.
type SubscriptionStats struct {
	Waiting    int       // messages not delivered yet
	Unacked    int       // delivered and not acknowledged
	Bytes      int64     // topics, payloads and properties of both
	Oldest     time.Time // when the oldest of both came, to the second; zero if there is none, or if it is live
	Dropped    uint64    // by the bounds
	TooOld     uint64    // dropped because of MaxAge
	Superseded uint64    // dropped because a newer one of the topic came
	Expired    uint64    // while they waited; live only
	Arrived    uint64
	Complete   uint64 // acknowledged, or delivered by a live subscription
}

// Subscription delivers messages to a part of this process. All methods may
// be called concurrently, but Next by one goroutine at a time.
type Subscription struct {
	b       *Broker
	options SubscribeOptions
	wake    chan struct{} // cap 1

	num    store.SessionID // in the store; 0 if it is not kept there
	ending *entry          // when it is forgotten if nobody opens it; guarded by Broker.durableMu

	mu       sync.Mutex
	open     bool
	subs     []*subscription
	restored map[string]bool // filters that it had before a restart; nil once it was opened
	queue    queue
	live     *queue // what came since Live was called; nil if it was not
	backlog  uint64 // number of the last message that waited when Live or Mark was called
	voids    int    // places in the queues that have nothing in them
	latest   map[string]uint64
	unacked  []delivery // durable only, by seq
	bytes    int64      // of unacked
	seq      uint64
	received map[uint16]struct{} // see Receive
	noted    store.Mark          // when all of received is stable
	front    struct {            // when the message with that number came, once somebody asked
		seq  uint64
		came int64
	}
	stats SubscriptionStats
}

// Subscribe begins a subscription to the filters at QoS 2: messages come as
// they were published. What is retained comes first, unless the subscription
// is durable and had the filter before. It never blocks.
//
// Subscribing to a durable name replaces its filters and delivers again what
// was not acknowledged. It is an error if that name is open.
func (b *Broker) Subscribe(o SubscribeOptions, filters ...string) (*Subscription, error) {
	for _, f := range filters {
		if err := topic.CheckFilter(f); err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		if group, _ := topic.SplitShare(f); group != "" {
			return nil, fmt.Errorf("subscribe: filter %q: a subscription of this process cannot be shared", f)
		}
	}
	b.durableMu.Lock()
	defer b.durableMu.Unlock()
	s := b.durable[o.Name]
	if s == nil {
		s = &Subscription{b: b, wake: make(chan struct{}, 1)}
		if o.Name != "" {
			b.durable[o.Name] = s
			if b.store != nil {
				s.num = b.store.NewSession()
			}
		}
	}
	if !s.reopen(o) {
		return nil, fmt.Errorf("subscribe: %q is open already", o.Name)
	}
	b.timers.cancel(s.ending)
	s.ending = nil
	s.putState(time.Time{})
	s.setFilters(filters)
	return s, nil
}

// putState stores that the subscription exists, and when it was closed; zero if
// it is open.
func (s *Subscription) putState(closed time.Time) {
	if s.num == 0 {
		return
	}
	st := sessionState{Process: true, Expiry: secondsToStore(s.b.processExpiry())}
	if !closed.IsZero() {
		st.Left = closed.UnixMilli()
	}
	data, err := json.Marshal(st)
	if err != nil {
		panic(err)
	}
	s.b.note(store.Change{Op: store.PutSession, Session: s.num, Name: s.options.Name, Data: data})
}

// reopen puts what was not acknowledged back in front, and reports false if
// the subscription is open.
func (s *Subscription) reopen(o SubscribeOptions) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		return false
	}
	s.open = true
	s.options = o
	if o.Name == "" && o.MaxMessages == 0 {
		s.options.MaxMessages = 256
	}
	s.rewind()
	return true
}

// setFilters subscribes to new filters and unsubscribes from those that are
// gone.
func (s *Subscription) setFilters(filters []string) {
	s.mu.Lock()
	old, restored := s.subs, s.restored
	s.restored = nil
	s.mu.Unlock()
	var subs, fresh []*subscription
	for _, f := range filters {
		if slices.ContainsFunc(subs, func(sub *subscription) bool { return sub.filter == f }) {
			continue
		}
		if i := slices.IndexFunc(old, func(sub *subscription) bool { return sub.filter == f }); i >= 0 {
			subs = append(subs, old[i])
			old = slices.Delete(slices.Clone(old), i, i+1)
			continue
		}
		sub := &subscription{to: s, filter: f, qos: 2, asPublished: true}
		subs, fresh = append(subs, sub), append(fresh, sub)
	}
	s.mu.Lock()
	s.subs = subs
	s.mu.Unlock()
	s.b.unsubscribe(old...)
	s.noteFilters(old, fresh, restored)
	for _, sub := range fresh {
		s.b.subscribe([]change{{sub: sub, replay: !restored[sub.filter]}}, func() {})
	}
}

// noteFilters stores which filters are gone and which are new.
func (s *Subscription) noteFilters(gone, fresh []*subscription, restored map[string]bool) {
	if s.num == 0 {
		return
	}
	for _, sub := range gone {
		s.b.note(store.Change{Op: store.Unsubscribe, Session: s.num, Name: sub.filter})
	}
	kept := make(map[string]bool)
	for _, sub := range fresh {
		kept[sub.filter] = true
		s.b.note(sub.put(s.num, sub.filter))
	}
	for filter := range restored {
		if !kept[filter] {
			s.b.note(store.Change{Op: store.Unsubscribe, Session: s.num, Name: filter})
		}
	}
}

func (s *Subscription) clientID() string { return "" }

// deliver queues p's message, in place of the oldest when the bounds are
// reached.
func (s *Subscription) deliver(p *publication, t *target) {
	if s.options.Skip != nil && s.options.Skip(&p.m) {
		return
	}
	m := p.keep()
	d := delivery{msg: m, size: uint32(m.size()), qos: p.m.QoS, replay: t.replay}
	s.mu.Lock()
	s.seq++
	d.seq = s.seq
	s.stats.Arrived++
	s.dropOld(p.time())
	s.supersede(m.Topic, d.seq)
	if !d.replay && !s.makeRoom(int64(d.size)) {
		// Everything that fits is with the reader, and dropping that would not stop
		// it, or the newest is to go.
		s.stats.Dropped++
		p.keeping.refused = p.keeping.refused || s.options.Full == refuseNew
		s.mu.Unlock()
		return
	}
	if s.num != 0 {
		d.mark = unstored
		p.keeping.add(s, store.Delivery{Session: s.num, Seq: d.seq, Flags: deliveryFlags(&d)})
	}
	if s.live != nil {
		s.live.push(d)
	} else {
		s.queue.push(d)
	}
	s.mu.Unlock()
	if s.num == 0 {
		s.signal()
	}
}

// makeRoom drops what has to go for a message of size bytes, and reports false if
// there is no room nonetheless.
func (s *Subscription) makeRoom(size int64) bool {
	if s.options.Full == dropNewest || s.options.Full == refuseNew {
		return !s.full(size)
	}
	for s.full(size) {
		if !s.dropFirst(&s.queue) && (s.live == nil || !s.dropFirst(s.live)) {
			return s.waiting()+len(s.unacked) == 0
		}
		s.stats.Dropped++
	}
	return true
}

// dropFirst drops the oldest message in q that was not delivered before: the
// receiver of one that was may know of it.
func (s *Subscription) dropFirst(q *queue) bool {
	for i := range q.len {
		switch d := q.at(i); {
		case d.void || d.sent || d.released:
		default:
			gone := q.remove(i)
			if gone.mark != unstored {
				s.forget(gone.seq)
			}
			return true
		}
	}
	return false
}

// waiting returns how many messages are in the queues.
func (s *Subscription) waiting() int {
	n := s.queue.len - s.voids
	if s.live != nil {
		n += s.live.len
	}
	return n
}

// find returns the delivery of that number and the queue it is in.
func (s *Subscription) find(seq uint64) (*queue, *delivery) {
	if s.live != nil {
		if d := s.live.find(seq); d != nil {
			return s.live, d
		}
	}
	return &s.queue, s.queue.find(seq)
}

// drop empties the place of a delivery in q.
func (s *Subscription) drop(q *queue, d *delivery) {
	if !d.void {
		q.empty(d)
		s.voids++
	}
}

// supersede drops the message of a topic that the one with the number seq makes
// worthless.
func (s *Subscription) supersede(name string, seq uint64) {
	if !slices.ContainsFunc(s.options.Latest, func(f string) bool { return topic.Match(f, name) }) {
		return
	}
	if s.latest == nil {
		s.latest = make(map[string]uint64)
	}
	before, ok := s.latest[name]
	s.latest[name] = seq
	if !ok {
		return
	}
	q, d := s.find(before)
	if d == nil || d.void || d.sent || d.released {
		return
	}
	if d.mark != unstored {
		s.forget(before)
	}
	s.drop(q, d)
	s.stats.Superseded++
	if s.voids > 64 && s.voids > s.waiting() {
		s.compact()
	}
}

// compact takes what is empty out of the queues.
func (s *Subscription) compact() {
	for _, q := range []*queue{&s.queue, s.live} {
		if q == nil {
			continue
		}
		all := *q
		*q = queue{total: all.total}
		for all.len > 0 {
			if d := all.pop(); !d.void || d.mark == unstored {
				q.push(d)
			} else {
				s.voids--
			}
		}
	}
}

// dropOld drops what has waited for too long by now.
func (s *Subscription) dropOld(now time.Time) {
	if s.options.MaxAge <= 0 || s.options.Name == "" {
		return
	}
	limit := now.Add(-s.options.MaxAge).UnixMilli()
	for s.queue.len > 0 {
		d := s.queue.front()
		switch {
		case d.void && d.mark != unstored:
			s.queue.pop()
			s.voids--
			continue
		case d.void, d.sent, d.released, d.mark == unstored, s.cameAt(d) >= limit:
			return
		}
		s.forget(s.queue.pop().seq)
		s.stats.TooOld++
	}
}

// cameAt returns when the message of d came. It may read the store, once for each
// message that gets in front.
func (s *Subscription) cameAt(d *delivery) int64 {
	if d.msg != nil {
		return d.msg.came
	}
	if s.front.seq != d.seq {
		s.front.seq, s.front.came = d.seq, math.MaxInt64
		if m, err := s.b.read(s.num, d.seq); err == nil {
			s.front.came = m.came
		}
	}
	return s.front.came
}

// inMemory is how much of what waits for a durable subscription is kept in
// memory; the rest is read from the store.
const inMemory = 1 << 20

// stored implements keeper.
func (s *Subscription) stored(_ *publication, seq uint64, mark store.Mark) {
	s.mu.Lock()
	switch q, d := s.find(seq); {
	case d == nil:
		s.forget(seq)
	case d.void: // superseded meanwhile
		d.mark = mark
		s.forget(seq)
	default:
		d.mark = mark
		if s.queue.bytes+s.liveBytes() > inMemory {
			q.leave(d)
		}
	}
	s.mu.Unlock()
	s.signal()
}

// lost implements keeper.
func (s *Subscription) lost(_ *publication, seq uint64, memory bool) {
	s.mu.Lock()
	if q, d := s.find(seq); d != nil {
		d.mark = 0
		if !memory {
			s.drop(q, d)
		}
	}
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) liveBytes() int64 {
	if s.live == nil {
		return 0
	}
	return s.live.bytes
}

// forget takes a message out of the store.
func (s *Subscription) forget(seq uint64) {
	if s.num != 0 {
		s.b.note(store.Change{Op: store.Done, Session: s.num, Seq: seq})
	}
}

// full tells whether one message of size bytes more would break the bounds.
func (s *Subscription) full(size int64) bool {
	o := &s.options
	n := s.waiting() + len(s.unacked)
	return o.MaxMessages > 0 && n >= o.MaxMessages ||
		o.MaxBytes > 0 && n > 0 && s.queue.bytes+s.liveBytes()+s.bytes+size > o.MaxBytes
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next returns the next message, waiting for one if need be. It fails with
// ctx's error or with [ErrClosed].
func (s *Subscription) Next(ctx context.Context) (Delivery, error) {
	for {
		d, ok, err := s.next()
		if ok || err != nil {
			return d, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
}

func (s *Subscription) next() (Delivery, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropOld(time.Now())
	for {
		if !s.open {
			s.signal() // for the next caller
			return Delivery{}, false, ErrClosed
		}
		q := s.ready()
		if q == nil { // stored will signal
			return Delivery{}, false, nil
		}
		front := q.front()
		if front.msg == nil && !front.void && !front.released {
			s.fetchLocked(front.seq)
			continue
		}
		d := q.pop()
		switch {
		case d.void:
			s.voids--
			continue
		case s.options.Name != "":
			s.keepUnacked(d)
		case !d.msg.Expires.IsZero() && d.msg.expired(time.Now()):
			s.stats.Expired++
			continue
		default:
			s.stats.Complete++
		}
		return s.delivery(d), true, nil
	}
}

// ready returns the queue whose front is to be delivered next; nil if there is
// nothing to deliver.
func (s *Subscription) ready() *queue {
	for _, q := range []*queue{s.live, &s.queue} {
		if q != nil && q.len > 0 && q.front().mark != unstored {
			return q
		}
	}
	return nil
}

func (s *Subscription) delivery(d delivery) Delivery {
	out := Delivery{
		Message: d.msg, Replay: d.replay, Backlog: d.seq <= s.backlog, Again: d.dup || d.sent, Released: d.released,
		seq: d.seq,
	}
	if d.released {
		out.Message = &Message{}
		return out
	}
	if s.latest[d.msg.Topic] == d.seq {
		delete(s.latest, d.msg.Topic)
	}
	return out
}

func (s *Subscription) keepUnacked(d delivery) {
	i, _ := s.unackedAt(d.seq)
	s.unacked = slices.Insert(s.unacked, i, d)
	s.bytes += int64(d.size)
}

func (s *Subscription) unackedAt(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(s.unacked, seq, func(d delivery, seq uint64) int { return cmp.Compare(d.seq, seq) })
}

// fetchLocked reads the message with that number, which is in front, from the
// store. mu is not held meanwhile.
func (s *Subscription) fetchLocked(seq uint64) {
	s.mu.Unlock()
	m, err := s.b.read(s.num, seq)
	s.mu.Lock()
	q, d := s.find(seq)
	if d == nil || d.void {
		return
	}
	if err != nil {
		s.b.unreadable(s.options.Name, seq, err)
		s.stats.Dropped++
		s.forget(seq)
		s.drop(q, d)
		return
	}
	q.fetch(d, m)
}

// Ack acknowledges a delivery of a durable subscription: it will not come
// again. Deliveries may be acknowledged in any order, and once each; more
// does nothing.
func (s *Subscription) Ack(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.unackedAt(d.seq)
	if !ok {
		return
	}
	s.bytes -= int64(s.unacked[i].size)
	s.forget(d.seq)
	if i == 0 {
		s.unacked[0] = delivery{}
		s.unacked = s.unacked[1:]
	} else {
		s.unacked = slices.Delete(s.unacked, i, i+1)
	}
	s.stats.Complete++
}

// Rewind delivers again, in their order and before anything else, all
// messages that were delivered and not acknowledged: the line they were sent
// on is gone. It ends what Live and Mark have begun.
func (s *Subscription) Rewind() {
	s.mu.Lock()
	s.rewind()
	s.mu.Unlock()
	s.signal()
}

// Live has what arrives from now on delivered before what waits, which is marked
// as backlog.
func (s *Subscription) Live() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = s.seq
	if s.live == nil {
		s.live = new(queue)
	}
}

// Mark marks what waits at this moment as backlog.
func (s *Subscription) Mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = s.seq
}

// rewind puts everything back into one queue, by number.
func (s *Subscription) rewind() {
	s.backlog = 0
	if s.live != nil {
		for s.live.len > 0 {
			s.queue.push(s.live.pop())
		}
		s.live = nil
	}
	var front []delivery // what has to go before the rest of the queue
	for _, d := range s.unacked {
		for s.queue.len > 0 && s.queue.front().seq < d.seq {
			front = append(front, s.queue.pop())
		}
		d.sent = true
		front = append(front, d)
	}
	for _, d := range slices.Backward(front) {
		s.queue.pushFront(d)
	}
	s.unacked, s.bytes = nil, 0
}

// Close ends the subscription. Next, in another goroutine too, returns
// ErrClosed. A durable one goes on collecting for the next Subscribe of its
// name.
func (s *Subscription) Close() {
	s.mu.Lock()
	wasOpen := s.open
	s.open = false
	live := s.options.Name == ""
	subs := s.subs
	if live {
		s.subs = nil
	}
	s.mu.Unlock()
	switch {
	case wasOpen && live:
		s.b.unsubscribe(subs...)
	case wasOpen:
		s.putState(time.Now())
	}
	s.signal()
}

// Stats returns the figures of this moment.
func (s *Subscription) Stats() SubscriptionStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting = s.waiting()
	st.Unacked = len(s.unacked)
	st.Bytes = s.queue.bytes + s.liveBytes() + s.bytes
	st.Oldest = s.oldest()
	return st
}

// oldest returns when the oldest message that is kept came.
func (s *Subscription) oldest() time.Time {
	if s.options.Name == "" {
		return time.Time{}
	}
	var first *delivery
	for i := range s.unacked {
		if !s.unacked[i].released {
			first = &s.unacked[i]
			break
		}
	}
	for i := range s.queue.len {
		d := s.queue.at(i)
		if d.void || d.released {
			continue
		}
		if first == nil || d.seq < first.seq {
			first = d
		}
		break
	}
	if first == nil && s.live != nil && s.live.len > 0 {
		first = s.live.front()
	}
	if first == nil || first.void {
		return time.Time{}
	}
	came := s.cameAt(first)
	if came == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(came).Truncate(time.Second)
}

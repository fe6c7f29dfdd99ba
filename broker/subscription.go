package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// Full says what happens then, as Config.QueueFull does; "" is drop_oldest.
	Full string
}

// Delivery is a message that a Subscription delivers.
type Delivery struct {
	*Message
	Replay bool // the message is retained, and was published before the subscription began
	seq    uint64
}

// SubscriptionStats are the figures of a Subscription.
type SubscriptionStats struct {
	Waiting  int       // messages not delivered yet
	Unacked  int       // delivered and not acknowledged
	Bytes    int64     // topics, payloads and properties of both
	Oldest   time.Time // when the oldest of both came, to the second; zero if there is none, or if it is live
	Dropped  uint64    // by the bounds
	Expired  uint64    // while they waited; live only
	Arrived  uint64
	Complete uint64 // acknowledged, or delivered by a live subscription
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
	unacked  []delivery // durable only, by seq
	bytes    int64      // of unacked
	seq      uint64
	stats    SubscriptionStats
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
	m := p.keep()
	d := delivery{msg: m, size: uint32(m.size()), qos: p.m.QoS, replay: t.replay}
	s.mu.Lock()
	s.seq++
	d.seq = s.seq
	s.stats.Arrived++
	size := int64(d.size)
	for s.options.Full != dropNewest && s.options.Full != refuseNew && s.queue.len > 0 && !d.replay && s.full(size) {
		gone := s.queue.pop()
		s.stats.Dropped++
		if gone.mark != unstored {
			s.forget(gone.seq)
		}
	}
	if s.queue.len+len(s.unacked) > 0 && !d.replay && s.full(size) {
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
	s.queue.push(d)
	s.mu.Unlock()
	if s.num == 0 {
		s.signal()
	}
}

// inMemory is how much of what waits for a durable subscription is kept in
// memory; the rest is read from the store.
const inMemory = 1 << 20

// stored implements keeper.
func (s *Subscription) stored(_ *publication, seq uint64, mark store.Mark) {
	s.mu.Lock()
	if d := s.queue.find(seq); d == nil {
		s.forget(seq)
	} else {
		d.mark = mark
		if s.queue.bytes > inMemory {
			s.queue.leave(d)
		}
	}
	s.mu.Unlock()
	s.signal()
}

// lost implements keeper.
func (s *Subscription) lost(_ *publication, seq uint64, memory bool) {
	s.mu.Lock()
	if d := s.queue.find(seq); d != nil {
		d.mark, d.void = 0, !memory
	}
	s.mu.Unlock()
	s.signal()
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
	return o.MaxMessages > 0 && s.queue.len+len(s.unacked) >= o.MaxMessages ||
		o.MaxBytes > 0 && s.queue.len+len(s.unacked) > 0 && s.queue.bytes+s.bytes+size > o.MaxBytes
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
	for {
		if !s.open {
			s.signal() // for the next caller
			return Delivery{}, false, ErrClosed
		}
		front := s.queue.front()
		if front == nil || front.mark == unstored { // then stored will signal
			return Delivery{}, false, nil
		}
		if front.msg == nil && !front.void {
			s.fetchLocked(front.seq)
			continue
		}
		d := s.queue.pop()
		switch {
		case d.void:
			continue
		case s.options.Name != "":
			s.unacked = append(s.unacked, d)
			s.bytes += int64(d.size)
		case !d.msg.Expires.IsZero() && d.msg.expired(time.Now()):
			s.stats.Expired++
			continue
		default:
			s.stats.Complete++
		}
		return Delivery{Message: d.msg, Replay: d.replay, seq: d.seq}, true, nil
	}
}

// fetchLocked reads the message with that number, which is in front, from the
// store. mu is not held meanwhile.
func (s *Subscription) fetchLocked(seq uint64) {
	s.mu.Unlock()
	m, err := s.b.read(s.num, seq)
	s.mu.Lock()
	d := s.queue.find(seq)
	if d == nil {
		return
	}
	if err != nil {
		s.b.unreadable(s.options.Name, seq, err)
		s.stats.Dropped++
		s.forget(seq)
		d.void = true
		return
	}
	s.queue.fetch(d, m)
}

// Ack acknowledges a delivery of a durable subscription: it will not come
// again. Deliveries may be acknowledged in any order, and once each; more
// does nothing.
func (s *Subscription) Ack(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := slices.BinarySearchFunc(s.unacked, d.seq, func(d delivery, seq uint64) int {
		switch {
		case d.seq < seq:
			return -1
		case d.seq > seq:
			return 1
		}
		return 0
	})
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
// on is gone.
func (s *Subscription) Rewind() {
	s.mu.Lock()
	s.rewind()
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) rewind() {
	if len(s.unacked) == 0 {
		return
	}
	waiting := s.queue
	s.queue = queue{}
	for _, d := range s.unacked {
		s.queue.push(d)
	}
	for waiting.len > 0 {
		s.queue.push(waiting.pop())
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
	st.Waiting = s.queue.len
	st.Unacked = len(s.unacked)
	st.Bytes = s.queue.bytes + s.bytes
	st.Oldest = s.oldest()
	return st
}

// oldest returns when the oldest message that is kept came.
func (s *Subscription) oldest() time.Time {
	switch {
	case s.options.Name == "":
	case len(s.unacked) > 0:
		return cameAt(s.unacked[0].msg)
	case s.queue.len > 0:
		if m := s.queue.front().msg; m != nil {
			return cameAt(m)
		}
		if m, err := s.b.read(s.num, s.queue.front().seq); err == nil {
			return cameAt(m)
		}
	}
	return time.Time{}
}

func cameAt(m *Message) time.Time { return time.UnixMilli(m.came).Truncate(time.Second) }

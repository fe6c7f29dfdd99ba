package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	// subscription begins comes on top. What was delivered counts, but is never
	// dropped: it may be under way.
	MaxMessages int
	MaxBytes    int64
	// Full says what happens then, as Config.QueueFull does; "" is drop_oldest.
	Full string
	// MaxAge is how long a message may wait; 0 is for ever. It is looked at when
	// messages arrive, or up to a minute later if the disk has to be asked, and when
	// Next is called, to the second. A message that came before the clock was set is
	// never too old.
	MaxAge time.Duration
	// Latest are filters: of a topic that one of them matches only the newest
	// message waits. What was delivered and not acknowledged stays besides. Of
	// what waits already when Latest changes, everything stays.
	Latest []string
	// Skip tells of messages that are not to be queued. It is called by who
	// publishes, for nobody else meanwhile: it must not block, nor call the broker,
	// nor keep the message. nil skips none.
	Skip func(*Message) bool
}

// Delivery is a message that a Subscription delivers.
type Delivery struct {
	*Message      // never nil; empty if Released
	Replay   bool // the message is retained, and was published before the subscription began
	// Again is that it may have been delivered before: before Rewind, or before a
	// restart.
	Again bool
	// Backlog is that it waited already when Live or Mark was called.
	Backlog bool
	// Released is that Release was called for it: the receiver has the message, and
	// waits to hear that it may forget the identifier.
	Released bool
	seq      uint64
}

// Seq returns the number of the delivery. It rises with each message that the
// subscription gets, and is the same after Rewind and a restart. Without a store
// it is of this run.
func (d Delivery) Seq() uint64 { return d.seq }

// PacketID returns the packet identifier of the delivery, 1 to 65,535, which
// follows from Seq: it is the same whenever the message is sent. Deliveries that
// are not acknowledged never have the same.
func (d Delivery) PacketID() uint16 { return idOf(d.seq) }

// SubscriptionStats are the figures of a Subscription.
type SubscriptionStats struct {
	Waiting    int       // messages to be delivered, those that Rewind has put back included
	Unacked    int       // delivered and not acknowledged
	Bytes      int64     // topics, payloads and properties of both
	Oldest     time.Time // when the oldest of both came, to the second; zero if there is none, or if it is live
	Earliest   time.Time // no message of both shows an earlier time: Oldest, unless the clock was put back
	Dropped    uint64    // by the bounds
	TooOld     uint64    // dropped by MaxAge
	Superseded uint64    // in favour of a newer one of their topic
	Expired    uint64    // while they waited; live only
	Arrived    uint64
	Complete   uint64 // acknowledged, or delivered by a live subscription
}

// Subscription delivers messages to a part of this process. All methods may
// be called concurrently, but Next by one goroutine at a time.
//
// What waits lies in up to three places. Each is by rising number:
//
//	again    was delivered before and put back; never dropped
//	waiting  was not
//	fresh    came since Live, and is delivered first
type Subscription struct {
	b    *Broker
	wake chan struct{} // cap 1
	skip atomic.Pointer[func(*Message) bool]

	num    store.SessionID // in the store; 0 if it is not kept there
	ending *entry          // when it is forgotten if nobody opens it; guarded by Broker.durableMu

	mu       sync.Mutex
	open     bool
	options  SubscribeOptions
	subs     []*subscription
	restored map[string]bool // filters that it had before a restart; nil once it was opened
	seq      uint64
	stats    SubscriptionStats
	steps    steps // of the clock

	again   []delivery
	waiting line
	fresh   line
	live    bool              // fresh is used
	backlog uint64            // up to this number is backlog
	latest  map[string]uint64 // the numbers of those that wait of topics in Latest
	ageless bool              // who published could not tell whether the first is too old
	oldest  struct {          // what is known of the oldest message
		seq  uint64
		came uint32
	}

	unacked  []delivery     // durable only, by seq
	bytes    int64          // of unacked and again
	taken    identifiers    // of unacked
	reserved map[uint16]int // identifiers of again, how many have it
	blocked  bool           // Next waits for an identifier
	noted    [2]uint64      // numbers below this are noted as maybe delivered: in waiting, in fresh
	reached  uint64         // as sessionState.Reached

	received map[uint16]store.Mark // identifiers that Receive knows, stable at that mark
	forgot   store.Mark            // when what Forget did is stable
}

func newSubscription(b *Broker, name string) *Subscription {
	s := &Subscription{
		b: b, wake: make(chan struct{}, 1),
		reserved: make(map[uint16]int), received: make(map[uint16]store.Mark),
	}
	s.options.Name = name
	return s
}

// keptAs has the subscription kept in the store as the session num.
func (s *Subscription) keptAs(num store.SessionID) {
	s.num = num
	scanner, _ := s.b.store.(scanner)
	for _, l := range []*line{&s.waiting, &s.fresh} {
		l.store, l.num, l.known = scanner, num, s.delivered
	}
}

// delivered tells whether the delivery with that number was delivered, and is
// not acknowledged.
func (s *Subscription) delivered(seq uint64) bool {
	_, unacked := slices.BinarySearchFunc(s.unacked, seq, bySeq)
	_, again := slices.BinarySearchFunc(s.again, seq, bySeq)
	return unacked || again
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
		s = newSubscription(b, o.Name)
		if o.Name != "" {
			b.durable[o.Name] = s
			if b.store != nil {
				s.keptAs(b.store.NewSession())
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

// putState stores that the subscription exists, what of it may have been
// delivered, and when it was closed; zero if it is open.
func (s *Subscription) putState(closed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.putStateLocked(store.Later, closed)
}

func (s *Subscription) putStateLocked(u store.Urgency, closed time.Time) error {
	if s.num == 0 {
		return nil
	}
	st := sessionState{Process: true, Expiry: secondsToStore(s.b.processExpiry()), UnderWay: s.underWay(), Reached: s.reached}
	if !closed.IsZero() {
		st.Left = closed.UnixMilli()
	}
	data, err := json.Marshal(st)
	if err != nil {
		panic(err)
	}
	_, err = s.b.store.Append(u, store.Change{Op: store.PutSession, Session: s.num, Name: s.options.Name, Data: data})
	if err != nil {
		s.noted = [2]uint64{} // with the next delivery, then
	}
	return err
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
	s.skip.Store(nil)
	if o.Skip != nil {
		s.skip.Store(&o.Skip)
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

// Abandon is Close for a durable subscription that nobody is to open again: it
// collects nothing any more, and what waits is dropped after as long as sessions are
// kept, unless somebody subscribes to its name before.
func (s *Subscription) Abandon() {
	s.Close()
	s.b.durableMu.Lock()
	defer s.b.durableMu.Unlock()
	s.mu.Lock()
	if s.open || s.options.Name == "" || s.b.durable[s.options.Name] != s {
		s.mu.Unlock()
		return
	}
	subs := s.subs
	s.subs = nil
	if s.restored == nil {
		s.restored = make(map[string]bool)
	}
	for _, sub := range subs {
		s.restored[sub.filter] = true // as after a restart: they are in the store
	}
	s.mu.Unlock()
	s.b.unsubscribe(subs...)
	if expiry := s.b.processExpiry(); expiry < noExpiry {
		s.ending = s.b.timers.at(time.Now().Add(expiry), func() { s.b.forgetProcess(s) })
	}
}

func (s *Subscription) clientID() string { return "" }

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

package broker

import (
	"encoding/json"
	"log/slog"
	"math"
	"time"

	"gateway/broker/auth"
	"gateway/broker/store"
)

// Persistence is where a broker keeps what outlives the process.
type Persistence struct {
	// Store has it; nil keeps nothing. It belongs to the broker, which does not
	// close it, until Run has returned.
	Store store.Store
	// Sync has [Broker.Publish] return when the message is on stable storage.
	Sync bool
}

// Open is [New] with what an earlier broker has left in the store: sessions,
// with what waits for them, and what is retained. What cannot be read is logged
// and left out.
func Open(cfg Config, p Persistence, log *slog.Logger) *Broker {
	b := New(cfg, log)
	if p.Store == nil {
		return b
	}
	b.store, b.sync = p.Store, p.Sync
	b.store.Watch(b.advanced)
	b.restore()
	return b
}

// restore takes over what the store has.
func (b *Broker) restore() {
	r := &restoring{b: b, now: time.Now()}
	err := b.store.Load(r.session, r.retained)
	if err != nil {
		b.log.Error("not everything that was retained can be read", "error", err)
	}
	for _, v := range r.vias {
		v.restore(b)
	}
	for _, f := range r.after {
		f()
	}
	if n := len(b.sessions) + len(b.durable) + b.retained.Len(); n > 0 {
		b.log.Info("restored", "sessions", len(b.sessions), "messages", r.messages, "retained", b.retained.Len(), "bridges", len(b.durable), "took", time.Since(r.now).Round(time.Millisecond))
	}
}

// restoring is a broker while it takes over what the store has.
type restoring struct {
	b        *Broker
	now      time.Time
	messages int
	vias     []viaToRestore
	after    []func() // to be done when everything is there
}

func (r *restoring) retained(m *store.Message) {
	kept, err := messageFromStore(m)
	if err != nil {
		r.b.log.Error("a retained message cannot be read", "topic", m.Topic, "error", err)
		return
	}
	r.b.retained.Set(kept.Topic, kept)
	r.b.retainedBytes += kept.size()
}

func (r *restoring) session(x *store.Session) {
	var st sessionState
	if err := json.Unmarshal(x.Data, &st); err != nil {
		// Its messages may still be what somebody comes for.
		r.b.log.Error("what the store has of a session cannot be read: it is kept as one of nobody's", "client", x.Name, "error", err)
		st = sessionState{Expiry: secondsToStore(r.b.processExpiry())}
	}
	if st.Process {
		r.process(x, &st)
		return
	}
	b := r.b
	s := newSession(b, x.Name)
	s.num = x.ID
	s.identity = auth.Identity{User: st.User}
	s.expiry = secondsFromStore(st.Expiry)
	s.lasts = s.expiry > 0
	s.received = make(map[uint16]struct{}, len(x.Received))
	for _, id := range x.Received {
		s.received[id] = struct{}{}
	}
	r.subscriptions(s, x)
	r.queue(s, x, &st)
	b.sessions[s.id] = s
	r.after = append(r.after, func() { r.plan(s, &st) })
}

// subscriptions puts the subscriptions of a session into the tree.
func (r *restoring) subscriptions(s *session, x *store.Session) {
	s.subs = make(map[string]*subscription, len(x.Subscriptions))
	for name, data := range x.Subscriptions {
		var st subscriptionState
		if err := json.Unmarshal(data, &st); err != nil {
			r.b.log.Error("a subscription cannot be read from the store", "client", x.Name, "filter", name, "error", err)
			continue
		}
		sub := &subscription{
			to: s, filter: st.Filter, qos: min(st.QoS, 2), share: st.Share, id: st.ID,
			noLocal: st.NoLocal, asPublished: st.AsPublished,
		}
		s.subs[name] = sub
		r.b.addLocked(sub) // nobody else is there yet
	}
	r.b.subsVersion++
}

// queue restores what waits for a session, and what is in flight as far as its
// receiver may know of it: of messages that were sent nobody has noted which,
// but messages go out in their order.
func (r *restoring) queue(s *session, x *store.Session, st *sessionState) {
	s.seq, s.sent = x.Next-1, st.Sent
	last := uint64(0) // of those that were released
	x.Queue(func(q store.Queued) bool {
		if q.Released {
			last = q.Seq
		}
		return true
	})
	maybe := st.Sent // up to here they may have been sent
	if st.Left == 0 {
		maybe = math.MaxUint64
	}
	x.Queue(func(q store.Queued) bool {
		r.messages++
		d := delivery{
			seq: q.Seq, size: uint32(q.Size), qos: QoS(q.Flags & flagQoS),
			retain: q.Flags&flagRetain != 0, replay: q.Flags&flagReplay != 0, dup: q.Seq <= maybe,
		}
		if q.Extra {
			r.vias = append(r.vias, viaToRestore{s: s, seq: q.Seq})
		}
		if q.Seq > last {
			s.atLeast.push(d)
			return true
		}
		e := flying{qos: d.qos, retain: d.retain, state: flyingSent, size: d.size}
		if q.Released {
			e.state, e.size = flyingReleased, 0
		}
		if s.flight.reaches(q.Seq) {
			s.flight.restore(e, q.Seq)
		}
		return true
	})
}

// plan continues what was planned for a session when its connection ended, or
// ends the connection that was there when the process stopped.
func (r *restoring) plan(s *session, st *sessionState) {
	b := r.b
	left := r.now
	if st.Left > 0 {
		left = sinceStored(time.UnixMilli(st.Left), r.now)
		b.lastEnds[s] = &End{ClientID: s.id, User: s.identity.User, LetIn: true, Time: left}
	} else {
		b.lastEnds[s] = &End{ClientID: s.id, User: s.identity.User, LetIn: true, Time: left, Cause: Stopped}
	}
	if st.Will != nil {
		w, err := st.Will.will(s.id)
		if err != nil {
			b.log.Error("a will cannot be read from the store", "client", s.id, "error", err)
		} else {
			s.will = w
			if w.delay < s.expiry {
				s.willDue = b.timers.at(left.Add(w.delay), func() { b.willDue(s) })
			}
		}
	}
	switch s.expiry {
	case noExpiry:
		return
	case 0: // only its will was kept
		s.ending = b.timers.at(r.now, func() { b.expire(s) })
	default:
		s.ending = b.timers.at(left.Add(s.expiry), func() { b.expire(s) })
	}
	if st.Left == 0 {
		b.note(s.put(s.will, left))
	}
}

// process restores a durable subscription of this process. It is in no tree
// until it is opened.
func (r *restoring) process(x *store.Session, st *sessionState) {
	b := r.b
	s := newSubscription(b, x.Name)
	s.keptAs(x.ID)
	s.reached = st.Reached
	s.seq = max(x.Next-1, s.reached)
	s.restored = make(map[string]bool)
	for filter := range x.Subscriptions {
		s.restored[filter] = true
	}
	for _, id := range x.Received {
		s.received[id] = 0
	}
	var latest []uint64
	x.Queue(func(q store.Queued) bool {
		r.messages++
		if q.Released || st.underWay(q.Seq) {
			d := deliveryOf(q)
			d.dup = true
			s.again = append(s.again, d)
			s.reserved[idOf(d.seq)]++
			s.bytes += int64(d.size)
			return true
		}
		if q.Flags&flagLatest != 0 {
			latest = append(latest, q.Seq)
		}
		s.waiting.restore(q)
		return true
	})
	b.durable[x.Name] = s
	r.after = append(r.after, func() {
		s.restoreLatest(latest)
		r.planProcess(s, st)
	})
}

// planProcess has a subscription forgotten that nobody opens for as long as
// sessions are kept.
func (r *restoring) planProcess(s *Subscription, st *sessionState) {
	b := r.b
	left := r.now
	if st.Left > 0 {
		left = sinceStored(time.UnixMilli(st.Left), r.now)
	}
	if expiry := b.processExpiry(); expiry < noExpiry {
		s.ending = b.timers.at(left.Add(expiry), func() { b.forgetProcess(s) })
	}
}

// processExpiry is how long a durable subscription is kept that nobody opens.
func (b *Broker) processExpiry() time.Duration {
	if b.cfg().SessionExpiry == 0 {
		return noExpiry
	}
	return b.cfg().SessionExpiry
}

// forgetProcess forgets a durable subscription that nobody has opened.
func (b *Broker) forgetProcess(s *Subscription) {
	b.durableMu.Lock()
	defer b.durableMu.Unlock()
	if s.ending == nil || b.durable[s.options.Name] != s {
		return
	}
	delete(b.durable, s.options.Name)
	b.note(store.Change{Op: store.EndSession, Session: s.num})
	b.log.Warn("what waited for a bridge that is not there any more is dropped", "name", s.options.Name, "messages", s.Stats().Waiting)
}

// viaToRestore is a delivery of which the store knows by which subscriptions it
// came.
type viaToRestore struct {
	s   *session
	seq uint64
}

func (v viaToRestore) restore(b *Broker) {
	_, extra, err := b.store.Read(v.s.num, v.seq)
	if err != nil {
		return // whoever sends it will say so
	}
	key, ids, err := parseVia(extra)
	if err != nil {
		b.log.Error("a delivery in the store is damaged", "client", v.s.id, "delivery", v.seq, "error", err)
		return
	}
	via := viaOf(b.groups[key], ids)
	if d := v.s.atLeast.find(v.seq); d != nil {
		d.via = via
	} else if e := v.s.flight.numbered(v.seq); e != nil {
		e.via = via
	}
}

package broker

import (
	"context"
	"slices"
	"time"

	"gateway/broker/store"
)

// How messages get to the reader of a Subscription, and back.

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
		if s.options.MaxAge > 0 {
			now := time.Now()
			s.steps.look(now, s.seq+1)
			if !s.dropOldLocked(now, 16*dropAtOnce, true) {
				s.mu.Unlock() // for those who publish
				s.mu.Lock()
				continue
			}
			if !s.open {
				continue
			}
		}
		l, i, d := s.chooseLocked()
		switch {
		case d == nil:
			return Delivery{}, false, nil
		case d.msg == nil && !d.released:
			s.fetchLocked(d.seq)
			continue
		case s.options.Name == "" && d.msg.expired(time.Now()):
			s.stats.Expired++
			l.pop()
			continue
		}
		return s.takeLocked(l, i), true, nil
	}
}

// chooseLocked returns what is to be delivered next and the line that it is in
// front of, or nil and where in again it is. It returns no delivery if there is
// none, or if it has to wait: then it is signalled.
func (s *Subscription) chooseLocked() (*line, int, *delivery) {
	s.blocked = false
	if d := s.fresh.first(); d != nil && s.readyLocked(d) {
		return &s.fresh, 0, d
	}
	d := s.waiting.first()
	i := 0 // which of again, -1 for none
	switch {
	case len(s.again) == 0:
		i = -1
	case d != nil && d.seq < s.again[0].seq:
		i = s.reservesLocked(d.seq)
	}
	if i < 0 {
		if d == nil || !s.readyLocked(d) {
			return nil, 0, nil
		}
		return &s.waiting, 0, d
	}
	if d = &s.again[i]; s.taken.has(d.seq) {
		s.blocked = true
		return nil, 0, nil
	}
	return nil, i, d
}

// reservesLocked returns which of again has the identifier of that number, -1 if
// none has. What was live may be far behind in again, and its identifier come round
// in the backlog: then it goes first, or neither ever would.
func (s *Subscription) reservesLocked(seq uint64) int {
	if s.reserved[idOf(seq)] == 0 {
		return -1
	}
	return slices.IndexFunc(s.again, func(d delivery) bool { return idOf(d.seq) == idOf(seq) })
}

// readyLocked tells whether d, which was never delivered, can be: it is in the
// store, and nothing under way has its identifier.
func (s *Subscription) readyLocked(d *delivery) bool {
	switch {
	case d.mark == unstored: // then stored will signal
		return false
	case s.num != 0 && d.qos == 2 && d.mark > 0 && !s.b.stableFor(s, d.mark):
		// After a crash it would get another number when its publisher sends it
		// again, and be doubled; or another message would get its number, and pass
		// for it.
		return false
	}
	if s.options.Name != "" && (s.taken.has(d.seq) || s.reserved[idOf(d.seq)] > 0) {
		s.blocked = true
		return false
	}
	return true
}

// takeLocked takes out what chooseLocked has returned with l and i.
func (s *Subscription) takeLocked(l *line, i int) Delivery {
	var d delivery
	if l == nil {
		d = s.again[i]
		s.dropAgainLocked(i)
	} else {
		d = l.pop()
	}
	if s.options.Name == "" {
		s.stats.Complete++
	} else {
		s.bytes += int64(d.size)
		s.taken.add(d.seq)
		i, _ := slices.BinarySearchFunc(s.unacked, d.seq, bySeq)
		s.unacked = slices.Insert(s.unacked, i, d)
		s.noteReached(&d)
		s.noteDelivered(l, &d)
	}
	out := Delivery{
		Message: d.msg, Replay: d.replay, Again: d.dup, Released: d.released,
		Backlog: d.seq <= s.backlog, seq: d.seq,
	}
	if d.released {
		out.Message = &Message{QoS: d.qos}
	}
	if d.latest && s.latest[out.Topic] == d.seq {
		delete(s.latest, out.Topic)
	}
	return out
}

func bySeq(d delivery, seq uint64) int {
	switch {
	case d.seq < seq:
		return -1
	case d.seq > seq:
		return 1
	}
	return 0
}

// dropAgainLocked takes the i-th out of again.
func (s *Subscription) dropAgainLocked(i int) {
	d := &s.again[i]
	s.bytes -= int64(d.size)
	id := idOf(d.seq)
	if s.reserved[id]--; s.reserved[id] == 0 {
		delete(s.reserved, id)
	}
	if i == 0 {
		s.again[0] = delivery{}
		s.again = s.again[1:]
	} else {
		s.again = slices.Delete(s.again, i, i+1)
	}
	if len(s.again) == 0 {
		s.again = nil
	}
}

// fetchLocked reads the message with that number, which is in front, from the
// store. mu is not held meanwhile.
func (s *Subscription) fetchLocked(seq uint64) {
	s.mu.Unlock()
	m, err := s.b.read(s.num, seq)
	s.mu.Lock()
	l, d := s.find(seq)
	i, again := -1, false
	if d == nil {
		if i, again = slices.BinarySearchFunc(s.again, seq, bySeq); !again {
			return
		}
		d = &s.again[i]
	}
	switch {
	case err == nil:
		d.msg, d.came = m, cameSeconds(m)
		return
	case again:
		s.dropAgainLocked(i)
	default:
		l.remove(d)
	}
	s.b.unreadable(s.options.Name, seq, err)
	s.stats.Dropped++
	s.forget(seq)
}

// Ack acknowledges a delivery of a durable subscription: it will not come
// again. Deliveries may be acknowledged in any order, and once each; more
// does nothing.
func (s *Subscription) Ack(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := slices.BinarySearchFunc(s.unacked, d.seq, bySeq)
	if !ok {
		return
	}
	s.bytes -= int64(s.unacked[i].size)
	s.taken.remove(d.seq)
	s.forget(d.seq)
	if i == 0 {
		s.unacked[0] = delivery{}
		s.unacked = s.unacked[1:]
	} else {
		s.unacked = slices.Delete(s.unacked, i, i+1)
	}
	s.stats.Complete++
	if s.blocked {
		s.signal()
	}
}

// Rewind delivers again, in their order and before anything else, all
// messages that were delivered and not acknowledged: the line they were sent
// on is gone. It ends Live, and takes the marks off: all that waits is in the
// order in which it came.
func (s *Subscription) Rewind() {
	s.mu.Lock()
	s.rewind()
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) rewind() {
	s.live, s.backlog = false, 0
	s.waiting.join(&s.fresh)
	if len(s.unacked) == 0 {
		return
	}
	for i := range s.unacked {
		d := &s.unacked[i]
		d.dup = true
		s.reserved[idOf(d.seq)]++
	}
	if len(s.again) == 0 {
		s.again = s.unacked
	} else {
		s.again = append(slices.Clone(s.again), s.unacked...)
		slices.SortFunc(s.again, func(a, b delivery) int { return bySeq(a, b.seq) })
	}
	s.unacked, s.taken = nil, nil
}

// Live marks this moment. What arrives from now on is delivered before what
// waits already, which is the backlog. Both keep their order. Rewind ends it.
func (s *Subscription) Live() {
	s.mu.Lock()
	s.waiting.join(&s.fresh)
	s.live, s.backlog = true, s.seq
	s.noted[1] = 0
	s.mu.Unlock()
	s.signal()
}

// Mark marks this moment. What waits already is the backlog; the order in which
// messages are delivered is not changed.
func (s *Subscription) Mark() {
	s.mu.Lock()
	s.backlog = s.seq
	s.mu.Unlock()
}

// ahead is how many deliveries are noted as made before they are. After a
// restart so many, at most, pass for having been delivered that were not.
const ahead = 256

// noteDelivered sees to it that the store knows that d, which was in front of l,
// may have been delivered. One of QoS 2 that has been must not be dropped after
// a crash: its identifier may be taken.
func (s *Subscription) noteDelivered(l *line, d *delivery) {
	lane := 0
	switch l {
	case nil:
		return // it is known
	case &s.fresh:
		lane = 1
	}
	if s.num == 0 || d.seq+ahead/2 < s.noted[lane] {
		return
	}
	u := store.Later
	if d.qos == 2 {
		u = store.Now
	}
	_ = s.putStateLocked(u, time.Time{})
}

// noteReached sees to it that the number of d, which is not in the store, is of no
// other message after a crash: the other side would take that for this one.
func (s *Subscription) noteReached(d *delivery) {
	if s.num == 0 || d.kept || d.seq <= s.reached {
		return
	}
	s.reached = d.seq + ahead
	if s.putStateLocked(store.Now, time.Time{}) != nil {
		s.reached = d.seq // with the next one, then
	}
}

// underWay returns what may have been delivered, or will be next.
func (s *Subscription) underWay() (runs []run) {
	add := func(from, to uint64) {
		if n := len(runs); n > 0 && from <= runs[n-1][1]+ahead/4 {
			runs[n-1][1] = max(runs[n-1][1], to)
			return
		}
		runs = append(runs, run{from, to})
	}
	seqs := make([]uint64, 0, len(s.again)+len(s.unacked))
	for _, ds := range [][]delivery{s.again, s.unacked} {
		for i := range ds {
			seqs = append(seqs, ds[i].seq)
		}
	}
	next := func(l *line) uint64 {
		if d := l.first(); d != nil {
			return d.seq
		}
		return s.seq + 1
	}
	s.noted = [2]uint64{next(&s.waiting) + ahead, s.seq + 1 + ahead}
	ends := map[uint64]uint64{next(&s.waiting): s.noted[0] - 1}
	if s.live {
		s.noted[1] = next(&s.fresh) + ahead
		ends[next(&s.fresh)] = s.noted[1] - 1
	}
	for seq := range ends {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		add(seq, max(seq, ends[seq]))
	}
	return runs
}

// identifiers is a set of the packet identifiers of deliveries by their numbers.
type identifiers []uint64

func (x identifiers) has(seq uint64) bool {
	id := idOf(seq)
	return x != nil && x[id/64]&(1<<(id%64)) != 0
}

func (x *identifiers) add(seq uint64) {
	if *x == nil {
		*x = make(identifiers, 1<<16/64)
	}
	id := idOf(seq)
	(*x)[id/64] |= 1 << (id % 64)
}

func (x identifiers) remove(seq uint64) {
	id := idOf(seq)
	x[id/64] &^= 1 << (id % 64)
}

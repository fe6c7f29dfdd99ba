package broker

import (
	"maps"
	"slices"
	"time"

	"gateway/broker/store"
	"gateway/broker/topic"
)

// How messages get into a Subscription, and out of it when there is no room.

// deliver queues p's message, in place of the oldest when the bounds are
// reached.
func (s *Subscription) deliver(p *publication, t *target) {
	if skip := s.skip.Load(); skip != nil && (*skip)(&p.m) {
		return
	}
	m := p.keep()
	d := delivery{msg: m, size: uint32(m.size()), came: cameSeconds(m), qos: p.m.QoS, replay: t.replay}
	s.mu.Lock()
	s.seq++
	d.seq = s.seq
	s.stats.Arrived++
	s.steps.look(p.time(), d.seq)
	s.dropOldLocked(p.time(), dropAtOnce, false)
	if !s.makeRoomLocked(&d, s.supersedeLocked(&d)) {
		s.stats.Dropped++
		p.keeping.refused = p.keeping.refused || s.options.Full == refuseNew
		s.mu.Unlock()
		return
	}
	if s.num != 0 {
		d.mark = unstored
		p.keeping.add(s, store.Delivery{Session: s.num, Seq: d.seq, Flags: deliveryFlags(&d)})
	}
	if d.latest {
		s.latest[m.Topic] = d.seq
	}
	s.arrivals().push(d)
	s.mu.Unlock()
	if s.num == 0 {
		s.signal()
	}
}

// arrivals returns where new messages go.
func (s *Subscription) arrivals() *line {
	if s.live {
		return &s.fresh
	}
	return &s.waiting
}

// find returns the delivery with that number if it waits and was never
// delivered, and the line that it is in.
func (s *Subscription) find(seq uint64) (*line, *delivery) {
	for _, l := range []*line{&s.fresh, &s.waiting} {
		if d := l.find(seq); d != nil {
			return l, d
		}
	}
	return nil, nil
}

// supersedeLocked drops what d, which arrives, takes the place of, and reports
// whether there was something. It notes whether d is to be dropped like that.
func (s *Subscription) supersedeLocked(d *delivery) bool {
	if d.latest = s.isLatest(d.msg.Topic); !d.latest {
		return false
	}
	if s.latest == nil {
		s.latest = make(map[string]uint64)
	}
	if !s.takeOutLocked(s.latest[d.msg.Topic]) {
		return false
	}
	s.stats.Superseded++
	return true
}

// takeOutLocked drops the delivery with that number, and reports whether it
// waited.
func (s *Subscription) takeOutLocked(seq uint64) bool {
	l, d := s.find(seq)
	switch {
	case d != nil:
		if d.mark != unstored { // then stored will
			s.forget(seq)
		}
		l.remove(d)
	case s.waiting.removeCold(seq) || s.fresh.removeCold(seq):
		s.forget(seq)
	default:
		return false
	}
	return true
}

func (s *Subscription) isLatest(name string) bool {
	for _, f := range s.options.Latest {
		if topic.Match(f, name) {
			return true
		}
	}
	return false
}

// restoreLatest notes which topics those deliveries are of, which were queued
// as the newest of their topic.
func (s *Subscription) restoreLatest(seqs []uint64) {
	s.latest = make(map[string]uint64)
	for _, seq := range seqs {
		if m, err := s.b.read(s.num, seq); err == nil { // whoever delivers it will say so
			s.latest[m.Topic] = seq
		}
	}
}

// makeRoomLocked reports whether there is room for d, and makes it if that is
// wished. If d takes the place of another there always is: it would be a pity to
// lose both.
func (s *Subscription) makeRoomLocked(d *delivery, replaces bool) bool {
	size := int64(d.size)
	if d.replay || !s.full(size) {
		return true
	}
	if s.options.Full == dropNewest || s.options.Full == refuseNew {
		return replaces
	}
	for s.full(size) {
		l := s.oldestLine()
		if l == nil {
			// Everything that fits is with the reader, or was, and dropping that would
			// not stop it.
			return replaces
		}
		s.stats.Dropped++
		s.dropFirstLocked(l)
	}
	return true
}

// len is how many wait or are not acknowledged.
func (s *Subscription) len() int {
	return len(s.again) + s.waiting.len() + s.fresh.len() + len(s.unacked)
}

// size is how many bytes they have.
func (s *Subscription) size() int64 { return s.bytes + s.waiting.bytes() + s.fresh.bytes() }

// full tells whether one message of size bytes more would break the bounds.
func (s *Subscription) full(size int64) bool {
	o := &s.options
	return o.MaxMessages > 0 && s.len() >= o.MaxMessages ||
		o.MaxBytes > 0 && s.len() > 0 && s.size()+size > o.MaxBytes
}

// oldestLine returns the line that the oldest of those is in that were never
// delivered, nil if there is none.
func (s *Subscription) oldestLine() *line {
	switch {
	case s.waiting.len() > 0:
		return &s.waiting
	case s.fresh.len() > 0:
		return &s.fresh
	}
	return nil
}

// dropFirstLocked drops the oldest in l. There is one.
func (s *Subscription) dropFirstLocked(l *line) {
	if d := l.pop(); d.mark != unstored { // then stored will
		s.forget(d.seq)
	}
}

// dropAtOnce is how many are dropped for their age at once.
const dropAtOnce = 16

// dropOldLocked drops what has waited too long, up to max of it, and reports
// whether there is none left. Where nobody knows how old the first is, it reads it
// if read, and mu is not held meanwhile; a publisher must not wait for the disk.
func (s *Subscription) dropOldLocked(now time.Time, max int, read bool) bool {
	if s.options.MaxAge <= 0 {
		return true
	}
	for _, l := range []*line{&s.waiting, &s.fresh} {
		for {
			d := l.first()
			if d == nil || d.mark == unstored {
				break
			}
			if d.came == 0 {
				if !read {
					s.ageless = true
					break
				}
				if !s.readCameLocked(d.seq) { // whoever delivers it will say so
					break
				}
				continue
			}
			if !tooOld(d.came, now.Add(-s.steps.since(d.seq)), s.options.MaxAge) {
				break
			}
			if max--; max < 0 {
				return false
			}
			s.stats.TooOld++
			s.dropFirstLocked(l)
		}
	}
	return true
}

// readCameLocked reads when the message with that number came. It reports false if
// it cannot be read. mu is not held meanwhile.
func (s *Subscription) readCameLocked(seq uint64) bool {
	s.mu.Unlock()
	m, err := s.b.read(s.num, seq)
	s.mu.Lock()
	_, d := s.find(seq)
	if d == nil { // it has gone meanwhile
		return true
	}
	if err != nil || cameSeconds(m) == 0 {
		return false
	}
	d.came = cameSeconds(m)
	return true
}

// sweepTime is how long a sweep drops what is too old of one subscription.
const sweepTime = time.Second

// dropOld drops what has waited too long where those who published could not tell,
// as far as there is time.
func (s *Subscription) dropOld(now time.Time) {
	s.mu.Lock()
	wanted := s.ageless
	s.ageless = false
	s.mu.Unlock()
	if !wanted {
		return
	}
	for start, done := time.Now(), false; !done && time.Since(start) < sweepTime; {
		s.mu.Lock()
		done = s.dropOldLocked(now, 16*dropAtOnce, true)
		s.mu.Unlock()
	}
}

// dropOldOfDurable drops what has waited too long and has to be read to tell.
func (b *Broker) dropOldOfDurable(now time.Time) {
	b.durableMu.Lock()
	durable := slices.Collect(maps.Values(b.durable))
	b.durableMu.Unlock()
	for _, s := range durable {
		s.dropOld(now)
	}
}

// tooOld tells whether a message that came then has waited longer than limit, to
// the second. One of a clock that was not set is of any age.
func tooOld(came uint32, now time.Time, limit time.Duration) bool {
	at := time.Unix(int64(came), 0)
	if at.Before(clockSet) && !now.Before(clockSet) {
		return false
	}
	return now.Sub(at)-time.Second >= limit
}

// cameSeconds returns when a message came, Unix time, s.
func cameSeconds(m *Message) uint32 { return uint32(m.came / 1000) }

// stored implements keeper.
func (s *Subscription) stored(_ *publication, seq uint64, mark store.Mark) {
	s.mu.Lock()
	l := &s.fresh
	d := l.place(seq)
	if d == nil {
		l = &s.waiting
		d = l.place(seq)
	}
	switch {
	case d == nil:
		s.forget(seq)
	case d.void: // taken out meanwhile
		d.mark = 0
		s.forget(seq)
	default:
		d.mark, d.kept = mark, true
		if l.bytes() > inMemory && l.store == nil {
			d.msg = nil
		}
		l.cool()
	}
	s.mu.Unlock()
	s.signal()
}

// lost implements keeper.
func (s *Subscription) lost(_ *publication, seq uint64, memory bool) {
	s.mu.Lock()
	for _, l := range []*line{&s.fresh, &s.waiting} {
		if d := l.place(seq); d != nil {
			if d.mark = 0; !memory && !d.void {
				l.remove(d)
			}
		}
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

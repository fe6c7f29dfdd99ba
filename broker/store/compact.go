package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// What is not needed any more is cleared away in three ways, a little after
// each write, so that nobody waits for it.
//
// A round states everything that is not a message again: sessions with what is
// waiting for them, and which retained messages hold. What lies before the last
// round but one, other than messages, is needed no more; the last but one, so
// that a round that is damaged does no harm.
//
// A segment of which nothing is needed is used again for another.
//
// Where too much of what is on disk is not needed, what is needed of one segment
// is moved to the end of the log.

const (
	roundStep    = 32 << 10 // bytes of a round after one write
	moveStep     = 64 << 10 // bytes moved after one write
	moveStepFull = 1 << 20  // and when the store is full
	maxSpares    = 2
)

// round is the state of rounds.
type round struct {
	active   bool
	sessions []SessionID // still to be stated
	keys     []uint64    // of numbers, still to be stated
	from     uint64      // numbers below are stated
	to       uint64      // up to here they will be
	begin    Mark        // of this round
	end      Mark        // of its last record, 0 if it is not there yet
	size     int64       // bytes, of this one and then of the last one
	logged   int64       // bytes since the last one has begun
	wanted   bool        // for another reason than its time

	last, previous Mark // where the last two that are stable began; 0 for none
}

// maintain clears a little away.
func (d *Disk) maintain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing {
		return
	}
	if d.failure.err == nil {
		d.roundLocked()
		d.moveLocked()
	}
	d.clearLocked()
}

// roundLocked carries the round on, or begins one if it is time.
func (d *Disk) roundLocked() {
	r := &d.round
	if r.end != 0 && d.Stable() >= r.end {
		r.previous, r.last, r.end = r.last, r.begin, 0
	}
	if !r.active {
		if r.end != 0 || !r.wanted && r.logged < max(d.o.SegmentSize, 4*r.size) {
			return
		}
		d.beginRoundLocked()
	}
	for size := int64(0); size < roundStep; {
		n := d.stateLocked()
		size += n
		r.size += n
		if !r.active {
			return
		}
	}
}

func (d *Disk) beginRoundLocked() {
	r, x := &d.round, d.x
	bound := int64(64 + 16*len(d.segments))
	d.placeLocked(bound)
	*r = round{
		active:   true,
		sessions: slices.Collect(maps.Keys(x.sessions)),
		keys:     slices.Sorted(maps.Keys(x.numbers)),
		to:       x.retainedNext,
		begin:    d.cur.mark,
		last:     r.last, previous: r.previous,
	}
	d.recordLocked(bound, func(b []byte) []byte {
		numbers := []uint64{uint64(x.nextSession), x.retainedNext, 0}
		for _, s := range d.segments {
			if s != d.cur.seg && !slices.ContainsFunc(d.batches, func(b *batch) bool { return b.seg == s }) {
				numbers = append(numbers, uint64(s.id), uint64(s.last))
				numbers[2]++
			}
		}
		return appendNumbers(b, kindRoundBegin, numbers...)
	})
}

// stateLocked states the next thing of the round, and returns how many bytes it
// took.
func (d *Disk) stateLocked() int64 {
	r := &d.round
	for len(r.sessions) > 0 {
		id := r.sessions[0]
		r.sessions = r.sessions[1:]
		if s := d.x.known(id); s != nil {
			s.stated = d.cur.mark
			runs, released := s.runs() // once: it looks at all that waits
			return d.recordLocked(s.bound(runs, released), func(b []byte) []byte { return s.state(b, id, runs, released) })
		}
	}
	if r.from < r.to {
		n := min(len(r.keys), 16)
		to := r.to
		if n < len(r.keys) {
			to = r.keys[n] * numbersSize
		}
		var xs []uint64
		for _, key := range r.keys[:n] {
			for _, number := range d.x.numbers.in(key) {
				if number < r.to {
					xs = append(xs, number)
				}
			}
		}
		from := r.from
		r.keys, r.from = r.keys[n:], to
		return d.recordLocked(int64(64+len(xs)*10), func(b []byte) []byte {
			return appendRecord(b, kindRetainedSet, func(b []byte) []byte { return appendSet(b, from, to, xs) })
		})
	}
	r.active = false
	n := d.recordLocked(64, func(b []byte) []byte { return appendNumbers(b, kindRoundEnd, uint64(r.begin)) })
	r.end = d.cur.mark
	return n
}

// recordLocked appends a record of at most bound bytes to the log.
func (d *Disk) recordLocked(bound int64, record func([]byte) []byte) int64 {
	d.placeLocked(bound)
	before := len(d.cur.buf)
	d.cur.buf = record(d.cur.buf)
	n := len(d.cur.buf) - before
	d.appendedLocked(n, Later)
	return int64(n)
}

// appendSet appends those numbers of from to to that are in use, rising.
func appendSet(b []byte, from, to uint64, xs []uint64) []byte {
	b = binary.AppendUvarint(b, from)
	b = binary.AppendUvarint(b, to)
	b = binary.AppendUvarint(b, uint64(len(xs)))
	last := from
	for _, n := range xs {
		b = binary.AppendUvarint(b, n-last)
		last = n
	}
	return b
}

// bound returns a size that the state of the session does not exceed. A segment
// is made for as much, so that it must not be for what might wait without order
// where a million wait one after the other.
func (s *sessionIndex) bound(runs []run, released []releasedSeq) int64 {
	n := int64(160 + len(s.name) + len(s.data) + 4*len(s.received) + 20*len(runs) + 12*len(released))
	for filter, options := range s.subs {
		n += int64(20 + len(filter) + len(options))
	}
	return n
}

// state appends the session as it is, without its messages; runs and released are
// what it has of them.
func (s *sessionIndex) state(b []byte, id SessionID, runs []run, released []releasedSeq) []byte {
	return appendRecord(b, kindSession, func(b []byte) []byte {
		b = binary.AppendUvarint(b, uint64(id))
		b = appendText(b, s.name)
		b = appendBytes(b, s.data)
		b = binary.AppendUvarint(b, s.next)
		b = binary.AppendUvarint(b, uint64(len(s.subs)))
		for _, filter := range slices.Sorted(maps.Keys(s.subs)) {
			b = appendBytes(appendText(b, filter), s.subs[filter])
		}
		b = binary.AppendUvarint(b, uint64(len(s.received)))
		for _, packetID := range slices.Sorted(maps.Keys(s.received)) {
			b = binary.AppendUvarint(b, uint64(packetID))
		}
		b = binary.AppendUvarint(b, uint64(len(runs)))
		last := uint64(0)
		for _, r := range runs {
			b = binary.AppendUvarint(b, r.from-last)
			b = binary.AppendUvarint(b, r.to-r.from)
			last = r.to
		}
		b = binary.AppendUvarint(b, uint64(len(released)))
		last = 0
		for _, p := range released {
			b = binary.AppendUvarint(b, p.seq-last)
			b = append(b, p.flags)
			last = p.seq
		}
		return b
	})
}

// run is deliveries that follow one another: from, and the first that is not.
type run struct{ from, to uint64 }

// releasedSeq is a delivery that was recorded by its receiver.
type releasedSeq struct {
	seq   uint64
	flags byte
}

// runs returns the deliveries that are not done, and those of them that were
// released.
func (s *sessionIndex) runs() (runs []run, released []releasedSeq) {
	for i := range s.slots {
		slot := &s.slots[i]
		c, live, some := slot.c, uint32(0), true
		switch {
		case c != nil:
			live = c.live
		case slot.packed == "":
			continue
		default:
			if live, some = packedLive(slot.packed); some {
				c = new(chunk)
				c.unpack(slot.packed)
			}
		}
		for ; live != 0; live &= live - 1 {
			j := bits.TrailingZeros32(live)
			seq := slot.key*chunkSize + uint64(j)
			if n := len(runs); n > 0 && runs[n-1].to == seq {
				runs[n-1].to++
			} else {
				runs = append(runs, run{seq, seq + 1})
			}
			if some && c.places[j].bits&bitReleased != 0 {
				released = append(released, releasedSeq{seq, c.places[j].flags})
			}
		}
	}
	return runs, released
}

// mover moves what is needed out of a segment.
type mover struct {
	seg     *segment
	content []byte
	at      int64 // where the next frame to look at begins
	rest    []byte
	offset  int64 // of rest
}

// moverLocked returns one for a segment, nil if its file cannot be read.
func (d *Disk) moverLocked(s *segment) *mover {
	content, err := readAll(s.file, nil)
	if err != nil {
		d.log.Error("a segment of the store cannot be read", "file", segmentName(s.id), "error", err)
		s.damaged = true
		return nil
	}
	return &mover{seg: s, content: frames(content), at: segmentHead}
}

// totalLocked is what all files take.
func (d *Disk) totalLocked() (n int64) {
	for _, s := range d.segments {
		if s.file != nil {
			n += s.size
		}
	}
	return n + int64(len(d.spares))*d.o.SegmentSize
}

// moveLocked carries the moving on, or chooses a segment if there is reason to.
func (d *Disk) moveLocked() {
	step := int64(moveStep)
	full := d.o.MaxBytes > 0 && d.totalLocked() > d.o.MaxBytes-2*d.o.SegmentSize
	if full {
		step = moveStepFull
	}
	if d.move == nil {
		s := d.victimLocked(full)
		if s == nil {
			return
		}
		if d.move = d.moverLocked(s); d.move == nil {
			return
		}
	}
	for moved := int64(0); moved < step; {
		n, done := d.moveRecordLocked(d.move)
		if done {
			d.move = nil
			return
		}
		moved += n
	}
}

// victimLocked returns the segment to be moved from, nil if there is none.
func (d *Disk) victimLocked(full bool) (victim *segment) {
	needed := 0.5
	if full {
		needed = 0.9
	}
	wasteful := full || d.totalLocked() > 2*d.x.live+4*d.o.SegmentSize
	best := math.Inf(1)
	for _, s := range d.segments {
		u := d.x.usage[s.id]
		if !s.old || s.file == nil || s.next != 0 && s.last > d.Stable() || u == nil || u.refs == 0 {
			continue
		}
		if (s.damaged || s.version != formatVersion) && !s.tried {
			s.tried = true
			return s
		}
		if ratio := float64(u.bytes) / float64(s.size); wasteful && ratio < needed && ratio < best {
			best, victim = ratio, s
		}
	}
	return victim
}

// moveRecordLocked looks at the next record, and moves what is needed of it. It
// returns how many bytes were moved.
func (d *Disk) moveRecordLocked(m *mover) (n int64, done bool) {
	for len(m.rest) == 0 {
		f, size, ok := parseFrame(m.content, m.at, m.seg.salt)
		if ok && f.mark > m.seg.last {
			return 0, true
		}
		if !ok {
			if f, size, ok = resync(m.content, m.at+frameAlign, m.seg.salt, 0, m.seg.last+1); !ok {
				return 0, true
			}
		}
		m.at = f.at + size
		m.rest, m.offset = f.records, f.at+frameHead
	}
	k, body, rest, err := nextRecord(m.rest)
	if err != nil {
		m.rest = nil
		return 0, false
	}
	p := place{segment: m.seg.id, offset: uint32(m.offset)}
	m.offset += int64(len(m.rest) - len(rest))
	m.rest = rest
	if k, body, err = m.seg.record(k, body); err != nil || k != kindPublish && k != kindMove {
		return 0, false
	}
	var rec message
	if err := rec.decode(body, false); err != nil {
		return 0, false
	}
	d.x.needed(&rec, p)
	if len(rec.to) == 0 && rec.retained == 0 {
		return 0, false
	}
	rec.session, rec.packetID = 0, 0
	d.placeLocked(int64(len(body)) + 64)
	d.x.now = d.cur.mark
	start := len(d.cur.buf)
	d.cur.buf = appendRecord(d.cur.buf, kindMove, rec.append)
	size := len(d.cur.buf) - start
	d.x.keep(&rec, place{segment: d.cur.seg.id, offset: uint32(d.cur.at) + uint32(start), size: uint32(size)})
	d.appendedLocked(size, Later)
	return int64(size), false
}

// needed leaves of a record at p only what is needed of it.
func (x *index) needed(rec *message, p place) {
	here := func(q *place) bool { return q.size > 0 && q.segment == p.segment && q.offset == p.offset }
	rec.to = slices.DeleteFunc(rec.to, func(to Delivery) bool {
		s := x.known(to.Session)
		if s == nil {
			return true
		}
		q := s.at(to.Seq)
		return q == nil || !here(q)
	})
	if rec.retained != 0 {
		if r, ok := x.retained[rec.m.Topic]; !ok || r.number != rec.retained || !here(&r.place) {
			rec.retained = 0
		}
	}
}

// clearLocked takes away the segments of which nothing is needed.
func (d *Disk) clearLocked() {
	stable := d.Stable()
	kept := d.segments[:0:0]
	dead := 0
	for _, s := range d.segments {
		u := d.x.usage[s.id]
		idle := u == nil || u.refs == 0 && u.empty <= stable
		switch {
		case !s.old || s.file == nil || !idle || d.move != nil && d.move.seg == s:
		case s.last >= d.round.previous:
			dead++ // as soon as there was a round
		default:
			if d.discardLocked(s) {
				continue
			}
		}
		kept = append(kept, s)
	}
	d.segments = kept
	if dead > 2 && !d.round.active && d.round.end == 0 {
		d.round.wanted = true
	}
}

// discardLocked takes the file of a segment away, or keeps it to be used again.
func (d *Disk) discardLocked(s *segment) bool {
	name := segmentName(s.id)
	var err error
	switch {
	case s.damaged:
		var aside string
		if aside, err = d.setAside(name); err == nil {
			d.log.Warn("a damaged segment of the store was set aside; what could be read of it is kept", "file", aside)
		}
	case len(d.spares) < maxSpares && s.size == d.o.SegmentSize && d.failure.err == nil:
		spare := fmt.Sprintf("%s%08d", sparePrefix, s.id)
		if err = d.fs.Rename(name, spare); err == nil {
			d.spares = append(d.spares, spare)
		}
	default:
		err = d.fs.Remove(name)
	}
	if err != nil {
		d.log.Warn("a segment of the store that is not needed cannot be taken away", "file", name, "error", err)
		return false
	}
	s.file.Close()
	delete(d.x.usage, s.id)
	return true
}

package broker

import (
	"gateway/broker/store"
)

// line is the deliveries that wait for a Subscription and were never
// delivered, by rising number. Unlike of a queue, any of them may be taken out.
// The zero line is empty and keeps everything in memory. Its owner locks.
//
// A long one has only its ends in memory. What lies between them is in the
// store, which tells what there is when it is its turn:
//
//	front ─ cold ─ rest
//
// Numbers rise from one to the next, but for strays, which are in memory though
// their numbers are among those of cold: they could not be stored, or are not
// yet.
type line struct {
	store scanner // nil if nothing is cold
	num   store.SessionID
	// known tells which deliveries of the session are none of the line: they were
	// delivered.
	known func(seq uint64) bool

	front  queue
	cold   coldRange
	strays queue
	rest   queue
	void   int // deliveries in the queues that were taken out and are still there
}

// coldRange is deliveries that are in the store only: which, it knows.
type coldRange struct {
	from, to uint64 // the first that may be, and the last
	len      int
	bytes    int64
	mark     store.Mark // when all of it is stable
}

// scanner is a store that knows what waits without reading it.
type scanner interface {
	Scan(id store.SessionID, from uint64, yield func(store.Queued) bool)
}

const (
	// lineSlack is how many that were taken out a line may have besides as many as
	// wait in memory.
	lineSlack = 64
	// lineEnd is how many deliveries are in memory at each end of a line that has
	// a cold part, about.
	lineEnd = 1024
	// lineStep is how many become cold at once, or are told by the store.
	lineStep = 256
)

// inMemory is how much of the messages that wait for a durable subscription is
// in memory, in each line; the rest is read from the store.
const inMemory = 1 << 20

// queues are those in memory.
func (l *line) queues() [3]*queue { return [3]*queue{&l.front, &l.strays, &l.rest} }

// len returns how many wait.
func (l *line) len() int {
	return l.front.len + l.cold.len + l.strays.len + l.rest.len - l.void
}

// bytes returns the size of those that wait; of what is cold, in the store.
func (l *line) bytes() int64 {
	return l.front.bytes + l.cold.bytes + l.strays.bytes + l.rest.bytes
}

// push adds a delivery with a number above all in the line.
func (l *line) push(d delivery) { l.rest.push(d) }

// next returns the queue that the oldest delivery is in front of, nil if there
// is none.
func (l *line) next() *queue {
	for {
		switch {
		case l.front.len > 0:
			if l.strip(&l.front) {
				return &l.front
			}
		case l.cold.len+l.strays.len > 0:
			l.page()
		case l.rest.len > 0:
			if l.strip(&l.rest) {
				return &l.rest
			}
		default:
			return nil
		}
	}
}

// strip drops what was taken out from the front of q, and reports whether
// anything is left.
func (l *line) strip(q *queue) bool {
	for q.len > 0 && q.front().void {
		q.pop()
		l.void--
	}
	return q.len > 0
}

// first returns the oldest delivery, nil if there is none. It is valid until
// the line changes.
func (l *line) first() *delivery {
	if q := l.next(); q != nil {
		return q.front()
	}
	return nil
}

// pop takes the oldest delivery out. There is one.
func (l *line) pop() delivery { return l.next().pop() }

// find returns the delivery with that number, nil if it is not in memory or was
// taken out.
func (l *line) find(seq uint64) *delivery {
	if d := l.place(seq); d != nil && !d.void {
		return d
	}
	return nil
}

// place is find, also of what was taken out.
func (l *line) place(seq uint64) *delivery {
	for _, q := range l.queues() {
		if d := q.find(seq); d != nil {
			return d
		}
	}
	return nil
}

// remove takes out a delivery that find has returned. Each costs the same in
// the long run, and memory is as for twice as many as wait. One that is on its way
// to the store keeps its place until it is there.
func (l *line) remove(d *delivery) {
	for _, q := range l.queues() {
		if q.find(d.seq) == d {
			q.bytes -= int64(d.size)
		}
	}
	*d = delivery{seq: d.seq, mark: d.mark, void: true}
	l.void++
	if l.void <= l.len()-l.cold.len+lineSlack {
		return
	}
	for _, q := range l.queues() {
		var left queue
		for q.len > 0 {
			if d := q.pop(); !d.void || d.mark == unstored {
				left.push(d)
			} else {
				l.void--
			}
		}
		*q = left
	}
}

// removeCold takes out a delivery that is cold, and reports whether it was.
func (l *line) removeCold(seq uint64) bool {
	if l.cold.len == 0 || seq < l.cold.from || seq > l.cold.to || l.known(seq) || l.place(seq) != nil {
		return false
	}
	found := false
	l.store.Scan(l.num, seq, func(q store.Queued) bool {
		if found = q.Seq == seq; found {
			l.cold.take(q)
		}
		return false
	})
	return found
}

// take notes that q is not cold any more.
func (c *coldRange) take(q store.Queued) {
	if c.len--; c.len == 0 {
		c.bytes = 0
		return
	}
	c.bytes = max(0, c.bytes-int64(q.Size)) // which changes when a record is moved
}

// page moves what comes first among what is cold, and strays, to the front.
func (l *line) page() {
	var found [lineStep]store.Queued
	n := 0
	if l.cold.len > 0 {
		l.store.Scan(l.num, l.cold.from, func(q store.Queued) bool {
			if q.Seq > l.cold.to {
				return false
			}
			if !l.known(q.Seq) {
				found[n] = q
				n++
			}
			return n < lineStep
		})
	}
	for _, q := range found[:n] {
		for l.strays.len > 0 && l.strays.front().seq < q.Seq {
			l.front.push(l.strays.pop())
		}
		if l.strays.len > 0 && l.strays.front().seq == q.Seq { // stored a moment ago
			l.front.push(l.strays.pop())
			continue
		}
		d := deliveryOf(q)
		d.mark = l.cold.mark
		l.front.push(d)
		l.cold.take(q)
		l.cold.from = q.Seq + 1
	}
	if n < lineStep {
		for l.strays.len > 0 {
			l.front.push(l.strays.pop())
		}
		l.cold = coldRange{}
	}
}

// deliveryOf returns what waits in the store as a delivery.
func deliveryOf(q store.Queued) delivery {
	return delivery{
		seq: q.Seq, size: uint32(q.Size), qos: QoS(q.Flags & flagQoS), replay: q.Flags&flagReplay != 0,
		latest: q.Flags&flagLatest != 0, released: q.Released, kept: true,
	}
}

// restore adds a delivery that an earlier process has left.
func (l *line) restore(q store.Queued) {
	if l.store == nil {
		l.push(deliveryOf(q))
		return
	}
	l.chill(q.Seq, int64(q.Size))
}

// chill notes a delivery as cold that has a number above all that are, or strays.
func (l *line) chill(seq uint64, size int64) {
	if l.cold.len == 0 {
		l.cold.from = seq
	}
	l.cold.to = seq
	l.cold.len++
	l.cold.bytes += size
}

// cool takes out of memory what is too much, oldest first: as much as may be to
// the front, the rest to the cold.
func (l *line) cool() {
	if l.store == nil || l.rest.len < lineEnd+lineStep && l.rest.bytes <= inMemory/2 {
		return
	}
	if l.cold.len+l.strays.len == 0 {
		for (l.rest.len > lineEnd/2 || l.rest.bytes > inMemory/4) && l.front.len < lineEnd && l.front.bytes < inMemory/2 && l.rest.front().mark != unstored {
			l.front.push(l.rest.pop())
		}
	}
	if l.rest.len >= lineEnd+lineStep || l.rest.bytes > inMemory/2 {
		l.freeze(&l.rest, lineStep, false)
	}
}

// freeze makes up to n deliveries of q, which come next after those that are
// cold, cold or strays. It ends at one that is on its way to the store, unless all
// is wanted.
func (l *line) freeze(q *queue, n int, all bool) {
	var seqs []uint64
	for ; n > 0 && q.len > 0 && (all || q.front().mark != unstored); n-- {
		switch d := q.front(); {
		case d.void && d.mark != unstored:
			q.pop()
			l.void--
		case !d.kept: // only here, or on its way
			l.strays.push(q.pop())
		default:
			seqs = append(seqs, d.seq)
			l.cold.mark = max(l.cold.mark, d.mark)
			q.pop()
		}
	}
	if len(seqs) == 0 {
		return
	}
	l.store.Scan(l.num, seqs[0], func(x store.Queued) bool {
		for len(seqs) > 0 && seqs[0] < x.Seq { // the store does not have it: nobody will
			seqs = seqs[1:]
		}
		if len(seqs) > 0 && seqs[0] == x.Seq {
			l.chill(x.Seq, int64(x.Size))
			seqs = seqs[1:]
		}
		return len(seqs) > 0
	})
}

// join moves all of other, whose numbers are higher, to the end. What is in
// memory of a long line's middle becomes cold.
func (l *line) join(other *line) {
	if l.cold.len+l.strays.len == 0 && other.cold.len+other.strays.len == 0 {
		for _, q := range other.queues() {
			for q.len > 0 {
				l.push(q.pop())
			}
		}
		l.void += other.void
	} else if other.len() > 0 {
		l.void += other.void
		l.freeze(&l.rest, l.rest.len, true)
		l.freeze(&other.front, other.front.len, true)
		if c := other.cold; c.len > 0 {
			if l.cold.len == 0 {
				l.cold.from = c.from
			}
			l.cold.to = c.to
			l.cold.len += c.len
			l.cold.bytes += c.bytes
			l.cold.mark = max(l.cold.mark, c.mark)
		}
		for other.strays.len > 0 {
			l.strays.push(other.strays.pop())
		}
		l.rest = other.rest
	} // else stored finds no place for what was taken out, and has it forgotten
	*other = line{store: other.store, num: other.num, known: other.known}
}

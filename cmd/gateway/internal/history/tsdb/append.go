package tsdb

import (
	"errors"
	"fmt"
	"slices"
)

// series is a name and what of it is in no file of pages yet.
type series struct {
	name    string
	id      uint32
	pending []Sample          // as they came, in no block yet
	mixed   bool              // they are not in order of time
	hours   map[int64][]block // by hour since 1970, in the order they were made
	known   uint64            // number of the journal that has the name
	last    Sample            // the newest that is in no page, if there is one
	some    bool              // last is one
}

// block is samples of one hour, in order of time, encoded.
type block struct {
	data        []byte
	n           int
	first, last int64
	seq         uint64 // of its batch
}

// batch is what goes into the journal together.
type batch struct {
	seq     uint64
	blocks  []batchBlock
	samples int
	bytes   int
}

type batchBlock struct {
	s    *series
	hour int64
	data []byte
}

// packAt is how many samples wait uncompressed, at most; blockCost is what a
// block takes beside its bytes; behind is how many times more than what is sealed
// at once may be in memory.
const (
	packAt    = 1 << 14
	blockCost = 64
	behind    = 4
)

// Append records samples of a series, in any order. It never waits for the disk.
// Of two samples with the same time the last written counts.
//
// Samples that cannot be are left out, with an error that wraps ErrSample; the
// others are recorded. Nothing is recorded if the error wraps ErrName, ErrTooMany,
// ErrBehind or ErrClosed.
func (db *DB) Append(name string, samples ...Sample) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	s, err := db.seriesFor(name)
	if err != nil {
		return err
	}
	if db.blockBytes > behind*db.sealAt() && db.queued < db.o.Backlog/2 {
		db.stats.Refused += uint64(len(samples))
		return fmt.Errorf("series %s: %w", name, ErrBehind)
	}
	var wrong error
	for _, x := range samples {
		if err := x.check(); err != nil {
			wrong = fmt.Errorf("series %s: %w", name, err)
			db.stats.Refused++
			continue
		}
		if n := len(s.pending); n > 0 && s.pending[n-1].Time >= x.Time {
			s.mixed = true
		}
		x.Value += 0 // -0 is 0
		s.pending = append(s.pending, x)
		s.newest(x)
		db.pending++
		if db.pending >= packAt {
			db.pack()
			db.hurry()
		}
	}
	return wrong
}

// hurry wakes Run, if there is much to do. The caller holds mu.
func (db *DB) hurry() {
	if db.blockBytes < db.sealAt() {
		return
	}
	select {
	case db.wake <- struct{}{}:
	default:
	}
}

func (s *series) newest(x Sample) {
	if !s.some || x.Time >= s.last.Time {
		s.last, s.some = x, true
	}
}

func (db *DB) seriesFor(name string) (*series, error) {
	if db.closed {
		return nil, ErrClosed
	}
	if s := db.series[name]; s != nil {
		return s, nil
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(db.series) >= db.o.MaxSeries {
		db.stats.Refused++
		return nil, fmt.Errorf("series %s: %w (%d)", name, ErrTooMany, db.o.MaxSeries)
	}
	return db.addSeries(name), nil
}

func (db *DB) addSeries(name string) *series {
	db.byID++
	s := &series{name: name, id: db.byID, hours: map[int64][]block{}}
	db.series[name] = s
	return s
}

// pack makes a batch of what is pending. The caller holds mu.
func (db *DB) pack() {
	if db.pending == 0 {
		return
	}
	db.seq++
	b := batch{seq: db.seq, samples: db.pending}
	var data []byte
	type place struct{ from, to int }
	var places []place
	for _, s := range db.series {
		if len(s.pending) == 0 {
			continue
		}
		if s.mixed {
			s.pending = inOrder(s.pending)
		}
		for rest := s.pending; len(rest) > 0; {
			h := floorDiv(rest[0].Time, hour)
			n, _ := slices.BinarySearchFunc(rest, (h+1)*hour, func(x Sample, t int64) int { return int(max(-1, min(1, x.Time-t))) })
			from := len(data)
			data = db.packer.samples(data, rest[:n], false)
			places = append(places, place{from, len(data)})
			b.blocks = append(b.blocks, batchBlock{s: s, hour: h})
			s.hours[h] = append(s.hours[h], block{n: n, first: rest[0].Time, last: rest[n-1].Time, seq: b.seq})
			rest = rest[n:]
		}
		s.release()
	}
	data = slices.Clip(data)
	for i, p := range places {
		bb := &b.blocks[i]
		bb.data = data[p.from:p.to:p.to]
		blocks := bb.s.hours[bb.hour]
		blocks[len(blocks)-1].data = bb.data
	}
	b.bytes = len(data) + blockCost*len(places)
	db.blockBytes += b.bytes
	db.pending = 0
	db.enqueue(b)
}

// release empties pending, and gives back what a backlog took.
func (s *series) release() {
	s.mixed = false
	if cap(s.pending) > 1024 {
		s.pending = nil
		return
	}
	s.pending = s.pending[:0]
}

// inOrder sorts samples by time; of those with the same time the last stays.
func inOrder(s []Sample) []Sample {
	slices.SortStableFunc(s, byTime)
	out := s[:0]
	for i, x := range s {
		if i+1 < len(s) && s[i+1].Time == x.Time {
			continue
		}
		out = append(out, x)
	}
	return out
}

func byTime(a, b Sample) int {
	switch {
	case a.Time < b.Time:
		return -1
	case a.Time > b.Time:
		return 1
	}
	return 0
}

// enqueue gives a batch to Flush, and drops the oldest ones if too much waits.
// The caller holds mu.
func (db *DB) enqueue(b batch) {
	if db.inMemory() {
		db.flushed = b.seq
		return
	}
	db.queue = append(db.queue, b)
	db.queued += b.bytes
	for db.queued > db.o.Backlog && len(db.queue) > 1 && db.queue[0].seq > db.writing {
		db.drop(db.queue[0])
		db.queue = slices.Delete(db.queue, 0, 1)
	}
}

// drop forgets a batch that could not be written.
func (db *DB) drop(b batch) {
	for _, bb := range b.blocks {
		blocks := slices.DeleteFunc(bb.s.hours[bb.hour], func(x block) bool { return x.seq == b.seq })
		if len(blocks) == 0 {
			delete(bb.s.hours, bb.hour)
			continue
		}
		bb.s.hours[bb.hour] = blocks
	}
	db.queued -= b.bytes
	db.blockBytes -= b.bytes
	db.stats.Dropped += uint64(b.samples)
}

// Flush writes what was appended into the journal, and returns when it is
// stable. If that fails everything stays in memory, and the next call tries
// again. If much is in memory it is sealed, too: after ErrBehind there is room.
func (db *DB) Flush() error {
	db.disk.Lock()
	defer db.disk.Unlock()
	if err := db.flush(); err != nil {
		return err
	}
	db.mu.Lock()
	much := db.blockBytes >= db.sealAt()
	db.mu.Unlock()
	if !much {
		return nil
	}
	if err := db.seal(); err != nil || !db.inMemory() {
		return err
	}
	return db.expire()
}

// flush is Flush for who holds disk.
func (db *DB) flush() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	db.pack()
	queue := db.queue
	if len(queue) > 0 {
		db.writing = queue[len(queue)-1].seq
	}
	db.mu.Unlock()
	if len(queue) == 0 {
		return nil
	}
	err := db.writeJournal(queue)
	db.mu.Lock()
	defer db.mu.Unlock()
	if err == nil {
		for _, b := range queue {
			db.queued -= b.bytes
		}
		db.queue = slices.Delete(db.queue, 0, len(queue))
		db.flushed = db.writing
		db.stats.Batches++
	}
	db.writing = 0
	if err != nil {
		return errors.Join(fmt.Errorf("writing history: %w", err))
	}
	return nil
}

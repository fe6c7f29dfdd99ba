package tsdb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Delete forgets series; a name that is not there is no error. They are gone from
// every answer at once, and from the disk when Run has written their files again.
// With an error they may be back after a restart.
func (db *DB) Delete(names ...string) error {
	db.disk.Lock()
	defer db.disk.Unlock()
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	db.pack()
	var c change
	for _, name := range names {
		if s := db.series[name]; s != nil {
			db.forgetSeries(s)
			c.deleted = append(c.deleted, deletion{name: name, rank: db.number})
		}
	}
	db.summaries = nil
	db.generation++
	db.mu.Unlock()
	if len(c.deleted) == 0 {
		return nil
	}
	// What comes is in files with higher numbers.
	rotated := db.closeJournal()
	err := db.commit(c)
	if err != nil {
		db.deleted, db.unwritten = slices.Concat(db.deleted, c.deleted), true
	}
	return errors.Join(rotated, err)
}

// forgetSeries takes a series out of all that is in memory. The caller holds disk
// and mu.
func (db *DB) forgetSeries(s *series) {
	for _, blocks := range s.hours {
		for _, b := range blocks {
			db.blockBytes -= len(b.data) + blockCost
		}
	}
	for i := range db.queue {
		b := &db.queue[i]
		b.blocks = slices.DeleteFunc(slices.Clone(b.blocks), func(bb batchBlock) bool {
			if bb.s == s {
				b.bytes -= len(bb.data) + blockCost
				db.queued -= len(bb.data) + blockCost
			}
			return bb.s == s
		})
	}
	delete(db.series, s.name)
	for t := range db.files {
		for _, f := range db.files[t] {
			f.forget(s.id)
		}
	}
}

// Shift adds by ms to the times of the samples of a series in [from, to): they
// were measured while the clock was wrong. Where there is a sample with the new
// time already, the moved one takes its place. Where only roll-ups are left
// nothing can be moved. Series may still say the old times until Run has made the
// roll-ups again.
func (db *DB) Shift(name string, from, to, by int64) error {
	from, to = max(from, minTime), min(to, maxTime+1)
	if from >= to || by == 0 {
		return nil
	}
	if from+by < minTime || to+by > maxTime+1 {
		return fmt.Errorf("series %s: moving its samples by %d ms: %w: times would not be within the years 1 to 9999", name, by, ErrSample)
	}
	db.disk.Lock()
	defer db.disk.Unlock()
	if err := db.seal(); err != nil {
		return fmt.Errorf("series %s: moving its samples: %w", name, err)
	}
	db.mu.Lock()
	s := db.series[name]
	db.mu.Unlock()
	if s == nil {
		return fmt.Errorf("series %.200s: %w", name, ErrNoSeries)
	}
	m := mover{db: db, s: s, from: from, to: to, by: by}
	if err := m.move(); err != nil {
		return fmt.Errorf("series %s: moving its samples: %w", name, err)
	}
	return nil
}

// mover moves samples from page to page.
type mover struct {
	db           *DB
	s            *series
	from, to, by int64
	pages        map[int64]pageRef
	r            *reader
}

func (m *mover) move() error {
	m.r = m.db.reader()
	defer m.r.close()
	refs, err := m.r.pages(Raw, m.s.id, floorDiv(m.from, hour), floorDiv(m.to-1, hour), nil)
	if err != nil || len(refs) == 0 {
		return err
	}
	// Each hour that samples leave, and each that they come to.
	hours := map[int64]bool{}
	for _, ref := range refs {
		if ref.n == 0 {
			continue
		}
		hours[ref.number] = true
		for _, t := range []int64{ref.number*hour + m.by, (ref.number+1)*hour + m.by - 1} {
			hours[floorDiv(t, hour)] = true
		}
	}
	first, last := floorDiv(min(m.from, m.from+m.by), hour), floorDiv(max(m.to, m.to+m.by), hour)
	if refs, err = m.r.pages(Raw, m.s.id, first-1, last+1, nil); err != nil {
		return err
	}
	m.pages = map[int64]pageRef{}
	for _, ref := range refs {
		m.pages[ref.number] = ref
	}
	var parts []part
	for h := range hours {
		_, there := m.pages[h]
		if moved, err := m.moved(nil, h); err != nil {
			return err
		} else if !there && len(moved) == 0 {
			continue
		}
		p := part{s: m.s, hour: h, whole: there}
		p.make = func(dst []Sample) ([]Sample, error) { return m.hour(dst, h) }
		parts = append(parts, p)
	}
	m.db.moved = append(m.db.moved, slices.Collect(maps.Keys(hours))...)
	return m.db.writeParts(parts, change{})
}

// hour appends what an hour has afterwards.
func (m *mover) hour(dst []Sample, h int64) ([]Sample, error) {
	start := len(dst)
	dst, err := m.read(dst, h, func(t int64) bool { return t < m.from || t >= m.to })
	if err == nil {
		dst, err = m.moved(dst, h)
	}
	return dst[:start+len(inOrder(dst[start:]))], err
}

// moved appends those that come to an hour.
func (m *mover) moved(dst []Sample, h int64) ([]Sample, error) {
	first, last := floorDiv(h*hour-m.by, hour), floorDiv((h+1)*hour-1-m.by, hour)
	for from := first; from <= last; from++ {
		before := len(dst)
		var err error
		if dst, err = m.read(dst, from, func(t int64) bool {
			return t >= m.from && t < m.to && floorDiv(t+m.by, hour) == h
		}); err != nil {
			return dst, err
		}
		for i := range dst[before:] {
			dst[before+i].Time += m.by
		}
	}
	return dst, nil
}

// read appends those of the page of an hour with a time that is kept.
func (m *mover) read(dst []Sample, h int64, keep func(int64) bool) ([]Sample, error) {
	ref, ok := m.pages[h]
	if !ok || ref.n == 0 {
		return dst, nil
	}
	before := len(dst)
	dst, err := m.r.samples(dst, ref)
	kept := slices.DeleteFunc(dst[before:], func(s Sample) bool { return !keep(s.Time) })
	return dst[:before+len(kept)], err
}

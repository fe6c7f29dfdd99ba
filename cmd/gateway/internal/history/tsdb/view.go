package tsdb

import (
	"fmt"
	"slices"
)

// view is what there was of a series in [from, to) at a moment. It belongs to
// one goroutine, which closes it.
type view struct {
	db       *DB
	name     string
	id       uint32
	from, to int64
	r        *reader
	blocks   map[int64][]block // not sealed, by hour
	pending  []Sample          // in order
	cuts     [tiers]int64
	holes    []hole
}

// look takes a view.
func (db *DB) look(name string, from, to int64) (*view, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil, ErrClosed
	}
	s := db.series[name]
	if s == nil {
		return nil, fmt.Errorf("series %.200s: %w", name, ErrNoSeries)
	}
	v := &view{db: db, name: name, id: s.id, from: from, to: to, blocks: map[int64][]block{}, cuts: db.cuts, holes: db.holes}
	v.r = db.readers.Get().(*reader)
	v.r.db, v.r.places = db, map[*pageFile]place{}
	for t := range db.files {
		for _, f := range db.files[t] {
			p, ok := f.find(s.id)
			if span := f.tier.span(); ok && f.from*span < to && (f.to+1)*span > from {
				f.pins++
				v.r.pinned = append(v.r.pinned, f)
				v.r.files[t] = append(v.r.files[t], f)
				v.r.places[f] = p
			}
		}
	}
	for h, blocks := range s.hours {
		if h*hour < to && (h+1)*hour > from {
			v.blocks[h] = slices.Clone(blocks)
		}
	}
	for _, x := range s.pending {
		if x.Time >= from && x.Time < to {
			v.pending = append(v.pending, x)
		}
	}
	if s.mixed {
		v.pending = inOrder(v.pending)
	}
	return v, nil
}

func (v *view) close() { v.r.close() }

// hours returns those that have samples or pages of them in [from, to), in
// order, and the pages.
func (v *view) hours(from, to int64) (hours []int64, pages map[int64]pageRef, err error) {
	if from >= to {
		return nil, nil, nil
	}
	first, last := floorDiv(from, hour), floorDiv(to-1, hour)
	refs, err := v.r.pages(Raw, v.id, first, last, v.r.refs[:0])
	v.r.refs = refs[:0]
	if err != nil {
		return nil, nil, err
	}
	pages = make(map[int64]pageRef, len(refs))
	for _, ref := range refs {
		pages[ref.number] = ref
		hours = append(hours, ref.number)
	}
	for h := range v.blocks {
		if h >= first && h <= last {
			hours = append(hours, h)
		}
	}
	for _, x := range v.pending {
		if h := floorDiv(x.Time, hour); h >= first && h <= last && (len(hours) == 0 || hours[len(hours)-1] != h) {
			hours = append(hours, h)
		}
	}
	slices.Sort(hours)
	return slices.Compact(hours), pages, nil
}

// hour returns the samples of an hour within the view, in order, and how many
// of them are of the page; they are valid until the next call.
func (v *view) hour(h int64, pages map[int64]pageRef) (s []Sample, paged int, err error) {
	s = v.r.scratch[:0]
	if ref, ok := pages[h]; ok && ref.n > 0 {
		if s, err = v.r.samples(s, ref); err != nil {
			return nil, 0, err
		}
		paged = len(s)
	}
	for _, b := range v.blocks[h] {
		if s, err = v.r.d.all(s, b.data); err != nil {
			return nil, 0, err
		}
	}
	i, _ := slices.BinarySearchFunc(v.pending, Sample{Time: h * hour}, byTime)
	j, _ := slices.BinarySearchFunc(v.pending, Sample{Time: (h + 1) * hour}, byTime)
	s = append(s, v.pending[i:j]...)
	v.r.scratch = s[:0]
	if !rising(s) {
		s = inOrder(s)
	}
	i, _ = slices.BinarySearchFunc(s, Sample{Time: v.from}, byTime)
	j, _ = slices.BinarySearchFunc(s, Sample{Time: v.to}, byTime)
	return s[i:j], paged, nil
}

func rising(s []Sample) bool {
	for i := 1; i < len(s); i++ {
		if s[i].Time <= s[i-1].Time {
			return false
		}
	}
	return true
}

package tsdb

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Info is what is known of a series.
type Info struct {
	Name        string
	First, Last int64  // ms since 1970 UTC, of the samples and of what is left of them
	Count       uint64 // samples that are kept as they are; one that was written twice may count twice until its hour is sealed
	LastValue   float64
}

// Series returns all series that have samples, by name.
func (db *DB) Series() []Info {
	db.mu.Lock()
	defer db.mu.Unlock()
	var all []Info
	for _, s := range db.series {
		if i, ok := s.info(); ok {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (s *series) info() (Info, bool) {
	i := Info{Name: s.name, Count: uint64(len(s.pending)), Last: s.last.Time, LastValue: s.last.Value, First: maxTime}
	for _, x := range s.pending {
		i.First = min(i.First, x.Time)
	}
	for _, blocks := range s.hours {
		for _, b := range blocks {
			i.Count += uint64(b.n)
			i.First = min(i.First, b.first)
		}
	}
	return i, s.some
}

// view is what there was of a series in a range at a moment.
type view struct {
	db      *DB
	from    int64
	to      int64
	hours   []int64 // in order, those that have something
	blocks  map[int64][]block
	pending []Sample // in order
}

// look takes a view of [from, to).
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
	v := &view{db: db, from: from, to: to, blocks: map[int64][]block{}}
	for h, blocks := range s.hours {
		if h*hour < to && (h+1)*hour > from {
			v.blocks[h] = slices.Clone(blocks)
			v.hours = append(v.hours, h)
		}
	}
	for _, x := range s.pending {
		if x.Time >= from && x.Time < to {
			v.pending = append(v.pending, x)
		}
	}
	v.pending = inOrder(v.pending)
	for _, x := range v.pending {
		if h := floorDiv(x.Time, hour); len(v.hours) == 0 || v.hours[len(v.hours)-1] != h {
			v.hours = append(v.hours, h)
		}
	}
	slices.Sort(v.hours)
	v.hours = slices.Compact(v.hours)
	return v, nil
}

// hourOf returns the samples of an hour within the view, in order; they are
// valid until the next call with the same scratch.
func (v *view) hourOf(h int64, d *decoder, scratch []Sample) ([]Sample, error) {
	s := scratch[:0]
	var err error
	for _, b := range v.blocks[h] {
		if b.first >= v.to || b.last < v.from {
			continue
		}
		if s, err = d.all(s, b.data); err != nil {
			return s, err
		}
	}
	i, _ := slices.BinarySearchFunc(v.pending, Sample{Time: h * hour}, byTime)
	j, _ := slices.BinarySearchFunc(v.pending, Sample{Time: (h + 1) * hour}, byTime)
	s = append(s, v.pending[i:j]...)
	if !rising(s) {
		s = inOrder(s)
	}
	i, _ = slices.BinarySearchFunc(s, Sample{Time: v.from}, byTime)
	j, _ = slices.BinarySearchFunc(s, Sample{Time: v.to}, byTime)
	return s[i:j], nil
}

func rising(s []Sample) bool {
	for i := 1; i < len(s); i++ {
		if s[i].Time <= s[i-1].Time {
			return false
		}
	}
	return true
}

// Samples returns the samples of a series in [from, to), in order of time, as
// they were kept; where only roll-ups are left there are none. What is appended
// during the walk may be missing from it.
func (db *DB) Samples(name string, from, to int64) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		v, err := db.look(name, from, to)
		if err != nil {
			yield(Sample{}, err)
			return
		}
		d := db.decoders.Get().(*decoder)
		defer db.decoders.Put(d)
		var scratch []Sample
		for _, h := range v.hours {
			s, err := v.hourOf(h, d, scratch)
			if err != nil {
				yield(Sample{}, fmt.Errorf("series %s: %w", name, err))
				return
			}
			for _, x := range s {
				if !yield(x, nil) {
					return
				}
			}
			scratch = s[:0]
		}
	}
}

// Buckets appends to dst one Bucket for each stretch [from+i*width,
// from+(i+1)*width) of [from, to) that has samples, in order: gaps are gaps. Every
// sample counts, so each extreme is kept. from, to and width are ms.
//
// It reads the coarsest tier that can answer, and finer ones at the ends and for
// days that are not rolled up yet. The Tier is the coarsest that was read. The
// answer is exact if the tier is Raw, or if from and width are multiples of its
// period; see Grid. Otherwise a roll-up counts where it begins, and it is at most
// an eighth as wide as a bucket, unless nothing finer is left.
func (db *DB) Buckets(name string, from, to, width int64, dst []Bucket) ([]Bucket, Tier, error) {
	if width <= 0 || to < from {
		return dst, Raw, fmt.Errorf("series %s: no buckets of %d ms between %d and %d", name, width, from, to)
	}
	a := adder{from: from, width: width, dst: dst}
	for s, err := range db.Samples(name, from, to) {
		if err != nil {
			return dst, Raw, err
		}
		a.sample(s)
	}
	return a.done(), Raw, nil
}

package tsdb

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// Info is what is known of a series.
type Info struct {
	Name        string
	First, Last int64  // ms since 1970 UTC, of the samples and of what is left of them
	Count       uint64 // samples that are kept as they are; one with the time of another counts twice until its hour is sealed
	LastValue   float64
}

// Series returns all series that have something, by name.
func (db *DB) Series() []Info {
	db.mu.Lock()
	defer db.mu.Unlock()
	for db.summaries == nil && !db.closed {
		db.summarize()
	}
	var all []Info
	for _, s := range db.series {
		if i, ok := s.info(db.summaries[s.id]); ok {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// summarize reads what the files have of each series. The caller holds mu, which
// is given back while files are read; if they change meanwhile there is no
// summary afterwards.
func (db *DB) summarize() {
	generation := db.generation
	files := slices.Concat(db.files[:]...)
	for _, f := range files {
		f.pins++
	}
	db.mu.Unlock()
	read := make([][]summary, len(files))
	for i, f := range files {
		_, series, err := openPages(db.folder, f.name, f.number)
		if err != nil {
			db.o.Log.Warn("history: a file cannot be read", "file", f.name, "error", err)
		}
		read[i] = series
	}
	db.unpin(files)
	db.mu.Lock()
	if db.generation != generation {
		return
	}
	db.summaries = map[uint32]Info{}
	for i, f := range files {
		for _, x := range read[i] {
			s := db.series[x.name]
			if s == nil {
				continue
			}
			if _, ok := f.find(s.id); ok {
				db.summaries[s.id] = db.summaries[s.id].with(x, f.tier)
			}
		}
	}
}

// with adds what a file has.
func (i Info) with(x summary, t Tier) Info {
	if i.Name == "" {
		i = Info{Name: x.name, First: math.MaxInt64, Last: math.MinInt64}
	}
	i.First = min(i.First, x.first)
	if x.last >= i.Last {
		i.Last, i.LastValue = x.last, x.value
	}
	if t == Raw {
		i.Count = uint64(int64(i.Count) + x.count)
	}
	return i
}

// info adds what is in no page to what the files have.
func (s *series) info(i Info) (Info, bool) {
	there := i.Name != "" && i.First <= i.Last
	if !there {
		i = Info{First: maxTime, Last: minTime}
	}
	i.Name = s.name
	i.Count += uint64(len(s.pending))
	for _, x := range s.pending {
		i.First = min(i.First, x.Time)
	}
	for _, blocks := range s.hours {
		for _, b := range blocks {
			i.Count += uint64(b.n)
			i.First = min(i.First, b.first)
		}
	}
	if s.some && s.last.Time >= i.Last {
		i.Last, i.LastValue = s.last.Time, s.last.Value
	}
	return i, there || s.some
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
		defer v.close()
		hours, pages, err := v.hours(from, to)
		for _, h := range hours {
			var s []Sample
			if s, _, err = v.hour(h, pages); err != nil {
				break
			}
			for _, x := range s {
				if !yield(x, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Sample{}, fmt.Errorf("series %s: %w", name, err))
		}
	}
}

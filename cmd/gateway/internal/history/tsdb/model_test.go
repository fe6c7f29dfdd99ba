package tsdb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is history kept simply.
type model map[string]map[int64]float64

func (m model) append(name string, s ...Sample) {
	if m[name] == nil {
		m[name] = map[int64]float64{}
	}
	for _, x := range s {
		m[name][x.Time] = x.Value
	}
}

func (m model) samples(name string, from, to int64) []Sample {
	var all []Sample
	for t, v := range m[name] {
		if t >= from && t < to {
			all = append(all, Sample{t, v})
		}
	}
	slices.SortFunc(all, byTime)
	return all
}

func (m model) buckets(name string, from, to, width int64) []Bucket {
	var all []Bucket
	for _, s := range m.samples(name, from, to) {
		start := from + (s.Time-from)/width*width
		if n := len(all); n == 0 || all[n-1].Start != start {
			all = append(all, Bucket{Start: start, Min: s.Value, Max: s.Value, First: s.Value, FirstTime: s.Time})
		}
		b := &all[len(all)-1]
		b.Count++
		b.Min, b.Max, b.Sum = min(b.Min, s.Value), max(b.Max, s.Value), b.Sum+s.Value
		b.Last, b.LastTime = s.Value, s.Time
	}
	return all
}

func (m model) shift(name string, from, to, by int64) {
	moved := m.samples(name, from, to)
	for _, s := range moved {
		delete(m[name], s.Time)
	}
	for _, s := range moved {
		m[name][s.Time+by] = s.Value
	}
}

// sameBuckets says how they differ, "" if they do not.
func sameBuckets(got, want []Bucket) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d buckets, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if tolerance := 1e-9 * (abs(w.Sum) + float64(w.Count)*max(abs(w.Min), abs(w.Max))); abs(g.Sum-w.Sum) > tolerance {
			return fmt.Sprintf("sum: got  %+v\nwant %+v", g, w)
		}
		g.Sum = w.Sum
		if g != w {
			return fmt.Sprintf("got  %+v\nwant %+v", g, w)
		}
	}
	return ""
}

// house is a database under test, with its model and its clock.
type house struct {
	t     *testing.T
	o     Options
	db    *DB
	m     model
	now   time.Time
	rng   *rand.Rand
	names []string
	log   []int
}

func newHouse(t *testing.T, seed uint64, o Options) *house {
	h := &house{t: t, o: o, m: model{}, now: time.UnixMilli(1_764_000_000_000), rng: newRand(seed)}
	h.o.Now = func() time.Time { return h.now }
	h.names = []string{"a", "b#c.d", "집/온도"}
	h.db = open(t, h.o)
	return h
}

func (h *house) fatal(format string, args ...any) {
	h.t.Helper()
	h.t.Log(h.log)
	h.t.Fatalf(format, args...)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.fatal("%v", err)
	}
}

func (h *house) append(name string, s ...Sample) {
	h.t.Helper()
	h.must(h.db.Append(name, s...))
	h.m.append(name, s...)
}

func (h *house) name() string { return h.names[h.rng.IntN(len(h.names))] }

// values are what sensors say, and what they should not.
func (h *house) value() float64 {
	switch h.rng.IntN(12) {
	case 0:
		return h.rng.NormFloat64() * 1e6
	case 1:
		return float64(float32(h.rng.NormFloat64()))
	}
	return math.Round(2000+h.rng.NormFloat64()*100)/100 + 0 // no -0
}

// live appends what sensors measured in a while, up to now.
func (h *house) live(d, period time.Duration) {
	h.t.Helper()
	for _, name := range h.names {
		var s []Sample
		for at := time.Duration(0); at < d; at += period {
			s = append(s, Sample{h.now.Add(at).UnixMilli() + h.rng.Int64N(20), h.value()})
		}
		h.append(name, s...)
	}
	h.now = h.now.Add(d)
}

// late appends samples of the last days, in no order, some at times that are
// taken.
func (h *house) late(n int, back time.Duration) {
	h.t.Helper()
	name := h.name()
	known := h.m.samples(name, h.now.Add(-back).UnixMilli(), maxTime)
	for range n {
		s := Sample{h.now.UnixMilli() - h.rng.Int64N(back.Milliseconds()), h.value()}
		if len(known) > 0 && h.rng.IntN(2) == 0 {
			s.Time = known[h.rng.IntN(len(known))].Time
		}
		h.append(name, s)
	}
}

func (h *house) reopen() {
	h.t.Helper()
	if h.o.folder == nil {
		return
	}
	h.must(h.db.Close())
	h.db = open(h.t, h.o)
}

// check compares everything, and some ranges at random.
func (h *house) check() {
	h.t.Helper()
	for _, name := range h.names {
		all := h.m.samples(name, minTime, maxTime)
		if len(all) == 0 {
			continue
		}
		if got := collect(h.t, h.db, name); !slices.Equal(got, all) {
			h.fatal("%s: %d samples, want %d: %s", name, len(got), len(all), difference(got, all))
		}
		for range 6 {
			h.checkRange(name, all[0].Time, all[len(all)-1].Time)
		}
	}
	h.must(h.db.maintain())
	for _, i := range h.db.Series() {
		all := h.m.samples(i.Name, minTime, maxTime)
		if len(all) == 0 {
			h.fatal("series %+v, and nothing is known of it", i)
		}
		last := all[len(all)-1]
		if i.First != all[0].Time || i.Last != last.Time || i.LastValue != last.Value {
			h.fatal("%+v; it is from %+v to %+v", i, all[0], last)
		}
	}
}

func difference(got, want []Sample) string {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			return fmt.Sprintf("number %d, at %v", i, time.UnixMilli(want[i].Time).UTC())
		}
	}
	return "the end"
}

func (h *house) checkRange(name string, first, last int64) {
	h.t.Helper()
	from := first - 3*hour + h.rng.Int64N(last-first+6*hour)
	to := from + 1 + h.rng.Int64N(last-from+4*hour+1)
	gridFrom, gridTo, width := Grid(from, to, 1+h.rng.IntN(1500))
	got, tier, err := h.db.Buckets(name, gridFrom, gridTo, width, nil)
	h.must(err)
	if bad := sameBuckets(got, h.m.buckets(name, gridFrom, gridTo, width)); bad != "" {
		h.fatal("%s [%v, %v) by %v from %v: %s", name, time.UnixMilli(gridFrom).UTC(), time.UnixMilli(gridTo).UTC(), time.Duration(width)*time.Millisecond, tier, bad)
	}
	// Any width: nothing is lost and nothing counts twice.
	width = 1 + h.rng.Int64N(to-from)
	if got, tier, err = h.db.Buckets(name, from, to, width, nil); err != nil {
		h.fatal("%v", err)
	}
	whole := h.m.buckets(name, from, to, to-from)
	sum := roll1(got, from, to-from)
	if bad := sameBuckets(sum, whole); bad != "" {
		h.fatal("%s [%d, %d) by %d from %v: %s", name, from, to, width, tier, bad)
	}
	for i, b := range got {
		if i > 0 && b.Start <= got[i-1].Start || (b.Start-from)%width != 0 || b.Start >= to {
			h.fatal("%s [%d, %d) by %d: bucket %d at %d", name, from, to, width, i, b.Start)
		}
	}
}

func roll1(b []Bucket, from, width int64) []Bucket {
	a := adder{from: from, width: width}
	for _, x := range b {
		a.bucket(x)
	}
	return a.done()
}

// TestModel does at random what a house does, with and without a disk, and
// compares each answer with the model's.
func TestModel(t *testing.T) {
	for _, kind := range []string{"memory", "disk"} {
		for seed := range uint64(3) {
			if underRace && seed > 0 {
				break
			}
			t.Run(fmt.Sprint(kind, seed), func(t *testing.T) {
				o := Options{Memory: 1 << 30}
				if kind == "disk" {
					o.folder = quick{disk(t.TempDir())}
				}
				h := newHouse(t, seed, o)
				for range 100 {
					h.step()
				}
				h.check()
				t.Logf("%+v", h.db.Stats())
			})
		}
	}
}

func (h *house) step() {
	h.t.Helper()
	n := h.rng.IntN(16)
	h.log = append(h.log, n)
	switch n {
	case 0, 1, 2, 3:
		h.live(time.Duration(h.rng.IntN(180))*time.Minute, 47*time.Second)
	case 4:
		h.now = h.now.Add(time.Duration(h.rng.IntN(100)) * time.Hour)
	case 5, 6:
		h.late(h.rng.IntN(40), time.Duration(1+h.rng.IntN(300))*time.Hour)
	case 7, 8, 9, 10:
		h.must(h.db.maintain())
	case 11:
		h.seal()
	case 12:
		h.reopen()
	case 13:
		name := h.name()
		if all := h.m.samples(name, minTime, maxTime); len(all) > 0 {
			from := all[h.rng.IntN(len(all))].Time
			to := from + h.rng.Int64N(5*hour)
			by := h.rng.Int64N(40*hour) - 20*hour
			h.must(h.db.Shift(name, from, to, by))
			h.m.shift(name, from, to, by)
		}
	case 14:
		if h.rng.IntN(6) == 0 {
			name := h.name()
			h.must(h.db.Delete(name))
			delete(h.m, name)
		}
	case 15:
		h.check()
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

func (h *house) seal() {
	h.t.Helper()
	h.db.disk.Lock()
	defer h.db.disk.Unlock()
	h.must(h.db.seal())
}

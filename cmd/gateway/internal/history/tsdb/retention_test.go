package tsdb

import (
	"math"
	"testing"
	"time"
)

const days = 24 * time.Hour

// houseOfDays is one with 70 days of history, kept for 3, 12 and 40 days.
func houseOfDays(t *testing.T, o Options) *house {
	o.Raw.Age, o.Minute.Age, o.Quarter.Age = 3*days, 12*days, 40*days
	h := newHouse(t, 1, o)
	h.names = h.names[:2]
	for range 70 * 4 {
		h.live(6*time.Hour, 5*time.Minute)
		h.late(2, 30*time.Hour)
		h.maintain()
	}
	return h
}

// maintain is Run, after the clock went on evenly for long enough.
func (h *house) maintain() {
	h.t.Helper()
	h.db.clock.first = time.Time{}.Add(time.Second)
	h.db.clock.last = h.now
	h.must(h.db.maintain())
}

// same compares a tier from a day that is so many days back.
func (h *house) same(back int, width int64, want Tier) {
	h.t.Helper()
	from, to := floorDiv(h.now.Add(-time.Duration(back)*days).UnixMilli(), day)*day, h.now.UnixMilli()/day*day
	for _, name := range h.names {
		got, tier, err := h.db.Buckets(name, from, to, width, nil)
		h.must(err)
		if bad := sameBuckets(got, h.m.buckets(name, from, to, width)); bad != "" {
			h.fatal("%s: the last %d days by %v from %v: %s", name, back, time.Duration(width)*time.Millisecond, tier, bad)
		}
		if tier != want {
			h.fatal("the last %d days by %v are from %v, want %v", back, time.Duration(width)*time.Millisecond, tier, want)
		}
	}
}

// What is dropped by age leaves its roll-ups, and each tier is right as far as it
// reaches.
func TestRetentionByAge(t *testing.T) {
	alone(t)
	for _, f := range []folder{nil, quick{disk(t.TempDir())}} {
		h := houseOfDays(t, Options{folder: f, Memory: 1 << 30})
		for range 2 {
			h.same(68, 6*hour, SixHours)
			h.same(64, day, SixHours)
			h.same(38, 15*minute, Quarter)
			h.same(38, hour, Quarter)
			h.same(11, minute, Minute)
			h.same(2, 1000, Raw)
			for _, name := range h.names {
				all := collect(t, h.db, name)
				if oldest := h.now.Add(-5 * days).UnixMilli(); len(all) == 0 || all[0].Time < oldest {
					t.Fatalf("samples from %v on are still there", time.UnixMilli(all[0].Time))
				}
			}
			// What is asked too finely is answered as finely as can be.
			from, to := h.now.Add(-60*days).UnixMilli()/day*day, h.now.Add(-50*days).UnixMilli()/day*day
			got, tier, err := h.db.Buckets("a", from, to, minute, nil)
			if bad := sameBuckets(roll1(got, from, 6*hour), h.m.buckets("a", from, to, 6*hour)); err != nil || tier < Quarter || bad != "" {
				t.Fatal(tier, err, bad)
			}
			h.reopen()
		}
	}
}

// Samples that come after those of their hour were dropped are added to the
// roll-ups of it, once, also over a restart.
func TestLaterThanRetention(t *testing.T) {
	alone(t)
	for _, back := range []time.Duration{6 * days, 20 * days, 50 * days} {
		h := houseOfDays(t, Options{folder: quick{disk(t.TempDir())}})
		at := h.now.Add(-back).UnixMilli()
		for i := range int64(300) {
			h.append("a", Sample{at + i*977_000 + 13, h.value()})
		}
		check := func() {
			h.t.Helper()
			h.same(68, 6*hour, SixHours)
			if back < 40*days {
				h.same(38, 15*minute, Quarter)
			}
			if back < 12*days {
				h.same(10, minute, Minute)
			}
		}
		check()
		h.reopen()
		check()
		h.seal()
		check()
		h.reopen()
		check()
		h.now = h.now.Add(2 * days)
		h.maintain()
		check()
	}
}

// Where there never was anything, old samples are kept and rolled up like others.
func TestOldWhereNothingWas(t *testing.T) {
	alone(t)
	h := houseOfDays(t, Options{folder: quick{disk(t.TempDir())}})
	old := h.now.Add(-400 * days).UnixMilli()
	for i := range int64(500) {
		h.append("b#c.d", Sample{old + i*600_000, h.value()})
	}
	for range 3 {
		h.same(402, 6*hour, SixHours)
		h.now = h.now.Add(7 * time.Hour)
		h.maintain()
		h.reopen()
	}
	if all := collect(t, h.db, "b#c.d"); all[0].Time < h.now.Add(-5*days).UnixMilli() {
		t.Error("old samples outlive the age of their tier")
	}
}

// Bytes bound each tier, down to a part of a day; counts in the coarsest stay
// right.
func TestRetentionByBytes(t *testing.T) {
	alone(t)
	for _, f := range []folder{nil, quick{disk(t.TempDir())}} {
		o := Options{folder: f, Memory: 1 << 30}
		o.Raw.Bytes, o.Minute.Bytes, o.Quarter.Bytes = 20_000, 100_000, 50_000
		h := newHouse(t, 3, o)
		h.names = h.names[:2]
		for range 100 {
			h.live(3*time.Hour, 30*time.Second)
			h.maintain()
			h.seal()
			h.maintain()
			for tier, r := range h.db.retention() {
				if got := h.db.Stats().Tiers[tier].Bytes; r.Bytes > 0 && got > r.Bytes {
					t.Fatalf("%v has %d bytes of %d", Tier(tier), got, r.Bytes)
				}
			}
		}
		h.same(10, 6*hour, SixHours)
		h.same(10, day, SixHours)
	}
}

// A database in memory keeps within its bound whatever comes.
func TestMemoryIsBounded(t *testing.T) {
	alone(t)
	h := newHouse(t, 1, Options{Memory: 1 << 20})
	for range 300 {
		for _, name := range h.names {
			for i := range 1500 {
				h.db.Append(name, Sample{h.now.UnixMilli() + int64(i*2000), h.rng.NormFloat64()})
			}
		}
		h.now = h.now.Add(50 * time.Minute)
		h.maintain()
		s := h.db.Stats()
		total := int64(s.Memory)
		for _, x := range s.Tiers {
			total += x.Bytes
		}
		if total > 1<<20 {
			t.Fatalf("%d bytes: %+v", total, s)
		}
	}
	all := collect(t, h.db, "a")
	if len(all) < 5000 || all[len(all)-1].Time < h.now.Add(-time.Minute).UnixMilli() {
		t.Errorf("of the newest samples there are %d", len(all))
	}
	got, _, err := h.db.Buckets("a", h.now.Add(-10*days).UnixMilli()/day*day, h.now.UnixMilli(), 6*hour, nil)
	if err != nil || len(got) < 38 {
		t.Errorf("%d buckets of 6 h, %v", len(got), err)
	}
}

// A clock that was set is not believed at once: nothing is dropped.
func TestClockJumps(t *testing.T) {
	o := Options{folder: quick{disk(t.TempDir())}}
	o.Raw.Age = 3 * days
	h := newHouse(t, 1, o)
	h.live(30*time.Hour, time.Minute)
	for range 20 {
		h.must(h.db.maintain())
		h.now = h.now.Add(time.Minute)
	}
	good := h.now
	h.now = h.now.Add(50 * 365 * days)
	for range 9 {
		h.must(h.db.maintain())
		h.now = h.now.Add(time.Minute)
	}
	h.now = good
	h.check()
	if h.db.Stats().Tiers[Raw].Bytes == 0 {
		t.Error("a wrong clock dropped history")
	}
}

func TestGrid(t *testing.T) {
	h := newHouse(t, 5, Options{})
	for range 20_000 {
		from := int64(1.7e12) + h.rng.Int64N(1e12)
		to := from + int64(math.Exp(h.rng.Float64()*math.Log(1e14)))
		points := 1 + h.rng.IntN(2000)
		f, u, w := Grid(from, to, points)
		if f > from || u < to || f%w != 0 || u%w != 0 || (u-f)/w > int64(points) && w < 1<<40 {
			t.Fatalf("Grid(%d, %d, %d) = %d, %d, %d", from, to, points, f, u, w)
		}
	}
	if f, u, w := Grid(0, 30*day, 1500); f != 0 || u != 30*day || w != 30*minute {
		t.Errorf("30 days: %d, %d, %v", f, u, w)
	}
}

// TestModelWithRetention does everything at random while what is old is dropped,
// and compares the roll-ups as far as each tier reaches.
func TestModelWithRetention(t *testing.T) {
	alone(t)
	for seed := range uint64(4) {
		o := Options{folder: quick{disk(t.TempDir())}}
		if seed%2 == 1 {
			o = Options{Memory: 1 << 30}
		}
		o.Raw.Age, o.Minute.Age, o.Quarter.Age = 3*days, 12*days, 40*days
		h := newHouse(t, seed, o)
		h.names = h.names[:2]
		h.live(24*time.Hour, 5*time.Minute)
		start := h.now
		for range 250 {
			h.stepWithin(30 * time.Hour)
		}
		for range 2 {
			reach := int(h.now.Sub(start) / days)
			h.same(reach, 6*hour, SixHours)
			h.same(min(38, reach), 15*minute, Quarter)
			h.same(min(10, reach), minute, Minute)
			h.maintain()
			h.reopen()
		}
	}
}

// stepWithin does something that changes samples of the last while only.
func (h *house) stepWithin(d time.Duration) {
	h.t.Helper()
	switch h.rng.IntN(12) {
	case 0, 1, 2, 3:
		h.live(time.Duration(1+h.rng.IntN(12))*time.Hour, 7*time.Minute)
	case 4, 5:
		h.late(h.rng.IntN(30), d)
	case 6, 7, 8:
		h.maintain()
	case 9:
		h.seal()
	case 10:
		h.reopen()
	case 11:
		name := h.name()
		from := h.now.UnixMilli() - h.rng.Int64N(d.Milliseconds())
		to, by := from+h.rng.Int64N(5*hour), h.rng.Int64N(8*hour)-4*hour
		if from+by < h.now.Add(-d).UnixMilli() {
			return
		}
		h.must(h.db.Shift(name, from, to, by))
		h.m.shift(name, from, to, by)
	}
}

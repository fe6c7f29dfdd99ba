package tsdb

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

func identical(a, b []Sample) bool {
	return slices.EqualFunc(a, b, func(a, b Sample) bool {
		return a.Time == b.Time && math.Float64bits(a.Value) == math.Float64bits(b.Value)
	})
}

// Every float64 comes back as it was, every bit of it, at any times.
func TestBlocksAreLossless(t *testing.T) {
	rng := newRand(1)
	kinds := map[string]func(i int) float64{
		"any bits":  func(int) float64 { return math.Float64frombits(rng.Uint64()) },
		"decimals":  func(int) float64 { return decimals(rng.NormFloat64()*1000, rng.IntN(7)) },
		"float32":   func(int) float64 { return float64(rng.Float32()) },
		"single":    func(int) float64 { return float64(float32(decimals(rng.NormFloat64()*50, 2))) },
		"sixteenth": func(int) float64 { return float64(rng.IntN(1000)) / 16 },
		"same":      func(int) float64 { return 1.0 / 3 },
		"large":     func(int) float64 { return math.Round(rng.NormFloat64() * 1e16) },
		"small":     func(int) float64 { return rng.NormFloat64() * 1e-300 },
		"mixed": func(i int) float64 {
			return []float64{0, math.Copysign(0, -1), 1e15, 0.01, 5e-324, -math.MaxFloat64, math.NaN(), math.Inf(1)}[i%8]
		},
		"zeros":   func(i int) float64 { return math.Copysign(0, float64(i%2)-0.5) },
		"counter": func(i int) float64 { return decimals(float64(i)*0.001, 3) },
		"limits":  func(i int) float64 { return float64(int64(maxWhole)-int64(i%3)) * math.Pow(-1, float64(i)) },
	}
	times := map[string]func(i int) int64{
		"even":   func(int) int64 { return 1000 },
		"jitter": func(int) int64 { return 995 + rng.Int64N(11) },
		"drift":  func(i int) int64 { return 1000 + int64(i%7/6) },
		"gaps": func(int) int64 {
			if rng.IntN(20) == 0 {
				return 1 + rng.Int64N(100_000)
			}
			return 60_000
		},
		"any":      func(int) int64 { return 1 + rng.Int64N(1+rng.Int64N(1_000_000)) },
		"speeding": func(i int) int64 { return 1 + int64(i)*3 },
	}
	var e encoder
	var d decoder
	for vk, value := range kinds {
		for tk, step := range times {
			for _, n := range []int{1, 2, 3, 60, 500} {
				at := int64(1_764_000_000_000) - rng.Int64N(3e12)
				var s []Sample
				for i := range n {
					s = append(s, Sample{at, value(i)})
					at += step(i)
				}
				for _, deflate := range []bool{false, true} {
					b := e.samples([]byte("before"), s, deflate)[6:]
					got, err := d.all(nil, b)
					if err != nil || !identical(got, s) {
						t.Fatalf("%s, %s, %d, deflated %v: %v", vk, tk, n, deflate, err)
					}
				}
			}
		}
	}
}

// Sensors' hours take at most a byte a sample on the whole.
func TestBlocksAreSmall(t *testing.T) {
	rng := newRand(1)
	var e encoder
	bytes, n := 0, 0
	for _, x := range sensors() {
		var s []Sample
		for i := range 3600 {
			at := 1_764_000_000_000 + int64(i)*1000
			if x.jitter > 0 {
				at += rng.Int64N(x.jitter)
			}
			s = append(s, Sample{at, x.next(rng, i)})
		}
		size := len(e.samples(nil, s, true))
		t.Logf("%-40s %.2f", x.name, float64(size)/3600)
		bytes, n = bytes+size, n+len(s)
	}
	if per := float64(bytes) / float64(n); per > 0.75 {
		t.Errorf("%.2f bytes a sample", per)
	}
}

// Roll-ups come back as they were, but for sums, which may be as far off as adding
// makes them.
func TestRollups(t *testing.T) {
	rng := newRand(2)
	var e encoder
	var d decoder
	for range 500 {
		tier := Minute + Tier(rng.IntN(3))
		page := rng.Int64N(3000) - 20
		a := adder{width: tier.period()}
		at := page * tier.span()
		wild := rng.IntN(3) == 0
		for at < (page+1)*tier.span() {
			v := decimals(20+rng.NormFloat64(), 2)
			if wild {
				v = rng.NormFloat64()
			}
			a.sample(Sample{at, v})
			at += 1 + rng.Int64N(tier.period()*3)
		}
		want := a.done()
		got, err := d.buckets(nil, e.buckets(nil, want, tier.period()), tier)
		if err != nil {
			t.Fatal(err)
		}
		if bad := sameBuckets(got, want); bad != "" {
			t.Fatal(bad)
		}
	}
	if got, err := d.buckets(nil, e.buckets(nil, nil, minute), Minute); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}

func FuzzBlock(f *testing.F) {
	rng := newRand(3)
	var e encoder
	for _, x := range sensors() {
		s := []Sample{}
		for i := range 40 {
			s = append(s, Sample{1_764_000_000_000 + int64(i)*1000 + rng.Int64N(3), x.next(rng, i)})
		}
		f.Add(e.samples(nil, s, true))
		f.Add(e.samples(nil, s, false))
		f.Add(e.samples(nil, s[:1], false))
	}
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var d decoder
		got, err := d.all(nil, b)
		if err != nil {
			if len(got) != 0 {
				t.Error("an error, and samples")
			}
			return
		}
		if len(got) > 1<<16 || len(got) == 0 {
			return
		}
		if !rising(got) {
			t.Fatal("times do not rise")
		}
		// What was read can be written again.
		again, err := d.all(nil, new(encoder).samples(nil, got, true))
		if err != nil || !identical(again, got) {
			t.Fatalf("%d samples, and once more %d: %v", len(got), len(again), err)
		}
	})
}

func FuzzRollups(f *testing.F) {
	var e encoder
	for _, v := range []float64{0.01, 1.0 / 3} {
		a := adder{width: minute}
		for i := range int64(500) {
			a.sample(Sample{i * 7000, float64(i) * v})
		}
		f.Add(byte(Minute), e.buckets(nil, a.done(), minute))
	}
	f.Add(byte(SixHours), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, tier byte, b []byte) {
		var d decoder
		which := Minute + Tier(tier%3)
		got, err := d.buckets(nil, b, which)
		if err != nil && len(got) != 0 || len(got) > 1440 {
			t.Error(len(got), err)
		}
	})
}

// FuzzFiles opens a folder with files of any bytes.
func FuzzFiles(f *testing.F) {
	s := newShaky()
	now := int64(1_764_000_000_000)
	db, err := Open(Options{folder: s, Now: clockAt(&now)})
	if err != nil {
		f.Fatal(err)
	}
	for i := range int64(300) {
		db.Append("a", Sample{now - day + i*60_000, float64(i % 7)})
	}
	db.Flush()
	for name, file := range s.copied().files {
		f.Add(name, file.data)
	}
	for range 3 {
		db.disk.Lock()
		db.seal()
		db.disk.Unlock()
		now += day
		db.maintain()
	}
	for name, file := range s.copied().files {
		f.Add(name, file.data)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		s := newShaky()
		s.files[name] = &shakyFile{s: s, data: resum(b)}
		now := int64(1_764_000_000_000)
		db, err := Open(Options{folder: s, Now: clockAt(&now)})
		if err != nil {
			return
		}
		for _, i := range db.Series() {
			n := 0
			for range db.Samples(i.Name, minTime, maxTime) {
				if n++; n > 1000 {
					break
				}
			}
			if _, _, err := db.Buckets(i.Name, now-30*day, now, hour, nil); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := db.maintain(); err != nil {
				t.Error(err)
			}
			now += day
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// resum makes the checksums of a file right, so that what is behind them is
// reached.
func resum(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < headSize {
		return b
	}
	copy(b, fileMagic)
	binary.LittleEndian.PutUint32(b[16:], crc(b[:16]))
	head, err := parseHead(b)
	if err != nil {
		return b
	}
	for at := headSize; at+frameHead <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[at+4:]))
		if !bytes.HasPrefix(b[at:], frameMagic) || n > len(b)-at-frameHead {
			break
		}
		binary.LittleEndian.PutUint32(b[at+8:], head.sum(b[at+3], b[at+frameHead:at+frameHead+n]))
		at += frameHead + n
	}
	if end := len(b) - endSize; end >= headSize {
		binary.LittleEndian.PutUint32(b[end+12:], crc(b[end:end+12]))
	}
	return b
}

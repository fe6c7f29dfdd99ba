package tsdb

import (
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func open(t *testing.T, o Options) *DB {
	t.Helper()
	db, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func collect(t *testing.T, db *DB, name string) []Sample {
	t.Helper()
	var all []Sample
	for s, err := range db.Samples(name, minTime, maxTime) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// What was flushed is there after the program has ended, in order, and the last
// of those with the same time.
func TestReopen(t *testing.T) {
	o := Options{Folder: t.TempDir()}
	db := open(t, o)
	rng := rand.New(rand.NewPCG(1, 2))
	model := map[int64]float64{}
	for i := range 20_000 {
		s := Sample{Time: 1.7e12 + rng.Int64N(1e8)/1000*1000, Value: math.Round(rng.NormFloat64()*1000) / 100}
		model[s.Time] = s.Value
		if err := db.Append("a", s); err != nil {
			t.Fatal(err)
		}
		if i%7000 == 0 {
			if err := db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func() {
		t.Helper()
		got := collect(t, db, "a")
		if len(got) != len(model) || !rising(got) {
			t.Fatalf("%d samples, want %d", len(got), len(model))
		}
		for _, s := range got {
			if v, ok := model[s.Time]; !ok || v != s.Value {
				t.Fatalf("at %d: %v, want %v", s.Time, s.Value, v)
			}
		}
	}
	check()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, o)
	check()
}

// quick is a disk that tests need not wait for.
type quick struct{ disk }

func (q quick) create(name string) (outFile, error) {
	f, err := q.disk.create(name)
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

func (quick) sync() error { return nil }

type quickFile struct{ outFile }

func (quickFile) Sync() error          { return nil }
func (quickFile) allocate(int64) error { return nil }

func clockAt(ms *int64) func() time.Time {
	return func() time.Time { return time.UnixMilli(*ms) }
}

func crc(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

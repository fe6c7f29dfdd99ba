package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// TestRandom lets a store live through many restarts, with other options each
// time, and compares it with its history.
func TestRandom(t *testing.T) {
	seeds, lives := uint64(4), 40
	if raceEnabled {
		seeds = 1
	}
	if long {
		seeds = 100
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { randomLives(t, seed, lives) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomLives(t *testing.T, seed uint64, lives int) {
	r := newRand(seed)
	disk := storetest.NewDisk(seed)
	h := new(history)
	a := &actor{r: r, h: h}
	stable := store.Mark(0)
	for life := range lives {
		o := store.Options{
			SegmentSize: []int64{1 << 10, 2 << 10, 4 << 10, 4 << 10, 32 << 10}[r.IntN(5)],
			Interval:    []time.Duration{0, time.Second, 5 * time.Second}[r.IntN(3)],
			CommitDelay: []time.Duration{0, 5 * time.Millisecond}[r.IntN(2)],
		}
		d := check(t, disk, o, h, stable)
		h.cut(d.Stable())
		a.payload = []int{10, 300, 3000}[r.IntN(3)]
		a.reset(d, h.at(d.Stable()))
		for range r.IntN(80) {
			if _, err := a.step(t, store.Urgency(r.IntN(2))); err != nil {
				t.Fatal(err)
			}
			if r.IntN(4) == 0 {
				time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			}
		}
		same(t, d, h.at(1<<60))
		if r.IntN(3) == 0 {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			stable = d.Stable()
			if d.Stats().Pending > 0 {
				t.Fatalf("life %d: closed with %+v", life, d.Stats())
			}
			disk = disk.Crash(storetest.None, r.Uint64())
			continue
		}
		disk.CrashAt(disk.Calls() + 1 + r.IntN(10))
		for range 10 {
			_, _ = a.step(t, store.Now)
			synctest.Wait()
		}
		_ = d.Close()
		stable = d.Stable()
		disk = disk.Crash(storetest.Modes[r.IntN(len(storetest.Modes))], r.Uint64())
	}
}

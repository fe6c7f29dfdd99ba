package store_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// long is that there is time for more seeds.
var long = os.Getenv("GATEWAY_LONG") != ""

// stride is which positions of many are looked at: with the race detector
// everything takes ten times as long.
func stride(n int) int {
	switch {
	case long:
		return 1
	case raceEnabled:
		return 7 * n
	}
	return n
}

// countCalls returns how many calls of the disk a script makes.
func countCalls(t *testing.T, sc script) (calls int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, a := sc.run(t, disk)
		if d == nil {
			t.Fatal("the store did not open")
		}
		t.Logf("%d calls, %+v", disk.Calls(), d.Stats())
		same(t, d, a.h.at(1<<60))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		calls = disk.Calls()
		d = check(t, disk.Crash(storetest.None, 1), sc.o, a.h, d.Stable())
		d.Close()
	})
	if t.Failed() {
		t.FailNow()
	}
	return calls
}

// cutOff does a script until the power goes before the call k. stable is the mark
// that was reported.
func (sc script) cutOff(t *testing.T, k int) (disk *storetest.Disk, a *actor, stable store.Mark) {
	t.Helper()
	disk = storetest.NewDisk(uint64(k))
	disk.CrashAt(k)
	d, a := sc.run(t, disk)
	if d != nil {
		d.Close()
		stable = d.Stable()
	}
	return disk, a, stable
}

// TestCrash has the power go before every call of a workload, in every mode, and
// once more.
func TestCrash(t *testing.T) {
	sc := newScript(1, 300)
	seeds := uint64(2)
	if long {
		seeds = 10
	}
	n := countCalls(t, sc)
	for k := 1; k <= n+1; k += stride(1) {
		synctest.Test(t, func(t *testing.T) {
			disk, a, stable := sc.cutOff(t, k)
			for _, mode := range storetest.Modes {
				for seed := range seeds {
					if seed > 0 && mode != storetest.Some && mode != storetest.Torn {
						continue
					}
					crashed(t, disk, sc, a.h, stable, mode, seed)
					if t.Failed() {
						t.Fatalf("the power went before call %d; mode %v, seed %d", k, mode, seed)
					}
				}
			}
		})
		if t.Failed() {
			t.FailNow()
		}
	}
}

// crashed looks at the disk after a crash, goes on, and has it crash once more.
func crashed(t *testing.T, disk *storetest.Disk, sc script, h *history, stable store.Mark, mode storetest.Mode, seed uint64) {
	after := disk.Crash(mode, seed)
	d := check(t, after, sc.o, h, stable)
	if d == nil {
		return
	}
	found := d.Stable()
	again := after.Crash(storetest.None, seed)
	h2 := goOn(t, d, h, seed)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	for _, m := range []storetest.Mode{storetest.None, storetest.Torn} {
		if d2 := check(t, after.Crash(m, seed), sc.o, h2, d.Stable()); d2 != nil {
			d2.Close()
		}
	}
	// What was found is stable, though nobody has written since.
	if d2 := check(t, again, sc.o, h, found); d2 != nil {
		d2.Close()
	}
}

// TestCrashTwice has the power go again at every call of the reopening and of
// the first writes after it.
func TestCrashTwice(t *testing.T) {
	sc := newScript(2, 200)
	n := countCalls(t, sc)
	for k := 1; k <= n+1; k += stride(23) {
		synctest.Test(t, func(t *testing.T) {
			disk, a, stable := sc.cutOff(t, k)
			for _, mode := range []storetest.Mode{storetest.Some, storetest.Torn, storetest.Kill} {
				for j := 1; ; j++ {
					second := disk.Crash(mode, uint64(j))
					second.CrashAt(j)
					what := fmt.Sprintf("call %d, then %d; mode %v", k, j, mode)
					if !crashedTwice(t, second, sc, a.h, stable, uint64(j)) {
						break
					}
					if t.Failed() {
						t.Fatal(what)
					}
				}
			}
		})
		if t.Failed() {
			t.FailNow()
		}
	}
}

// crashedTwice opens a disk and writes until its power goes, and looks at what
// that leaves. It returns false if the power did not go.
func crashedTwice(t *testing.T, disk *storetest.Disk, sc script, h *history, stable store.Mark, seed uint64) bool {
	t.Helper()
	d, err := store.OpenFS(disk, sc.o)
	if err == nil && disk.Off() {
		d.Close() // what it could not read any more it does not have
	} else if err == nil {
		stable = max(stable, d.Stable())
		h = &history{append([]entry(nil), h.entries...)}
		h.cut(d.Stable())
		a := &actor{r: newRand(seed), h: h, payload: 300}
		a.reset(d, h.at(d.Stable()))
		for range 8 {
			if _, err := a.step(t, store.Now); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		d.Close()
		stable = max(stable, d.Stable())
	}
	off := disk.Off()
	for _, m := range []storetest.Mode{storetest.None, storetest.Torn} {
		if d := check(t, disk.Crash(m, seed), sc.o, h, stable); d != nil {
			d.Close()
		}
	}
	return off
}

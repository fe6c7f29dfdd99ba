package tsdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAppendErrors(t *testing.T) {
	db := open(t, Options{MaxSeries: 3})
	for _, name := range []string{"", "\xff", strings.Repeat("x", 1025)} {
		if err := db.Append(name, Sample{1, 1}); !errors.Is(err, ErrName) {
			t.Errorf("series %.20q: %v", name, err)
		}
	}
	err := db.Append("a", Sample{1, 1}, Sample{2, math.NaN()}, Sample{3, math.Inf(-1)}, Sample{maxTime + 1, 1}, Sample{minTime - 1, 1}, Sample{4, math.Copysign(0, -1)})
	if !errors.Is(err, ErrSample) || !strings.Contains(err.Error(), "series a") {
		t.Error(err)
	}
	if got := collect(t, db, "a"); !identical(got, []Sample{{1, 1}, {4, 0}}) {
		t.Error(got)
	}
	for i := range 4 {
		err := db.Append(fmt.Sprint("s", i), Sample{1, 1})
		if (err != nil) != (i > 1) || err != nil && !errors.Is(err, ErrTooMany) {
			t.Errorf("series %d: %v", i, err)
		}
	}
	if err := db.Append("a", Sample{5, 5}); err != nil {
		t.Errorf("a series that is there: %v", err)
	}
	if err := db.Delete("s0", "there is none"); err != nil {
		t.Error(err)
	}
	if err := db.Append("s3", Sample{1, 1}); err != nil {
		t.Errorf("after one was deleted: %v", err)
	}
	if s := db.Stats(); s.Series != 3 || s.Refused != 6 {
		t.Errorf("%+v", s)
	}
	if _, _, err := db.Buckets("s0", 0, 10, 1, nil); !errors.Is(err, ErrNoSeries) {
		t.Error(err)
	}
	if _, _, err := db.Buckets("a", 0, 10, 0, nil); err == nil {
		t.Error("buckets of no width")
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := db.Append("a", Sample{6, 6}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	for _, err := range db.Samples("a", 0, 10) {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// A folder is of one process at a time; two opens count as two.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	db := open(t, Options{Folder: dir})
	if _, err := Open(Options{Folder: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("opened twice: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Folder: dir})
}

// Delete takes a series from every answer, at once and for good, and its bytes
// from the disk; a new one of the same name has nothing of it.
func TestDelete(t *testing.T) {
	s := newShaky()
	h := newHouse(t, 1, Options{folder: s})
	secret := "secret/name"
	h.names = append(h.names, secret)
	for range 12 {
		h.live(8*time.Hour, 5*time.Minute)
		h.must(h.db.maintain())
	}
	h.live(time.Hour, 5*time.Minute)
	h.must(h.db.Delete(secret))
	delete(h.m, secret)
	h.names = h.names[:3]
	for i := range 3 {
		for _, x := range h.db.Series() {
			if x.Name == secret {
				t.Fatalf("%d: it is still there", i)
			}
		}
		h.reopen2(s)
	}
	h.append(secret, Sample{h.now.UnixMilli(), 42})
	h.names = append(h.names, secret)
	h.check()
	h.reopen2(s)
	h.check()
	h.must(h.db.Delete(secret))
	for range 10 {
		h.live(3*time.Hour, 5*time.Minute)
		delete(h.m, secret)
		h.must(h.db.Delete(secret))
		h.must(h.db.maintain())
	}
	h.seal()
	for range 2 {
		h.must(h.db.maintain())
	}
	for name, f := range s.files {
		if strings.Contains(string(f.data), secret) {
			t.Errorf("%s still has it", name)
		}
	}
	if len(h.db.deleted) != 0 {
		t.Errorf("still to be deleted: %v", h.db.deleted)
	}
}

func (h *house) reopen2(s *shaky) {
	h.t.Helper()
	h.must(h.db.Close())
	o := h.o
	o.folder = s
	h.db = open(h.t, o)
}

// TestShiftOfABoot is a Pi without a clock: it starts in 1970, and its samples
// get their times when it learns what time it is.
func TestShiftOfABoot(t *testing.T) {
	for _, f := range []folder{nil, quick{disk(t.TempDir())}} {
		o := Options{folder: f}
		o.Raw.Age, o.Minute.Age, o.Quarter.Age = 3*days, 12*days, 40*days
		h := newHouse(t, 1, o)
		for range 10 {
			h.live(10*time.Hour, 5*time.Minute)
			h.maintain()
		}
		boot := h.now.Add(10 * time.Minute)
		h.now = time.UnixMilli(5000)
		for range 30 {
			h.live(time.Hour, 5*time.Minute)
			h.maintain()
		}
		by := boot.UnixMilli() - 5000
		for _, name := range h.names {
			h.must(h.db.Shift(name, 0, h.now.UnixMilli(), by))
			h.m.shift(name, 0, h.now.UnixMilli(), by)
		}
		h.now = h.now.Add(time.Duration(by) * time.Millisecond)
		h.maintain()
		h.reopen()
		h.checkRange("a", h.now.Add(-60*time.Hour).UnixMilli(), h.now.UnixMilli())
		h.same(2, minute, Minute)
		h.same(7, 6*hour, SixHours)
		for _, i := range h.db.Series() {
			if i.First < h.now.Add(-20*days).UnixMilli() {
				t.Errorf("%+v is still from %v", i, time.UnixMilli(i.First).UTC())
			}
		}
	}
	db := open(t, Options{})
	if err := db.Shift("none", 0, 10, 5); !errors.Is(err, ErrNoSeries) {
		t.Error(err)
	}
	if err := errors.Join(db.Append("a", Sample{1, 1})); err != nil {
		t.Error(err)
	}
	if err := db.Shift("a", 0, 10, maxTime); !errors.Is(err, ErrSample) {
		t.Error(err)
	}
}

// Run writes a batch each minute, and the last one when it ends.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(Options{folder: quick{disk(dir)}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- db.Run(ctx) }()
		db.Append("a", Sample{1, 1})
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if s := db.Stats(); s.Pending != 1 || s.Batches != 0 {
			t.Errorf("before a minute: %+v", s)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := db.Stats(); s.Pending != 0 || s.Batches != 1 {
			t.Errorf("after a minute: %+v", s)
		}
		db.Append("a", Sample{2, 2})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := db.Stats(); s.Pending != 0 {
			t.Errorf("afterwards: %+v", s)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db := open(t, Options{Folder: dir})
	if got := collect(t, db, "a"); len(got) != 2 {
		t.Error(got)
	}
}

// A flood is sealed as it comes, what is in memory stays bounded, and what does
// not fit is counted.
func TestFlood(t *testing.T) {
	s := newShaky()
	db := open(t, Options{folder: s})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- db.Run(ctx) }()
	rng := newRand(1)
	appended, refused := 0, 0
	for i := range 400 {
		var batch [5000]Sample
		for j := range batch {
			batch[j] = Sample{1_764_000_000_000 + int64(i*5000+j)*100, rng.NormFloat64()}
		}
		switch err := db.Append("a", batch[:]...); {
		case err == nil:
			appended += len(batch)
		case errors.Is(err, ErrBehind):
			refused += len(batch)
		default:
			t.Fatal(err)
		}
		if got := db.Stats().Memory; got > 24<<20 {
			t.Fatalf("%d bytes in memory", got)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	st := db.Stats()
	if got := len(collect(t, db, "a")); got != appended-int(st.Dropped) || uint64(refused) != st.Refused {
		t.Errorf("%d of %d samples, %d refused, %+v", got, appended, refused, st)
	}
	if db.Stats().Seals == 0 {
		t.Error("nothing was sealed")
	}
}

// Without Run, Flush makes room.
func TestFlushMakesRoom(t *testing.T) {
	alone(t)
	for _, f := range []folder{nil, newShaky()} {
		db := open(t, Options{folder: f, Memory: 4 << 20, Backlog: 64 << 20})
		rng := newRand(1)
		behind := 0
		for i := range int64(300) {
			var batch [5000]Sample
			for j := range batch {
				batch[j] = Sample{1_764_000_000_000 + (i*5000+int64(j))*1000, rng.NormFloat64()}
			}
			err := db.Append("a", batch[:]...)
			if errors.Is(err, ErrBehind) {
				behind++
				if err = db.Flush(); err == nil {
					err = db.Append("a", batch[:]...)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		st := db.Stats()
		if total := int64(st.Memory) + st.Tiers[Raw].Bytes; behind == 0 || f == nil && total > 8<<20 {
			t.Errorf("behind %d times, %d bytes", behind, total)
		}
		if got := len(collect(t, db, "a")); f != nil && got != 1_500_000 {
			t.Errorf("%d samples", got)
		}
	}
}

// Everything at once: the race detector looks on.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	now := time.UnixMilli(1_764_000_000_000)
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	db := open(t, Options{folder: quick{disk(dir)}, Now: clock, Raw: Retention{Age: 48 * time.Hour, Bytes: 300_000}})
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range 400 {
				for j := range 50 {
					db.Append(fmt.Sprint("s", w), Sample{clock().UnixMilli() + int64(j*1000), float64(i)})
				}
				mu.Lock()
				now = now.Add(7 * time.Minute)
				mu.Unlock()
				switch i % 50 {
				case 20:
					db.Shift(fmt.Sprint("s", w), clock().UnixMilli()-hour, clock().UnixMilli(), -30*minute)
				case 40:
					db.Delete(fmt.Sprint("s", 1-w))
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, i := range db.Series() {
					to := clock().UnixMilli()
					if _, _, err := db.Buckets(i.Name, to-3*day, to, 10*minute, nil); err != nil && !errors.Is(err, ErrNoSeries) {
						t.Error(err)
					}
					for _, err := range db.Samples(i.Name, to-day, to) {
						if err != nil && !errors.Is(err, ErrNoSeries) {
							t.Error(err)
						}
					}
				}
				db.Stats()
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := db.maintain(); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	if s := db.Stats(); s.Damaged != 0 || s.Failing != "" {
		t.Errorf("%+v", s)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 60 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

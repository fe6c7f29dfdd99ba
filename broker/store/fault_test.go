package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// TestFault has every call of a workload fail, once, five times, and until the
// disk is healed, with each of three errors. Nothing that was reported stable is
// lost by a crash then, and the store recovers by itself.
func TestFault(t *testing.T) {
	sc := newScript(3, 120)
	n := countCalls(t, sc)
	for k := 2; k <= n; k += stride(1) { // the first call is the one that opens
		for i, errno := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
			for j, count := range []int{1, 5, -1} {
				if !long && (k+i+j)%3 != 0 {
					continue
				}
				what := fmt.Sprintf("call %d, %v, %d times", k, errno, count)
				synctest.Test(t, func(t *testing.T) {
					faulty(t, sc, storetest.Fault{At: k, Count: count, Err: errno})
				})
				if t.Failed() {
					t.Fatal(what)
				}
			}
		}
	}
}

func faulty(t *testing.T, sc script, f storetest.Fault) {
	seed := uint64(f.At)
	disk := storetest.NewDisk(seed)
	disk.FailAt(f)
	d, a := sc.run(t, disk)
	if d == nil {
		return // it says that it cannot be opened
	}
	stable := d.Stable()
	for _, m := range []storetest.Mode{storetest.None, storetest.Some, storetest.Kill} {
		check(t, disk.Crash(m, seed), sc.o, a.h, stable).Close()
	}
	if f.At%5 == 0 && f.Count < 0 && disk.Failed() > 0 {
		// It is closed as it is.
		pending := d.Stats().Pending
		if err := d.Close(); err == nil && pending > 0 && d.Stats().Pending > 0 {
			t.Error("Close reports nothing, and bytes were not written")
		}
		if _, err := d.Append(store.Now); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Append after Close: %v", err)
		}
		disk.Heal()
		check(t, disk.Crash(storetest.None, seed), sc.o, a.h, d.Stable()).Close()
		return
	}
	disk.Heal()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	mark, err := d.Append(store.Now)
	if err != nil {
		t.Error(err)
	}
	if err := d.Wait(ctx, mark); err != nil {
		t.Errorf("healed, it waits for mark %d and has %d: %v; %+v", mark, d.Stable(), err, d.Stats())
	}
	same(t, d, a.h.at(1<<60))
	check(t, disk.Crash(storetest.None, seed), sc.o, a.h, mark).Close()
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	check(t, disk.Crash(storetest.Some, seed), sc.o, a.h, mark).Close()
}

// TestCloseTriesAgain closes a store while it waits to write again.
func TestCloseTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, err := store.OpenFS(disk, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		disk.FailAt(storetest.Fault{At: 1, Count: -1, Err: syscall.EIO})
		id := d.NewSession()
		if _, err := d.Append(store.Now, store.Change{Op: store.PutSession, Session: id, Name: "a"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		disk.Heal()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFull fills a store to its bounds: only what adds is refused, and what is
// done makes room again.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, err := store.OpenFS(disk, store.Options{SegmentSize: 16 << 10, MaxBytes: 256 << 10})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		id := d.NewSession()
		d.Append(store.Now, store.Change{Op: store.PutSession, Session: id})
		seq := uint64(0)
		fill := func() (n int) {
			for ; n < 1000; n++ {
				mark, err := d.Append(store.Now, store.Change{Op: store.Publish, Message: &store.Message{Topic: "t", Payload: make([]byte, 1000)}, To: []store.Delivery{{Session: id, Seq: seq + 1}}})
				if errors.Is(err, store.ErrFull) {
					return n
				}
				if err != nil {
					t.Fatal(err)
				}
				seq++
				if err := d.Wait(t.Context(), mark); err != nil {
					t.Fatal(err)
				}
			}
			return n
		}
		first := fill()
		if first < 100 || first > 250 {
			t.Errorf("%d kB in a store of 256 KiB", first)
		}
		if _, err := d.Append(store.Now, store.Change{Op: store.PutSession, Session: d.NewSession(), Name: strings.Repeat("n", 2000)}); !errors.Is(err, store.ErrFull) {
			t.Errorf("a new session in a full store: %v", err)
		}
		for _, c := range []store.Change{
			{Op: store.Subscribe, Session: id, Name: "t"}, {Op: store.Unsubscribe, Session: id, Name: "t"},
			{Op: store.Release, Session: id, Seq: 1}, {Op: store.Forget, Session: id, PacketID: 1}, {Op: store.ClearRetained, Name: "t"},
		} {
			if _, err := d.Append(store.Now, c); err != nil {
				t.Errorf("change %d in a full store: %v", c.Op, err)
			}
		}
		for s := range seq {
			if _, err := d.Append(store.Now, store.Change{Op: store.Done, Session: id, Seq: s + 1}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if again := fill(); again < first-10 {
			t.Errorf("%d and then %d kB fit", first, again)
		}
		if st := d.Stats(); st.Bytes > 256<<10 {
			t.Errorf("%+v", st)
		}
	})
}

// TestMinFree leaves the file system what it is to keep: messages are refused,
// and what ends others is not.
func TestMinFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, err := store.OpenFS(disk, store.Options{SegmentSize: 16 << 10, MinFree: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		id := d.NewSession()
		publish := func(seq uint64) error {
			_, err := d.Append(store.Now, store.Change{Op: store.Publish, Message: &store.Message{Topic: "t"}, To: []store.Delivery{{Session: id, Seq: seq}}})
			synctest.Wait()
			return err
		}
		if _, err := d.Append(store.Now, store.Change{Op: store.PutSession, Session: id}); err != nil {
			t.Fatal(err)
		}
		if err := publish(1); err != nil {
			t.Fatal(err)
		}
		disk.SetFree(1<<20 - 1)
		time.Sleep(time.Minute)
		_ = publish(2) // the first that makes it look
		if err := publish(3); !errors.Is(err, store.ErrFull) {
			t.Errorf("a message where nothing is free: %v, %+v", err, d.Stats())
		}
		if mark, err := d.Append(store.Now, store.Change{Op: store.Done, Session: id, Seq: 1}); err != nil {
			t.Error(err)
		} else if err := d.Wait(t.Context(), mark); err != nil {
			t.Error(err)
		}
		disk.SetFree(2 << 20)
		time.Sleep(time.Minute)
		if err := publish(4); err != nil {
			t.Error(err)
		}
		if f := d.Stats().Failure; f != nil {
			t.Error(f)
		}
	})
}

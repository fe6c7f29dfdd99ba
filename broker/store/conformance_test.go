package store_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// TestConformance has every kind of store keep what [store.Store] promises.
func TestConformance(t *testing.T) {
	t.Run("Memory", func(t *testing.T) {
		storetest.Run(t, storetest.Kind{Open: func(*testing.T) store.Store { return store.NewMemory() }})
	})
	for _, x := range []struct {
		name string
		o    store.Options
	}{
		{"Disk", store.Options{Interval: time.Hour, SegmentSize: 256 << 10}},
		{"DiskOfSmallSegments", store.Options{Interval: time.Hour, SegmentSize: 4 << 10, CommitDelay: time.Millisecond}},
	} {
		t.Run(x.name, func(t *testing.T) { storetest.Run(t, onDisk(x.o)) })
	}
}

// onDisk is a [store.Disk] in a folder in memory.
func onDisk(o store.Options) storetest.Kind {
	disks := make(map[store.Store]*storetest.Disk)
	open := func(t *testing.T, disk *storetest.Disk) store.Store {
		t.Helper()
		d, err := store.OpenFS(disk, o)
		if err != nil {
			t.Fatal(err)
		}
		if r := d.Recovered(); len(r.Damage) > 0 || r.TornBytes > 0 {
			t.Errorf("found %+v", r)
		}
		disks[d] = disk
		t.Cleanup(func() {
			if err := d.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
				t.Error(err)
			}
		})
		return d
	}
	return storetest.Kind{
		Open: func(t *testing.T) store.Store { return open(t, storetest.NewDisk(1)) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			t.Helper()
			if err := s.(*store.Disk).Close(); err != nil {
				t.Fatal(err)
			}
			// What was closed is on the disk, whatever happens to the cache.
			return open(t, disks[s].Crash(storetest.None, 1))
		},
	}
}

// TestFullTakesEnds has a store that is full take whatever ends something, and
// nothing of what comes together with a message.
func TestFullTakesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, err := store.OpenFS(disk, store.Options{MinFree: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		id := d.NewSession()
		m := &store.Message{Topic: "t", Payload: []byte("payload")}
		mark, err := d.Append(store.Now,
			store.Change{Op: store.PutSession, Session: id, Name: "a"},
			store.Change{Op: store.Publish, Message: m, Retain: true, Session: id, PacketID: 1, To: []store.Delivery{{Session: id, Seq: 1}, {Session: id, Seq: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Wait(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
		disk.SetFree(1)
		time.Sleep(time.Minute) // until it has looked again
		_, _ = d.Append(store.Now, store.Change{Op: store.Subscribe, Session: id, Name: "f"})
		synctest.Wait()
		before, err := storetest.State(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, adds := range []store.Change{
			{Op: store.Publish, Message: m, To: []store.Delivery{{Session: id, Seq: 3}}},
			{Op: store.PutSession, Session: d.NewSession(), Name: "b"},
		} {
			if _, err := d.Append(store.Now, store.Change{Op: store.Done, Session: id, Seq: 1}, adds, store.Change{Op: store.EndSession, Session: id}); !errors.Is(err, store.ErrFull) {
				t.Errorf("%+v: %v", adds, err)
			}
			if after, err := storetest.State(d); err != nil || after != before {
				t.Errorf("refused, and yet: %v\n%s", err, storetest.Diff(after, before))
			}
		}
		for _, c := range []store.Change{
			{Op: store.PutSession, Session: id, Name: "a", Data: []byte("more is known of it")},
			{Op: store.Subscribe, Session: id, Name: "g"},
			{Op: store.Unsubscribe, Session: id, Name: "g"},
			{Op: store.ClearRetained, Name: "t"},
			{Op: store.Done, Session: id, Seq: 1},
			{Op: store.Release, Session: id, Seq: 2},
			{Op: store.Forget, Session: id, PacketID: 1},
			{Op: store.EndSession, Session: id},
		} {
			mark, err := d.Append(store.Now, c)
			if err == nil {
				err = d.Wait(t.Context(), mark)
			}
			if err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if got, err := storetest.State(d); err != nil || got != "" {
			t.Errorf("%v, and there is\n%s", err, got)
		}
	})
}

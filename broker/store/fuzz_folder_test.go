package store_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// FuzzFolder opens a folder of two files that have anything, with right
// checksums or not. It opens, has the same when it is opened again, and goes on
// keeping what it is given.
func FuzzFolder(f *testing.F) {
	one := store.SeedSegment()
	f.Add(one, []byte(nil), true)
	f.Add(one, one, false)
	f.Add(one[:700], one, true)
	f.Fuzz(func(t *testing.T, a, b []byte, reseal bool) {
		if len(a)+len(b) > 64<<10 {
			return
		}
		if reseal {
			store.Reseal(a)
			store.Reseal(b)
		}
		synctest.Test(t, func(t *testing.T) {
			disk := storetest.NewDisk(1)
			disk.Put("00000001.segment", a)
			disk.Put("00000002.segment", b)
			o := store.Options{SegmentSize: 4 << 10}
			d, err := store.OpenFS(disk, o)
			if err != nil {
				if strings.Contains(err.Error(), "is of format") {
					return
				}
				t.Fatal(err)
			}
			id := d.NewSession()
			mark, err := d.Append(store.Now, store.Change{Op: store.PutSession, Session: id, Name: "new"},
				store.Change{Op: store.Publish, Message: &store.Message{Topic: "new"}, To: []store.Delivery{{Session: id, Seq: 1}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Wait(t.Context(), mark); err != nil {
				t.Fatal(err)
			}
			before, _ := storetest.State(d)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if d, err = store.OpenFS(disk, o); err != nil {
				t.Fatal(err)
			}
			if after, _ := storetest.State(d); after != before {
				t.Errorf("the second time:\n%s", storetest.Diff(after, before))
			}
			if _, _, err := d.Read(id, 1); err != nil {
				t.Error(err)
			}
			d.Close()
		})
	})
}

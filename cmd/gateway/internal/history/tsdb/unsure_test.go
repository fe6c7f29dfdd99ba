package tsdb

import (
	"fmt"
	"testing"
)

// A manifest is in its place and the folder cannot be synced: whether the program
// is killed then, or the power goes, or it goes on, nothing is lost.
func TestManifestUnsure(t *testing.T) {
	for _, goOn := range []bool{false, true} {
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprintf("goes on %t, killed %t", goOn, kill), func(t *testing.T) {
				disk := newShaky()
				db := open(t, Options{folder: disk})
				add := func(from, to int64) {
					t.Helper()
					for i := from; i < to; i++ {
						if err := db.Append("a", Sample{Time: i * 1000, Value: float64(i)}); err != nil {
							t.Fatal(err)
						}
					}
					if err := db.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				seal := func() error {
					db.disk.Lock()
					defer db.disk.Unlock()
					return db.seal()
				}
				add(0, 10)
				if err := seal(); err != nil {
					t.Fatal(err)
				}
				add(10, 20)
				disk.unsure = true
				if seal() == nil {
					t.Fatal("the folder was synced")
				}
				disk.unsure = false
				add(20, 30)
				if goOn {
					if err := db.maintain(); err != nil {
						t.Fatal(err)
					}
					if err := seal(); err != nil {
						t.Fatal(err)
					}
				}
				disk.kill = kill
				again := open(t, Options{folder: disk.again()})
				if got := collect(t, again, "a"); len(got) != 30 {
					t.Errorf("%d samples of 30", len(got))
				}
				if s := again.Stats(); s.Damaged > 0 || s.Lost > 0 || len(again.holes) > 0 {
					t.Errorf("%+v, holes %v", s, again.holes)
				}
			})
		}
	}
}

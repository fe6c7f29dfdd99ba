package store_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// filled makes a store in a folder with two sessions and n messages of 1 kB for
// the first, of which every third is not done.
func filled(t *testing.T, o store.Options, n int) (dir string, d *store.Disk) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "store")
	d, err := store.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	a, b := d.NewSession(), d.NewSession()
	var changes []store.Change
	changes = append(changes,
		store.Change{Op: store.PutSession, Session: a, Name: "ann"}, store.Change{Op: store.Subscribe, Session: a, Name: "t/#"},
		store.Change{Op: store.PutSession, Session: b, Name: "bob"},
		store.Change{Op: store.Publish, Retain: true, Message: &store.Message{Topic: "r", Retain: true, Payload: []byte("kept")}},
		store.Change{Op: store.Publish, Session: b, PacketID: 7, Message: &store.Message{Topic: "q", QoS: 2}, To: []store.Delivery{{Session: b, Seq: 1}}},
		store.Change{Op: store.Release, Session: b, Seq: 1},
	)
	for i := range n {
		seq := uint64(i + 1)
		changes = append(changes, store.Change{Op: store.Publish, Message: &store.Message{Topic: fmt.Sprint("t/", i), QoS: 1, Payload: make([]byte, 1000)}, To: []store.Delivery{{Session: a, Seq: seq}}})
		if i%3 != 0 {
			changes = append(changes, store.Change{Op: store.Done, Session: a, Seq: seq})
		}
	}
	for _, c := range changes {
		if _, err := d.Append(store.Later, c); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, d)
	return dir, d
}

func wait(t *testing.T, d *store.Disk) {
	t.Helper()
	mark, err := d.Append(store.Now)
	if err == nil {
		err = d.Wait(t.Context(), mark)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLook reads a store that is in use.
func TestLook(t *testing.T) {
	dir, d := filled(t, store.Options{SegmentSize: 64 << 10}, 300)
	v, err := store.Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	sum := v.Summary()
	if len(sum.Sessions) != 2 || sum.Retained != 1 || sum.Waiting != 101 || sum.Mark != d.Stable() || sum.TornBytes != 0 || sum.Damage != nil {
		t.Errorf("%+v", sum)
	}
	if a, b := sum.Sessions[0], sum.Sessions[1]; a.Client != "ann" || a.Waiting != 100 || a.Bytes < 100_000 || len(a.Subscriptions) != 1 ||
		b.Client != "bob" || b.Released != 1 || b.Received != 1 {
		t.Errorf("%+v", sum.Sessions)
	}
	if sum.Bytes < sum.Needed || sum.Needed < 100_000 || len(sum.Segments) < 3 || sum.Segments[1].Frames == 0 || sum.Segments[1].Since.IsZero() {
		t.Errorf("%+v", sum)
	}
	if sum.Records["publish"]+sum.Records["move"] < 302 || sum.Records["done"] == 0 {
		t.Errorf("%v", sum.Records)
	}
	var topics []string
	if err := v.Queue("ann", func(q store.Queued, m *store.Message, err error) bool {
		if err != nil || len(m.Payload) != 1000 {
			t.Errorf("%+v: %+v, %v", q, m, err)
		}
		topics = append(topics, m.Topic)
		return len(topics) < 3
	}); err != nil || strings.Join(topics, " ") != "t/0 t/3 t/6" {
		t.Errorf("%v, %v", topics, err)
	}
	if err := v.Queue("eve", nil); !errors.Is(err, store.ErrNoMessage) || !strings.Contains(err.Error(), `"eve"`) {
		t.Error(err)
	}
	if damage, err := v.Verify(); err != nil || len(damage) > 0 {
		t.Errorf("%v, %v", damage, err)
	}
}

// TestLookChangesNothing has everything that opening a store would put in order.
func TestLookChangesNothing(t *testing.T) {
	dir, d := filled(t, store.Options{SegmentSize: 64 << 10}, 300)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	alter(t, names[0], 0, "not a head")   // one of two
	alter(t, names[1], 5000, "damage")    // in the middle
	alter(t, names[len(names)-1], -1, "") // the end is torn
	os.WriteFile(filepath.Join(dir, "99999998.segment"), []byte("nothing that we know"), 0o600)
	os.WriteFile(filepath.Join(dir, "99999999.segment"), make([]byte, 1000), 0o600)
	before := content(t, dir)
	v, err := store.Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	damage, err := v.Verify()
	v.Close()
	if err != nil || len(damage) < 3 {
		t.Errorf("%v, %v", damage, err)
	}
	if after := content(t, dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// alter writes text into a file, or cuts it in half.
func alter(t *testing.T, name string, at int64, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at < 0 {
		info, _ := f.Stat()
		err = f.Truncate(info.Size() / 2)
	} else {
		_, err = f.WriteAt([]byte(text), at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(&out, "%s %d %08x\n", e.Name(), len(b), crc32.ChecksumIEEE(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestLookAtNothing says what is not there.
func TestLookAtNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	for name, want := range map[string]string{dir: "no store in", filepath.Join(dir, "gone"): "no store", file: "is a file"} {
		if _, err := store.Look(name); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBackup copies a store again and again while it is written to and cleared
// away. What was stable before a copy is in it.
func TestBackup(t *testing.T) {
	copies := 50
	if raceEnabled {
		copies = 10
	}
	root := t.TempDir()
	dir := filepath.Join(root, "store")
	d, err := store.Open(dir, store.Options{SegmentSize: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	id := d.NewSession()
	d.Append(store.Now, store.Change{Op: store.PutSession, Session: id, Name: "c"})
	wait(t, d)
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	var mu sync.Mutex
	acknowledged, done := uint64(0), uint64(0) // seq up to which this was stable, and up to which it may be done
	working.Go(func() {
		for seq := uint64(1); ctx.Err() == nil; seq++ {
			changes := []store.Change{{Op: store.Publish, Message: &store.Message{Topic: "t", Payload: fmt.Append(make([]byte, 400), seq)}, To: []store.Delivery{{Session: id, Seq: seq}}}}
			if seq > 50 {
				mu.Lock()
				done = seq - 50
				mu.Unlock()
				changes = append(changes, store.Change{Op: store.Done, Session: id, Seq: seq - 50})
			}
			mark, err := d.Append(store.Now, changes...)
			if err != nil {
				t.Error(err)
				return
			}
			if seq%10 == 0 {
				if d.Wait(ctx, mark) != nil {
					return
				}
				mu.Lock()
				acknowledged = seq
				mu.Unlock()
			}
		}
	})
	for i := range copies {
		target := filepath.Join(root, fmt.Sprint("copy", i))
		mu.Lock()
		least := acknowledged
		mu.Unlock()
		sum, err := store.Backup(dir, target)
		if err != nil || len(sum.Damage) > 0 {
			t.Fatalf("copy %d: %+v, %v", i, sum.Damage, err)
		}
		mu.Lock()
		gone := done
		mu.Unlock()
		c, err := store.Open(target, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r := c.Recovered(); len(r.Damage) > 0 {
			t.Errorf("copy %d: %+v", i, r.Damage)
		}
		for seq := gone + 1; seq <= least; seq++ {
			if m, _, err := c.Read(id, seq); err != nil || string(m.Payload[400:]) != fmt.Sprint(seq) {
				t.Errorf("copy %d: message %d of %d to %d: %v", i, seq, gone+1, least, err)
			}
		}
		if _, err := storetest.State(c); err != nil {
			t.Errorf("copy %d: %v", i, err)
		}
		c.Close()
		os.RemoveAll(target)
	}
	stop()
	working.Wait()
	left, _ := filepath.Glob(filepath.Join(root, "*.part-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := store.Backup(dir, root); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into what is there: %v", err)
	}
	if _, err := store.Backup(filepath.Join(root, "gone"), filepath.Join(root, "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

// TestCompact makes a store small, and it has the same after that and when it is
// opened again.
func TestCompact(t *testing.T) {
	o := store.Options{SegmentSize: 64 << 10}
	dir, d := filled(t, o, 300)
	before, err := storetest.State(d)
	if err != nil {
		t.Fatal(err)
	}
	was := d.Stats()
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := d.Stats(); st.Bytes > 4*64<<10 || st.Bytes > was.Bytes {
		t.Errorf("%+v, and then %+v", was, st)
	}
	for range 2 {
		after, err := storetest.State(d)
		if err != nil {
			t.Error(err)
		}
		if after != before {
			t.Error(storetest.Diff(after, before))
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := d.Compact(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if d, err = store.Open(dir, o); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
}

// TestCompactFails does not wait for a disk that cannot be written.
func TestCompactFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, err := store.OpenFS(disk, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		disk.FailAt(storetest.Fault{At: 1, Count: -1, Err: syscall.EIO})
		if err := d.Compact(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
		disk.Heal()
		time.Sleep(time.Minute) // until it tries again
		if err := d.Compact(t.Context()); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// worn is a store of a few small segments, as a closed one has left it.
type worn struct {
	h     *history
	o     store.Options
	stop  store.Mark
	names []string
	files map[string][]byte
	full  []string            // its state
	ever  map[string]struct{} // lines of any state it was in

	without map[store.Mark][]string // what there would be without a frame
}

// wear returns a store that a script of so many steps has left, with segments of
// that size.
func wear(t *testing.T, steps int, size int64) *worn {
	t.Helper()
	w := &worn{files: make(map[string][]byte), ever: make(map[string]struct{}), without: make(map[store.Mark][]string)}
	sc := newScript(5, steps)
	sc.o.SegmentSize = size
	w.o = sc.o
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		d, a := sc.run(t, disk)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		w.h, w.stop = a.h, d.Stable()
		for _, name := range disk.List() {
			if strings.HasSuffix(name, ".segment") {
				w.names = append(w.names, name)
			}
			w.files[name] = disk.Content(name)
		}
		w.full = lines(t, w.h.at(w.stop))
		for _, e := range w.h.entries {
			for _, line := range lines(t, w.h.at(e.mark)) {
				w.ever[line] = struct{}{}
			}
		}
	})
	moves, rounds := 0, 0
	for _, name := range w.names {
		for _, f := range store.Frames(w.files[name]) {
			moves += len(f.Moves)
			if f.Round {
				rounds++
			}
		}
	}
	if len(w.names) < 3 || moves == 0 || rounds == 0 {
		t.Fatalf("only %d were moved, and %d frames of rounds, in %q", moves, rounds, w.names)
	}
	return w
}

// lines returns what a store keeps; of sessions only that they are there.
func lines(t *testing.T, s store.Store) (all []string) {
	t.Helper()
	text, err := storetest.State(s)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) > 2 && f[0] == "session" && f[2] == "subscription":
			continue
		case len(f) > 3 && f[0] == "session":
			line = strings.Join(f[:3], " ")
		}
		all = append(all, line)
	}
	return all
}

// disk returns a disk that has it.
func (w *worn) disk(seed uint64) *storetest.Disk {
	d := storetest.NewDisk(seed)
	for name, b := range w.files {
		d.Put(name, b)
	}
	return d
}

// open opens a disk that was damaged so that the given frames are lost, and
// compares. It returns what was found.
func (w *worn) open(t *testing.T, disk *storetest.Disk, lost []store.FrameInfo) store.Recovery {
	t.Helper()
	d, err := store.OpenFS(disk, w.o)
	if err != nil {
		t.Fatal(err)
	}
	got := lines(t, d)
	r := d.Recovered()
	for _, line := range got {
		if _, ok := w.ever[line]; !ok {
			t.Errorf("made up: %s", line)
		}
	}
	if len(lost) < 2 { // of one frame everything else is known elsewhere
		var moved []string
		gone := store.Mark(0)
		if len(lost) == 1 {
			moved, gone = lost[0].Moves, lost[0].Mark
		}
		have := w.without[gone]
		if have == nil {
			h := &history{slices.DeleteFunc(slices.Clone(w.h.entries), func(e entry) bool { return e.mark == gone })}
			have = lines(t, h.at(1<<60))
			w.without[gone] = have
		}
		for _, line := range w.full {
			if !slices.Contains(got, line) && slices.Contains(have, line) &&
				!slices.ContainsFunc(moved, func(m string) bool {
					return strings.HasPrefix(line, "delivery "+m+" ") || strings.HasPrefix(line, fmt.Sprintf("retained %q ", m))
				}) {
				t.Errorf("lost, though it is not in what was damaged: %s", line)
			}
		}
	}
	// What was found is what there is from now on.
	if _, err := d.Append(store.Now, store.Change{Op: store.ClearRetained, Name: "none"}); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	again, err := store.OpenFS(disk, w.o)
	if err != nil {
		t.Fatal(err)
	}
	if second := lines(t, again); !slices.Equal(got, second) {
		t.Errorf("the second time it is another:\n%s", storetest.Diff(strings.Join(second, "\n"), strings.Join(got, "\n")))
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	return r
}

// hit returns the frames that have bytes of a range.
func hit(all []store.FrameInfo, from, to int64) (out []store.FrameInfo) {
	for _, f := range all {
		if from < f.At+f.Size && to > f.At {
			out = append(out, f)
		}
	}
	return out
}

// each calls f, in a bubble, with a copy of the store for each file and place.
func (w *worn) each(t *testing.T, step int64, f func(t *testing.T, disk *storetest.Disk, name string, b []byte, at int64) (what string)) {
	t.Helper()
	for _, name := range w.names {
		for at := int64(0); at < int64(len(w.files[name])); at += step {
			synctest.Test(t, func(t *testing.T) { // it ends the test if this fails
				what := f(t, w.disk(uint64(at)), name, slices.Clone(w.files[name]), at)
				if t.Failed() {
					t.Fatalf("%s at %d: %s", name, at, what)
				}
			})
		}
	}
}

// keeps wants a damaged file to be there still, under one name or another.
func keeps(t *testing.T, disk *storetest.Disk, name string, b []byte) {
	t.Helper()
	for _, n := range disk.List() {
		if n == name || strings.HasPrefix(n, name+".") && slices.Equal(disk.Content(n), b) {
			return
		}
	}
	t.Errorf("%s is gone, there are %q", name, disk.List())
}

// TestFlippedBytes flips a bit of every byte, and if there is time every bit.
func TestFlippedBytes(t *testing.T) {
	w := wear(t, 60, 1<<10)
	last := w.names[len(w.names)-1]
	bits := int64(1)
	if long {
		bits = 8
	}
	for bit := range bits {
		w.each(t, int64(stride(1)), func(t *testing.T, disk *storetest.Disk, name string, b []byte, at int64) string {
			all := store.Frames(b)
			lost := hit(all, at, at+1)
			b[at] ^= 1 << ((at + bit) % 8)
			disk.Put(name, b)
			r := w.open(t, disk, lost)
			reported := len(r.Damage) > 0 || r.TornBytes > 0
			// An unused byte of the last file may look like a torn frame.
			if reported != (len(lost) > 0 || at < 64 || at >= int64(len(b))-64) && !(len(lost) == 0 && name == last && reported) {
				t.Errorf("reported: %+v", r)
			}
			keeps(t, disk, name, b)
			return fmt.Sprintf("bit %d is flipped, of frames %+v", (at+bit)%8, lost)
		})
	}
}

// TestCutFiles cuts every file at every length.
func TestCutFiles(t *testing.T) {
	w := wear(t, 60, 1<<10)
	w.each(t, int64(stride(1)), func(t *testing.T, disk *storetest.Disk, name string, b []byte, at int64) string {
		lost := hit(store.Frames(b), at, 1<<40)
		disk.Put(name, b[:at])
		r := w.open(t, disk, lost)
		if len(lost) > 0 && name != w.names[len(w.names)-1] && len(r.Damage) == 0 {
			t.Errorf("reported: %+v", r)
		}
		return fmt.Sprintf("cut, with frames %+v", lost)
	})
}

// TestZeroedSectors has every sector of every file zero.
func TestZeroedSectors(t *testing.T) {
	w := wear(t, 60, 1<<10)
	w.each(t, storetest.SectorSize, func(t *testing.T, disk *storetest.Disk, name string, b []byte, at int64) string {
		to := min(at+storetest.SectorSize, int64(len(b)))
		lost := hit(store.Frames(b), at, to)
		clear(b[at:to])
		disk.Put(name, b)
		w.open(t, disk, lost)
		return fmt.Sprintf("zeroed, with frames %+v", lost)
	})
}

// TestMisplacedFiles takes files away, swaps them, and has them under other
// names.
func TestMisplacedFiles(t *testing.T) {
	w := wear(t, 60, 1<<10)
	for i, name := range w.names {
		for _, x := range []struct {
			what   string
			damage func(*storetest.Disk)
		}{
			{"is missing", func(d *storetest.Disk) { _ = d.Remove(name) }},
			{"is there twice", func(d *storetest.Disk) { d.Put("00000099.segment", w.files[name]) }},
			{"is a spare", func(d *storetest.Disk) { d.Put("spare-00000099", w.files[name]) }},
			{"is swapped with another", func(d *storetest.Disk) {
				other := w.names[(i+1)%len(w.names)]
				d.Put(name, w.files[other])
				d.Put(other, w.files[name])
			}},
			{"is empty", func(d *storetest.Disk) { d.Put(name, nil) }},
			{"is another file", func(d *storetest.Disk) { d.Put(name, []byte(strings.Repeat("no segment ", 1000))) }},
		} {
			synctest.Test(t, func(t *testing.T) {
				disk := w.disk(1)
				x.damage(disk)
				before := make(map[string]bool)
				for _, n := range disk.List() {
					if strings.HasSuffix(n, ".segment") && len(disk.Content(n)) > 0 {
						before[string(disk.Content(n))] = true
					}
				}
				w.open(t, disk, make([]store.FrameInfo, 2))
				defer func() {
					if t.Failed() {
						t.Logf("%s %s; there are %q", name, x.what, disk.List())
					}
				}()
				if strings.Contains(x.what, "is another") || strings.Contains(x.what, "swapped") || strings.Contains(x.what, "twice") {
					for _, n := range disk.List() {
						delete(before, string(disk.Content(n)))
					}
					// The last one may be written to.
					if len(before) > 1 {
						t.Errorf("%d files are gone", len(before))
					}
				}
			})
		}
	}
}

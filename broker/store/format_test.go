package store_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

var update = flag.Bool("update", false, "write the store of testdata again; only before the format was in use")

// TestFormat1 reads a store that version 1 has written: every store that was
// ever written can be read.
func TestFormat1(t *testing.T) {
	dir := filepath.Join("testdata", "v1")
	if *update {
		writeGolden(t, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.segment.hex"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "state.txt"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range files {
		to := filepath.Join(folder, strings.TrimSuffix(filepath.Base(name), ".hex"))
		if err := os.WriteFile(to, fromHex(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := store.Look(folder); err != nil {
		t.Error(err)
	} else {
		if kinds := v.Summary().Records; len(kinds) != 14 {
			t.Errorf("it does not have every kind of record, but %v", kinds)
		}
		v.Close()
	}
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk(1)
		for _, name := range files {
			disk.Put(strings.TrimSuffix(filepath.Base(name), ".hex"), fromHex(t, name))
		}
		d, err := store.OpenFS(disk, store.Options{SegmentSize: 2 << 10})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if r := d.Recovered(); len(r.Damage) > 0 || r.TornBytes > 0 {
			t.Errorf("%+v", r)
		}
		if got, err := storetest.State(d); err != nil || got+"\n" != string(want) {
			t.Errorf("%v\n%s", err, storetest.Diff(got, string(want)))
		}
	})
}

func fromHex(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func writeGolden(t *testing.T, dir string) {
	w := wear(t, 160, 2<<10)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range w.names {
		var out bytes.Buffer
		for b := w.files[name]; len(b) > 0; {
			n := min(32, len(b))
			out.WriteString(hex.EncodeToString(b[:n]) + "\n")
			b = b[n:]
		}
		if err := os.WriteFile(filepath.Join(dir, name+".hex"), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	state, err := storetest.State(w.h.at(w.stop))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.txt"), []byte(state+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNewerFormat refuses what a later version has written, and touches nothing.
func TestNewerFormat(t *testing.T) {
	w := wear(t, 60, 1<<10)
	synctest.Test(t, func(t *testing.T) {
		disk := w.disk(1)
		name := w.names[1]
		b := disk.Content(name)
		store.SetVersion(b, 2)
		disk.Put(name, b)
		_, err := store.OpenFS(disk, w.o)
		var newer *store.NewerError
		if !errors.As(err, &newer) || newer.File != name || newer.Version != 2 {
			t.Fatal(err)
		}
		for _, want := range []string{name, "format 2", "up to 1", "use the gateway that wrote it, or a newer one"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("it does not say %q: %v", want, err)
			}
		}
		for _, n := range disk.List() {
			want := w.files[n]
			if n == name {
				want = b
			}
			if !bytes.Equal(disk.Content(n), want) {
				t.Errorf("%s was changed", n)
			}
		}
	})
}

// TestNewerFormatOfDamagedHead refuses it also where only the copy of the head
// can be read: it is not for us to say what is damaged.
func TestNewerFormatOfDamagedHead(t *testing.T) {
	w := wear(t, 60, 1<<10)
	synctest.Test(t, func(t *testing.T) {
		disk := w.disk(1)
		name := w.names[1]
		b := disk.Content(name)
		store.SetVersion(b, 2)
		b[3] ^= 1
		disk.Put(name, b)
		_, err := store.OpenFS(disk, w.o)
		var newer *store.NewerError
		if !errors.As(err, &newer) || newer.File != name {
			t.Errorf("%v, and there are %q", err, disk.List())
		}
	})
}

// TestMigration opens a store of which some segments are of an older version:
// everything is there, and nothing is left of the older version in the end.
func TestMigration(t *testing.T) {
	w := wear(t, 60, 1<<10)
	for _, n := range []int{1, len(w.names)} { // how many of them
		undo := store.SetUpgrade()
		synctest.Test(t, func(t *testing.T) {
			disk := w.disk(1)
			for _, name := range w.names[:n] {
				b := disk.Content(name)
				store.SetVersion(b, 0)
				disk.Put(name, b)
			}
			d, err := store.OpenFS(disk, w.o)
			if err != nil {
				t.Fatal(err)
			}
			if r := d.Recovered(); len(r.Damage) > 0 {
				t.Errorf("%+v", r)
			}
			want := w.h.at(w.stop)
			same(t, d, want)
			for i := range 100 {
				c := store.Change{Op: store.PutSession, Session: 1000, Name: "busy", Data: make([]byte, 100+i)}
				for _, s := range []store.Store{d, want} {
					if _, err := s.Append(store.Now, c); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
			}
			same(t, d, want)
			for _, name := range disk.List() {
				if strings.HasSuffix(name, ".segment") && store.Version(disk.Content(name)) != 1 {
					t.Errorf("%s is still of the older version", name)
				}
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if d, err = store.OpenFS(disk, w.o); err != nil {
				t.Fatal(err)
			}
			same(t, d, want)
			d.Close()
		})
		undo()
	}
}

// TestNewerFormatBesideDamage has damage in one file, and another of a later
// version: nothing is put in order by a gateway that does not know the whole.
func TestNewerFormatBesideDamage(t *testing.T) {
	w := wear(t, 60, 1<<10)
	synctest.Test(t, func(t *testing.T) {
		disk := w.disk(1)
		bad, b := []byte(strings.Repeat("damaged ", 1000)), disk.Content(w.names[2])
		store.SetVersion(b, 2)
		disk.Put(w.names[0], bad)
		disk.Put(w.names[1], nil)
		disk.Put(w.names[2], b)
		var newer *store.NewerError
		if _, err := store.OpenFS(disk, w.o); !errors.As(err, &newer) {
			t.Fatal(err)
		}
		if !bytes.Equal(disk.Content(w.names[0]), bad) || !slices.Contains(disk.List(), w.names[1]) {
			t.Errorf("there are %q", disk.List())
		}
	})
}

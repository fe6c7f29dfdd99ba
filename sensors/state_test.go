package sensors

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gateway/sensors/reading"
)

func meter(t *testing.T) reading.Path {
	t.Helper()
	p, err := reading.NewPath("home", "cellar", "meter")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type total struct{ Total float64 }

// lives are gateways one after the other on one folder.
func life(t *testing.T, folder, driver string) (*states, *state, *strings.Builder) {
	t.Helper()
	log := new(strings.Builder)
	s := newStates(folder, slog.New(slog.NewTextHandler(log, nil)))
	return s, s.of(meter(t), driver), log
}

func TestStateOutlivesARestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "sensors")
	all, st, _ := life(t, folder, "counter")
	var v total
	if ok, err := st.Load(&v); ok || err != nil {
		t.Fatalf("something was there: %v, %v", ok, err)
	}
	v.Total = 5
	if err := st.Save(&v); err != nil {
		t.Fatal(err)
	}
	v.Total = 99 // it is the caller's again
	if _, err := os.Stat(folder); err == nil {
		t.Error("it was written at once")
	}
	all.flush()
	file := filepath.Join(folder, "home%2Fcellar%2Fmeter.json")
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	st.Save(total{5}) // the same
	all.flush()
	if after, _ := os.Stat(file); !os.SameFile(before, after) {
		t.Error("what has not changed was written again")
	}

	_, st, _ = life(t, folder, "counter")
	v = total{}
	if ok, err := st.Load(&v); !ok || err != nil || v.Total != 5 {
		t.Errorf("found again: %v, %v, %v", v, ok, err)
	}
	_, st, _ = life(t, folder, "sgp30")
	if ok, _ := st.Load(&v); ok {
		t.Error("the state of another driver was taken")
	}
	if names, _ := os.ReadDir(folder); len(names) != 1 {
		t.Errorf("%d files in the folder, want 1", len(names))
	}
}

func TestDamagedStateIsPutAside(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "cut": `{"driver":"counter","sta`, "zeros": strings.Repeat("\x00", 100),
		"another shape": `{"driver":"counter","state":[1,2]}`,
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			file := filepath.Join(folder, "home%2Fcellar%2Fmeter.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			all, st, log := life(t, folder, "counter")
			var v total
			if ok, err := st.Load(&v); ok || err != nil {
				t.Errorf("%v, %v, %v", v, ok, err)
			}
			if b, err := os.ReadFile(file + ".damaged"); err != nil || string(b) != content || !strings.Contains(log.String(), ".damaged") {
				t.Errorf("aside %q, %v; log %s", b, err, log)
			}
			st.Save(total{1})
			all.flush()
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		})
	}
}

// A disk that cannot be written is said once, and tried again.
func TestStateThatCannotBeWritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file in the place of the folder
		t.Fatal(err)
	}
	all, st, log := life(t, folder, "counter")
	st.Save(total{1})
	for range 3 {
		all.flush()
	}
	if n := strings.Count(log.String(), "cannot be written"); n != 1 {
		t.Errorf("said %d times: %s", n, log)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	all.flush()
	_, st, _ = life(t, folder, "counter")
	var v total
	if ok, err := st.Load(&v); !ok || err != nil || v.Total != 1 {
		t.Errorf("afterwards: %v, %v, %v", v, ok, err)
	}
}

// Written by several at a time, the last state is what is on disk.
func TestStateWrittenByTwo(t *testing.T) {
	folder := t.TempDir()
	all, st, _ := life(t, folder, "counter")
	for i := range 50 {
		st.Save(total{float64(i)})
		var flush sync.WaitGroup
		flush.Go(all.flush)
		st.Save(total{float64(i) + 0.5})
		if err := st.write(); err != nil {
			t.Fatal(err)
		}
		flush.Wait()
		_, again, _ := life(t, folder, "counter")
		var v total
		if ok, err := again.Load(&v); !ok || err != nil || v.Total != float64(i)+0.5 {
			t.Fatalf("on disk is %v (%v, %v), want %v", v, ok, err, float64(i)+0.5)
		}
	}
}

// A file system has names of 255 bytes at most, and topics are longer.
func TestStateOfALongName(t *testing.T) {
	folder := t.TempDir()
	long := strings.Repeat("температура", 2)
	for _, sensor := range []string{"a", "b"} {
		path, err := reading.NewPath("дом", long, long+sensor)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			all := newStates(folder, slog.New(slog.DiscardHandler))
			st := all.of(path, "counter")
			var v string
			if ok, err := st.Load(&v); ok != (i > 0) || err != nil || ok && v != sensor {
				t.Errorf("%s: %q, %v, %v", sensor, v, ok, err)
			}
			st.Save(sensor)
			all.flush()
		}
	}
}

func TestStateInMemory(t *testing.T) {
	all, st, _ := life(t, "", "counter")
	st.Save(total{1})
	all.flush()
	var v total
	if ok, err := st.Load(&v); !ok || err != nil || v.Total != 1 {
		t.Errorf("%v, %v, %v", v, ok, err)
	}
	if err := st.Save(func() {}); err == nil {
		t.Error("a function was saved")
	}
}

func TestReplaceFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a", "b")
	for _, content := range []string{"one", "two"} {
		if err := replaceFile(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(name); string(b) != content || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	}
	if info, _ := os.Stat(name); info.Mode().Perm()&fs.FileMode(0o077) != 0 {
		t.Errorf("others may see it: %v", info.Mode())
	}
}

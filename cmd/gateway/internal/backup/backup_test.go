package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/broker/store"
	"gateway/cmd/gateway/internal/config"
)

var quiet = slog.New(slog.DiscardHandler)

// house is a gateway on disk that does not run.
type house struct {
	t                   *testing.T
	state, config, pass string
}

// newHouse has a configuration with a password file, a store with one retained
// message, and what other parts keep, each with said in it.
func newHouse(t *testing.T, said string) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t, filepath.Join(dir, "state"), filepath.Join(dir, "gateway.yaml"), filepath.Join(dir, "passwd")}
	h.write(h.pass, "# "+said+"\n")
	h.write(h.config, fmt.Sprintf("# %s\nsite: %s\nbroker: {auth: {password_file: %s}}\npersistence:\n  path: %s\n", said, said, h.pass, h.state))
	h.retain(said)
	h.write(filepath.Join(h.state, "sensors", "a.json"), said)
	h.write(filepath.Join(h.state, "history", "raw-1"), said)
	return h
}

func (h *house) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// retain puts a message into the store.
func (h *house) retain(text string) {
	h.t.Helper()
	d, err := store.Open(h.state, store.Options{Log: quiet, MaxBytes: 1 << 30})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := d.Append(store.Now, store.Change{Op: store.Publish, Retain: true, Message: &store.Message{Topic: "house", Payload: []byte(text), Retain: true}}); err != nil {
		h.t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) source(history bool) Source {
	return Source{Version: "v1", Host: "pi", ConfigFile: h.config, State: h.state, History: history}
}

func (h *house) target() Target {
	return Target{State: h.state, ConfigFile: h.config, StatePath: h.state}
}

func (h *house) backup(history bool) []byte {
	h.t.Helper()
	var b bytes.Buffer
	if err := Write(&b, h.source(history)); err != nil {
		h.t.Fatal(err)
	}
	return b.Bytes()
}

// says is what is in a house, in the words of newHouse.
func (h *house) says() string {
	h.t.Helper()
	v, err := store.Look(h.state)
	if err != nil {
		h.t.Fatal(err)
	}
	defer v.Close()
	all := []string{fmt.Sprintf("retained %d", v.Summary().Retained)}
	for _, name := range []string{h.config, h.pass, filepath.Join(h.state, "sensors", "a.json"), filepath.Join(h.state, "history", "raw-1")} {
		b, err := os.ReadFile(name)
		if err != nil {
			h.t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		all = append(all, strings.TrimPrefix(first, "# "))
	}
	return strings.Join(all, ", ")
}

// files are the names and contents below a folder.
func (h *house) files() map[string]string {
	h.t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(filepath.Dir(h.state), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		all[name] = string(b)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func TestBackupAndRestore(t *testing.T) {
	for _, history := range []bool{false, true} {
		t.Run(fmt.Sprintf("history %t", history), func(t *testing.T) {
			old := newHouse(t, "old")
			b := old.backup(history)
			other := newHouse(t, "new")
			other.pass = old.pass // its place is named by the configuration
			m, err := Stage(bytes.NewReader(b), other.target())
			if err != nil {
				t.Fatal(err)
			}
			if m.Host != "pi" || m.History != history || m.Config != old.config {
				t.Errorf("manifest %+v", m)
			}
			if !Staged(other.state) || !strings.Contains(other.says(), "new") {
				t.Fatalf("staged %t, and it says %s", Staged(other.state), other.says())
			}
			applied, err := Apply(other.state, quiet)
			if err != nil || !applied || Staged(other.state) {
				t.Fatalf("applied %t, %v", applied, err)
			}
			want := "retained 1, old, old, old, new"
			if history {
				want = "retained 1, old, old, old, old"
			}
			if got := other.says(); got != want {
				t.Errorf("it says %s, want %s", got, want)
			}
			cfg, err := config.Load(other.config)
			if err != nil || cfg.Persistence.Path != other.state {
				t.Errorf("the configuration keeps its state in %v, %v", cfg, err)
			}
			if again, err := Apply(other.state, quiet); again || err != nil {
				t.Errorf("applied twice: %t, %v", again, err)
			}
		})
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestBackupToAFullDisk says once why nothing can be written.
func TestBackupToAFullDisk(t *testing.T) {
	err := Write(fullDisk{}, Source{})
	if err == nil || err.Error() != "no space left on device" {
		t.Errorf("got %v, want the reason once", err)
	}
}

// TestRestoreRelative: files that a configuration names from its folder go where it
// goes, and the state that it has there needs no other name.
func TestRestoreRelative(t *testing.T) {
	from, to := newHouse(t, "old"), newHouse(t, "new")
	const text = "# old\nbroker: {auth: {password_file: passwd}}\npersistence: {path: ./state}\n"
	from.write(from.config, text)
	b := from.backup(false)
	if err := os.RemoveAll(filepath.Dir(from.config)); err != nil {
		t.Fatal(err)
	}
	if _, err := Stage(bytes.NewReader(b), to.target()); err != nil {
		t.Fatal(err)
	}
	if applied, err := Apply(to.state, quiet); err != nil || !applied {
		t.Fatalf("applied %t, %v", applied, err)
	}
	if got, want := to.says(), "retained 1, old, old, old, new"; got != want {
		t.Errorf("it says %s, want %s", got, want)
	}
	if got, err := os.ReadFile(to.config); err != nil || string(got) != text {
		t.Errorf("the configuration is %s, %v", got, err)
	}
}

// Whenever the power goes, the next start ends with what was restored, and what
// was is kept.
func TestPowerCutWhileRestoring(t *testing.T) {
	b := newHouse(t, "old").backup(true)
	errCut := errors.New("cut")
	for n := 0; ; n++ {
		h := newHouse(t, "new")
		if _, err := Stage(bytes.NewReader(b), h.target()); err != nil {
			t.Fatal(err)
		}
		steps := 0
		_, err := apply(h.state, quiet, func(string) error {
			if steps++; steps > n {
				return errCut
			}
			return nil
		})
		if err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		if err != nil {
			if applied, err := Apply(h.state, quiet); !applied || err != nil {
				t.Fatalf("after a cut at step %d: %t, %v", n, applied, err)
			}
		}
		got := h.says()
		if !strings.HasPrefix(got, "retained 1, old, ") || !strings.HasSuffix(got, ", old, old") {
			t.Fatalf("after a cut at step %d it says %s", n, got)
		}
		kept, _ := filepath.Glob(filepath.Join(h.state, beforePrefix+"*", "*"))
		config, _ := filepath.Glob(filepath.Join(h.state, beforePrefix+"*", "config", "gateway.yaml"))
		if len(kept) < 4 || len(config) != 1 {
			t.Fatalf("after a cut at step %d what was is %v", n, kept)
		}
		if text, err := os.ReadFile(config[0]); err != nil || !strings.HasPrefix(string(text), "# new") {
			t.Fatalf("after a cut at step %d the configuration that was is %s, %v", n, text, err)
		}
		if err == nil {
			if n < 6 {
				t.Fatalf("only %d steps", n)
			}
			break
		}
	}
}

// What is wrong changes nothing.
func TestStageRefuses(t *testing.T) {
	good := newHouse(t, "old").backup(true)
	h := newHouse(t, "new")
	before := h.files()
	for _, tt := range []struct {
		name string
		data []byte
		says string
	}{
		{"nothing", nil, "not a .tar.gz"},
		{"something else", []byte("hello, this is no archive"), "not a .tar.gz"},
		{"cut off", good[:len(good)*2/3], "not whole"},
		{"without its end", rewrite(t, good, func(h *tar.Header, b []byte) []byte {
			if h.Name == manifestName {
				return nil
			}
			return b
		}), "not whole"},
		{"a bit that fell over", rewrite(t, good, func(h *tar.Header, b []byte) []byte {
			if h.Name == "state/sensors/a.json" {
				b[0] ^= 1
			}
			return b
		}), "state/sensors/a.json is damaged"},
		{"a file less", rewrite(t, good, func(h *tar.Header, b []byte) []byte {
			if h.Name == "state/sensors/a.json" {
				return nil
			}
			return b
		}), "lacks state/sensors/a.json"},
		{"a file that leaves the folder", rewrite(t, good, func(h *tar.Header, b []byte) []byte {
			if h.Name == "state/sensors/a.json" {
				h.Name = "state/../../a.json"
			}
			return b
		}), "no backup of a gateway"},
		{"a link", rewrite(t, good, func(h *tar.Header, b []byte) []byte {
			if h.Name == "state/sensors/a.json" {
				h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
				return []byte{}
			}
			return b
		}), "no backup of a gateway"},
		{"a folder of this package", renamed(t, good, "state/sensors/a.json", "state/restore/a.json"), "cannot be in its place"},
		{"a name that the store has, too", renamed(t, good, "state/history/raw-1", "store/sensors/raw-1"), "cannot be in its place"},
		{"of a later version", rewrite(t, good, func(h *tar.Header, b []byte) []byte {
			if h.Name == manifestName {
				b = bytes.Replace(b, []byte(`"format": 1`), []byte(`"format": 9`), 1)
			}
			return b
		}), "of format 9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Stage(bytes.NewReader(tt.data), h.target())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if after := h.files(); !maps.Equal(before, after) {
				t.Errorf("something has changed: %v", slices.Sorted(maps.Keys(after)))
			}
		})
	}
	if _, err := Stage(bytes.NewReader(good), Target{}); err == nil || !strings.Contains(err.Error(), "persistence.enabled") {
		t.Errorf("without a folder: %v", err)
	}
}

// From the page nothing comes that could not be done there anyway.
func TestStageFromThePage(t *testing.T) {
	old := newHouse(t, "old")
	current, err := config.Load(old.config)
	if err != nil {
		t.Fatal(err)
	}
	from := old.target()
	from.Current = current
	if _, err := Stage(bytes.NewReader(old.backup(false)), from); err != nil {
		t.Errorf("its own: %v", err)
	}
	other := newHouse(t, "new")
	to := other.target()
	if to.Current, err = config.Load(other.config); err != nil {
		t.Fatal(err)
	}
	if _, err := Stage(bytes.NewReader(old.backup(false)), to); err == nil || !strings.Contains(err.Error(), "would write "+old.pass) {
		t.Errorf("a file elsewhere: %v", err)
	}
	old.write(old.config, "sensors:\n- {driver: exec, room: a, options: {command: id}}\n")
	if _, err := Stage(bytes.NewReader(old.backup(false)), to); err == nil || !strings.Contains(err.Error(), "runs a program") {
		t.Errorf("a program: %v", err)
	}
	to.Current = nil
	if _, err := Stage(bytes.NewReader(old.backup(false)), to); err != nil {
		t.Errorf("on the machine: %v", err)
	}
}

// While a gateway runs nothing is put in the place of what it uses.
func TestApplyWhileItRuns(t *testing.T) {
	h := newHouse(t, "new")
	if _, err := Stage(bytes.NewReader(newHouse(t, "old").backup(true)), h.target()); err != nil {
		t.Fatal(err)
	}
	unlock, err := store.Lock(h.state)
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := Apply(h.state, quiet); applied || err != nil {
		t.Errorf("applied %t, %v", applied, err)
	}
	unlock.Close()
	if applied, err := Apply(h.state, quiet); !applied || err != nil {
		t.Errorf("applied %t, %v", applied, err)
	}
}

// Only what was last is kept, and nothing of what a crash left.
func TestSweep(t *testing.T) {
	h := newHouse(t, "new")
	for _, name := range []string{"before-20260101-000000", "before-20260102-000000", "backup-123"} {
		h.write(filepath.Join(h.state, name, "x"), "")
	}
	if _, err := Apply(h.state, quiet); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(h.state, "b*-*"))
	if len(left) != 1 || filepath.Base(left[0]) != "before-20260102-000000" {
		t.Errorf("left %v", left)
	}
}

// The clock has gone back since the last time: what was now is kept all the same.
func TestBeforeAfterTheClockWentBack(t *testing.T) {
	old, h := newHouse(t, "old"), newHouse(t, "new")
	h.write(filepath.Join(h.state, "before-20991231-000000", "sensors", "a.json"), "long ago")
	if _, err := Stage(bytes.NewReader(old.backup(true)), h.target()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Apply(h.state, quiet); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := filepath.Glob(filepath.Join(h.state, "before-*", "sensors", "a.json"))
	if len(kept) != 1 {
		t.Fatalf("kept %v", kept)
	}
	if b, err := os.ReadFile(kept[0]); err != nil || string(b) != "new" {
		t.Errorf("%s has %q: %v", kept[0], b, err)
	}
}

// What cannot be removed, because root restored it or the disk can only be read,
// does not keep a gateway from starting.
func TestSweepMayNot(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may")
	}
	h := newHouse(t, "new")
	folder := filepath.Join(h.state, "backup-1")
	h.write(filepath.Join(folder, "x"), "")
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o700) })
	if applied, err := Apply(h.state, quiet); applied || err != nil {
		t.Errorf("applied %t, %v", applied, err)
	}
}

// renamed gives a file of an archive another name.
func renamed(t *testing.T, data []byte, from, to string) []byte {
	t.Helper()
	return rewrite(t, data, func(h *tar.Header, b []byte) []byte {
		switch h.Name {
		case from:
			h.Name = to
		case manifestName:
			return bytes.Replace(b, []byte(`"`+from+`"`), []byte(`"`+to+`"`), 1)
		}
		return b
	})
}

// rewrite makes another archive of one; what change returns nil for is left out.
func rewrite(t *testing.T, data []byte, change func(*tar.Header, []byte) []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	w := tar.NewWriter(zw)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if b = change(h, b); b == nil {
			continue
		}
		h.Size = int64(len(b))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

package bus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRootReadsAndWrites(t *testing.T) {
	dir := t.TempDir() + "/"
	if err := os.WriteFile(dir+"trigger", []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("trigger", dir+"link"); err != nil {
		t.Fatal(err)
	}
	r := &root{rootFS: os.DirFS(dir).(rootFS), dir: dir, written: make(map[string]time.Time)}
	if !r.Written("trigger").IsZero() {
		t.Error("written before anything was")
	}
	before := time.Now()
	if err := r.WriteFile("trigger", []byte("after.")); err != nil {
		t.Fatal(err)
	}
	if at := r.Written("trigger"); at.Before(before) || time.Since(at) < 0 {
		t.Errorf("written at %v", at)
	}
	if b, err := fs.ReadFile(r, "trigger"); err != nil || string(b) != "after." {
		t.Errorf("read %q, %v", b, err)
	}
	if to, err := fs.ReadLink(r, "link"); err != nil || to != "trigger" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	for _, name := range []string{"../" + filepath.Base(dir) + "/trigger", "/trigger", "absent"} {
		if err := r.WriteFile(name, nil); err == nil || !r.Written(name).IsZero() {
			t.Errorf("writing to %q: %v", name, err)
		}
	}
	if err := r.WriteFile("absent", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("writing to what is not there: %v", err)
	}
}

func TestRootIsAWriter(t *testing.T) {
	if _, ok := Root().(Writer); !ok {
		t.Error("the kernel's files cannot be written to")
	}
}

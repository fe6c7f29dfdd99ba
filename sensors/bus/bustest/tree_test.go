package bustest

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

func TestTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := fstest.MapFS{"a/b": {Data: []byte("1")}, "a/l": {Data: []byte("b"), Mode: fs.ModeSymlink}}
		tree := &Tree{FS: files}
		if err := tree.WriteFile("a/b", nil); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("without OnWrite: %v", err)
		}
		tree.OnWrite = func(name string, data []byte) error {
			time.Sleep(time.Second)
			if string(data) == "bad" {
				return fs.ErrInvalid
			}
			files[name] = &fstest.MapFile{Data: data}
			return nil
		}
		if err := tree.WriteFile("a/c", []byte("2")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what is not there: %v", err)
		}
		began := time.Now()
		if err := tree.WriteFile("a/b", []byte("2")); err != nil || !tree.Written("a/b").Equal(began) {
			t.Errorf("written at %v, %v; want %v", tree.Written("a/b"), err, began)
		}
		if err := tree.WriteFile("a/b", []byte("bad")); !errors.Is(err, fs.ErrInvalid) || !tree.Written("a/b").Equal(began) {
			t.Errorf("a write that fails: %v, written at %v", err, tree.Written("a/b"))
		}
		if b, err := fs.ReadFile(tree, "a/b"); err != nil || string(b) != "2" {
			t.Errorf("read %q, %v", b, err)
		}
		if to, err := fs.ReadLink(tree, "a/l"); err != nil || to != "b" {
			t.Errorf("link to %q, %v", to, err)
		}
		if want := []Write{{began, "a/b", "2"}}; !slices.Equal(tree.Writes(), want) || !tree.Written("a/c").IsZero() {
			t.Errorf("writes %v, want %v", tree.Writes(), want)
		}
	})
}

package bustest

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"gateway/sensors/bus"
)

// Tree is a file system that can be written to, such as a [testing/fstest]
// MapFS with a kernel behind it.
type Tree struct {
	fs.FS
	// OnWrite is what writing to a file does; nil refuses all.
	OnWrite func(name string, data []byte) error

	writes []Write
}

// Write is what was written to a file of a Tree without an error.
type Write struct {
	Time time.Time // when it began
	Name string
	Data string
}

var _ bus.Writer = (*Tree)(nil)

// WriteFile implements [bus.Writer].
func (t *Tree) WriteFile(name string, data []byte) error {
	w := Write{time.Now(), name, string(data)}
	if t.OnWrite == nil {
		return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if _, err := fs.Stat(t.FS, name); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.OnWrite(name, data); err != nil {
		return err
	}
	t.writes = append(t.writes, w)
	return nil
}

// Written implements [bus.Writer].
func (t *Tree) Written(name string) time.Time {
	for _, w := range slices.Backward(t.writes) {
		if w.Name == name {
			return w.Time
		}
	}
	return time.Time{}
}

// Writes returns what was written, in order.
func (t *Tree) Writes() []Write { return slices.Clone(t.writes) }

// ReadLink implements [fs.ReadLinkFS].
func (t *Tree) ReadLink(name string) (string, error) { return fs.ReadLink(t.FS, name) }

// Lstat implements [fs.ReadLinkFS].
func (t *Tree) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }

// ReadFile implements [fs.ReadFileFS].
func (t *Tree) ReadFile(name string) ([]byte, error) { return fs.ReadFile(t.FS, name) }

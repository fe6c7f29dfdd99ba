package bus

import (
	"io/fs"
	"os"
	"sync"
	"time"
)

// Root returns the file system from /, in which /dev, /sys and /proc are
// found. It is a [Writer].
func Root() fs.FS {
	return &root{rootFS: os.DirFS("/").(rootFS), dir: "/", written: make(map[string]time.Time)}
}

// Writer is what a Slot's Root may be besides: some of the kernel's files are
// written to, to have it do something.
type Writer interface {
	// WriteFile writes data, in one piece, to the file called name, which
	// exists. It blocks for as long as the kernel takes.
	WriteFile(name string, data []byte) error
	// Written returns when the last WriteFile to name that succeeded began;
	// zero if there was none. All who have the same Root see the same.
	Written(name string) time.Time
}

// rootFS is what os.DirFS can do.
type rootFS interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.ReadLinkFS
	fs.StatFS
}

type root struct {
	rootFS
	dir string

	mu      sync.Mutex
	written map[string]time.Time
}

// WriteFile implements [Writer].
func (r *root) WriteFile(name string, data []byte) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: "write", Path: name, Err: fs.ErrInvalid}
	}
	began := time.Now()
	f, err := os.OpenFile(r.dir+name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[name] = began
	return nil
}

// Written implements [Writer].
func (r *root) Written(name string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written[name]
}

package tsdb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// folder holds the files. There is one of the operating system and one in
// memory, and tests have one that fails.
type folder interface {
	// names returns the names of all files, in no order.
	names() ([]string, error)
	// create makes a file that is not there yet; open reads one.
	create(name string) (outFile, error)
	open(name string) (inFile, error)
	rename(from, to string) error
	remove(name string) error
	// cut leaves the first size bytes of a file.
	cut(name string, size int64) error
	// sync makes names stable: files made, renamed and removed.
	sync() error
}

type outFile interface {
	io.WriterAt
	io.Closer
	// Sync makes what was written stable.
	Sync() error
	// allocate makes room for size bytes, so that writing there costs less.
	allocate(size int64) error
}

type inFile interface {
	io.ReaderAt
	io.Closer
	Size() (int64, error)
}

// disk is a folder of the operating system.
type disk string

func (d disk) path(name string) string { return filepath.Join(string(d), name) }

func (d disk) names() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d disk) create(name string) (outFile, error) {
	// A folder may be made later than the program starts: a disk is mounted.
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d disk) open(name string) (inFile, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d disk) rename(from, to string) error      { return os.Rename(d.path(from), d.path(to)) }
func (d disk) remove(name string) error          { return os.Remove(d.path(name)) }
func (d disk) cut(name string, size int64) error { return os.Truncate(d.path(name), size) }
func (d disk) sync() error                       { return syncFolder(string(d)) }

type diskFile struct{ *os.File }

func (f diskFile) Sync() error               { return syncData(f.File) }
func (f diskFile) allocate(size int64) error { return allocate(f.File, size) }

func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// memory is a folder that is gone with the program.
type memory struct {
	mu    sync.Mutex
	files map[string]*memoryFile
}

func (m *memory) names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.files {
		names = append(names, name)
	}
	return names, nil
}

func (m *memory) create(name string) (outFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	if m.files == nil {
		m.files = map[string]*memoryFile{}
	}
	f := &memoryFile{}
	m.files[name] = f
	return f, nil
}

func (m *memory) open(name string) (inFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[name]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (m *memory) rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[from]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(m.files, from)
	m.files[to] = f
	return nil
}

func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(m.files, name)
	return nil
}

func (m *memory) cut(name string, size int64) error {
	f, err := m.open(name)
	if err != nil {
		return err
	}
	file := f.(*memoryFile)
	file.mu.Lock()
	defer file.mu.Unlock()
	file.b = file.b[:min(int(size), len(file.b))]
	return nil
}

func (*memory) sync() error { return nil }

type memoryFile struct {
	mu sync.RWMutex
	b  []byte
}

func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := int(off) + len(p); end > len(f.b) {
		f.b = append(slices.Grow(f.b, end-len(f.b)), make([]byte, end-len(f.b))...)
	}
	return copy(f.b[off:], p), nil
}

func (f *memoryFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(p, f.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) Size() (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return int64(len(f.b)), nil
}

func (*memoryFile) Close() error         { return nil }
func (*memoryFile) Sync() error          { return nil }
func (*memoryFile) allocate(int64) error { return nil }

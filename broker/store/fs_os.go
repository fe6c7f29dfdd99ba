package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folder is a folder of the operating system.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) Names() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d folder) Open(name string, create bool) (File, error) {
	flag := os.O_RDWR
	if create {
		// A store on a file system that was not there at the start may have no
		// folder yet.
		if err := os.MkdirAll(string(d), 0o700); err != nil {
			return nil, err
		}
		flag |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(d.path(name), flag, 0o600)
	if err != nil && !create && (errors.Is(err, os.ErrPermission) || isReadOnly(err)) {
		f, err = os.Open(d.path(name))
	}
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

// OpenRead opens a file that is only read.
func (d folder) OpenRead(name string) (File, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func (d folder) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d folder) Remove(name string) error     { return os.Remove(d.path(name)) }

func (d folder) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !cannotSync(err) {
		return fmt.Errorf("sync %s: %w", d, err)
	}
	return nil
}

func (d folder) Free() (int64, error) { return free(string(d)) }

// osFile is an open file of the operating system.
type osFile struct{ *os.File }

func (f *osFile) Sync() error { return syncData(f.File) }

func (f *osFile) Allocate(size int64) error { return allocate(f.File, size) }

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

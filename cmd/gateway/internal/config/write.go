package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts a configuration in the place of a file, durably: after a power cut
// there is the old one or the new one. A link stays one, and the file has the
// owner and the permissions that it had: the gateway may run as another user
// than who writes. What it was is kept with .old behind its name. It returns
// the file that was written.
func Write(name string, data []byte) (file string, err error) {
	file = name
	if real, err := filepath.EvalSymlinks(name); err == nil {
		file = real
	}
	if err := exchange(file, data); err != nil {
		return file, fmt.Errorf("write the configuration: %w", err)
	}
	return file, nil
}

func exchange(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".gateway-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is in its place
	mode, isNew := fs.FileMode(0o644), true
	if info, err2 := os.Stat(file); err2 == nil {
		mode, isNew, err = info.Mode().Perm(), false, sameOwner(f, info)
	}
	_, err2 := f.Write(data)
	if err := errors.Join(err, err2, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if !isNew {
		if err := os.Remove(file + ".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(file, file+".old"); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// syncFolder makes it last that a file of a folder has another content.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

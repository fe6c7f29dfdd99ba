// Package statefile writes the small files in which bridges and other parts keep what
// outlives a restart. It knows nothing of what is in them.
package statefile

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace puts data in the place of the file called name, durably: after a power
// cut there is the old content or the new one. It makes the folder.
func Replace(name string, data []byte) error {
	folder := filepath.Dir(name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is in its place
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

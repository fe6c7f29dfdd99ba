package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Backup copies the store in dir to target, which must not exist yet. A gateway
// may use the store meanwhile: everything that was stable when Backup began is in
// the copy, and what came later is up to some moment. The copy is read again
// before it gets its name. It returns what is in it.
func Backup(dir, target string) (sum Summary, err error) {
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: %w; name a folder that is not there yet", target, fs.ErrExist)
		}
		return sum, err
	}
	v, err := Look(dir) // there is one, and we may read it
	if err != nil {
		return sum, err
	}
	v.Close()
	target = filepath.Clean(target)
	part, err := os.MkdirTemp(filepath.Dir(target), filepath.Base(target)+".part-*")
	if err != nil {
		return sum, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(part)
		}
	}()
	if err := copySegments(folder(dir), folder(part)); err != nil {
		return sum, err
	}
	if v, err = Look(part); err != nil {
		return sum, fmt.Errorf("read the copy again: %w", err)
	}
	defer v.Close()
	sum = v.Summary()
	sum.Folder = target
	if sum.Damage, err = v.Verify(); err != nil {
		return sum, fmt.Errorf("read the copy again: %w", err)
	}
	if err := os.Rename(part, target); err != nil {
		return sum, err
	}
	return sum, folder(filepath.Dir(target)).Sync()
}

// copySegments copies all segments, the oldest first, so that the copy is a state
// of the log: see settled. What was copied of a segment that is not the last
// one need not be copied again.
func copySegments(from, to folder) error {
	whole := make(map[string]bool)
	err := settled(from, func(names []string) error {
		for name := range whole {
			if !slices.Contains(names, name) {
				delete(whole, name)
				if err := to.Remove(name); err != nil {
					return err
				}
			}
		}
		for i, name := range names {
			if whole[name] {
				continue
			}
			if err := copyFile(from.path(name), to.path(name)); err != nil {
				return err
			}
			// The last one may still be written to.
			whole[name] = i < len(names)-1
		}
		return nil
	})
	if err != nil {
		return err
	}
	return to.Sync()
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

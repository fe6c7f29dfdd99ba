package tsdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLooks is how often a folder is looked at again that changes meanwhile.
const maxLooks = 20

// ErrNoLinks is that a file system has no links, so that there is no snapshot
// that takes no room.
var ErrNoLinks = errors.New("there can be no links in this folder")

// Snapshot makes a folder that has the history of another one as it was at one
// moment, whether a program has that open or not. Files of pages, which never
// change, are links in it, so both folders have to be on one file system.
//
// Copying the files one after the other is not enough: what is sealed or made
// one meanwhile is in files that a copy of the manifest names and that were not
// there yet, and nowhere else.
func Snapshot(from, to string) error {
	for range maxLooks {
		before, err := readOrNone(filepath.Join(from, manifestName))
		if err != nil {
			return err
		}
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		// All that a manifest names is there until the next one is.
		err = linkAll(from, to, before)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		after, err2 := readOrNone(filepath.Join(from, manifestName))
		if err2 != nil {
			return err2
		}
		if err == nil && bytes.Equal(before, after) {
			if before == nil {
				return nil
			}
			return os.WriteFile(filepath.Join(to, manifestName), before, 0o600)
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	return fmt.Errorf("history in %s changes faster than it can be read; try again", from)
}

// linkAll makes links to the files that a manifest names, and copies journals,
// which are being written.
func linkAll(from, to string, text []byte) error {
	m, _ := parseManifest(text) // nil if there is none that can be read: all files count then
	listed := map[string]bool{}
	if m != nil {
		for _, f := range m.files {
			listed[pageName(f.tier, f.number)] = true
		}
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		_, _, isPages := parsePageName(name)
		switch {
		case !e.Type().IsRegular() || name == manifestName || name == manifestNew || isPages && m != nil && !listed[name]:
			continue // it is not finished, or not needed any more
		case strings.HasPrefix(name, "journal-"):
			err = copyFile(filepath.Join(from, name), filepath.Join(to, name))
		default:
			if err = os.Link(filepath.Join(from, name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: %w", ErrNoLinks, err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// readOrNone returns what a file has in it, nil if there is none.
func readOrNone(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

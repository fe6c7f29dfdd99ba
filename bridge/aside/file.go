package aside

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// small is what may be gone of a file without a new one being worth it, bytes.
const small = 64 << 10

// change has f change the file, alone and knowing what is in it. If create is
// false and there is no file, f is not called.
func (s *Shelf) change(create bool, f func() error) error {
	if s.file == "" {
		return f()
	}
	folder := filepath.Dir(s.file)
	if create {
		if err := s.makeFolder(folder); err != nil {
			return err
		}
	}
	held, err := lock(folder)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil
	}
	if err != nil {
		return err
	}
	defer held.Close()
	if err := s.refresh(); err != nil {
		return err
	}
	if s.seen == nil && !create {
		return nil
	}
	return f()
}

func (s *Shelf) makeFolder(folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return s.syncFolder(filepath.Dir(folder))
}

func (s *Shelf) syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(s.sync(d), d.Close())
}

// refresh reads the file if it is not as we left it.
func (s *Shelf) refresh() error {
	if s.file == "" {
		return nil
	}
	info, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		s.index = index{limits: s.index.limits, last: s.index.last}
		s.seen = nil
		return nil
	}
	if err != nil {
		return err
	}
	if s.seen != nil && os.SameFile(info, s.seen) && info.Size() == s.seen.Size() && info.ModTime().Equal(s.seen.ModTime()) {
		return nil
	}
	f, err := os.Open(s.file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err = f.Stat()
	if err != nil {
		return err
	}
	x, err := scan(io.LimitReader(f, info.Size()), s.index.limits)
	if err != nil {
		return err
	}
	if !s.told && (x.torn > 0 || x.damaged > 0) {
		s.told = true
		s.log.Warn("parts of what was set aside cannot be read; the rest is there", "bridge", s.name, "file", s.file, "lines", x.damaged, "torn_bytes", x.torn)
	}
	x.last = max(x.last, s.index.last)
	s.index, s.seen = x, info
	return nil
}

// append writes a line at the end of what can be read of the file. If it fails,
// the file is as it was, or has an end that is cut off the next time.
func (s *Shelf) append(line []byte) error {
	if s.file == "" {
		return nil
	}
	s.unnamed = s.unnamed || s.seen == nil
	f, err := os.OpenFile(s.file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	s.seen = nil // until all is well, nothing is known of it
	if err := f.Truncate(s.index.end); err != nil {
		return err
	}
	_, err = f.WriteAt(line, s.index.end)
	if err == nil {
		err = s.sync(f)
	}
	if err == nil && s.unnamed {
		err = s.syncFolder(filepath.Dir(s.file))
	}
	if err != nil {
		return errors.Join(err, f.Truncate(s.index.end))
	}
	s.unnamed = false
	s.seen, err = f.Stat()
	return err
}

// cut leaves the first bytes of the file.
func (s *Shelf) cut(size int64) error {
	if s.file == "" {
		return nil
	}
	f, err := os.OpenFile(s.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	s.seen = nil
	if err := f.Truncate(size); err != nil {
		return err
	}
	if err := s.sync(f); err != nil {
		return err
	}
	s.seen, err = f.Stat()
	return err
}

// tidy puts a file without what is gone in the place of the file, once that is
// more than half of it. If it cannot, the file stays, and grows.
func (s *Shelf) tidy() {
	if s.file == "" {
		s.index.end = s.index.bytes
		return
	}
	if gone := s.index.gone(); gone < small || gone < s.index.bytes {
		return
	}
	if err := s.rewrite(); err != nil {
		s.log.Error("the file of what was set aside grows: it cannot be written anew", "bridge", s.name, "error", err)
	}
}

func (s *Shelf) rewrite() error {
	old, err := os.Open(s.file)
	if err != nil {
		return err
	}
	defer old.Close()
	f, err := os.CreateTemp(filepath.Dir(s.file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is in its place
	x := index{limits: s.index.limits, last: s.index.last}
	for _, e := range s.index.entries {
		if _, err = io.Copy(f, io.NewSectionReader(old, e.at, e.size)); err != nil {
			break
		}
		x.add(e)
	}
	if err == nil {
		err = s.sync(f)
	}
	info, err2 := f.Stat()
	if err := errors.Join(err, err2, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.file); err != nil {
		return err
	}
	s.index, s.seen = x, info
	return s.syncFolder(filepath.Dir(s.file))
}

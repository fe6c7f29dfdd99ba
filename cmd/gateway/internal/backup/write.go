package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/broker/store"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/history/tsdb"
)

// Source is a gateway, running or not.
type Source struct {
	Version, Host string
	ConfigFile    string // where the configuration is; "" if there is none, also if nothing is there
	State         string // the folder of the store and of what the other parts keep, "" if there is none
	History       bool   // take the history, too
}

// isHistory tells whether a folder within the state belongs to the history: what
// was recorded, and what the recorder remembers of it.
func isHistory(name string) bool { return name == "history" || name == "recorder" }

// Write writes a backup. The gateway may run meanwhile: each file is as it was at
// a moment. Its store has everything that was acknowledged when Write began.
func Write(w io.Writer, s Source) error {
	z := gzip.NewWriter(w)
	a := &archive{tar: tar.NewWriter(z), m: Manifest{
		Format: format, Version: s.Version, Host: s.Host, Created: time.Now().UTC().Truncate(time.Second), History: s.History, LeftOut: []string{}, Files: []File{},
	}}
	err := a.config(s.ConfigFile)
	if err == nil && s.State != "" {
		err = errors.Join(a.store(s.State), a.state(s.State, s.History))
	}
	if err == nil {
		err = a.manifest()
	}
	for _, end := range []func() error{a.tar.Close, z.Close} { // a disk that is full is said once
		if err == nil {
			err = end()
		}
	}
	return err
}

// archive is a backup while it is written.
type archive struct {
	tar *tar.Writer
	m   Manifest
}

// config adds the configuration and the files that it names.
func (a *archive) config(file string) error {
	if file == "" {
		return nil
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	switch err := a.file(configName, file, abs); {
	case errors.Is(err, fs.ErrNotExist):
		return nil // what is built in applies
	case err != nil:
		return err
	}
	a.m.Config = abs
	cfg, err := config.Load(file)
	if err != nil {
		return fmt.Errorf("the configuration is wrong, and so would be what is restored of it: %w", err)
	}
	kept, left := named(cfg)
	a.m.LeftOut = append(a.m.LeftOut, left...)
	for i, name := range kept {
		abs, err := filepath.Abs(name)
		if err == nil {
			err = a.file(fmt.Sprintf("%s%d-%s", configPart, i, safe(filepath.Base(name))), name, abs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// safe is a name without what an archive's name may not have.
func safe(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '\\' || r == 0 {
			return '_'
		}
		return r
	}, name)
}

// store adds a copy of the store.
func (a *archive) store(dir string) error {
	v, err := store.Look(dir)
	if err != nil {
		return nil // there is none yet
	}
	v.Close()
	temp, err := os.MkdirTemp(dir, scratch+"*")
	if err != nil {
		return fmt.Errorf("copy the store: %w", err)
	}
	defer os.RemoveAll(temp)
	copied := filepath.Join(temp, "store")
	if _, err := store.Backup(dir, copied); err != nil {
		return fmt.Errorf("copy the store: %w", err)
	}
	return a.folder(storePart, copied)
}

// state adds what the other parts keep: the folders beside the store's files.
func (a *archive) state(dir string, history bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || ours(e.Name()) || isHistory(e.Name()) && !history {
			continue
		}
		add := a.folder
		if e.Name() == "history" {
			add = a.history
		}
		if err := add(statePart+e.Name()+"/", filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// history adds what was recorded, as it was at one moment: while it is sent, which
// may take long, files of it become others.
func (a *archive) history(part, dir string) error {
	temp, err := os.MkdirTemp(filepath.Dir(dir), scratch+"*")
	if err != nil {
		return fmt.Errorf("copy the history: %w", err)
	}
	defer os.RemoveAll(temp)
	linked := filepath.Join(temp, "history")
	switch err := tsdb.Snapshot(dir, linked); {
	case errors.Is(err, tsdb.ErrNoLinks):
		return a.folder(part, dir) // better than none; it is whole if nothing changes meanwhile
	case err != nil:
		return fmt.Errorf("copy the history: %w", err)
	}
	return a.folder(part, linked)
}

// folder adds the regular files of a folder. One that goes meanwhile is left out.
func (a *archive) folder(part, dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		in := part + filepath.ToSlash(rel)
		if !validName(in) {
			return nil // no part of ours makes one
		}
		if err := a.file(in, name, ""); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// file adds a file as long as it is now. One that grows meanwhile has what came
// later cut off; one that shrinks is an error.
func (a *archive) file(in, name, path string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return a.add(File{Name: in, Path: path, Mode: info.Mode().Perm(), Size: info.Size()}, info.ModTime(), f)
}

func (a *archive) add(f File, at time.Time, from io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(f.Mode), Size: f.Size, ModTime: at, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(h); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(a.tar, sum), io.LimitReader(from, f.Size))
	if err == nil && n < f.Size {
		err = fmt.Errorf("%s became shorter while it was read; try again", f.Name)
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	a.m.Files = append(a.m.Files, f)
	return err
}

// manifest adds the end.
func (a *archive) manifest() error {
	text, err := json.MarshalIndent(a.m, "", " ")
	if err != nil {
		return err
	}
	files := slices.Clone(a.m.Files)
	err = a.add(File{Name: manifestName, Mode: 0o600, Size: int64(len(text))}, a.m.Created, bytes.NewReader(text))
	a.m.Files = files
	return err
}

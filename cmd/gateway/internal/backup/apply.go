package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"gateway/broker/store"
	"gateway/sensors"
)

type sensorConfig = sensors.SensorConfig

// The names of this package within the folder of the state.
const (
	stagedName   = "restore" // what waits to be applied
	planName     = "plan.json"
	movedName    = "moved"   // in stagedName: what was is out of the way
	beforePrefix = "before-" // what was
	scratch      = "backup-" // what is being written; left by a crash
)

// ours tells whether an entry of the state's folder is this package's.
func ours(name string) bool {
	return name == stagedName || strings.HasPrefix(name, beforePrefix) || strings.HasPrefix(name, scratch)
}

// Apply puts what is staged in its place, and tells whether there was something.
// It is called before anything of the state or of the configuration is used; if
// another gateway uses the state, it does nothing. What it cannot do is an error,
// after which it can be called again; what the configuration's files do not take
// is logged, and kept.
func Apply(state string, log *slog.Logger) (applied bool, err error) {
	return apply(state, log, func(string) error { return nil })
}

// apply is Apply that asks step before each of its steps, which can be the last.
func apply(state string, log *slog.Logger, step func(what string) error) (applied bool, err error) {
	if state == "" || !isFolder(state) {
		return false, nil
	}
	unlock, err := store.Lock(state)
	if err != nil {
		return false, nil // another gateway has it, or it cannot be read: who opens the store says so
	}
	defer unlock.Close()
	defer func() {
		if err != nil {
			return
		}
		if left := sweep(state); left != nil { // which is no reason not to start
			log.Warn("what is left of backups cannot be removed", "folder", state, "error", left)
		}
	}()
	if !Staged(state) {
		return false, nil
	}
	staged := filepath.Join(state, stagedName)
	text, err := os.ReadFile(filepath.Join(staged, planName))
	if err != nil {
		return false, err
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil || !strings.HasPrefix(p.Before, beforePrefix) {
		return false, fmt.Errorf("%s cannot be read; remove the folder to go on without what was to be restored", filepath.Join(staged, planName))
	}
	x := exchange{plan: p, state: state, staged: staged, before: filepath.Join(state, p.Before), log: log, step: step}
	if err := x.run(); err != nil {
		return false, fmt.Errorf("restore the backup: %w; it is tried again at the next start", err)
	}
	log.Warn("a backup was restored", "what_was", x.before)
	return true, nil
}

// exchange puts what is staged in the place of what is used.
type exchange struct {
	plan                  plan
	state, staged, before string // folders
	log                   *slog.Logger
	step                  func(what string) error
}

// run does what is left to be done.
func (x *exchange) run() error {
	moved := filepath.Join(x.staged, movedName)
	if _, err := os.Lstat(moved); errors.Is(err, fs.ErrNotExist) {
		if err := x.moveOut(); err != nil {
			return err
		}
		if err := writeDurably(moved, nil, 0o600); err != nil {
			return err
		}
	}
	for _, part := range []string{"state", "store"} {
		if err := x.moveAll(filepath.Join(x.staged, part), x.state, func(string) bool { return true }); err != nil {
			return err
		}
	}
	for _, f := range x.plan.Files {
		if err := x.place(f); err != nil {
			return err
		}
	}
	if err := x.step("end"); err != nil {
		return err
	}
	if err := ownAs(x.before, x.state); err != nil { // so that who is not root can remove it
		return err
	}
	done := filepath.Join(x.state, scratch+"done")
	if err := os.RemoveAll(done); err != nil {
		return err
	}
	if err := os.Rename(x.staged, done); err != nil {
		return err
	}
	return errors.Join(syncFolder(x.state), os.RemoveAll(done))
}

// moveOut puts what is used into the folder for what was. History stays if the
// backup has none.
func (x *exchange) moveOut() error {
	if err := os.MkdirAll(x.before, 0o700); err != nil {
		return err
	}
	return x.moveAll(x.state, x.before, func(name string) bool {
		return !ours(name) && (x.plan.History || !isHistory(name))
	})
}

// moveAll moves the entries of a folder, which need not be there, that pick
// takes. What is in their place is never replaced.
func (x *exchange) moveAll(from, to string, pick func(name string) bool) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !pick(e.Name()) {
			continue
		}
		if err := x.step(e.Name()); err != nil {
			return err
		}
		target := filepath.Join(to, e.Name())
		if _, err := os.Lstat(target); err == nil {
			return fmt.Errorf("%s is in the way", target)
		}
		if err := os.Rename(filepath.Join(from, e.Name()), target); err != nil {
			return err
		}
	}
	return errors.Join(syncFolder(from), syncFolder(to))
}

// place writes a file of the configuration, and keeps what was there.
func (x *exchange) place(f File) error {
	if err := x.step(f.Name); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(x.staged, filepath.FromSlash(f.Name)))
	if err != nil {
		return err
	}
	mode := f.Mode.Perm()
	if was, err := os.ReadFile(f.Path); err == nil {
		if err := x.keep(f.Name, was); err != nil {
			return err
		}
		if info, err := os.Stat(f.Path); err == nil {
			mode = info.Mode().Perm()
		}
	}
	if err := writeDurably(f.Path, text, mode); err != nil {
		if err2 := x.keep("not-restored/"+f.Name, text); err2 != nil {
			return errors.Join(err, err2)
		}
		x.log.Error("a file of the configuration cannot be restored; copy it by hand",
			"file", f.Path, "copy", filepath.Join(x.before, "not-restored", f.Name), "error", err)
	}
	return nil
}

// keep writes a file into the folder for what was, unless it has been kept
// already, before an interruption.
func (x *exchange) keep(name string, data []byte) error {
	kept := filepath.Join(x.before, filepath.FromSlash(name))
	if _, err := os.Lstat(kept); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	return writeDurably(kept, data, 0o600)
}

// sweep removes what a crash has left, and all that was but the last.
func sweep(state string) error {
	entries, err := os.ReadDir(state)
	if err != nil {
		return err
	}
	var before []string
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, scratch):
			err = errors.Join(err, os.RemoveAll(filepath.Join(state, name)))
		case strings.HasPrefix(name, beforePrefix):
			before = append(before, name) // ordered by name, which is by time
		}
	}
	for _, name := range before[:max(0, len(before)-1)] {
		err = errors.Join(err, os.RemoveAll(filepath.Join(state, name)))
	}
	return err
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

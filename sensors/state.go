package sensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gateway/sensors/reading"
)

// stateEvery is how often what sensors save is written: an SD card dies of
// small writes. A power cut costs as much of a counter's total.
const stateEvery = 5 * time.Minute

// states keeps what sensors save, a file each:
//
//	<folder>/<site>%2F<room>%2F<sensor>.json  {"driver":"counter","saved":"…","state":…}
//
// A file is written beside the old one, made durable, and then put in its
// place, so that a power cut leaves one of both. One that is damaged is put
// aside and reported, and its sensor begins anew.
type states struct {
	folder string // "" keeps everything in memory
	log    *slog.Logger

	mu  sync.Mutex
	all map[reading.Path]*state
}

// state implements bus.State for one sensor.
type state struct {
	owner  *states
	path   reading.Path
	driver string
	said   bool // that it cannot be written; of who calls flush

	writing sync.Mutex // held while it is written; owner.mu is taken within

	// Guarded by owner.mu.
	loaded bool
	data   json.RawMessage // nil if there is nothing
	dirty  bool
}

// stateFile is the content of a file.
type stateFile struct {
	Driver string          `json:"driver"`
	Saved  time.Time       `json:"saved"`
	State  json.RawMessage `json:"state"`
}

func newStates(folder string, log *slog.Logger) *states {
	return &states{folder: folder, log: log, all: make(map[reading.Path]*state)}
}

// of returns the state of a sensor: the one that there is, if it was of the same
// driver.
func (s *states) of(path reading.Path, driver string) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.all[path]; st != nil && st.driver == driver {
		return st
	}
	st := &state{owner: s, path: path, driver: driver}
	s.all[path] = st
	return st
}

// only forgets all states but those of these sensors; what is on disk stays.
func (s *states) only(paths []reading.Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.all, func(p reading.Path, _ *state) bool { return !slices.Contains(paths, p) })
}

// Load implements [bus.State].
func (s *state) Load(v any) (bool, error) {
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	if !s.loaded {
		if err := s.readLocked(); err != nil {
			return false, err
		}
		s.loaded = true
	}
	if s.data == nil {
		return false, nil
	}
	if err := json.Unmarshal(s.data, v); err != nil {
		s.asideLocked(err)
		return false, nil
	}
	return true, nil
}

// Save implements [bus.State].
func (s *state) Save(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("state of %s: %w", s.path, err)
	}
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	s.loaded = true
	if !bytes.Equal(data, s.data) {
		s.data, s.dirty = data, true
	}
	return nil
}

// maxName is what names of files may have, bytes, with room for what is put
// behind them. Letters beyond ASCII take six.
const maxName = 200

func (s *state) file() string {
	name := url.PathEscape(s.path.String())
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(name))
		name = fmt.Sprintf("%s~%x", name[:maxName-20], sum[:8])
	}
	return filepath.Join(s.owner.folder, name+".json")
}

// readLocked reads the file, if there is one and it is of this driver.
func (s *state) readLocked() error {
	if s.owner.folder == "" {
		return nil
	}
	b, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state of the sensor: %w", err) // names the file
	}
	var f stateFile
	if err := json.Unmarshal(b, &f); err != nil {
		s.asideLocked(err)
		return nil
	}
	if f.Driver == s.driver && len(f.State) > 0 {
		s.data = f.State
	}
	return nil
}

// asideLocked keeps a damaged file for a person to look at.
func (s *state) asideLocked(why error) {
	s.data = nil
	if s.owner.folder == "" {
		return
	}
	aside := s.file() + ".damaged"
	if err := os.Rename(s.file(), aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		why = errors.Join(why, err)
	}
	s.owner.log.Error("the state of a sensor is damaged and was put aside; it begins anew", "sensor", s.path.String(), "file", aside, "error", why)
}

// flush writes what was saved and is not yet on disk. What cannot be written
// is said once, until it is over, and tried again the next time. It is called by
// one goroutine at a time.
func (s *states) flush() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.all))
	s.mu.Unlock()
	for _, st := range all {
		err := st.write()
		if err != nil && !st.said {
			s.log.Error("the state of a sensor cannot be written; it is tried again", "sensor", st.path.String(), "error", err)
		}
		st.said = err != nil
	}
}

// write brings the state to disk if it has changed. It waits for the disk, so
// it is for no goroutine on which a bus depends.
func (s *state) write() error {
	if s.owner.folder == "" {
		return nil
	}
	s.writing.Lock() // or an older state could come to be in the place of a newer one
	defer s.writing.Unlock()
	s.owner.mu.Lock()
	dirty, data := s.dirty, s.data
	s.dirty = false
	s.owner.mu.Unlock()
	if !dirty {
		return nil
	}
	b, err := json.Marshal(stateFile{s.driver, time.Now().UTC().Truncate(time.Second), data})
	if err == nil {
		err = replaceFile(s.file(), append(b, '\n'))
	}
	if err != nil {
		s.owner.mu.Lock()
		s.dirty = true
		s.owner.mu.Unlock()
	}
	return err
}

// replaceFile puts data in the place of the file called name, durably: after a
// power cut there is the old content or the new one. It makes the folder.
func replaceFile(name string, data []byte) error {
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
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package backup

import (
	"archive/tar"
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
)

// Target is the gateway that a backup is restored to.
type Target struct {
	State      string // the folder of its store
	ConfigFile string // where its configuration is, or is to be; "" if it can have none
	// StatePath is what the configuration of the target says of the folder, absolute,
	// "" if it leaves that to the default: what is restored has to say the same.
	StatePath string
	// Current is the configuration that runs. It bounds what a backup from the
	// page may bring: no program that was not run before, and files only where
	// there are some. Nil: whoever restores may do all that anyway.
	Current *config.Config
}

// The most that a backup may have, which none comes near.
const (
	maxFiles = 200_000
	maxBytes = 16 << 30
)

// plan is what is to be applied.
type plan struct {
	Before  string `json:"before"` // the folder for what was, within the state
	History bool   `json:"history"`
	Files   []File `json:"files"` // of the configuration, each with its Path
}

// Stage unpacks a backup and checks it. It is applied at the next start. What was
// staged before is not any more. On error nothing has changed.
func Stage(r io.Reader, t Target) (*Manifest, error) {
	if t.State == "" {
		return nil, errors.New("nothing outlives a restart of this gateway, so nothing can be restored: set persistence.enabled")
	}
	if err := os.MkdirAll(t.State, 0o700); err != nil {
		return nil, err
	}
	part, err := os.MkdirTemp(t.State, scratch+"*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(part)
	m, err := unpack(r, part)
	if err == nil {
		err = t.prepare(m, part)
	}
	if err != nil {
		return nil, err
	}
	if err := syncTree(part); err != nil {
		return nil, err
	}
	return m, t.commit(part)
}

// unpack writes the files of a backup below a folder, and compares them with the
// manifest.
func unpack(r io.Reader, to string) (*Manifest, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, errors.New("this is no backup of a gateway: it is not a .tar.gz")
	}
	defer z.Close()
	archive := tar.NewReader(z)
	sums := make(map[string]string)
	total := int64(0)
	var m *Manifest
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w (%v)", errTorn, err)
		}
		if total += h.Size; total > maxBytes || len(sums) > maxFiles {
			return nil, errors.New("this is no backup of a gateway: it is far too large")
		}
		if h.Name == manifestName {
			if m, err = readManifest(archive); err != nil {
				return nil, err
			}
			continue
		}
		if h.Typeflag != tar.TypeReg || !validName(h.Name) || m != nil || sums[h.Name] != "" {
			return nil, fmt.Errorf("this is no backup of a gateway: it has %q in it", h.Name)
		}
		if sums[h.Name], err = unpackFile(archive, filepath.Join(to, filepath.FromSlash(h.Name))); err != nil {
			return nil, err
		}
	}
	if m == nil {
		return nil, errTorn
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("the backup %w", err)
	}
	return m, m.compare(sums)
}

func readManifest(r io.Reader) (*Manifest, error) {
	var m Manifest
	if err := json.NewDecoder(io.LimitReader(r, 64<<20)).Decode(&m); err != nil {
		return nil, fmt.Errorf("the list of what is in the backup cannot be read: %w", err)
	}
	return &m, nil
}

// unpackFile writes a file and returns its sum.
func unpackFile(r io.Reader, name string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errTorn
		}
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// compare holds what was unpacked against the manifest.
func (m *Manifest) compare(sums map[string]string) error {
	parts := make(map[string]string) // of the folders and files that come into the state's
	for _, f := range m.Files {
		if part, rest, _ := strings.Cut(f.Name, "/"); part+"/" != configPart {
			top, _, _ := strings.Cut(rest, "/")
			if other := parts[top]; ours(top) || other != "" && other != part {
				return fmt.Errorf("the backup has %s, which cannot be in its place beside the others", f.Name)
			}
			parts[top] = part
		}
		switch sums[f.Name] {
		case "":
			return fmt.Errorf("the backup lacks %s", f.Name)
		case f.SHA256:
		default:
			return fmt.Errorf("%s is damaged in the backup: its checksum is another one", f.Name)
		}
	}
	if len(sums) != len(m.Files) {
		return errors.New("the backup has files that its list does not have")
	}
	return nil
}

// prepare checks what is in the parts, makes the configuration one for this
// gateway, and writes the plan.
func (t *Target) prepare(m *Manifest, part string) error {
	if _, err := os.Stat(filepath.Join(part, "store")); err == nil {
		v, err := store.Look(filepath.Join(part, "store"))
		if err != nil {
			return fmt.Errorf("the store in the backup cannot be read: %w", err)
		}
		v.Close()
	}
	before, err := t.nameForBefore(time.Now())
	if err != nil {
		return err
	}
	moved, err := t.moved(m, filepath.Join(part, filepath.FromSlash(configName)))
	if err != nil {
		return err
	}
	p := plan{Before: before, History: m.History}
	for _, f := range m.Files {
		if !strings.HasPrefix(f.Name, configPart) {
			continue
		}
		if to := moved[f.Path]; to != "" {
			f.Path = to
		}
		if f.Name == configName {
			if t.ConfigFile == "" {
				return errors.New("this gateway runs without a configuration file, and the backup has one; start it with the file that it is to have: gateway -c gateway.yaml")
			}
			f.Path = t.ConfigFile
			if err := t.prepareConfig(filepath.Join(part, filepath.FromSlash(f.Name))); err != nil {
				return err
			}
		}
		if err := t.mayWrite(f); err != nil {
			return err
		}
		p.Files = append(p.Files, f)
	}
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(part, planName), text, 0o600)
}

// moved is where files of a backup have to be that its configuration, which is in
// file, names from its own folder: in the same place of the folder that it gets here.
func (t *Target) moved(m *Manifest, file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse("gateway.yaml", text)
	if err != nil || t.ConfigFile == "" {
		return nil, nil // who looks at the configuration says so
	}
	all := make(map[string]string)
	kept, _ := named(cfg)
	for _, name := range kept {
		if !filepath.IsAbs(name) {
			all[filepath.Join(filepath.Dir(m.Config), name)] = filepath.Join(filepath.Dir(t.ConfigFile), name)
		}
	}
	return all, nil
}

// nameForBefore is what the folder for what was is called. The last by name is
// kept, so it is the last also if the clock has gone back since the one before.
func (t *Target) nameForBefore(now time.Time) (string, error) {
	entries, err := os.ReadDir(t.State) // by name
	if err != nil {
		return "", err
	}
	name := beforePrefix + now.UTC().Format("20060102-150405")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), beforePrefix) && e.Name() >= name {
			name = e.Name() + "+"
		}
	}
	return name, nil
}

// prepareConfig checks the configuration of a backup, and has it keep its state
// where this gateway does.
func (t *Target) prepareConfig(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	cfg, err := config.Parse("gateway.yaml", text)
	if err != nil {
		return fmt.Errorf("the configuration in the backup is not one for this version: %w", err)
	}
	cfg.Within(filepath.Dir(t.ConfigFile))
	if err := t.runsNothingNew(cfg); err != nil {
		return err
	}
	if cfg.Persistence.Path == t.StatePath {
		return nil
	}
	if text, err = config.Set("gateway.yaml", text, "persistence.path", t.StatePath); err != nil {
		return fmt.Errorf("the configuration in the backup keeps its state in another folder: %w", err)
	}
	return os.WriteFile(file, text, 0o600)
}

// runsNothingNew refuses programs that the page would bring.
func (t *Target) runsNothingNew(cfg *config.Config) error {
	if t.Current == nil {
		return nil
	}
	for _, c := range cfg.Sensors.Sensors {
		if c.Driver != "exec" {
			continue
		}
		known := slices.ContainsFunc(t.Current.Sensors.Sensors, func(o sensorConfig) bool {
			return o.Driver == c.Driver && o.Options["command"] == c.Options["command"]
		})
		if !known {
			return fmt.Errorf("the configuration in the backup runs a program, for %s/%s; that may be restored on the machine only: gateway restore FILE", c.Room, c.Name)
		}
	}
	return nil
}

// mayWrite tells whether a file of the configuration may be written where it was.
func (t *Target) mayWrite(f File) error {
	if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path {
		return fmt.Errorf("the backup has a file for %q, which is no place for one", f.Path)
	}
	if t.Current == nil || f.Path == t.ConfigFile {
		return nil
	}
	kept, _ := named(t.Current)
	for _, name := range kept {
		if abs, err := filepath.Abs(name); err == nil && abs == f.Path {
			return nil
		}
	}
	if filepath.Dir(f.Path) == filepath.Dir(t.ConfigFile) {
		if _, err := os.Lstat(f.Path); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("the backup would write %s, which the configuration of this gateway does not name; that may be restored on the machine only: gateway restore FILE", f.Path)
}

// commit gives what is unpacked the name by which it is applied.
func (t *Target) commit(part string) error {
	staged := filepath.Join(t.State, stagedName)
	if _, err := os.Lstat(staged); err == nil { // one that was staged before
		old := part + "-old"
		if err := os.Rename(staged, old); err != nil {
			return err
		}
		defer os.RemoveAll(old)
	}
	if err := ownAs(part, t.State); err != nil {
		return err
	}
	if err := os.Rename(part, staged); err != nil {
		return err
	}
	return syncFolder(t.State)
}

// Staged tells whether something waits for the next start.
func Staged(state string) bool {
	_, err := os.Lstat(filepath.Join(state, stagedName, planName))
	return state != "" && err == nil
}

// Unstage has what was staged not be applied.
func Unstage(state string) error {
	staged := filepath.Join(state, stagedName)
	if !Staged(state) {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(staged, movedName)); err == nil {
		return errors.New("it is being restored already")
	}
	gone := filepath.Join(state, scratch+"unstaged")
	if err := errors.Join(os.RemoveAll(gone), os.Rename(staged, gone), syncFolder(state)); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

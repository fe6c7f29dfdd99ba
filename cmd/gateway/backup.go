package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"gateway/cmd/gateway/internal/backup"
	"gateway/cmd/gateway/internal/config"
)

type backupCommand struct {
	storeFlags
	History bool
	File    string
}

func (c *backupCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.BoolVar(&c.History, "history", false, "Take the recorded history, too, which may be large.")
	f.args.StringVar(&c.File, "FILE", "", "The file to be made, such as gateway.tar.gz.")
	f.least = 1
}

// Help is shown by gateway backup --help.
func (c *backupCommand) Help() string {
	return `The file has the configuration and the password files that it names, the
broker's store, and what the page, the sensors and the alerts keep. It has hashes
of passwords in it, and passwords of upstreams: keep it like them. Private keys of
TLS are not in it.`
}

// Run writes a backup, also while the gateway runs.
func (c *backupCommand) Run(_ context.Context, s streams) error {
	src, err := c.source()
	if err != nil {
		return err
	}
	src.History = c.History
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; name another file", c.File)
	}
	f, err := os.CreateTemp(filepath.Dir(c.File), "."+filepath.Base(c.File)+"-*") // of this user only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has its name
	if err := errors.Join(backup.Write(f, src), f.Sync(), f.Close()); err != nil {
		return err
	}
	info, err := os.Stat(f.Name())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), c.File); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s; it holds secrets, keep it as you keep passwords\n", c.File, bytesText(info.Size()))
	return nil
}

// source is the gateway that the flags name.
func (f storeFlags) source() (backup.Source, error) {
	cfg, from, err := f.load()
	if err != nil {
		return backup.Source{}, err
	}
	version, _ := buildVersion()
	src := backup.Source{Version: version, Host: hostname()}
	if from != builtIn {
		src.ConfigFile = from
	}
	if cfg.Persistence.Enabled || f.Dir != "" {
		src.State, err = f.folder()
	}
	return src, err
}

type restoreCommand struct {
	storeFlags
	File string
}

func (c *restoreCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.args.StringVar(&c.File, "FILE", "", "The backup.")
	f.least = 1
}

// Help is shown by gateway restore --help.
func (c *restoreCommand) Help() string {
	return `The backup is checked whole before anything changes. If the gateway runs, it is
restored when that starts next; otherwise at once. What was is kept in a folder
before-… beside the store, until the next time.`
}

// Run restores a backup.
func (c *restoreCommand) Run(_ context.Context, s streams) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := backup.Stage(f, t)
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was changed", c.File, err)
	}
	fmt.Fprintf(s.out, "%s: of %s, %s, by gateway %s (%s)\n", c.File, m.Host, m.Created.Local().Format("2006-01-02 15:04:05"), m.Version, count(len(m.Files), "file"))
	for _, name := range m.LeftOut {
		fmt.Fprintf(s.out, "not in it: %s\n", name)
	}
	applied, err := backup.Apply(t.State, slog.New(slog.NewTextHandler(s.err, nil)))
	switch {
	case err != nil:
		return err
	case applied:
		fmt.Fprintln(s.out, "restored; what was is in a folder before-… of "+t.State)
	default:
		fmt.Fprintln(s.out, "a gateway runs: it is restored when that starts next")
	}
	return nil
}

// target is the gateway that the flags name. A configuration that is wrong is no
// obstacle if the folder is named: it may be what is to be replaced.
func (c *restoreCommand) target() (backup.Target, error) {
	t := backup.Target{ConfigFile: c.Config, State: c.Dir}
	if t.ConfigFile == "" {
		if t.ConfigFile = findConfig(); t.ConfigFile == "" {
			t.ConfigFile = newConfigPath()
		}
	}
	var err error
	if t.ConfigFile, err = filepath.Abs(t.ConfigFile); err != nil {
		return t, err
	}
	if c.Dir != "" {
		if t.StatePath, err = filepath.Abs(c.Dir); err != nil {
			return t, err
		}
	}
	cfg := config.Default()
	if _, err := os.Stat(t.ConfigFile); !errors.Is(err, fs.ErrNotExist) {
		if cfg, _, err = (configFlag{t.ConfigFile}).load(); err != nil {
			if c.Dir == "" {
				return t, fmt.Errorf("%w\n--dir DIR names the folder of the store, so that it can be replaced", err)
			}
			return t, nil
		}
	}
	t.StatePath = cfg.Persistence.Path
	if c.Dir == "" {
		if !cfg.Persistence.Enabled {
			return t, nil // Stage says so
		}
		t.State, err = c.folder()
	}
	return t, err
}

// restoreStaged puts a backup in its place that was restored while the gateway
// ran, before anything of it is used, and returns the configuration then.
func (c *runCommand) restoreStaged(cfg *chosen, log *slog.Logger) (*chosen, error) {
	if !cfg.Persistence.Enabled {
		return cfg, nil
	}
	dir, err := cfg.Persistence.Folder()
	if err != nil {
		return cfg, nil // who opens the store says so
	}
	applied, err := backup.Apply(dir, log)
	if err != nil || !applied {
		return cfg, err
	}
	if cfg, err = c.choose(); err == nil && c.Verbose {
		cfg.Log.Level = "debug"
	}
	return cfg, err
}

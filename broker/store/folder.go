package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// makeFolder makes the folder of a store. A file system that is full or cannot
// be written keeps nobody from starting if the folder is there.
func makeFolder(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		return nil
	}
	if info, e := os.Stat(dir); e == nil && info.IsDir() {
		return nil
	}
	return fmt.Errorf("make the folder of the store: %w", err)
}

// Folder returns where the store is: c.Path, or what stands for "".
func (c Config) Folder() (string, error) {
	if c.Path != "" {
		return c.Path, nil
	}
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" { // set by systemd; the first of several
		return filepath.Join(filepath.SplitList(dir)[0], "store"), nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gateway", "store"), nil
	}
	if runtime.GOOS == "windows" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "gateway", "store"), err
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", errors.New("path: there is no home folder; write where the store is to be")
	}
	return filepath.Join(home, ".local", "state", "gateway", "store"), nil
}

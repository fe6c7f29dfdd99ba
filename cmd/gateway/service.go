package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gateway/cmd/gateway/internal/config"
)

// Where the gateway's systemd unit has its configuration and its state.
const (
	serviceConfig = "/etc/gateway/gateway.yaml"
	serviceState  = "/var/lib/gateway"
	serviceFolder = serviceState + "/store"
)

// storeOf returns where the store of a configuration is that was read from a file, as
// a command is to find it whose user is not the service's: that of the service, if
// the configuration is the service's or has no store of this user's, and says
// nothing of the folder itself. What only the service may look into counts, too.
func storeOf(cfg *config.Config, from string) (dir string, ofService bool, err error) {
	dir, err = cfg.Persistence.Folder()
	if cfg.Persistence.Path != "" || os.Getenv("STATE_DIRECTORY") != "" {
		return dir, false, err
	}
	if abs, e := filepath.Abs(from); isFolder(serviceState) && (e == nil && abs == serviceConfig || err != nil || !isFolder(dir)) {
		return serviceFolder, true, nil
	}
	return dir, false, err
}

func isFolder(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// explainStore adds what can be done to an error of a store. named is that a person
// named its folder.
func explainStore(err error, dir string, named bool) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return asRoot(err)
	case errors.Is(err, fs.ErrNotExist) && isFolder(dir):
		return fmt.Errorf("%w; if a gateway has it, nothing had to be kept so far: the first session or retained message makes the first file", err)
	case errors.Is(err, fs.ErrNotExist) && !named:
		return fmt.Errorf("%w; a gateway that runs as another user has its own: --dir names it", err)
	}
	return err
}

//go:build unix

package config

import (
	"os"
	"syscall"
)

// sameOwner gives f the owner and the group of a file.
func sameOwner(f *os.File, of os.FileInfo) error {
	was, ok1 := of.Sys().(*syscall.Stat_t)
	info, err := f.Stat()
	if err != nil || !ok1 {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

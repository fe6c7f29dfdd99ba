//go:build unix

package auth

import (
	"io/fs"
	"syscall"
)

// statOf returns whose file it is.
func statOf(info fs.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}

//go:build unix

package doctor

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// accessible opens a device for reading and writing, which does nothing to it.
func accessible(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// groupOf returns the group of a file, "" if it is not known.
func groupOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(st.Gid), 10))
	if err != nil {
		return ""
	}
	return g.Name
}

//go:build unix

package door

import (
	"io/fs"
	"syscall"
)

// narrow sees to it that bind makes a socket file nobody may connect to who is
// not let by mode, not even in the moment before chmod. Linux takes the mode of
// the socket for that of its file; where it is not taken, chmod has to do.
func narrow(c syscall.RawConn, mode fs.FileMode) error {
	return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), uint32(mode.Perm())) })
}

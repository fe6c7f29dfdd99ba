package aside

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the folder for this process, waiting for others, until the file is
// closed.
func lock(folder string) (*os.File, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) {
			for {
				if failed = syscall.Flock(int(fd), syscall.LOCK_EX); !errors.Is(failed, syscall.EINTR) {
					return
				}
			}
		})
		err = errors.Join(err, failed)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	return f, nil
}

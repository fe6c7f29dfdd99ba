package tsdb

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// syncData is fdatasync: what is needed to read the bytes again, without the
// time of the change.
func syncData(f *os.File) error { return withDescriptor(f, "fdatasync", syscall.Fdatasync) }

// allocate is fallocate. File systems that cannot do it, FAT say, grow with
// every write, which costs more.
func allocate(f *os.File, size int64) error {
	err := withDescriptor(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}

// lock takes a folder for this process until the file is closed.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = withDescriptor(f, "flock", func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("history in %s: another process has it open; stop that one, or give this one another state folder", dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func withDescriptor(f *os.File, what string, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		for {
			if failed = call(int(fd)); failed != syscall.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("%s %s: %w", what, f.Name(), failed)
	}
	return nil
}

// syncFolder makes the names in a folder stable, where that can be done.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

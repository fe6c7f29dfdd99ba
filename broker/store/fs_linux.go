package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// syncData is fdatasync: what is needed to read the bytes again, without the
// time of the change.
func syncData(f *os.File) error {
	return withDescriptor(f, "fdatasync", syscall.Fdatasync)
}

// allocate is fallocate. File systems that cannot do it, FAT say, grow with
// every write, which costs more.
func allocate(f *os.File, size int64) error {
	err := withDescriptor(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
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

func free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// cannotSync tells that a folder cannot be synced at all here, rather than
// that it failed.
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

// lock takes the folder for this process until the file is closed. It works on
// a file system that is read-only, too.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = withDescriptor(f, "flock", func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, &InUseError{Dir: dir, Holder: holder(dir)}
	}
	return nil, err
}

// holder returns the process that has the lock of a folder, 0 if that cannot be
// found out.
func holder(dir string) int {
	var st syscall.Stat_t
	if syscall.Stat(dir, &st) != nil {
		return 0
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(locks)) {
		// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
		var n, pid int
		var kind, mode, access, file string
		if c, _ := fmt.Sscan(line[strings.IndexByte(line, ':')+1:], &kind, &mode, &access, &pid, &file); c < 5 || kind != "FLOCK" {
			continue
		}
		if _, err := fmt.Sscanf(file[strings.LastIndexByte(file, ':')+1:], "%d", &n); err == nil && uint64(n) == st.Ino {
			return pid
		}
	}
	return 0
}

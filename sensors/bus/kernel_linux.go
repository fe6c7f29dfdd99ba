package bus

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is what the buses ask of the kernel but for reading and writing, as
// functions so that a test can be the kernel.
type kernel struct {
	open  func(name string) (*os.File, error)                      // for reading and writing
	ioctl func(f *os.File, request uint, arg unsafe.Pointer) error // an ioctl about what arg points to
	set   func(f *os.File, request uint, value int) error          // an ioctl about a number
}

// linux is the kernel of this machine.
func linux() kernel {
	return kernel{
		open: func(name string) (*os.File, error) { return os.OpenFile(name, os.O_RDWR, 0) },
		ioctl: func(f *os.File, request uint, arg unsafe.Pointer) error {
			return control(f, func(fd uintptr) error {
				// arg becomes a number in the call itself, as unsafe.Pointer wants
				// it. What arg points to has Go pointers in it where the kernel
				// expects addresses, so the collector knows of all the memory.
				if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(arg)); errno != 0 {
					return errno
				}
				return nil
			})
		},
		set: func(f *os.File, request uint, value int) error {
			return control(f, func(fd uintptr) error { return unix.IoctlSetInt(int(fd), request, value) })
		},
	}
}

// control calls do with the descriptor of f, which is not closed meanwhile
// and keeps its mode: (*os.File).Fd would make it a blocking one.
func control(f *os.File, do func(fd uintptr) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := c.Control(func(fd uintptr) { result = do(fd) }); err != nil {
		return os.ErrClosed // what else it can be has no name of its own
	}
	return result
}

// readWithin reads what there is in f, at least one byte. It waits for that
// until ctx ends, whose error it returns, or for timeout, which is
// [os.ErrDeadlineExceeded]; 0 does not wait. f does not block, and Go's poller
// has it.
func readWithin(ctx context.Context, f *os.File, p []byte, timeout time.Duration) (int, error) {
	// A deadline that has passed reads nothing, not even what is there.
	n, err := readNow(f, p)
	if !errors.Is(err, unix.EAGAIN) {
		return n, err
	}
	if timeout <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	if err := deadline(f.SetReadDeadline(time.Now().Add(timeout))); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = f.SetReadDeadline(time.Unix(1, 0)) // it fails on a closed file, whose Read returns anyway
		close(ended)
	})
	n, err = f.Read(p)
	if !stop() {
		<-ended // or it would end the next Read
		if n == 0 {
			return 0, ctx.Err()
		}
	}
	return n, err
}

// readNow reads what there is in f: EAGAIN if nothing, and io.EOF at the end.
func readNow(f *os.File, p []byte) (int, error) {
	if err := deadline(f.SetReadDeadline(time.Time{})); err != nil {
		return 0, err
	}
	c, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	if e := c.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), p)
		return true
	}); e != nil {
		return 0, os.ErrClosed
	}
	switch {
	case err != nil:
		return 0, err
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// deadline returns the error of setting a deadline as one that can be told:
// os does not give a name to that of a closed file.
func deadline(err error) error {
	if err == nil || errors.Is(err, os.ErrNoDeadline) {
		return err
	}
	return os.ErrClosed
}

package bus

import (
	"os"
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

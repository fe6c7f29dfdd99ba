package bustest

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// other is the master of a PTY.
type other struct {
	master *os.File
	slave  *os.File // open all the time: without it a Read of the master fails
}

// NewPTY returns a new pair, which passes on every byte as it is.
func NewPTY() (*PTY, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("new PTY: %w", err)
	}
	name, err := unlock(master)
	if err != nil {
		master.Close()
		return nil, fmt.Errorf("new PTY: %w", err)
	}
	slave, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err == nil {
		err = onFile(slave, makeRaw)
	}
	if err != nil {
		slave.Close()
		master.Close()
		return nil, fmt.Errorf("new PTY: %w", err)
	}
	return &PTY{other: other{master, slave}, name: name}, nil
}

// Read reads what was written to the port.
func (o *other) Read(b []byte) (int, error) { return o.master.Read(b) }

// Write has b arrive at the port.
func (o *other) Write(b []byte) (int, error) { return o.master.Write(b) }

// Close unplugs the port.
func (o *other) Close() error {
	o.slave.Close()
	return o.master.Close()
}

// unlock makes the slave of a master usable, and returns its name.
func unlock(master *os.File) (name string, err error) {
	err = onFile(master, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
		name = "/dev/pts/" + strconv.FormatUint(uint64(n), 10)
		return err
	})
	return name, err
}

// makeRaw turns off the echo, and everything else that changes bytes.
func makeRaw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// onFile calls do with the descriptor of f, which keeps its mode.
func onFile(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := c.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}

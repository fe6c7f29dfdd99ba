//go:build !ppc64 && !ppc64le

package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ttyPort is a serial port of the kernel's. It waits in Go's poller, so that
// it costs no thread and its descriptor may have any number.
type ttyPort struct {
	name    string
	f       *os.File
	mode    SerialMode
	timeout time.Duration
}

// openSerial opens and sets up a port, which is this program's alone.
func openSerial(name string, m SerialMode) (SerialPort, error) {
	// Non-blocking, or opening would wait for a modem's carrier.
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := control(f, func(fd uintptr) error { return setUp(int(fd), m) }); err != nil {
		f.Close()
		return nil, err
	}
	return &ttyPort{name: name, f: f, mode: m, timeout: readTimeout}, nil
}

// setUp makes the port pass every byte as it is, with the speed and form of m,
// see termios(3).
func setUp(fd int, m SerialMode) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return fmt.Errorf("read its settings: %w", err)
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return fmt.Errorf("have it alone: %w", err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	// CLOCAL: without a carrier too. Without HUPCL, closing it does not drop
	// DTR, which resets some boards when it comes again.
	t.Cflag = unix.CREAD | unix.CLOCAL | unix.BOTHER
	t.Ispeed, t.Ospeed = uint32(m.Baud), uint32(m.Baud)
	t.Cflag |= map[int]uint32{5: unix.CS5, 6: unix.CS6, 7: unix.CS7, 8: unix.CS8}[m.DataBits]
	switch m.Parity {
	case "even":
		t.Cflag |= unix.PARENB
	case "odd":
		t.Cflag |= unix.PARENB | unix.PARODD
	}
	if m.Parity != "none" {
		// A byte whose parity is wrong arrives as 0: the frame's checksum finds
		// it, where a byte that is missing would shift the frame.
		t.Iflag |= unix.INPCK
	}
	if m.StopBits == 2 {
		t.Cflag |= unix.CSTOPB
	}
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0 // nothing to read is EAGAIN, not the end
	if err := unix.IoctlSetTermios(fd, unix.TCSETS2, t); err != nil {
		return fmt.Errorf("set %d baud, %d data bits, parity %s, %d stop bits: %w", m.Baud, m.DataBits, m.Parity, m.StopBits, err)
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
}

// Read implements [SerialPort].
func (p *ttyPort) Read(b []byte) (int, error) {
	n, err := readWithin(context.Background(), p.f, b, p.timeout)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, ErrSilent
	}
	return 0, p.explain(err)
}

// Write implements [SerialPort].
func (p *ttyPort) Write(b []byte) (int, error) {
	if err := deadline(p.f.SetWriteDeadline(time.Now().Add(p.mode.onWire(len(b)) + writeTimeout))); err != nil {
		return 0, p.explain(err)
	}
	n, err := p.f.Write(b)
	return n, p.explain(err)
}

// SetReadTimeout implements [SerialPort].
func (p *ttyPort) SetReadTimeout(d time.Duration) error {
	p.timeout = d
	return nil
}

// Discard implements [SerialPort].
func (p *ttyPort) Discard() error {
	return p.explain(control(p.f, func(fd uintptr) error { return unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH) }))
}

// Close implements [SerialPort]. The kernel sends what was written before.
func (p *ttyPort) Close() error { return p.explain(p.f.Close()) }

// explain says what a port that was open reports. A USB adapter that is
// unplugged is the end of the file, or an input/output error.
func (p *ttyPort) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
		fallthrough
	case errors.Is(err, unix.EIO), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("serial port %s: it was unplugged: %w", p.name, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("serial port %s: it takes nothing more: %w", p.name, err)
	}
	return fmt.Errorf("serial port %s: %w", p.name, err)
}

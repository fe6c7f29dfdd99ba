package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"periph.io/x/conn/v3/physic"
)

func TestI2CNumber(t *testing.T) {
	for _, tt := range []struct {
		name string
		want int // -1 for an error
	}{
		{"i2c-1", 1},
		{"/dev/i2c-1", 1},
		{"1", 1},
		{"i2c-0", 0},
		{"i2c-22", 22},
		{"", -1},
		{"i2c-", -1},
		{"i2c--1", -1},
		{"i2c-+1", -1},
		{"-1", -1},
		{"i2c-1x", -1},
		{"i2c1", -1},
		{"I2C1", -1},
		{"/dev/1", -1},
		{"/dev/i2c-01", -1},
		{"/dev/spidev0.0", -1},
		{"i2c-99999999999999999999", -1},
	} {
		got, err := i2cNumber(tt.name)
		if tt.want < 0 {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", tt.name)) {
				t.Errorf("i2cNumber(%q) = %d, %v, want an error with the name", tt.name, got, err)
			}
			continue
		}
		if got != tt.want || err != nil {
			t.Errorf("i2cNumber(%q) = %d, %v, want %d", tt.name, got, err, tt.want)
		}
	}
}

func FuzzI2CNumber(f *testing.F) {
	f.Add("i2c-1")
	f.Add("/dev/i2c-1")
	f.Fuzz(func(t *testing.T, name string) {
		n, err := i2cNumber(name)
		if err != nil {
			return
		}
		if again, err := i2cNumber(i2cDevice(n)); n < 0 || again != n || err != nil {
			t.Errorf("%q is bus %d, and %s is %d, %v", name, n, i2cDevice(n), again, err)
		}
	})
}

func TestI2CBuses(t *testing.T) {
	for _, tt := range []struct {
		files []string
		want  []string
	}{
		{nil, nil},
		{[]string{"dev/null", "dev/spidev0.0"}, nil},
		{[]string{"dev/i2c-20", "dev/i2c-1", "dev/i2c-10", "dev/i2c-x", "dev/null"}, []string{"i2c-1", "i2c-10", "i2c-20"}},
	} {
		root := fstest.MapFS{}
		for _, f := range tt.files {
			root[f] = &fstest.MapFile{}
		}
		if got := i2cBuses(root); !slices.Equal(got, tt.want) {
			t.Errorf("i2cBuses with %v = %v, want %v", tt.files, got, tt.want)
		}
	}
}

func TestExplainOpen(t *testing.T) {
	absent := &fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: syscall.ENOENT}
	forbidden := &fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: syscall.EACCES}
	for _, tt := range []struct {
		err   error
		buses []string
		says  []string
	}{
		{absent, nil, []string{"i2c-1", "no I²C bus", "sudo raspi-config nonint do_i2c 0"}},
		{absent, []string{"i2c-20", "i2c-21"}, []string{"this machine has i2c-20, i2c-21;", "do_i2c 0"}},
		{forbidden, []string{"i2c-1"}, []string{"/dev/i2c-1", "sudo usermod -aG i2c $USER", "log in again"}},
		{syscall.ENOTTY, nil, []string{"i2c-1", "inappropriate ioctl"}},
	} {
		err := explainOpen(1, tt.err, tt.buses)
		if !errors.Is(err, tt.err) {
			t.Errorf("%v does not wrap %v", err, tt.err)
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q does not say %q", err, s)
			}
		}
	}
}

// The errors of periph lose their errno to %v; it is found again.
func TestWithErrno(t *testing.T) {
	for _, e := range []syscall.Errno{
		syscall.ENXIO, syscall.EREMOTEIO, syscall.ETIMEDOUT, syscall.EIO,
		syscall.EBUSY, syscall.EAGAIN, syscall.EOPNOTSUPP, syscall.EACCES, syscall.ENOENT,
	} {
		lost := fmt.Errorf("sysfs-i2c: %v", e)
		got := withErrno(lost)
		if !errors.Is(got, e) {
			t.Errorf("withErrno(%q) is not %v", lost, e)
		}
		if got.Error() != lost.Error() {
			t.Errorf("withErrno(%q) changes the text to %q", lost, got)
		}
	}
	for _, err := range []error{
		errors.New("sysfs-i2c: invalid address"),
		fmt.Errorf("kept: %w", syscall.ENXIO),
	} {
		if got := withErrno(err); got != err {
			t.Errorf("withErrno(%v) = %v, want it as it is", err, got)
		}
	}
}

func TestErrnosHaveTextsBelowMax(t *testing.T) {
	if text := syscall.Errno(maxErrno).Error(); text != fmt.Sprintf("errno %d", maxErrno) {
		t.Errorf("errno %d has the text %q, so withErrno must look further", maxErrno, text)
	}
}

// periphBus fails the way periph's buses do.
type periphBus struct {
	err    error
	closed bool
}

func (b *periphBus) String() string                  { return "I2C1" }
func (b *periphBus) Tx(uint16, []byte, []byte) error { return b.err }
func (b *periphBus) SetSpeed(physic.Frequency) error { return b.err }
func (b *periphBus) Close() error                    { b.closed = true; return nil }

func TestI2CBusTellsErrorsApart(t *testing.T) {
	inner := &periphBus{}
	b := &i2cBus{name: "i2c-1", bus: inner}
	if b.String() != "i2c-1" {
		t.Errorf("the bus is called %q", b)
	}
	if err := b.Tx(0x76, nil, nil); err != nil {
		t.Errorf("a good transaction gives %v", err)
	}
	for _, tt := range []struct {
		errno syscall.Errno
		says  string
	}{
		{syscall.ENXIO, "no answer from address 0x76"},
		{syscall.EREMOTEIO, "no answer from address 0x76"},
		{syscall.ETIMEDOUT, "the bus hangs"},
		{syscall.EIO, "input/output error"},
	} {
		inner.err = fmt.Errorf("sysfs-i2c: %v", tt.errno)
		err := b.Tx(0x76, []byte{0xD0}, make([]byte, 1))
		if !errors.Is(err, tt.errno) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v became %q", tt.errno, err)
		}
		if err := b.SetSpeed(physic.KiloHertz); err == nil {
			t.Error("SetSpeed keeps an error to itself")
		}
	}
	if err := b.Close(); err != nil || !inner.closed {
		t.Errorf("Close = %v, closed %v", err, inner.closed)
	}
}

func TestOpenI2CThatIsNotThere(t *testing.T) {
	const name = "i2c-1048575"
	if _, err := os.Stat("/dev/" + name); err == nil {
		t.Skip("this machine has a bus " + name)
	}
	b, err := OpenI2C(name)
	if b != nil || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "do_i2c 0") {
		t.Errorf("OpenI2C(%q) = %v, %v", name, b, err)
	}
	if _, err := OpenI2C("usb"); err == nil || !strings.Contains(err.Error(), `"usb"`) {
		t.Errorf(`OpenI2C("usb") gives %v`, err)
	}
}

func TestRootHasProc(t *testing.T) {
	if _, err := fs.Stat(Root(), "proc/self/stat"); err != nil {
		t.Skip("no /proc here: ", err)
	}
	if b, err := fs.ReadFile(Root(), "proc/self/stat"); err != nil || len(b) == 0 {
		t.Errorf("proc/self/stat: %d bytes, %v", len(b), err)
	}
}

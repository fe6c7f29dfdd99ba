package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/host/v3/sysfs"
)

// OpenI2C opens the I²C bus called "i2c-1", "/dev/i2c-1" or "1". Its error
// says what to do about it.
//
// The bus is opened by its number and not through periph's registry, which
// is filled once: a bus that is turned on later is found without a restart,
// and a machine without any bus is like any other.
//
// A transaction that fails has the kernel's errno in its error: ENXIO or
// EREMOTEIO when no chip answers, ETIMEDOUT when the bus hangs.
func OpenI2C(name string) (i2c.BusCloser, error) {
	n, err := i2cNumber(name)
	if err != nil {
		return nil, err
	}
	// periph keeps only the text of an error, so what can be wrong with the
	// file is found out before.
	f, err := os.OpenFile(i2cDevice(n), os.O_RDWR, 0)
	if err != nil {
		return nil, explainOpen(n, err, i2cBuses(Root()))
	}
	f.Close()
	b, err := sysfs.NewI2C(n)
	if err != nil {
		return nil, explainOpen(n, withErrno(err), nil)
	}
	return &i2cBus{name: i2cName(n), bus: b}, nil
}

// Root returns the file system from /, in which /sys and /proc are found.
func Root() fs.FS { return os.DirFS("/") }

// i2cBus is a bus of periph whose errors can be told apart.
type i2cBus struct {
	name string
	bus  i2c.BusCloser
}

func (b *i2cBus) String() string                    { return b.name }
func (b *i2cBus) Close() error                      { return b.bus.Close() }
func (b *i2cBus) SetSpeed(f physic.Frequency) error { return b.bus.SetSpeed(f) }

func (b *i2cBus) Tx(addr uint16, w, r []byte) error {
	if err := b.bus.Tx(addr, w, r); err != nil {
		return explainTx(addr, withErrno(err))
	}
	return nil
}

func i2cName(n int) string   { return "i2c-" + strconv.Itoa(n) }
func i2cDevice(n int) string { return "/dev/" + i2cName(n) }

// i2cNumber returns the number of the bus called name.
func i2cNumber(name string) (int, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(name, "/dev/"), "i2c-")
	n, err := strconv.ParseUint(digits, 10, 20) // the kernel has 20 bits for it
	if err != nil || strings.HasPrefix(name, "/dev/") && name != i2cDevice(int(n)) {
		return 0, fmt.Errorf("I²C bus %q: not the name of a bus; one looks like i2c-1", name)
	}
	return int(n), nil
}

// i2cBuses returns the names of the I²C buses that there are, by number.
func i2cBuses(root fs.FS) []string {
	devices, _ := fs.Glob(root, "dev/i2c-*") // it fails on a bad pattern only
	var numbers []int
	for _, d := range devices {
		if n, err := i2cNumber("/" + d); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var names []string
	for _, n := range numbers {
		names = append(names, i2cName(n))
	}
	return names
}

// explainOpen says what to do about err, which opening bus n gave on a
// machine with those buses.
func explainOpen(n int, err error, buses []string) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "this machine has no I²C bus"
		if len(buses) > 0 {
			hint = "this machine has " + strings.Join(buses, ", ")
		}
		hint += "; on a Raspberry Pi, turn I²C on with: sudo raspi-config nonint do_i2c 0"
	case errors.Is(err, fs.ErrPermission):
		hint = "this user may not use it; run: sudo usermod -aG i2c $USER, and log in again"
	default:
		return fmt.Errorf("I²C bus %s: %w", i2cName(n), err)
	}
	return fmt.Errorf("I²C bus %s: %w (%s)", i2cName(n), err, hint)
}

// explainTx says in a person's words what the kernel reports of a transaction
// with the chip at addr.
func explainTx(addr uint16, err error) error {
	switch {
	case errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.EREMOTEIO):
		return fmt.Errorf("no answer from address %#02x, is it wired there: %w", addr, err)
	case errors.Is(err, syscall.ETIMEDOUT):
		return fmt.Errorf("the bus hangs, a chip or a loose wire holds it: %w", err)
	}
	return err
}

// withErrno returns err so that errors.Is finds the errno whose text err ends
// in: periph formats the kernel's errors with %v.
func withErrno(err error) error {
	if e := syscall.Errno(0); errors.As(err, &e) {
		return err
	}
	text := err.Error()
	for e := syscall.Errno(1); e < maxErrno; e++ {
		if strings.HasSuffix(text, ": "+e.Error()) {
			return fmt.Errorf("%s: %w", strings.TrimSuffix(text, ": "+e.Error()), e)
		}
	}
	return err
}

// maxErrno is above every errno that Linux has a text for.
const maxErrno = 134

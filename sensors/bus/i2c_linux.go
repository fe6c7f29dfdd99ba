package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// OpenI2C opens the I²C bus called "i2c-1", "/dev/i2c-1" or "1". Its error
// says what to do about it. The bus may be used concurrently.
//
// A transaction that fails has the kernel's errno in its error: ENXIO or
// EREMOTEIO when no chip answers, ETIMEDOUT when the bus hangs, EAGAIN when
// another master has it, EBUSY when a driver of the kernel has the chip.
//
// A bus that hangs several times in a row, on which no chip answers any more of
// several that did, or whose adapter is gone, is closed and opened anew by the next
// transaction: an adapter on USB may be unplugged and plugged in again.
func OpenI2C(name string) (i2c.BusCloser, error) {
	n, err := i2cNumber(name)
	if err != nil {
		return nil, err
	}
	b, err := openI2C(n, linux(), Root())
	if err != nil {
		return nil, err // and no bus, rather than a nil *i2cBus
	}
	return b, nil
}

// NoAnswer reports whether err is about a chip that did not acknowledge its
// address or a byte. It depends on the adapter what the kernel calls it.
func NoAnswer(err error) bool { return errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EREMOTEIO) }

func openI2C(n int, k kernel, root fs.FS) (*i2cBus, error) {
	b := &i2cBus{number: n, kernel: k, root: root, silent: make(silence)}
	if err := b.openLocked(); err != nil {
		return nil, err
	}
	return b, nil
}

// The requests and the flag of <linux/i2c-dev.h> and <linux/i2c.h>.
const (
	i2cRetries = 0x0701 // how often to try again when another master won
	i2cTimeout = 0x0702 // of a transaction, in 10 ms
	i2cSlave   = 0x0703
	i2cFuncs   = 0x0705
	i2cRdwr    = 0x0707

	i2cFuncI2C = 0x00000001 // of I2C_FUNCS: the adapter does plain I²C
	i2cMsgRead = 0x0001     // I2C_M_RD
)

const (
	// transactionTimeout is what the kernel gives a transaction, in 10 ms. Its
	// own second would hold up every other sensor of the bus; an SCD30 may
	// stretch the clock for 150 ms.
	transactionTimeout = 20
	transactionRetries = 2

	maxMessage = 8192 // bytes, of i2c-dev

	// hangsToReopen is how many transactions in a row have to time out, or to fail
	// in the adapter, for the bus to be opened anew; silencesToReopen how many of
	// each chip that has answered before, if there are several; and
	// failuresToReopen how many have to fail in whatever way, which may be one chip
	// that is gone.
	hangsToReopen    = 3
	silencesToReopen = 2
	failuresToReopen = 20
)

// i2cMsg is struct i2c_msg: the kernel sees buf as an address, at 8 on
// machines with 64 bits and with 32.
type i2cMsg struct {
	addr, flags, len uint16
	buf              *byte
}

// i2cRdwrData is struct i2c_rdwr_ioctl_data.
type i2cRdwrData struct {
	msgs  *i2cMsg
	nmsgs uint32
}

// i2cBus is a bus behind i2c-dev.
type i2cBus struct {
	number int
	kernel kernel
	root   fs.FS

	mu       sync.Mutex
	f        *os.File // nil if the next transaction has to open it
	adapter  string   // its name, "" until it was opened
	closed   bool
	inSysfs  bool    // the kernel had an entry of the adapter when it was opened
	hangs    int     // transactions in a row that timed out
	broken   int     // transactions in a row that failed in the adapter
	failures int     // transactions in a row that failed
	silent   silence // the chips that do not answer
	reopened bool    // since the last transaction that worked
}

// silence is how often chips in a row have not answered, by their addresses, since
// any last did. Those that never have are not in it.
type silence map[uint16]int

// end is that the chip at an address has answered.
func (s silence) end(addr uint16) {
	s[addr] = 0
	for a := range s {
		s[a] = 0
	}
}

// whole tells whether no chip answers any more of several that did.
func (s silence) whole() bool {
	for _, n := range s {
		if n < silencesToReopen {
			return false
		}
	}
	return len(s) > 1
}

var _ i2c.BusCloser = (*i2cBus)(nil)

func (b *i2cBus) String() string { return i2cName(b.number) }

// SetSpeed implements [i2c.Bus]: i2c-dev has no request for it.
func (b *i2cBus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("I²C bus %s: its speed is the kernel's: set dtparam=i2c_arm_baudrate in /boot/firmware/config.txt: %w", b, errors.ErrUnsupported)
}

// Close implements [i2c.BusCloser]. It waits for the transaction under way.
func (b *i2cBus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.errClosed()
	}
	b.closed = true
	return b.dropLocked()
}

func (b *i2cBus) errClosed() error { return fmt.Errorf("I²C bus %s: %w", b, fs.ErrClosed) }

// Tx implements [i2c.Bus]: it writes w, and reads r after a repeated start, in
// one transaction. Either may be empty.
func (b *i2cBus) Tx(addr uint16, w, r []byte) error {
	switch {
	case addr > 0x7F:
		return fmt.Errorf("I²C bus %s: address %#x: an address has 7 bits", b, addr)
	case len(w) == 0 && len(r) == 0:
		return fmt.Errorf("I²C bus %s: a transaction with %#02x that neither writes nor reads", b, addr)
	case len(w) > maxMessage || len(r) > maxMessage:
		return fmt.Errorf("I²C bus %s: %d bytes to write and %d to read; the kernel takes %d", b, len(w), len(r), maxMessage)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.errClosed()
	}
	if b.f == nil {
		if err := b.openLocked(); err != nil {
			return err
		}
	}
	// I2C_RDWR does not look whether a driver of the kernel has the chip, and
	// the two would spoil each other's measurements. I2C_SLAVE does.
	if err := b.kernel.set(b.f, i2cSlave, int(addr)); errors.Is(err, unix.EBUSY) {
		return b.explainBusy(addr, err)
	}
	return b.noteLocked(addr, b.explainTx(addr, b.transferLocked(addr, w, r)))
}

// transferLocked does the transaction, and returns the bare errno.
func (b *i2cBus) transferLocked(addr uint16, w, r []byte) error {
	var msgs [2]i2cMsg
	n := 0
	if len(w) > 0 {
		msgs[n] = i2cMsg{addr: addr, len: uint16(len(w)), buf: &w[0]}
		n++
	}
	if len(r) > 0 {
		msgs[n] = i2cMsg{addr: addr, flags: i2cMsgRead, len: uint16(len(r)), buf: &r[0]}
		n++
	}
	data := i2cRdwrData{msgs: &msgs[0], nmsgs: uint32(n)}
	return b.kernel.ioctl(b.f, i2cRdwr, unsafe.Pointer(&data))
}

// openLocked opens the device. The adapter keeps its time limit, which is for
// all who use it.
func (b *i2cBus) openLocked() error {
	f, err := b.kernel.open(i2cDevice(b.number))
	if errors.Is(err, fs.ErrNotExist) && b.adapter != "" {
		return fmt.Errorf("I²C bus %s: its adapter %q is gone; plug it in again: %w", b, b.adapter, err)
	}
	if err != nil {
		return explainOpen(b.number, err, describeI2C(b.root))
	}
	var funcs uint // unsigned long
	if err := b.kernel.ioctl(f, i2cFuncs, unsafe.Pointer(&funcs)); err != nil {
		f.Close()
		return fmt.Errorf("I²C bus %s: %s is no I²C bus: %w", b, i2cDevice(b.number), err)
	}
	if funcs == 0 {
		f.Close()
		return fmt.Errorf("I²C bus %s: its adapter %q does not answer; unplug it and plug it in again: %w",
			b, I2CAdapterName(b.root, b.String()), unix.EIO)
	}
	if funcs&i2cFuncI2C == 0 {
		f.Close()
		return fmt.Errorf("I²C bus %s: its adapter %q does SMBus only, which most sensors do not: %w",
			b, I2CAdapterName(b.root, b.String()), errors.ErrUnsupported)
	}
	// An adapter that takes neither works with its own.
	_ = b.kernel.set(f, i2cTimeout, transactionTimeout)
	_ = b.kernel.set(f, i2cRetries, transactionRetries)
	b.f, b.hangs, b.broken, b.failures = f, 0, 0, 0
	b.adapter, b.inSysfs = I2CAdapterName(b.root, b.String()), b.hasEntry()
	return nil
}

// dropLocked closes the device. A USB adapter that was unplugged is not gone
// for the kernel, and its number not free, until this is done.
func (b *i2cBus) dropLocked() error {
	if b.f == nil {
		return nil
	}
	f := b.f
	b.f, b.hangs, b.broken, b.failures = nil, 0, 0, 0
	return f.Close()
}

// noteLocked decides by the outcome of a transaction whether to open the
// device anew, and says so.
func (b *i2cBus) noteLocked(addr uint16, err error) error {
	if err == nil {
		b.hangs, b.broken, b.failures, b.reopened = 0, 0, 0, false
		b.silent.end(addr)
		return nil
	}
	b.countLocked(addr, err)
	switch {
	case b.isGone(err):
		_ = b.dropLocked() // the error there is about is the transaction's
		return fmt.Errorf("the adapter of %s is gone, it is looked for at the next transaction: %w", b, err)
	case b.hangs >= hangsToReopen && b.reopened:
		_ = b.dropLocked()
		return fmt.Errorf("%s was opened anew, which did not help; turn the sensors' power off and on: %w", b, err)
	case b.hangs >= hangsToReopen:
		_ = b.dropLocked()
		b.reopened = true
		return fmt.Errorf("%s hung %d times in a row and is opened anew: %w", b, hangsToReopen, err)
	case b.broken >= hangsToReopen && !b.reopened: // once: some adapters call a chip's no so
		_ = b.dropLocked()
		b.reopened = true
		return fmt.Errorf("the adapter of %s failed %d times in a row, the bus is opened anew: %w", b, hangsToReopen, err)
	case b.silent.whole() && !b.reopened:
		_ = b.dropLocked()
		b.reopened = true
		return fmt.Errorf("no chip on %s answers any more, it is opened anew: %w", b, err)
	case b.failures >= failuresToReopen:
		_ = b.dropLocked()
		return fmt.Errorf("on %s nothing has worked %d times in a row, it is opened anew: %w", b, failuresToReopen, err)
	}
	return err
}

// countLocked counts a transaction that failed.
func (b *i2cBus) countLocked(addr uint16, err error) {
	b.failures++
	if _, answered := b.silent[addr]; answered {
		b.silent[addr]++
	}
	// A chip that says no to its address is no wedged bus.
	if b.hangs++; !errors.Is(err, unix.ETIMEDOUT) {
		b.hangs = 0
	}
	if b.broken++; !errors.Is(err, unix.EIO) {
		b.broken = 0
	}
}

// isGone tells whether the adapter is gone, after a transaction that failed
// with err. The drivers of some adapters, i2c-tiny-usb for one, call it a chip
// that does not answer, or EIO; but there is no file of it any more or, in a
// container, which keeps the file, no entry in /sys.
func (b *i2cBus) isGone(err error) bool {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EBADF) || errors.Is(err, unix.ESHUTDOWN) {
		return true
	}
	_, statErr := fs.Stat(b.root, strings.TrimPrefix(i2cDevice(b.number), "/"))
	return errors.Is(statErr, fs.ErrNotExist) || b.inSysfs && !b.hasEntry()
}

// hasEntry tells whether the kernel has the adapter.
func (b *i2cBus) hasEntry() bool {
	_, err := fs.Stat(b.root, "sys/bus/i2c/devices/"+b.String())
	return err == nil
}

// explainTx says in a person's words what the kernel reports of a transaction
// with the chip at addr.
func (b *i2cBus) explainTx(addr uint16, err error) error {
	switch {
	case err == nil:
		return nil
	case NoAnswer(err):
		return fmt.Errorf("no answer from address %#02x, is it wired there: %w", addr, err)
	case errors.Is(err, unix.ETIMEDOUT):
		return fmt.Errorf("the bus hangs, a chip or a loose wire holds it: %w", err)
	case errors.Is(err, unix.EIO): // what some adapters call a bus that hangs, such as those on USB
		return fmt.Errorf("the bus fails at address %#02x, a chip or a loose wire holds it, or its adapter hangs: %w", addr, err)
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("another master took the bus, or a wire is loose: %w", err)
	case errors.Is(err, unix.EBUSY):
		return b.explainBusy(addr, err)
	}
	return fmt.Errorf("transaction with address %#02x: %w", addr, err)
}

// explainBusy says who has the chip at addr.
func (b *i2cBus) explainBusy(addr uint16, err error) error {
	d := I2CKernelDriver(b.root, b.String(), addr)
	if d == "" {
		return fmt.Errorf("something else uses address %#02x, or holds the bus: %w", addr, err)
	}
	return fmt.Errorf("the kernel's driver %s has the chip at address %#02x: read it with the driver hwmon or iio, "+
		"or take its dtoverlay out of /boot/firmware/config.txt: %w", d, addr, err)
}

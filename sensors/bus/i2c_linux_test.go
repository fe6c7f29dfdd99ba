package bus

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"unsafe"

	"periph.io/x/conn/v3/physic"
)

// adapter is a kernel with an I²C bus whose chips echo what is written,
// inverted.
type adapter struct {
	t       *testing.T
	openErr error
	funcs   uint
	errs    []error         // of the transactions to come; nil at the end
	busy    map[uint16]bool // addresses that the kernel has

	opened       int
	settings     map[uint]int
	open         *os.File
	transactions []string
}

func newAdapter(t *testing.T) *adapter {
	return &adapter{t: t, funcs: 0x0FF70009, busy: map[uint16]bool{}, settings: map[uint]int{}}
}

func (a *adapter) kernel() kernel { return kernel{open: a.openFile, ioctl: a.ioctl, set: a.set} }

func (a *adapter) openFile(name string) (*os.File, error) {
	if name != "/dev/i2c-1" {
		a.t.Errorf("opens %s", name)
	}
	if a.openErr != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: a.openErr}
	}
	if a.open != nil {
		if _, err := a.open.Stat(); err == nil {
			a.t.Error("opens the bus while it has it open")
		}
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		a.t.Fatal(err)
	}
	a.opened, a.open = a.opened+1, f
	return f, nil
}

func (a *adapter) set(f *os.File, request uint, value int) error {
	if request == i2cSlave {
		if a.busy[uint16(value)] {
			return syscall.EBUSY
		}
		return nil
	}
	a.settings[request] = value
	return nil
}

func (a *adapter) ioctl(f *os.File, request uint, arg unsafe.Pointer) error {
	switch request {
	case i2cFuncs:
		if a.funcs == 0 {
			return syscall.ENOTTY
		}
		*(*uint)(arg) = a.funcs
		return nil
	case i2cRdwr:
		return a.transfer((*i2cRdwrData)(arg))
	}
	a.t.Errorf("ioctl %#x", request)
	return syscall.ENOTTY
}

func (a *adapter) transfer(data *i2cRdwrData) error {
	var err error
	if len(a.errs) > 0 {
		err, a.errs = a.errs[0], a.errs[1:]
	}
	var text []string
	var written []byte
	for _, m := range unsafe.Slice(data.msgs, data.nmsgs) {
		p := unsafe.Slice(m.buf, m.len)
		if m.flags != i2cMsgRead {
			text = append(text, fmt.Sprintf("%02X w% X", m.addr, p))
			written = slices.Clone(p)
			continue
		}
		text = append(text, fmt.Sprintf("%02X r%d", m.addr, len(p)))
		for i := range p {
			p[i] = 0xFF
			if i < len(written) {
				p[i] ^= written[i]
			}
		}
	}
	a.transactions = append(a.transactions, strings.Join(text, " "))
	return err
}

func (a *adapter) bus() *i2cBus {
	a.t.Helper()
	b, err := openI2C(1, a.kernel(), i2cTables)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { b.Close() })
	return b
}

// The layouts of <linux/i2c.h> and <linux/i2c-dev.h>, of gcc.
func TestI2CLayouts(t *testing.T) {
	buf, size, data := uintptr(8), uintptr(16), uintptr(16)
	if unsafe.Sizeof(uintptr(0)) == 4 {
		buf, size, data = 8, 12, 8
	}
	var m i2cMsg
	var d i2cRdwrData
	for _, tt := range []struct {
		what      string
		got, want uintptr
	}{
		{"i2c_msg", unsafe.Sizeof(m), size},
		{"i2c_msg.addr", unsafe.Offsetof(m.addr), 0},
		{"i2c_msg.flags", unsafe.Offsetof(m.flags), 2},
		{"i2c_msg.len", unsafe.Offsetof(m.len), 4},
		{"i2c_msg.buf", unsafe.Offsetof(m.buf), buf},
		{"i2c_rdwr_ioctl_data", unsafe.Sizeof(d), data},
		{"i2c_rdwr_ioctl_data.nmsgs", unsafe.Offsetof(d.nmsgs), unsafe.Sizeof(uintptr(0))},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, tt.got, tt.want)
		}
	}
}

func TestI2CTransactions(t *testing.T) {
	a := newAdapter(t)
	b := a.bus()
	if b.String() != "i2c-1" {
		t.Errorf("the bus is called %q", b)
	}
	if a.settings[i2cTimeout] != 20 || a.settings[i2cRetries] != 2 {
		t.Errorf("settings %v, want a time limit of 20 and 2 retries", a.settings)
	}
	for _, tt := range []struct {
		w, r int
		want string
	}{
		{1, 0, "76 w00"},
		{0, 2, "76 r2"},
		{2, 3, "76 w00 01 76 r3"},
	} {
		w, r := []byte{0, 1}[:tt.w], make([]byte, tt.r)
		if err := b.Tx(0x76, w, r); err != nil {
			t.Error(err)
		}
		if got := a.transactions[len(a.transactions)-1]; got != tt.want {
			t.Errorf("transaction %q, want %q", got, tt.want)
		}
		if want := []byte{0xFF, 0xFE, 0xFF}; tt.w == 2 && !bytes.Equal(r, want) {
			t.Errorf("read % X, want % X", r, want)
		}
	}
	long := make([]byte, 8193)
	for what, err := range map[string]error{
		"address 0x80":  b.Tx(0x80, []byte{0}, nil),
		"neither":       b.Tx(0x76, nil, []byte{}),
		"8193 bytes":    b.Tx(0x76, long, nil),
		"8193 to read":  b.Tx(0x76, nil, long),
		"baudrate":      b.SetSpeed(400 * physic.KiloHertz),
		"i2c-1: its sp": b.SetSpeed(physic.KiloHertz),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%q expected of: %v", what, err)
		}
	}
	if len(a.transactions) != 3 {
		t.Errorf("what cannot be reached the bus: %q", a.transactions)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Tx(0x76, []byte{0}, nil); !errors.Is(err, fs.ErrClosed) || a.opened != 1 {
		t.Errorf("closed, Tx gives %v; opened %d times", err, a.opened)
	}
	if err := b.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closing it again gives %v", err)
	}
}

func TestI2CErrorsKeepTheirErrno(t *testing.T) {
	for _, tt := range []struct {
		errno syscall.Errno
		says  string
	}{
		{syscall.ENXIO, "no answer from address 0x77"},
		{syscall.EREMOTEIO, "no answer from address 0x77"},
		{syscall.ETIMEDOUT, "the bus hangs"},
		{syscall.EAGAIN, "another master"},
		{syscall.EBUSY, "0x77"},
		{syscall.EIO, "holds it, or its adapter hangs: input/output error"},
		{syscall.EINVAL, "transaction with address 0x77: invalid argument"},
		{syscall.ENODEV, "adapter of i2c-1 is gone"},
	} {
		a := newAdapter(t)
		b := a.bus()
		a.errs = []error{tt.errno}
		r := []byte{0x55}
		err := b.Tx(0x77, []byte{0xD0}, r)
		if want := tt.errno == syscall.ENXIO || tt.errno == syscall.EREMOTEIO; NoAnswer(err) != want {
			t.Errorf("NoAnswer(%v) = %v", err, !want)
		}
		if !errors.Is(err, tt.errno) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v became %q, want %q in it", tt.errno, err, tt.says)
		}
		if err := b.Tx(0x77, []byte{0xD0}, r); err != nil {
			t.Errorf("after %v: %v", tt.errno, err)
		}
	}
}

func TestI2COfTheKernel(t *testing.T) {
	a := newAdapter(t)
	a.busy[0x76], a.busy[0x44] = true, true
	b := a.bus()
	err := b.Tx(0x76, []byte{0xD0}, make([]byte, 1))
	for _, s := range []string{"driver bmp280 has", "0x76", "hwmon or iio", "dtoverlay"} {
		if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	if err := b.Tx(0x44, []byte{0xFD}, nil); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "something else uses address 0x44") {
		t.Errorf("busy without a driver: %v", err)
	}
	if len(a.transactions) != 0 {
		t.Errorf("the chip was spoken to: %q", a.transactions)
	}
	if err := b.Tx(0x77, []byte{0xD0}, nil); err != nil {
		t.Errorf("the other address: %v", err)
	}
}

// What makes the bus be opened anew, and when.
func TestI2CReopens(t *testing.T) {
	const (
		hang, nack, gone, bad = syscall.ETIMEDOUT, syscall.ENXIO, syscall.ENODEV, syscall.EBADF
	)
	for _, tt := range []struct {
		name   string
		errs   []error
		opened int
		says   string // the last error
	}{
		{"works", []error{nil, nil, nil, nil}, 1, ""},
		{"two hangs", []error{hang, hang, nil, hang, hang, nil}, 1, ""},
		{"a refusal between", []error{hang, hang, nack, hang, hang}, 1, "the bus hangs"},
		{"three hangs", []error{hang, hang, hang}, 1, "hung 3 times in a row and is opened anew"},
		{"three hangs, then well", []error{hang, hang, hang, nil}, 2, ""},
		{"hangs on", []error{hang, hang, hang, hang, hang, hang}, 2, "did not help; turn the sensors' power off and on"},
		{"hangs another day", []error{hang, hang, hang, nil, hang, hang, hang}, 2, "is opened anew"},
		{"refusals", []error{nack, nack, nack, nack}, 1, "no answer"},
		{"refusals without end", append(slices.Repeat([]error{nack}, 20), nil), 2, ""},
		{"refusals with something else", append(append(slices.Repeat([]error{nack}, 19), nil), nack), 1, "no answer"},
		{"gone", []error{gone, nil}, 2, ""},
		{"bad descriptor", []error{bad, nil}, 2, ""},
		{"shut down", []error{syscall.ESHUTDOWN, syscall.ESHUTDOWN}, 2, "is gone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAdapter(t)
			b := a.bus()
			a.errs = slices.Clone(tt.errs)
			var err error
			for i, want := range tt.errs {
				err = b.Tx(0x76, []byte{0xD0}, make([]byte, 1))
				if !errors.Is(err, want) {
					t.Errorf("transaction %d: %v, want %v", i, err, want)
				}
			}
			if a.opened != tt.opened || tt.says != "" && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("opened %d times, want %d; the last error is %v", a.opened, tt.opened, err)
			}
		})
	}
}

// A bus on which nothing works any more is opened anew soon; one chip that is gone is
// no reason, whatever the adapter calls it, while another answers.
func TestI2CReopensWhenNothingWorks(t *testing.T) {
	const nack, eio = syscall.ENXIO, syscall.EIO
	type tx struct {
		addr uint16
		err  error
	}
	well := []tx{{0x76, nil}, {0x44, nil}}
	rounds := func(n int, round ...tx) []tx {
		return slices.Concat(well, slices.Concat(slices.Repeat([][]tx{round}, n)...))
	}
	for _, tt := range []struct {
		name   string
		txs    []tx
		opened int // after another transaction, which works
		says   string
	}{
		{"EIO twice", rounds(1, tx{0x76, eio}, tx{0x44, eio}), 1, "its adapter hangs"},
		{"EIO of both", rounds(1, tx{0x76, eio}, tx{0x44, eio}, tx{0x76, eio}), 2, "the adapter of i2c-1 failed 3 times in a row, the bus is opened anew"},
		{"EIO of one, and the other answers", rounds(30, tx{0x76, eio}, tx{0x44, nil}, tx{0x76, eio}), 1, "its adapter hangs"},
		{"EIO of the only one, for long", slices.Repeat([]tx{{0x76, eio}}, 22), 2, "its adapter hangs"},
		{"nobody answers", rounds(2, tx{0x76, nack}, tx{0x44, nack}), 2, "no chip on i2c-1 answers any more, it is opened anew"},
		{"nobody answers for long", rounds(7, tx{0x76, nack}, tx{0x44, nack}), 2, "no answer from address 0x44"},
		{"nobody answers once", rounds(1, tx{0x76, nack}, tx{0x44, nack}), 1, "no answer"},
		{"one does not answer", rounds(30, tx{0x76, nack}, tx{0x44, nil}), 1, "<nil>"},
		{"one that never did", rounds(9, tx{0x76, nack}, tx{0x77, nack}), 1, "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAdapter(t)
			b := a.bus()
			var err error
			for i, x := range tt.txs {
				a.errs = []error{x.err}
				if err = b.Tx(x.addr, []byte{0xD0}, make([]byte, 1)); !errors.Is(err, x.err) {
					t.Errorf("transaction %d: %v, want %v", i, err, x.err)
				}
			}
			if !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("the last error is %v, want %q", err, tt.says)
			}
			if err := b.Tx(0x76, []byte{0xD0}, make([]byte, 1)); err != nil || a.opened != tt.opened {
				t.Errorf("%v; opened %d times, want %d", err, a.opened, tt.opened)
			}
		})
	}
}

// A container keeps the file of an adapter that is gone; its entry in /sys goes.
func TestI2CAdapterThatIsGoneInAContainer(t *testing.T) {
	a := newAdapter(t)
	const entry = "sys/bus/i2c/devices/i2c-1/name"
	root := fstest.MapFS{"dev/i2c-1": {}, entry: {Data: []byte("i2c-tiny-usb\n")}}
	b, err := openI2C(1, a.kernel(), root)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	name := root[entry]
	delete(root, entry)
	a.errs = []error{syscall.EIO}
	if err := b.Tx(0x76, []byte{0xD0}, nil); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "adapter of i2c-1 is gone") {
		t.Errorf("gone: %v", err)
	}
	root[entry] = name
	if err := b.Tx(0x76, []byte{0xD0}, nil); err != nil || a.opened != 2 {
		t.Errorf("there again: %v; opened %d times", err, a.opened)
	}
}

// An adapter that is unplugged and plugged in again, in its own time.
func TestI2CFindsItsAdapterAgain(t *testing.T) {
	a := newAdapter(t)
	b := a.bus()
	a.errs, a.openErr = []error{syscall.ENODEV}, syscall.ENOENT
	tx := func() error { return b.Tx(0x76, []byte{0xD0}, make([]byte, 1)) }
	if err := tx(); !errors.Is(err, syscall.ENODEV) {
		t.Error(err)
	}
	if _, err := a.open.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Error("it is still open, and the kernel cannot let go of it")
	}
	for range 2 {
		if err := tx(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "i2c-1") {
			t.Errorf("without an adapter: %v", err)
		}
	}
	a.openErr = nil
	if err := tx(); err != nil || a.opened != 2 {
		t.Errorf("with the adapter again: %v; opened %d times", err, a.opened)
	}
	a.errs = []error{syscall.ENODEV}
	if err := tx(); !errors.Is(err, syscall.ENODEV) {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing what is not open: %v", err)
	}
}

// An adapter whose driver calls it no answer that it was unplugged.
func TestI2CAdapterThatIsGoneWithoutSayingSo(t *testing.T) {
	a := newAdapter(t)
	root := fstest.MapFS{"dev/i2c-1": {}}
	b, err := openI2C(1, a.kernel(), root)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a.errs = []error{syscall.EREMOTEIO, syscall.EREMOTEIO}
	if err := b.Tx(0x76, []byte{0xD0}, nil); !NoAnswer(err) || strings.Contains(err.Error(), "gone") {
		t.Errorf("no answer: %v", err)
	}
	delete(root, "dev/i2c-1")
	if err := b.Tx(0x76, []byte{0xD0}, nil); !NoAnswer(err) || !strings.Contains(err.Error(), "adapter of i2c-1 is gone") {
		t.Errorf("gone: %v", err)
	}
	if err := b.Tx(0x76, []byte{0xD0}, nil); err != nil || a.opened != 2 {
		t.Errorf("there again: %v; opened %d times", err, a.opened)
	}
}

// An adapter that was unplugged is to be plugged in again; to turn I²C on, as where
// there never was a bus, is no help.
func TestI2CSaysThatItsAdapterIsGone(t *testing.T) {
	a := newAdapter(t)
	root := fstest.MapFS{"sys/bus/i2c/devices/i2c-1/name": {Data: []byte("i2c-tiny-usb at bus 001 device 002\n")}}
	b, err := openI2C(1, a.kernel(), root)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a.errs, a.openErr = []error{syscall.ENODEV}, syscall.ENOENT
	_ = b.Tx(0x76, []byte{0xD0}, nil)
	err = b.Tx(0x76, []byte{0xD0}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `its adapter "i2c-tiny-usb at bus 001 device 002" is gone; plug it in again`) {
		t.Error(err)
	}
}

func TestOpenI2CExplains(t *testing.T) {
	for _, tt := range []struct {
		open  error
		funcs uint
		says  []string
	}{
		{syscall.EACCES, 1, []string{"/dev/i2c-1", "usermod -aG i2c"}},
		{syscall.ENOENT, 1, []string{"do_i2c 0", "this machine has i2c-1 [bcm2835 (i2c@7e804000)];"}},
		{nil, 0, []string{"/dev/i2c-1 is no I²C bus", "inappropriate ioctl"}},
		{nil, 0x0EFF0008, []string{`adapter "bcm2835 (i2c@7e804000)" does SMBus only`}},
	} {
		a := newAdapter(t)
		a.openErr, a.funcs = tt.open, tt.funcs
		b, err := openI2C(1, a.kernel(), i2cTables)
		if b != nil || err == nil {
			t.Errorf("%v, %#x: opened", tt.open, tt.funcs)
			continue
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q does not say %q", err, s)
			}
		}
		if a.open != nil {
			if _, err := a.open.Stat(); !errors.Is(err, os.ErrClosed) {
				t.Error("a bus that is of no use stays open")
			}
		}
	}
}

// Transactions do not mix. It is for the race detector.
func TestI2CConcurrently(t *testing.T) {
	a := newAdapter(t)
	b := a.bus()
	a.errs = []error{syscall.ETIMEDOUT, syscall.ETIMEDOUT, syscall.ETIMEDOUT}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				r := make([]byte, 1)
				if err := b.Tx(0x76, []byte{byte(i)}, r); err == nil && r[0] != ^byte(i) {
					t.Errorf("read %#x, want %#x", r[0], ^byte(i))
				}
			}
		})
	}
	wg.Wait()
	if a.opened != 2 || len(a.transactions) != 160 {
		t.Errorf("opened %d times, %d transactions", a.opened, len(a.transactions))
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

// The buses of this machine can be opened. Nothing is sent: who knows what is
// attached.
func TestOpenI2COfThisMachine(t *testing.T) {
	buses := I2CBuses(Root())
	if len(buses) == 0 {
		t.Skip("no I²C bus here")
	}
	for _, name := range buses {
		b, err := OpenI2C(name)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, errors.ErrUnsupported):
			t.Log(err)
		case err != nil:
			t.Error(err)
		default:
			t.Logf("%s: %s", b, I2CAdapterName(Root(), name))
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

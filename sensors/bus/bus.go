// Package bus opens what sensors are attached to: I²C, SPI, GPIO lines, serial
// ports, Modbus, and the kernel's own tables under /sys and /proc. It is the
// only importer of periph's host drivers. Its fakes are in bustest: chips made
// of registers, pins, ports and file trees, with faults injected at will.
//
// It knows no chip and no quantity.
//
// # Waiting
//
// Chips take their time: a conversion of 750 ms must not keep the others of
// its bus waiting. [Wait] is how a driver waits: when the sensors of a bus
// share a goroutine, the others are read meanwhile; see [WithYield].
//
// # Dependencies
//
// periph.io/x/conn has the words for I²C and SPI, and periph.io/x/host opens
// SPI devices. golang.org/x/sys has the structures and numbers of the kernel.
//
// I²C and GPIO edges are ours: periph loses the kernel's errno, its time limits
// and the time stamps of edges. So are serial ports, which are an open and one
// call of termios: go.bug.st/serial v1.8.0 waits with select(2), which panics
// from descriptor 1024 on (a broker has them), and has no time limit for
// writing.
package bus

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Kind is a kind of bus.
type Kind string

// The kinds of bus a driver can ask for.
const (
	I2C     Kind = "i2c"
	SPI     Kind = "spi"
	OneWire Kind = "1-wire" // through the kernel's w1 tables in sysfs
	GPIO    Kind = "gpio"
	Serial  Kind = "serial" // a UART, a USB adapter, or one behind TCP
	Modbus  Kind = "modbus" // RTU on a serial port, or TCP
	Sysfs   Kind = "sysfs"  // /sys and /proc
	Topic   Kind = "mqtt"   // messages of the topic tree
	None    Kind = "none"   // no hardware
)

// Slot is a place on a bus as a driver's Open gets it: exactly the fields
// that its Kind has are set, and those that every Kind has. It is the
// driver's until the sensor is closed; what it opens from it, it closes.
type Slot struct {
	Name    string            // of the bus, for people: "i2c-1", "spi0.0", "/dev/ttyUSB0"
	Options map[string]string // every Option of the driver, defaults filled in
	Root    fs.FS             // the file system from /, with sys and proc
	State   State             // what outlives a restart

	I2C  i2c.Bus // Kind I2C
	Addr uint16  // Kind I2C: 7-bit address

	// OpenSPI, of Kind SPI, connects to the chip: 8 bits a word, at most hz.
	OpenSPI func(hz physic.Frequency, mode spi.Mode) (SPIConn, error)

	Lines GPIOLines         // Kind GPIO
	Pins  map[string]string // Kind GPIO: the line of each of the driver's Pins, "GPIO17"

	// OpenSerial, of Kind Serial, opens the port.
	OpenSerial func(SerialMode) (SerialPort, error)

	Modbus ModbusClient // Kind Modbus
	Unit   byte         // Kind Modbus: address of the slave, 1 to 247; 0 or 255 too over TCP

	ID string // Kinds OneWire and Sysfs: which of several, "28-0316a2795cff"

	// Subscribe, of Kind Topic, subscribes to a topic filter.
	Subscribe func(filter string) (Feed, error)
}

// SPIConn is a chip on SPI, selected for each transfer.
type SPIConn interface {
	// Tx sends w and fills r, which have the same length, in one transfer.
	Tx(w, r []byte) error
	Close() error
}

// GPIOLines are the lines of the GPIO controllers of this machine. A line is
// called as the kernel does, "GPIO17"; "17" is the same.
type GPIOLines interface {
	// Input requests a line as an input.
	Input(line string, o InputOptions) (Input, error)
	// Output requests a line as an output at this level.
	Output(line string, high bool) (Output, error)
}

// InputOptions say how a line is read.
type InputOptions struct {
	PullUp, PullDown bool          // a resistor inside the chip; at most one of them
	ActiveLow        bool          // a low voltage is 1
	Rising, Falling  bool          // edges to note, of the level after ActiveLow
	Debounce         time.Duration // how long a level lasts before it counts, in the kernel
}

// Input is a GPIO line that is read.
type Input interface {
	// High returns the level now, after ActiveLow.
	High() (bool, error)
	// Edge returns the next edge, in order. It waits for it until ctx ends or,
	// if there is none within timeout, returns [ErrNoEdge]. timeout is finite:
	// 0 does not wait. It waits by itself, not with [Wait].
	Edge(ctx context.Context, timeout time.Duration) (Edge, error)
	Close() error
}

// Edge is a change of an input's level.
type Edge struct {
	Time time.Time // of the interrupt, by the kernel's clock; with a monotonic part
	High bool      // the level after it
	Lost uint32    // edges before this one that the kernel had no room for
}

// ErrNoEdge is the error about an edge that did not come in time.
var ErrNoEdge = errors.New("no edge in time")

// Output is a GPIO line that is driven.
type Output interface {
	Set(high bool) error
	Close() error
}

// SerialMode is how a serial port is set up. The zero fields are 8 data bits,
// no parity and one stop bit.
type SerialMode struct {
	Baud     int
	DataBits int    // 5 to 8
	Parity   string // "none", "even" or "odd"
	StopBits int    // 1 or 2
}

// SerialPort is an open serial port. Read returns what is there, at least one
// byte, and [ErrSilent] if nothing comes within the timeout. A port that is
// unplugged is an error of another kind.
type SerialPort interface {
	io.ReadWriteCloser
	// SetReadTimeout bounds the following Reads; 0 returns at once.
	SetReadTimeout(time.Duration) error
	// Discard throws away what was received and not yet read.
	Discard() error
}

// ErrSilent is the error about a port on which nothing comes.
var ErrSilent = errors.New("nothing received in time")

// ModbusTable is one of the four tables of a Modbus slave.
type ModbusTable byte

// The tables, by the function code that reads them.
const (
	Coils            ModbusTable = 1
	DiscreteInputs   ModbusTable = 2
	HoldingRegisters ModbusTable = 3
	InputRegisters   ModbusTable = 4
)

// ModbusClient reads slaves. It is used by one goroutine at a time.
type ModbusClient interface {
	// ReadRegisters returns n registers, 1 to 125, from address on, of
	// HoldingRegisters or InputRegisters. The slice is the caller's.
	ReadRegisters(ctx context.Context, unit byte, table ModbusTable, address, n uint16) ([]uint16, error)
	// ReadBits returns n bits, 1 to 2000, of Coils or DiscreteInputs.
	ReadBits(ctx context.Context, unit byte, table ModbusTable, address, n uint16) ([]bool, error)
}

// Feed is a subscription to the topic tree.
type Feed interface {
	// Next returns the next message, waiting for it until ctx ends. The payload
	// is not to be written to.
	Next(ctx context.Context) (FeedMessage, error)
	Close()
}

// FeedMessage is a message of a Feed.
type FeedMessage struct {
	Topic    string
	Payload  []byte
	Time     time.Time // when it arrived
	Retained bool      // it is of some time before the subscription
}

// State keeps a little over restarts and power cuts: the total of a counter,
// the baseline of a gas sensor. What is saved is written atomically, but not
// at once: an SD card dies of small writes. It is used by one goroutine at a
// time, that of the sensor.
type State interface {
	// Load reads what was saved last into v, which is a pointer to something
	// that encoding/json can hold; false if nothing was. A file that cannot be
	// read is an error that names it.
	Load(v any) (bool, error)
	// Save notes v, which the caller may change afterwards. The error is about
	// v only, never about the disk.
	Save(v any) error
}

// yieldKey is the key of a context's yield.
type yieldKey struct{}

// WithYield returns a context in which [Wait] calls yield in place of
// sleeping: yield returns after d at the earliest, and false if there is no
// point in going on.
func WithYield(ctx context.Context, yield func(d time.Duration) bool) context.Context {
	return context.WithValue(ctx, yieldKey{}, yield)
}

// Wait returns after d, or with ctx's error as soon as ctx ends. Other sensors
// of the bus may be read meanwhile, if ctx is from [WithYield].
func Wait(ctx context.Context, d time.Duration) error {
	if yield, ok := ctx.Value(yieldKey{}).(func(time.Duration) bool); ok {
		if ctx.Err() == nil && !yield(d) && ctx.Err() == nil {
			return context.Canceled
		}
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

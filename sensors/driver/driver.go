// Package driver holds the drivers: one file per chip and its test, and the
// table that lists them.
//
// # Adding a chip
//
// A chip is two new files and nothing else: chip.go, which registers a
// [Driver] (a table and one function), and chip_test.go with its vectors, each
// with its source. What the gateway checks, reads, publishes, documents, draws
// and announces is derived from the table: the configuration's keys and their
// JSON Schema, gateway drivers, gateway scan, README.md in this folder (write
// it again with go test ./sensors/driver -run Table -update), units and Home
// Assistant's classes from the quantities.
//
//	header (chip, bus, addresses, datasheet) → registers → channels → measure
//
// A chip on I²C has its model, at the level of registers, in its test or in
// sensors/bus/bustest: from the datasheet, never from the driver. With it, the
// test of every driver on I²C has every transaction fail, hang and lie; see
// i2cTest.
//
// # Rules
//
// A driver knows its chip and the bus it is given, and nothing of MQTT,
// topics, intervals, retries or files of the gateway. Calls to one sensor
// come from one goroutine at a time, so drivers hold no locks. It waits with
// [bus.Wait], during which other sensors of the bus may be read, never this
// one. On error Measure writes nothing to out. An error names the chip's
// register or command; the caller adds sensor, bus and address. A checksum
// that the chip sends is checked, always; a chip without one is asked twice
// for what would be believed for long.
//
// # What a sensor may be besides
//
// A [Sensor] may be more than that: an io.Closer, a [Channeler], a [Timed], an
// [Awaiter], [Compensated] or a [Setter]. Each is an interface of one method.
package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Driver describes a chip and how to open one.
type Driver struct {
	Name      string         // key in the configuration, "bme280"
	Aliases   []string       // other chips that are the same to us, "sht40": keys, too
	Title     string         // "Bosch BME280 temperature, humidity and pressure"
	Datasheet string         // title and revision the driver was written from, or where to find it
	Bus       bus.Kind       // what Open needs
	Addrs     []uint16       // I²C addresses the chip can have, the usual one first
	Pins      []Pin          // Kind GPIO: the lines it needs
	Serial    bus.SerialMode // Kinds Serial and Modbus: how the port is set up if nobody says otherwise
	MinPeriod time.Duration  // shortest time between two measurements; 0 if any
	Sample    time.Duration  // time between two measurements that the chip needs, whatever the interval of publishing; 0 if any
	Channels  []Channel      // all it can measure, in the order of Measure's out
	Options   []Option       // settings of its own
	Settings  []Setting      // what can be set while it runs
	Dynamic   bool           // what it measures is known only when it is open, by its options: Channels are examples
	Simulated bool           // its values are made up
	Wiring    string         // what to connect to what, in a few lines; "" if the bus says it all
	Notes     string         // what a user must know: warm-up, burn-in, traps; "" if nothing

	// Open prepares the chip at the slot: probes, identifies, resets and reads
	// its calibration. It is called again after errors, so it must bring a chip
	// that lost its power back to work. What it holds open it gives back when
	// the Sensor, if that is an io.Closer, is closed.
	Open func(ctx context.Context, slot *bus.Slot) (Sensor, error)

	// Check tells what is wrong with options, of which each has passed
	// [Option.Check]: a list that cannot be read, two that exclude each other.
	// Every Option is there, defaults filled in. Nil if nothing can be.
	Check func(options map[string]string) error

	// Probe, of Kind I2C, looks whether the chip is at the slot, by reading
	// only: it writes nothing but the number of a register, or a command that
	// changes nothing. An error, any, says that it is not this chip. Nil if it
	// cannot be told.
	Probe func(ctx context.Context, slot *bus.Slot) (Found, error)

	// Find, of the other Kinds, lists what is there for this driver. root is
	// the file system from /. Nil if there is nothing to list.
	Find func(root fs.FS) []Found
}

// Pin is a GPIO line that a driver needs.
type Pin struct {
	Name     string // "trigger"; "pin" if there is only one
	Doc      string // one sentence: "Output to the sensor's TRIG."
	Optional bool
}

// Sensor is one chip, open.
type Sensor interface {
	// Measure takes one measurement and writes out[i], a finite number in the
	// unit of the quantity, for each channel i. len(out) is the number of
	// channels. On error it writes nothing. It returns early, with ctx's error,
	// when ctx ends while it waits for a conversion.
	//
	// [ErrNothingNew] is no failure: there is nothing that was not measured
	// before.
	Measure(ctx context.Context, out []float64) error
}

// Past is implemented by sensors that are made up: they know what they would have
// measured at any time. Values are as [Sensor] Measure has them.
type Past interface {
	MeasureAt(t time.Time, out []float64) error
}

// ErrNothingNew is what Measure returns when there is no new measurement: no
// message has come, a chip that measures by itself has not finished. The
// sensor is not in fault, but in time it becomes stale.
var ErrNothingNew = errors.New("nothing new was measured")

// Channeler is a Sensor that has other channels than its Driver: a board
// without a thermal zone, a meter whose template says what it has. Channels
// is called once, after Open.
type Channeler interface {
	Channels() []Channel
}

// Timed is a Sensor that knows when its last measurement took place: an edge
// with the kernel's time stamp, a telegram that bears a time. Measured is
// called after a Measure without error; zero means when Measure began.
type Timed interface {
	Measured() time.Time
}

// Awaiter is a Sensor that notices by itself that there is something to
// measure. Await returns nil when there is, and ctx's error when ctx ends
// first. It is called between Measures, on the sensor's own goroutine: such a
// sensor shares its bus with nobody (Kinds GPIO, Serial, Topic and None).
type Awaiter interface {
	Await(ctx context.Context) error
}

// Ambient is what other sensors say about the air around a chip. NaN is not
// known.
type Ambient struct {
	Temperature float64 // °C
	Humidity    float64 // %, relative
	Pressure    float64 // hPa, where the sensor is
}

// Compensated is a Sensor that takes the air around it into account.
// Compensate is called before each Measure if the configuration names a sensor
// to compensate by; it does no input or output.
type Compensated interface {
	Compensate(Ambient)
}

// Setter is a Sensor of which something can be set while it runs: the total of
// a counter, the reference of a gas sensor. name is one of the Driver's
// Settings and value within its bounds. It is called between Measures.
type Setter interface {
	Set(ctx context.Context, name string, value float64) error
}

// Setting is something that a Setter can set.
type Setting struct {
	Name     string
	Doc      string  // one sentence, with the unit
	Min, Max float64 // bounds of the value
}

// Channel is one value of a Measure.
type Channel struct {
	Quantity reading.Quantity
	Min, Max float64 // what the chip can measure; a value outside is a fault, not a reading
	Decimals int     // digits after the point that carry information; values are rounded to them
}

// Option is a setting of a driver beyond bus and address. Its value reaches
// the driver only if it passes [Option.Check].
type Option struct {
	Name    string
	Doc     string     // one sentence, with the unit
	Default string     // as it would be written in the configuration; "" is always allowed then
	Type    OptionType // Text if nothing is said
	// Required is for what has no default that would do: a configuration without
	// it is refused.
	Required bool
	// Example is a value to show where there is no default: of one that is
	// required, or of which one of several has to be given.
	Example string
	Allowed []string // all possible values, nil if any
	// Min and Max bound a number, or a time in seconds, if one of them is not 0.
	Min, Max float64
}

// OptionType is what the text of an option has to be.
type OptionType int

// The types of options.
const (
	Text     OptionType = iota
	Whole               // a whole number, decimal or 0x…
	Number              // a number
	Duration            // a time such as 500ms
	Truth               // true or false
)

// Found is something that a driver recognises.
type Found struct {
	Model   string            // what it says it is, "BME280"
	Serial  string            // its serial number, "" if it has none
	Certain bool              // an identity or a checksum proves it; otherwise a person has to be asked
	ID      string            // of what is found by Find: for the key id
	Port    string            // of what is found by Find: for the key port or bus
	Options map[string]string // other than the defaults
	Note    string            // what to know before it is added
}

// The driver table: the one global of this package, complete after init and
// never written again.
var table []Driver

func register(d Driver) bool {
	if d.Name == "" || d.Open == nil || len(d.Channels) == 0 {
		panic(fmt.Sprintf("driver %q: a driver has a name, channels and an Open", d.Name))
	}
	at, found := slices.BinarySearchFunc(table, d.Name, func(d Driver, name string) int {
		return strings.Compare(d.Name, name)
	})
	if found {
		panic(fmt.Sprintf("driver %q is registered twice", d.Name))
	}
	for _, name := range append([]string{d.Name}, d.Aliases...) {
		if other, taken := Lookup(name); taken {
			panic(fmt.Sprintf("driver %q: driver %q is called %q, too", d.Name, other.Name, name))
		}
	}
	table = slices.Insert(table, at, d)
	return true
}

// All returns every driver, ordered by name. The slice is the caller's, what
// its elements point to is not.
func All() []Driver { return slices.Clone(table) }

// Lookup returns the driver called name, or the one that has it as an alias.
func Lookup(name string) (Driver, bool) {
	for _, d := range table {
		if d.Name == name || slices.Contains(d.Aliases, name) {
			return d, true
		}
	}
	return Driver{}, false
}

// Package driver holds the drivers: one file per chip and its test, and the
// table that lists them.
//
// # Adding a chip
//
// A chip is two new files and nothing else: chip.go, which registers a
// [Driver] (a table and one function), and chip_test.go with vectors from the
// datasheet. What the gateway checks, publishes, documents and draws is
// derived from the table.
//
//	header (chip, bus, addresses, datasheet) → registers → channels → measure
//
// # Rules
//
// A driver knows its chip and the bus it is given, and nothing of MQTT,
// topics, intervals, retries or files of the gateway. Calls to one sensor,
// and to all sensors of one bus, come from one goroutine, so drivers hold no
// locks. On error Measure writes nothing to out. An error names the chip's
// register or command; the caller adds sensor, bus and address. A checksum
// that the chip sends is checked, always.
package driver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Driver describes a chip and how to open one.
type Driver struct {
	Name      string        // key in the configuration, "bme280"
	Title     string        // "Bosch BME280 temperature, humidity and pressure"
	Datasheet string        // title and revision the driver was written from, or where to find it
	Bus       bus.Kind      // what Open needs
	Addrs     []uint16      // I²C addresses the chip can have, the usual one first
	MinPeriod time.Duration // shortest time between two measurements; 0 if any
	Channels  []Channel     // all it can measure, in the order of Measure's out
	Options   []Option      // settings of its own
	Simulated bool          // its values are made up

	// Open prepares the chip at the slot: probes, identifies, resets and reads
	// its calibration. It is called again after errors, so it must bring a chip
	// that lost its power back to work. What it holds open it gives back when
	// the Sensor, if that is an io.Closer, is closed.
	Open func(ctx context.Context, slot *bus.Slot) (Sensor, error)
}

// Sensor is one chip, open.
type Sensor interface {
	// Measure takes one measurement and writes out[i], a finite number in the
	// unit of the quantity, for each channel i. len(out) is the number of
	// channels. On error it writes nothing. It returns early, with ctx's error,
	// when ctx ends while it waits for a conversion.
	Measure(ctx context.Context, out []float64) error
}

// Channeler is a Sensor that has fewer channels than its Driver: a board
// without a thermal zone, say. Channels is called once, after Open.
type Channeler interface {
	Channels() []Channel
}

// Channel is one value of a Measure.
type Channel struct {
	Quantity reading.Quantity
	Min, Max float64 // what the chip can measure; a value outside is a fault, not a reading
	Decimals int     // digits after the point that carry information; values are rounded to them
}

// Option is a setting of a driver beyond bus and address.
type Option struct {
	Name    string
	Doc     string   // one sentence, with the unit
	Default string   // as it would be written in the configuration
	Allowed []string // all possible values, nil if any
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
	table = slices.Insert(table, at, d)
	return true
}

// All returns every driver, ordered by name. The slice is the caller's, what
// its elements point to is not.
func All() []Driver { return slices.Clone(table) }

// Lookup returns the driver called name.
func Lookup(name string) (Driver, bool) {
	for _, d := range table {
		if d.Name == name {
			return d, true
		}
	}
	return Driver{}, false
}

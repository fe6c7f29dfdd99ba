// Package bus opens what sensors are attached to: I²C through periph.io, and
// the kernel's own tables under /sys and /proc. It is the only importer of
// periph's host drivers, and has the fakes that driver tests run against:
// chips made of registers, with faults injected at will, and file trees in
// place of /sys.
//
// It knows no chip and no quantity.
package bus

import (
	"context"
	"io/fs"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// Kind is a kind of bus.
type Kind string

// The kinds of bus a driver can ask for.
const (
	I2C     Kind = "i2c"
	OneWire Kind = "1-wire" // through the kernel's w1 tables in sysfs
	Sysfs   Kind = "sysfs"  // /sys and /proc
	None    Kind = "none"   // no hardware
)

// Slot is a place on a bus as a driver's Open gets it: exactly the fields
// that its Kind has are set.
type Slot struct {
	Name    string            // of the bus, for people: "i2c-1"
	I2C     i2c.Bus           // Kind I2C
	Addr    uint16            // Kind I2C: 7-bit address
	Root    fs.FS             // Kinds OneWire and Sysfs: the file system from /, with sys and proc
	ID      string            // Kind OneWire: "28-0316a2795cff"
	Options map[string]string // every Option of the driver, defaults filled in
}

// Wait returns after d, or with ctx's error as soon as ctx ends.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

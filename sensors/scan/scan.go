// Package scan looks what sensors there are, by reading only.
//
// On I²C it asks every driver that has an address whether its chip is there:
// by the registers that identify it, or by a checksum. A chip that several
// drivers might be, and one that cannot be told from others, is reported with
// the choice, for a person to make. Elsewhere the kernel lists what there is:
// 1-Wire thermometers, chips of hwmon and IIO, SPI devices, serial ports.
//
// It adds nothing to a configuration and knows none.
package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// Deps is what a scan needs from outside.
type Deps struct {
	OpenI2C func(name string) (i2c.BusCloser, error)
	Root    fs.FS    // the file system from /
	Buses   []string // I²C buses to scan; nil for those that are safe, see SafeBuses
	// InUse tells which chips are not to be asked, because somebody reads them:
	// what is written to ask them could spoil a measurement. They are left out.
	// Nil: none.
	InUse func(bus string, addr uint16) bool
}

// Place is where something was found.
type Place struct {
	Kind bus.Kind
	Name string // "i2c-1", "/dev/serial/by-id/…", "spi0.0", "w1"
	Addr uint16 // of I²C
	// Candidates are what it may be: one that is certain, or several to choose
	// from, the likeliest first. None if nothing is known that could be there.
	Candidates []Candidate
	// Kernel is the kernel's driver that has the chip, "" if none has. It is not
	// touched then; sensors of hwmon and IIO are found by themselves.
	Kernel string
}

// Certain tells whether it is known what is there.
func (p Place) Certain() bool { return len(p.Candidates) == 1 && p.Candidates[0].Certain }

// Candidate is a driver for what was found.
type Candidate struct {
	Driver driver.Driver
	driver.Found
}

// SafeBuses returns the I²C buses of a machine that are scanned unless
// somebody names others: i2c-1, where sensors are on a Raspberry Pi, or else
// all but those that belong to its camera, its display and the memory on
// boards that are put on it, where asking can do harm (raspberrypi/userland#564).
func SafeBuses(root fs.FS) []string {
	all := bus.I2CBuses(root)
	if slices.Contains(all, "i2c-1") {
		return []string{"i2c-1"}
	}
	return slices.DeleteFunc(all, func(name string) bool {
		return name == "i2c-0" || name == "i2c-10" || strings.HasPrefix(name, "i2c-2") && len(name) > len("i2c-2")
	})
}

// Scan returns what there is. Errors, joined, are about buses that could not
// be looked at; what was found elsewhere is returned with them.
func Scan(ctx context.Context, d Deps) ([]Place, error) {
	names := d.Buses
	if names == nil {
		names = SafeBuses(d.Root)
	}
	var places []Place
	var errs []error
	for _, name := range names {
		found, err := d.i2c(ctx, name)
		places = append(places, found...)
		errs = append(errs, err)
	}
	return append(places, kernelLists(d.Root)...), errors.Join(errs...)
}

// i2c scans one bus.
func (d Deps) i2c(ctx context.Context, name string) ([]Place, error) {
	b, err := d.OpenI2C(name)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	places, unsure, err := d.addresses(ctx, b, name, allAddresses())
	if err != nil || len(unsure) == 0 {
		return places, err
	}
	// Somebody who reads a chip, such as a gateway that runs, may have come between
	// a question and its answer, or have it measure, when many say nothing.
	again, _, err := d.addresses(ctx, b, name, unsure)
	for _, p := range again {
		at := slices.IndexFunc(places, func(q Place) bool { return q.Addr == p.Addr })
		switch {
		case at < 0:
			places = append(places, p)
		case p.Certain():
			places[at] = p
		}
	}
	slices.SortFunc(places, func(a, b Place) int { return cmp.Compare(a.Addr, b.Addr) })
	return places, err
}

// addresses asks at some addresses of a bus. Of which nothing certain was said are
// unsure.
func (d Deps) addresses(ctx context.Context, b i2c.Bus, name string, all []uint16) (places []Place, unsure []uint16, err error) {
	for _, addr := range all {
		if ctx.Err() != nil {
			return places, unsure, ctx.Err()
		}
		if d.InUse != nil && d.InUse(name, addr) {
			continue
		}
		p := Place{Kind: bus.I2C, Name: name, Addr: addr, Kernel: bus.I2CKernelDriver(d.Root, name, addr)}
		if p.Kernel == "" {
			if p.Candidates, err = candidates(ctx, b, name, addr); err != nil {
				return places, unsure, err
			}
			if !p.Certain() {
				unsure = append(unsure, addr)
			}
		}
		if p.Kernel != "" || len(p.Candidates) > 0 {
			places = append(places, p)
		}
	}
	return places, unsure, nil
}

// allAddresses returns those that any driver's chip can have, in their order.
func allAddresses() []uint16 {
	var all []uint16
	for _, d := range driver.All() {
		if d.Bus == bus.I2C {
			all = append(all, d.Addrs...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// probeTime bounds one probe: a chip that stretches the clock for ever must
// not hold the scan.
const probeTime = 2 * time.Second

// candidates asks every driver that has addr. Those come first that write no
// more than the number of a register: what is a harmless command to one chip
// may be a write to a register of another. The error is about a bus that
// hangs, which no other address would change.
func candidates(ctx context.Context, b i2c.Bus, name string, addr uint16) ([]Candidate, error) {
	var certain, likely, unknown []Candidate
	ask := func(d driver.Driver, b i2c.Bus) {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		defer cancel()
		found, err := d.Probe(ctx, &bus.Slot{Name: name, I2C: b, Addr: addr})
		switch {
		case err != nil:
		case found.Certain:
			certain = append(certain, Candidate{d, found})
		default:
			likely = append(likely, Candidate{d, found})
		}
	}
	var later []driver.Driver
	for _, d := range driver.All() {
		if d.Bus != bus.I2C || !slices.Contains(d.Addrs, addr) {
			continue
		}
		if d.Probe == nil {
			unknown = append(unknown, Candidate{Driver: d})
			continue
		}
		careful := &carefulBus{Bus: b}
		if ask(d, careful); careful.refused {
			later = append(later, d)
		}
	}
	for _, d := range later {
		if len(certain) > 0 {
			break
		}
		ask(d, b)
	}
	if len(certain) > 0 {
		return certain, nil
	}
	there, err := answers(b, addr)
	if len(likely) > 0 || there {
		return append(likely, unknown...), nil
	}
	return nil, err
}

// carefulBus refuses to write more than one byte.
type carefulBus struct {
	i2c.Bus
	refused bool
}

var errCareful = errors.New("not written yet")

func (b *carefulBus) Tx(addr uint16, w, r []byte) error {
	if len(w) > 1 {
		b.refused = true
		return errCareful
	}
	return b.Bus.Tx(addr, w, r)
}

// answers tells whether a chip acknowledges addr, by reading one byte of it.
// It is the reading that i2cdetect -r does, which chips that sensors are take
// well; writing, its other way, can start something.
func answers(b i2c.Bus, addr uint16) (bool, error) {
	err := b.Tx(addr, nil, make([]byte, 1))
	switch {
	case err == nil:
		return true, nil
	case bus.NoAnswer(err):
		return false, nil
	}
	return false, fmt.Errorf("I²C bus %s: address %#02x: %w", b, addr, err)
}

// kernelLists returns what drivers find in the kernel's lists, and the places
// at which it cannot tell what is there: chip selects of SPI, serial ports.
func kernelLists(root fs.FS) []Place {
	var places []Place
	put := func(kind bus.Kind, name string, c Candidate) {
		at := slices.IndexFunc(places, func(p Place) bool { return p.Kind == kind && p.Name == name })
		if at < 0 {
			at = len(places)
			places = append(places, Place{Kind: kind, Name: name})
		}
		places[at].Candidates = append(places[at].Candidates, c)
	}
	for _, d := range driver.All() {
		switch {
		case d.Find != nil:
			for _, f := range d.Find(root) {
				put(d.Bus, cmp.Or(f.Port, f.ID, string(d.Bus)), Candidate{d, f})
			}
		case d.Bus == bus.SPI:
			for _, name := range bus.SPIDevices(root) {
				put(d.Bus, name, Candidate{Driver: d})
			}
		case d.Bus == bus.Serial || d.Bus == bus.Modbus:
			for _, name := range bus.SerialPorts(root) {
				if isConsole(root, name) {
					continue // the kernel writes on it, and nothing else is there
				}
				put(bus.Serial, name, Candidate{Driver: d})
			}
		}
	}
	slices.SortStableFunc(places, func(a, b Place) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return places
}

// isConsole tells whether a serial port is the console of the kernel.
func isConsole(root fs.FS, port string) bool {
	active, err := fs.ReadFile(root, "sys/class/tty/console/active")
	return err == nil && slices.Contains(strings.Fields(string(active)), path.Base(port))
}

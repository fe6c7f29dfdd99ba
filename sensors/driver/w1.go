package driver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Maxim/Dallas 1-Wire thermometers through the kernel's w1_therm driver.
//
//	chip       DS18B20, DS18S20, DS1822, DS1825, DS28EA00
//	bus        1-Wire, /sys/bus/w1/devices/<family>-<serial>
//	datasheet  DS18B20 Rev. 6, 7/19; Linux Documentation/w1/slaves/w1_therm.rst
//
// Reading w1_slave starts a conversion and waits for it in the kernel: 95 ms
// at 9 bits, 190 at 10, 375 at 11 and 750 at 12, which is what they do unless
// told otherwise; a DS18S20 takes 750 ms always.
//
//	72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
//	72 01 4b 46 7f ff 0e 10 57 t=23125
//
// The kernel checks the CRC; so do we, because a line of YES has been seen
// above a scratchpad of zeros.
//
// Where there are several, one conversion serves all of a master: writing
// trigger to its therm_bulk_read starts it and waits, after which the first
// reading of each w1_slave has its result and takes 10 ms.

// w1Families are the family codes that w1_therm knows.
var w1Families = map[string]string{"10": "DS18S20", "22": "DS1822", "28": "DS18B20", "3b": "DS1825", "42": "DS28EA00"}

const w1Devices = "sys/bus/w1/devices"

// w1Bulk are the families that convert together, by the table of w1_therm.c.
var w1Bulk = []string{"10", "22", "28", "3b"}

// w1Shared is how old a conversion that another sensor started may be, from
// its beginning. The reading bears the time of the conversion.
const w1Shared = 3 * time.Second

// w1Trigger is exactly what w1_therm compares with, end of line included.
var w1Trigger = []byte("trigger\n")

var _ = register(Driver{
	Name:      "w1",
	Title:     "DS18B20 family, 1-Wire temperature",
	Datasheet: "Maxim DS18B20, Rev. 6, 7/19; Linux Documentation/w1/slaves/w1_therm.rst",
	Bus:       bus.OneWire,
	MinPeriod: 1e9, // one conversion at 12 bits is 750 ms
	Channels:  []Channel{{Quantity: reading.Temperature, Min: -55, Max: 125, Decimals: 2}},
	Wiring: "Data to GPIO4 (or that of dtoverlay=w1-gpio,gpiopin=…), with one resistor of 4.7 kΩ from data to 3.3 V for all; " +
		"VDD to 3.3 V: powered by the data line alone they are slower and less reliable.",
	Notes: "A conversion takes 750 ms at 12 bits, 375 ms at 11, 190 ms at 10 and 95 ms at 9 " +
		"(echo 10 | sudo tee /sys/bus/w1/devices/28-…/resolution), during which the others of the bus wait. " +
		"Several that are due within 3 s share a conversion if the gateway may write to " +
		"/sys/bus/w1/devices/w1_bus_master1/therm_bulk_read and all have their own supply.",
	Open: openW1,
	Find: findW1,
})

// w1 is one thermometer.
type w1 struct {
	root     fs.FS
	file     string    // w1_slave, or temperature where only that exists
	bulk     string    // therm_bulk_read of its master; "" if it converts by itself
	taken    time.Time // of the bulk conversion that was used last
	measured time.Time
}

func openW1(_ context.Context, slot *bus.Slot) (Sensor, error) {
	id, err := chooseW1(slot.Root, slot.ID)
	if err != nil {
		return nil, err
	}
	file := w1File(slot.Root, id)
	if file == "" {
		return nil, fmt.Errorf("/%s/%s has neither w1_slave nor temperature: load the kernel's driver with sudo modprobe w1_therm", w1Devices, id)
	}
	return &w1{root: slot.Root, file: file, bulk: w1BulkFile(slot.Root, id)}, nil
}

// w1File returns the file to read, "" if there is none.
func w1File(root fs.FS, id string) string {
	for _, name := range []string{"w1_slave", "temperature"} {
		file := path.Join(w1Devices, id, name)
		if _, err := fs.Stat(root, file); err == nil {
			return file
		}
	}
	return ""
}

// w1BulkFile returns the file that starts a conversion of all thermometers of
// the master of id. It is "" if there is nothing to be gained, or if one of
// them is powered by the data line: what it holds after a conversion without
// the current for it is not a temperature.
func w1BulkFile(root fs.FS, id string) string {
	if _, ok := root.(bus.Writer); !ok {
		return ""
	}
	masters, _ := fs.Glob(root, w1Devices+"/w1_bus_master*/"+id)
	if len(masters) != 1 {
		return ""
	}
	master := path.Dir(masters[0])
	bulk := master + "/therm_bulk_read"
	if _, err := fs.Stat(root, bulk); err != nil {
		return "" // a kernel before 5.8, or a master that is not the first one
	}
	entries, err := fs.ReadDir(root, master)
	if err != nil {
		return ""
	}
	together := 0
	for _, e := range entries {
		family, _, _ := strings.Cut(strings.ToLower(e.Name()), "-")
		if w1Families[family] == "" {
			continue
		}
		if power, err := text(root, path.Join(master, e.Name(), "ext_power")); err != nil || power != "1" {
			return ""
		}
		if slices.Contains(w1Bulk, family) {
			together++
		} else if e.Name() == id {
			return ""
		}
	}
	if together < 2 {
		return ""
	}
	return bulk
}

// findW1 lists the thermometers. The kernel knows a device by its ROM code,
// whose checksum is in the file id; where there is none, its scratchpad has
// one.
func findW1(root fs.FS) []Found {
	entries, _ := fs.ReadDir(root, w1Devices)
	var all []Found
	for _, e := range entries {
		family, serial, _ := strings.Cut(e.Name(), "-")
		model, ok := w1Families[strings.ToLower(family)]
		if !ok {
			continue
		}
		f := Found{Model: model, Serial: serial, ID: e.Name(), Certain: w1Proven(root, e.Name())}
		switch {
		case w1File(root, e.Name()) == "":
			f.Note = "the kernel's driver is not loaded: sudo modprobe w1_therm"
		case !f.Certain:
			f.Note = "it does not answer with a valid checksum: check cable and supply"
		}
		if power, err := text(root, path.Join(w1Devices, e.Name(), "ext_power")); err == nil && power == "0" {
			f.Note = strings.TrimPrefix(f.Note+"; powered by the data line: give it 3.3 V of its own if you can", "; ")
		}
		all = append(all, f)
	}
	return all
}

// w1Proven tells whether a checksum says that the device is there.
func w1Proven(root fs.FS, id string) bool {
	rom, err := content(root, path.Join(w1Devices, id, "id"))
	if err == nil && len(rom) == 8 {
		return rom[0] != 0 && crc8Dallas(rom[:7]) == rom[7] &&
			strings.EqualFold(id, fmt.Sprintf("%02x-%02x%02x%02x%02x%02x%02x", rom[0], rom[6], rom[5], rom[4], rom[3], rom[2], rom[1]))
	}
	file := w1File(root, id)
	if path.Base(file) != "w1_slave" {
		return false
	}
	b, err := content(root, file)
	if err != nil {
		return false
	}
	_, err = parseW1Slave(string(b))
	return err == nil
}

// chooseW1 returns the id of the device: the one that is configured, or the
// only one there.
func chooseW1(root fs.FS, id string) (string, error) {
	entries, err := fs.ReadDir(root, w1Devices)
	if err != nil {
		return "", fmt.Errorf("read /%s: %w; switch 1-Wire on with dtoverlay=w1-gpio in /boot/firmware/config.txt and restart", w1Devices, underlying(err))
	}
	var there []string
	for _, e := range entries {
		family, _, _ := strings.Cut(e.Name(), "-")
		if _, ok := w1Families[strings.ToLower(family)]; ok {
			there = append(there, e.Name())
		}
	}
	switch {
	case id != "" && slices.ContainsFunc(there, func(s string) bool { return strings.EqualFold(s, id) }):
		return there[slices.IndexFunc(there, func(s string) bool { return strings.EqualFold(s, id) })], nil
	case id != "" && len(there) > 0:
		return "", fmt.Errorf("no thermometer %s on the 1-Wire bus: %w; there is %s", id, fs.ErrNotExist, strings.Join(there, ", "))
	case len(there) == 0:
		return "", fmt.Errorf("no thermometer on the 1-Wire bus: %w; check the wiring and the 4.7 kΩ resistor between data and 3.3 V", fs.ErrNotExist)
	case len(there) > 1:
		return "", fmt.Errorf("several thermometers on the 1-Wire bus: say which with id: %s", strings.Join(there, ", "))
	}
	return there[0], nil
}

// Measure implements [Sensor]. It blocks for the conversion, and ctx cannot
// interrupt the kernel.
func (w *w1) Measure(_ context.Context, out []float64) error {
	measured := w.convert()
	b, err := content(w.root, w.file)
	if err != nil {
		return err
	}
	parse := parseW1Slave
	if path.Base(w.file) == "temperature" {
		parse = parseMilli
	}
	t, err := parse(string(b))
	if err != nil {
		return fmt.Errorf("/%s: %w", w.file, err)
	}
	out[0], w.measured = t, measured
	return nil
}

// Measured implements [Timed].
func (w *w1) Measured() time.Time { return w.measured }

// convert has the thermometers of the master convert together, unless another
// sensor has just done so, and returns when that began. Where it is not
// possible, reading the file converts, now. So it does if the kernel could
// not do it and says nothing, which it does: then the time is a little early.
func (w *w1) convert() time.Time {
	writer, ok := w.root.(bus.Writer)
	if w.bulk == "" || !ok {
		return time.Now()
	}
	began := writer.Written(w.bulk)
	if age := time.Since(began); began.Equal(w.taken) || age > w1Shared || age < 0 {
		if err := writer.WriteFile(w.bulk, w1Trigger); err != nil {
			w.bulk = "" // not allowed, or the others were unplugged
			return time.Now()
		}
		began = writer.Written(w.bulk)
	}
	w.taken = began
	return began
}

// parseMilli reads thousandths of a degree. An empty file is how the kernel
// says that the conversion failed.
func parseMilli(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, errors.New("is empty: the thermometer did not answer")
	}
	milli, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a number of m°C", s)
	}
	return float64(milli) / 1000, nil
}

// parseW1Slave reads the two lines of w1_slave, °C.
func parseW1Slave(s string) (float64, error) {
	first, second, ok := strings.Cut(strings.TrimSpace(s), "\n")
	bytesText, verdict, ok2 := strings.Cut(first, " : crc=")
	if !ok || !ok2 {
		return 0, fmt.Errorf("%.60q is not a scratchpad: the thermometer did not answer", s)
	}
	if !strings.HasSuffix(strings.TrimSpace(verdict), "YES") {
		return 0, fmt.Errorf("checksum: the kernel says %.20q; check cable and supply", strings.TrimSpace(verdict))
	}
	pad, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(bytesText), " ", ""))
	if err != nil || len(pad) != 9 {
		return 0, fmt.Errorf("scratchpad %.60q, want 9 bytes", bytesText)
	}
	if err := checkScratchpad(pad); err != nil {
		return 0, err
	}
	_, t, ok := strings.Cut(second, "t=")
	if !ok {
		return 0, fmt.Errorf("%.60q has no t=", second)
	}
	return parseMilli(t)
}

// checkScratchpad checks the nine bytes: CRC, and that this is a measurement.
//
// 85 °C is what the chip holds after power-on, but also a temperature. In a
// DS18B20 byte 6 is 0x0C then, and has other values after a conversion; the
// datasheet calls it reserved, the kernel's documentation (w1_therm.rst,
// features) relies on it, and on 127.94 °C for too weak a supply. In a DS18S20,
// which has 0xFF in byte 4, where the others have their resolution, byte 6 may
// be 0x0C after a conversion, too: 85.00 °C is lost there, 84.94 and 85.06 are
// not.
func checkScratchpad(pad []byte) error {
	if !slices.ContainsFunc(pad, func(b byte) bool { return b != 0 }) {
		return errors.New("scratchpad of zeros, whose checksum is right: the data line is shorted")
	}
	if got := crc8Dallas(pad[:8]); got != pad[8] {
		return fmt.Errorf("checksum of the scratchpad is %#02x, want %#02x", got, pad[8])
	}
	raw := uint16(pad[1])<<8 | uint16(pad[0])
	ds18s20 := pad[4] == 0xff
	atPowerOn := raw == 0x0550 || raw == 0x07ff || ds18s20 && raw == 0x00aa
	if pad[6] == 0x0c && atPowerOn {
		return errors.New("this is the value at power-on, no measurement: the conversion did not take place; check the supply")
	}
	return nil
}

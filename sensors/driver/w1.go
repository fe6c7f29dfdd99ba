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

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Maxim/Dallas 1-Wire thermometers through the kernel's w1_therm driver.
//
//	chip       DS18B20, DS18S20, DS1822, DS1825, DS28EA00
//	bus        1-Wire, /sys/bus/w1/devices/<family>-<serial>
//	datasheet  DS18B20 Rev. 6, 7/19; Linux Documentation/w1/slaves/w1_therm.rst
//
// Reading w1_slave starts a conversion and waits for it, 750 ms at 12 bits:
//
//	72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
//	72 01 4b 46 7f ff 0e 10 57 t=23125
//
// The kernel checks the CRC; so do we, because a line of YES has been seen
// above a scratchpad of zeros.

// w1Families are the family codes that w1_therm knows.
var w1Families = map[string]string{"10": "DS18S20", "22": "DS1822", "28": "DS18B20", "3b": "DS1825", "42": "DS28EA00"}

const w1Devices = "sys/bus/w1/devices"

var _ = register(Driver{
	Name:      "w1",
	Title:     "DS18B20 family, 1-Wire temperature",
	Datasheet: "Maxim DS18B20, Rev. 6, 7/19; Linux Documentation/w1/slaves/w1_therm.rst",
	Bus:       bus.OneWire,
	MinPeriod: 1e9, // one conversion at 12 bits is 750 ms
	Channels:  []Channel{{Quantity: reading.Temperature, Min: -55, Max: 125, Decimals: 2}},
	Open:      openW1,
})

// w1 is one thermometer.
type w1 struct {
	root fs.FS
	file string // w1_slave, or temperature where only that exists
}

func openW1(_ context.Context, slot *bus.Slot) (Sensor, error) {
	id, err := chooseW1(slot.Root, slot.ID)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"w1_slave", "temperature"} {
		file := path.Join(w1Devices, id, name)
		if _, err := fs.Stat(slot.Root, file); err == nil {
			return &w1{slot.Root, file}, nil
		}
	}
	return nil, fmt.Errorf("/%s/%s has neither w1_slave nor temperature: load the kernel's driver with sudo modprobe w1_therm", w1Devices, id)
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
	out[0] = t
	return nil
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
// features) relies on it, and on 127.94 °C for too weak a supply.
func checkScratchpad(pad []byte) error {
	if !slices.ContainsFunc(pad, func(b byte) bool { return b != 0 }) {
		return errors.New("scratchpad of zeros, whose checksum is right: the data line is shorted")
	}
	if got := crc8Dallas(pad[:8]); got != pad[8] {
		return fmt.Errorf("checksum of the scratchpad is %#02x, want %#02x", got, pad[8])
	}
	if raw := uint16(pad[1])<<8 | uint16(pad[0]); pad[6] == 0x0c && (raw == 0x0550 || raw == 0x07ff) {
		return errors.New("this is the value at power-on, no measurement: the conversion did not take place; check the supply")
	}
	return nil
}

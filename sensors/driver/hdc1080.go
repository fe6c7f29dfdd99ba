// Texas Instruments HDC1080, HDC1000, HDC1008, HDC1010 and HDC1050:
// temperature and relative humidity.
//
//	chip       HDC1080, calibrated by its maker; the others have the same registers
//	bus        I²C up to 400 kHz
//	addresses  0x40; of the HDC1000, HDC1008 and HDC1010 up to 0x43
//	datasheet  Texas Instruments HDC1080, SNAS672
//	checksum   none
//
// A measurement can be read once only, so there is nothing to compare it
// with: of a disturbed bus, all bits alike are noticed, and bits that are
// always 0. A wrong value lasts for one interval.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers of 16 bits, section 8.6.
const (
	hdc1080Temperature = 0x00 // writing this number begins a measurement of both
	hdc1080Config      = 0x02
	hdc1080Serial      = 0xFB // and the two after it
	hdc1080Maker       = 0xFE
	hdc1080Device      = 0xFF
)

// What is in them.
const (
	hdc1080TI      = 0x5449
	hdc1080Reset   = 1 << 15 // config
	hdc1080Both    = 1 << 12 // config: temperature and humidity, 14 bits each; no heater
	hdc1080Is1080  = 0x1050  // device: HDC1080, HDC1050
	hdc1080Is1000  = 0x1000  // device: HDC1000, HDC1008, HDC1010
	hdc1080Startup = 16 * time.Millisecond
	hdc1080Convert = 20 * time.Millisecond // section 7.5: typically 6.35 and 6.5 ms
)

var _ = register(Driver{
	Name:      "hdc1080",
	Aliases:   []string{"hdc1000", "hdc1008", "hdc1010", "hdc1050"},
	Title:     "Texas Instruments HDC1080/1000/1008/1010/1050 temperature and humidity",
	Datasheet: "Texas Instruments HDC1080, SNAS672A; SBOA631 for the others (confirmed but for the conversion times)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x40, 0x41, 0x42, 0x43},
	MinPeriod: time.Second, // section 8.3.1: else it warms itself
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Open:  openHDC1080,
	Probe: probeHDC1080,
})

type hdc1080 struct{ slot *bus.Slot }

func openHDC1080(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	if _, err := identifyHDC1080(slot); err != nil {
		return nil, fmt.Errorf("hdc1080: %w", err)
	}
	if err := slot.WriteWord(hdc1080Config, hdc1080Reset); err != nil {
		return nil, fmt.Errorf("hdc1080: %w", err)
	}
	if err := bus.Wait(ctx, hdc1080Startup); err != nil {
		return nil, fmt.Errorf("hdc1080: wait for a reset by register 0x%02X: %w", hdc1080Config, err)
	}
	if err := slot.WriteWord(hdc1080Config, hdc1080Both); err != nil {
		return nil, fmt.Errorf("hdc1080: %w", err)
	}
	return &hdc1080{slot}, nil
}

// identifyHDC1080 returns the register that says which chip of the family it
// is, and refuses others.
func identifyHDC1080(slot *bus.Slot) (uint16, error) {
	maker, err := slot.ReadWord(hdc1080Maker)
	if err != nil {
		return 0, err
	}
	if maker != hdc1080TI {
		return 0, fmt.Errorf("register 0x%02X (manufacturer) is 0x%04X in place of 0x%04X: this is another chip",
			hdc1080Maker, maker, hdc1080TI)
	}
	device, err := slot.ReadWord(hdc1080Device)
	if err != nil {
		return 0, err
	}
	if device != hdc1080Is1080 && device != hdc1080Is1000 {
		return 0, fmt.Errorf("register 0x%02X (device) is 0x%04X in place of 0x%04X or 0x%04X: this is another chip of Texas Instruments",
			hdc1080Device, device, hdc1080Is1080, hdc1080Is1000)
	}
	return device, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *hdc1080) Measure(ctx context.Context, out []float64) error {
	if err := s.slot.I2C.Tx(s.slot.Addr, []byte{hdc1080Temperature}, nil); err != nil {
		return fmt.Errorf("hdc1080: begin a measurement with register 0x%02X: %w", hdc1080Temperature, err)
	}
	if err := bus.Wait(ctx, hdc1080Convert); err != nil {
		return fmt.Errorf("hdc1080: wait for the measurement of register 0x%02X: %w", hdc1080Temperature, err)
	}
	var b [4]byte
	if err := s.slot.I2C.Tx(s.slot.Addr, nil, b[:]); err != nil {
		return fmt.Errorf("hdc1080: read register 0x%02X: %w", hdc1080Temperature, err)
	}
	t, h := binary.BigEndian.Uint16(b[0:]), binary.BigEndian.Uint16(b[2:])
	switch {
	case t == h && (t == 0 || t == 0xFFFF):
		return fmt.Errorf("hdc1080: registers from 0x%02X are % X: nothing drives the bus", hdc1080Temperature, b)
	case (t|h)&3 != 0: // of both, the last two bits are always 0
		return fmt.Errorf("hdc1080: registers from 0x%02X are % X, with bits that are always 0: the transmission is disturbed", hdc1080Temperature, b)
	}
	out[0], out[1] = hdc1080Celsius(t), hdc1080Percent(h)
	return nil
}

// hdc1080Celsius is section 8.6.1.
func hdc1080Celsius(v uint16) float64 { return float64(v)/65536*165 - 40 }

// hdc1080Percent is section 8.6.2.
func hdc1080Percent(v uint16) float64 { return float64(v) / 65536 * 100 }

func probeHDC1080(_ context.Context, slot *bus.Slot) (Found, error) {
	device, err := identifyHDC1080(slot)
	if err != nil {
		return Found{}, err
	}
	f := Found{Model: "HDC1080 or HDC1050", Certain: true}
	if device == hdc1080Is1000 {
		f.Model = "HDC1000, HDC1008 or HDC1010"
	}
	for reg := hdc1080Serial; reg < hdc1080Serial+3; reg++ {
		w, err := slot.ReadWord(byte(reg))
		if err != nil {
			return Found{}, err
		}
		f.Serial += fmt.Sprintf("%04x", w)
	}
	return f, nil
}

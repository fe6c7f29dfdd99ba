// Sensirion SHT40, SHT41, SHT43 and SHT45: temperature and relative humidity.
//
//	chip       SHT4x, calibrated by its maker
//	bus        I²C up to 1 MHz, no clock stretching
//	addresses  0x44 (SHT4x-A), 0x45 (-B), 0x46 (-C)
//	datasheet  Sensirion SHT4x, version 6
//	checksum   CRC-8 after every 16-bit word
//
// The chip has commands in place of registers. Those with its heater are not
// here: a measurement with the heater on is not one of the room.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, section 4.5.
const (
	sht4xMeasure = 0xFD // temperature and humidity with high precision
	sht4xSerial  = 0x89 // serial number, two words
	sht4xReset   = 0x94 // soft reset
)

// sht4xTime is longer than any of those commands takes: a measurement 8.3 ms,
// a reset 1 ms. Section 3.1.
const sht4xTime = 10 * time.Millisecond

var _ = register(Driver{
	Name:      "sht4x",
	Aliases:   []string{"sht40", "sht41", "sht43", "sht45"},
	Title:     "Sensirion SHT40/41/43/45 temperature and humidity",
	Datasheet: "Sensirion SHT4x, version 6",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x44, 0x45, 0x46},
	Channels: []Channel{ // section 2: range, and repeatability of 0.04 °C and 0.08 %
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Open:  openSHT4x,
	Probe: probeSHT4x,
})

type sht4x struct {
	slot *bus.Slot
}

// openSHT4x resets the chip, which turns off a heater that someone else has
// turned on, and reads its serial number: with two CRCs that hold it is a
// Sensirion, and listens.
func openSHT4x(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &sht4x{slot}
	if err := sendCommand(ctx, slot, sht4xTime, sht4xReset); err != nil {
		return nil, fmt.Errorf("sht4x: soft reset: %w", err)
	}
	if _, _, err := s.words(ctx, sht4xSerial); err != nil {
		return nil, fmt.Errorf("sht4x: serial number: %w", err)
	}
	return s, nil
}

// probeSHT4x reads the serial number. The chips of the family cannot be told
// apart, and need not be.
func probeSHT4x(ctx context.Context, slot *bus.Slot) (Found, error) {
	high, low, err := (&sht4x{slot}).words(ctx, sht4xSerial)
	if err != nil {
		return Found{}, err
	}
	return Found{Model: "SHT4x", Serial: fmt.Sprintf("%04x%04x", high, low), Certain: true}, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *sht4x) Measure(ctx context.Context, out []float64) error {
	st, srh, err := s.words(ctx, sht4xMeasure)
	if err != nil {
		return fmt.Errorf("sht4x: measurement: %w", err)
	}
	out[0], out[1] = sht4xTemperature(st), sht4xHumidity(srh)
	return nil
}

// words sends cmd and returns the two words of its answer.
func (s *sht4x) words(ctx context.Context, cmd byte) (first, second uint16, err error) {
	var frame [6]byte
	if err := askCommand(ctx, s.slot, sht4xTime, cmd, frame[:]); err != nil {
		return 0, 0, err
	}
	words, err := parseSensirionWords(frame[:])
	if err != nil {
		return 0, 0, fmt.Errorf("answer to command 0x%02X: %w", cmd, err)
	}
	return words[0], words[1], nil
}

// sht4xTemperature returns the temperature in °C of the signal st. Section
// 4.6, formula 2.
func sht4xTemperature(st uint16) float64 {
	return -45 + 175*float64(st)/65535
}

// sht4xHumidity returns the relative humidity in % of the signal srh. Section
// 4.6, formula 1, and the text below it: near the ends the formula leaves
// what is physically possible, and is to be cropped to 0 to 100 %.
func sht4xHumidity(srh uint16) float64 {
	return min(max(-6+125*float64(srh)/65535, 0), 100)
}

// Sensirion SHT30, SHT31, SHT35 and SHT85: temperature and relative humidity.
//
//	chip       SHT3x-DIS, calibrated by its maker; the SHT85 is one on pins
//	bus        I²C up to 1 MHz; no clock stretching, by choice of the commands
//	addresses  0x44 (ADDR low), 0x45 (ADDR high)
//	datasheet  Sensirion SHT3x-DIS, version 6
//	checksum   CRC-8 after every 16-bit word
//
// Clock stretching is what the Raspberry Pi's I²C cannot do well: the chip is
// asked for its answer once it has it.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, sections 4.3 to 4.11.
const (
	sht3xMeasure = 0x2400 // single shot, high repeatability, no clock stretching
	sht3xBreak   = 0x3093 // ends periodic measurements
	sht3xReset   = 0x30A2 // soft reset: heater off, limits and status as at power-on
	sht3xStatus  = 0xF32D
)

// Times, table 4, with a reserve.
const (
	sht3xConvert = 17 * time.Millisecond // 15.5 ms
	sht3xShort   = 2 * time.Millisecond  // break 1 ms, reset 1.5 ms
)

var _ = register(Driver{
	Name:      "sht3x",
	Aliases:   []string{"sht30", "sht31", "sht35", "sht85"},
	Title:     "Sensirion SHT30/31/35/85 temperature and humidity",
	Datasheet: "Sensirion SHT3x-DIS, version 6 (commands, status and formulas confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x44, 0x45},
	Channels: []Channel{ // section 1: range, and repeatability of 0.04 °C and 0.08 %
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Open:  openSHT3x,
	Probe: probeSHT3x,
})

type sht3x struct{ slot *bus.Slot }

// openSHT3x ends what another program may have begun, periodic measurements
// and the heater, and reads the status: with a CRC that holds it listens.
func openSHT3x(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	for _, cmd := range []uint16{sht3xBreak, sht3xReset} {
		if err := sensirionCommand(ctx, slot, cmd, sht3xShort); err != nil {
			return nil, fmt.Errorf("sht3x: %w", err)
		}
	}
	if _, err := sensirionWords(ctx, slot, sht3xStatus, 0, 1); err != nil {
		return nil, fmt.Errorf("sht3x: status: %w", err)
	}
	return &sht3x{slot}, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *sht3x) Measure(ctx context.Context, out []float64) error {
	w, err := sensirionWords(ctx, s.slot, sht3xMeasure, sht3xConvert, 2)
	if err != nil {
		return fmt.Errorf("sht3x: measurement: %w", err)
	}
	out[0], out[1] = sht3xTemperature(w[0]), sht3xHumidity(w[1])
	return nil
}

// sht3xTemperature returns the temperature in °C of the signal st. Section
// 4.13.
func sht3xTemperature(st uint16) float64 { return -45 + 175*float64(st)/65535 }

// sht3xHumidity returns the relative humidity in % of the signal srh. Section
// 4.13.
func sht3xHumidity(srh uint16) float64 { return 100 * float64(srh) / 65535 }

// probeSHT3x reads the status, which an SHT4x does not have. An HDC302x has
// it, too, and a maker's identity besides.
func probeSHT3x(ctx context.Context, slot *bus.Slot) (Found, error) {
	if _, err := sensirionWords(ctx, slot, sht3xStatus, 0, 1); err != nil {
		return Found{}, err
	}
	if w, err := sensirionWords(ctx, slot, hdc302xMaker, 0, 1); err == nil && w[0] == hdc302xTI {
		return Found{}, fmt.Errorf("the answer to command 0x%04X is 0x%04X: this is an HDC302x", hdc302xMaker, w[0])
	}
	return Found{Model: "SHT3x", Certain: true}, nil
}

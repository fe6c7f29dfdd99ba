// NXP PCT2075 and LM75B: temperature in steps of 0.125 °C.
//
//	chip       PCT2075, LM75B and others of 11 bits
//	bus        I²C up to 1 MHz
//	addresses  0x48 to 0x4F with three pins, of the PCT2075 also 0x28 to 0x2F,
//	           0x35 to 0x37 and 0x70 to 0x77
//	datasheet  NXP PCT2075, revision 9
//	checksum   none
//
// An LM75 with two bits more: see there.

package driver

import (
	"context"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

var _ = register(Driver{
	Name:      "pct2075",
	Aliases:   []string{"lm75b"},
	Title:     "NXP PCT2075 and LM75B temperature, 11 bits",
	Datasheet: "NXP PCT2075, revision 9 (registers and bits of the LM75B as in Linux, addresses from memory)",
	Bus:       bus.I2C,
	Addrs: []uint16{
		0x37, // of Adafruit's board
		0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
		0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x35, 0x36,
		0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77,
	},
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -55, Max: 125, Decimals: 2},
	},
	Open: func(ctx context.Context, slot *bus.Slot) (Sensor, error) {
		return openLM75(ctx, slot, "pct2075", 11)
	},
})

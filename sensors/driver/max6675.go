// Maxim MAX6675: a thermocouple of type K.
//
//	chip       MAX6675
//	bus        SPI, mode 0, up to 4.3 MHz; it only sends
//	datasheet  Maxim 19-2235, revision 2
//	checksum   none: read twice, and the bits that are always 0 are looked at
//
// The chip measures all the time but while it is selected, and a value stays
// until the next one is there, so that reading twice gives the same.

package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// The 16 bits, table 1. Bit 0 is not driven.
const (
	max6675Reserved = 1<<15 | 1<<1 // always 0
	max6675Open     = 1 << 2
)

// max6675Convert is the time of a conversion: 0.22 s at most, electrical
// characteristics.
const max6675Convert = 250 * time.Millisecond

var _ = register(Driver{
	Name:      "max6675",
	Title:     "Maxim MAX6675 thermocouple, type K",
	Datasheet: "Maxim 19-2235, revision 2 (bits confirmed, longest conversion from memory)",
	Bus:       bus.SPI,
	MinPeriod: max6675Convert, // selected more often it never finishes
	Channels: []Channel{ // steps of 0.25 °C
		{Quantity: reading.Temperature, Min: 0, Max: 1023.75, Decimals: 2},
	},
	Wiring: "VCC to 3.3 V, SCK to SCLK, SO to MISO, CS to CE0 or CE1; MOSI stays free.\nT- of the board goes to ground, else a thermocouple that is not connected is not noticed.",
	Notes:  "It measures from 0 °C up, in steps of 0.25 °C, and is a few degrees off: good for an oven, not for a room.",
	Open:   openMAX6675,
})

type max6675 struct{ spiChip }

func openMAX6675(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	chip, err := openThermocouple(ctx, slot, "max6675", max6675Convert)
	if err != nil {
		return nil, err
	}
	return max6675{chip}, nil
}

// Measure implements [Sensor]: out is the temperature in °C.
func (s max6675) Measure(_ context.Context, out []float64) error {
	t, err := s.measure()
	if err != nil {
		return fmt.Errorf("max6675: %w", err)
	}
	out[0] = t
	return nil
}

func (s max6675) measure() (float64, error) {
	var v [2]uint16
	for i := range v {
		r, err := s.transfer(0, 0)
		if err != nil {
			return 0, err
		}
		v[i] = binary.BigEndian.Uint16(r)
	}
	if v[0]>>1 != v[1]>>1 { // bit 0 may be anything
		return 0, fmt.Errorf("two readings of the same are 0x%04X and 0x%04X: the transmission is disturbed; check wires and their length", v[0], v[1])
	}
	return parseMAX6675(v[0])
}

// parseMAX6675 returns the temperature in °C. Table 1.
func parseMAX6675(v uint16) (float64, error) {
	switch {
	case v == 1<<16-1:
		return 0, errors.New("all bits are 1: nothing drives SO; check power, SO and CS")
	case v&max6675Reserved != 0:
		return 0, fmt.Errorf("0x%04X has bits that are always 0: this is another chip, or the transmission is disturbed", v)
	case v&max6675Open != 0:
		return 0, fmt.Errorf("0x%04X: the thermocouple is not connected, or broken", v)
	case v>>3 == 0:
		return 0, fmt.Errorf("0x%04X: SO is held low, or it is 0 °C or colder, which the chip cannot measure; check power and wires", v)
	}
	return float64(v>>3) / 4, nil
}

// Maxim MAX31855: a thermocouple of type K, or of the type in the chip's name.
//
//	chip       MAX31855J, K, N, T, S, R, E
//	bus        SPI, mode 0, up to 5 MHz; it only sends
//	datasheet  Maxim 19-5793, MAX31855, revision 5
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
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// The 32 bits, tables 2 and 3.
const (
	max31855Reserved = 1<<17 | 1<<3 // always 0
	max31855Fault    = 1 << 16      // any of the three below
	max31855SCV      = 1 << 2
	max31855SCG      = 1 << 1
	max31855OC       = 1 << 0
)

// max31855Startup is how long the first value takes after the power comes:
// t_PU, electrical characteristics.
const max31855Startup = 200 * time.Millisecond

var _ = register(Driver{
	Name:      "max31855",
	Title:     "Maxim MAX31855 thermocouple",
	Datasheet: "Maxim 19-5793, revision 5 (tables 2 to 5 confirmed, times from memory)",
	Bus:       bus.SPI,
	MinPeriod: 200 * time.Millisecond, // selected more often than every 100 ms it never finishes
	Channels: []Channel{ // table 1 over all types; steps of 0.25 °C and 0.0625 °C
		{Quantity: reading.Temperature, Min: -270, Max: 1800, Decimals: 2},
		{Quantity: reading.Temperature.Of("internal"), Min: -55, Max: 127, Decimals: 2},
	},
	Wiring: "VCC to 3.3 V, CLK to SCLK, DO to MISO, CS to CE0 or CE1; MOSI stays free.\nThe thermocouple touches no ground, and its extension is of the same type.",
	Notes: "temperature_internal is that of the chip, where the thermocouple's wires end: keep it away from what gets warm. " +
		"The chip takes the thermocouple to be linear, which one of type K is not: it is up to 6 °C off between 0 and 1000 °C, and shows -143 °C when it is -200 °C. " +
		"Its type must be that in the chip's name, MAX31855K for K.",
	Open: openMAX31855,
})

type max31855 struct{ spiChip }

func openMAX31855(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	chip, err := openThermocouple(ctx, slot, "max31855", max31855Startup)
	if err != nil {
		return nil, err
	}
	return max31855{chip}, nil
}

// Measure implements [Sensor]: out is the temperature of the thermocouple and
// of the chip, in °C.
func (s max31855) Measure(_ context.Context, out []float64) error {
	r, err := s.transferTwice(0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("max31855: %w", err)
	}
	t, internal, err := parseMAX31855(binary.BigEndian.Uint32(r))
	if err != nil {
		return fmt.Errorf("max31855: %w", err)
	}
	out[0], out[1] = t, internal
	return nil
}

// parseMAX31855 returns the temperature of the thermocouple and of the chip,
// in °C. Tables 2 to 5.
func parseMAX31855(v uint32) (t, internal float64, err error) {
	switch {
	case v == 0:
		// Also what both being 0.00 °C would be, which is rarer than a wire.
		return 0, 0, errors.New("all bits are 0: MISO is held low, or the chip has no power; check the wires")
	case v == 1<<32-1:
		return 0, 0, errors.New("all bits are 1: nothing drives MISO; check power, MISO and CS")
	case v&max31855Reserved != 0:
		return 0, 0, fmt.Errorf("0x%08X has bits that are always 0: this is another chip, or the transmission is disturbed", v)
	}
	if err := max31855Faults(v); err != nil {
		return 0, 0, err
	}
	// Both are at the upper end of their half, so that shifting keeps the sign.
	return float64(int32(v)>>18) / 4, float64(int16(v)>>4) / 16, nil
}

// max31855Faults says what the chip finds wrong with its thermocouple.
func max31855Faults(v uint32) error {
	var faults []string
	for _, f := range []struct {
		bit  uint32
		says string
	}{
		{max31855OC, "is not connected, or broken"},
		{max31855SCG, "touches ground"},
		{max31855SCV, "touches the supply (VCC)"},
	} {
		if v&f.bit != 0 {
			faults = append(faults, f.says)
		}
	}
	if (v&max31855Fault != 0) != (len(faults) > 0) {
		return fmt.Errorf("0x%08X has a fault without a cause, or a cause without a fault: the transmission is disturbed", v)
	}
	if len(faults) > 0 {
		return fmt.Errorf("0x%08X: the thermocouple %s", v, strings.Join(faults, ", "))
	}
	return nil
}

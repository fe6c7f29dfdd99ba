// Texas Instruments TMP102 and TMP112: temperature to ±0.5 °C.
//
//	chip       TMP102, TMP112
//	bus        I²C up to 400 kHz
//	addresses  0x48 to 0x4B (ADD0)
//	datasheet  Texas Instruments TMP102, SBOS397
//	checksum   none
//
// One conversion at a time, in extended mode: bit 0 of a temperature is 1
// then, so that neither a blank register nor one of before can be taken for a
// temperature.

package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 7.5.
const (
	tmp102Temperature = 0x00
	tmp102Config      = 0x01
	tmp102Low         = 0x02
	tmp102High        = 0x03
)

// The configuration, section 7.5.3.
const (
	tmp102OneShot   = 1 << 15 // begins a conversion; reads 1 when there is none
	tmp102Bits      = 3 << 13 // always 1
	tmp102Shutdown  = 1 << 8
	tmp102Rate      = 2 << 6 // of continuous conversion, as after power-on
	tmp102Alert     = 1 << 5 // of the comparator
	tmp102Extended  = 1 << 4
	tmp102Settings  = tmp102Bits | tmp102Shutdown | tmp102Rate | tmp102Extended
	tmp102Unsettled = tmp102OneShot | tmp102Alert // what is not for us to set
	tmp102Then      = tmp102Bits | tmp102Rate     // after power-on

	tmp102LowThen  = 0x4B00 // after power-on
	tmp102HighThen = 0x5000
)

// Section 6.5: 26 ms typically, 35 ms at most.
const tmp102Convert = 35 * time.Millisecond

var _ = register(Driver{
	Name:      "tmp102",
	Aliases:   []string{"tmp112"},
	Title:     "Texas Instruments TMP102/TMP112 temperature",
	Datasheet: "Texas Instruments TMP102, SBOS397C (registers confirmed, longest conversion from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x48, 0x49, 0x4A, 0x4B},
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -55, Max: 150, Decimals: 2},
	},
	Open:  openTMP102,
	Probe: probeTMP102,
})

type tmp102 struct{ slot *bus.Slot }

// openTMP102 has the chip sleep: that it keeps the settings is all that can
// be known of it.
func openTMP102(_ context.Context, slot *bus.Slot) (Sensor, error) {
	err := slot.WriteWord(tmp102Config, tmp102Settings)
	if err == nil {
		err = wantWord(slot, tmp102Config, "config", tmp102Settings, ^uint16(tmp102Unsettled), anotherChip)
	}
	if err != nil {
		return nil, fmt.Errorf("tmp102: %w", err)
	}
	return &tmp102{slot}, nil
}

// Measure implements [Sensor]: out is temperature in °C.
func (s *tmp102) Measure(ctx context.Context, out []float64) error {
	v, err := s.convert(ctx)
	if err == nil && v&1 == 0 {
		err = fmt.Errorf("register 0x%02X (temperature) is 0x%04X: %w", tmp102Temperature, v, errTMP102Mode)
	}
	if err != nil {
		return fmt.Errorf("tmp102: %w", err)
	}
	out[0] = tmp102Degrees(v)
	return nil
}

var errTMP102Mode = errors.New("it was not measured in extended mode, the chip has lost its settings; check its power")

// convert takes one measurement.
func (s *tmp102) convert(ctx context.Context) (uint16, error) {
	if err := s.slot.WriteWord(tmp102Config, tmp102Settings|tmp102OneShot); err != nil {
		return 0, err
	}
	v, err := awaitWord(ctx, s.slot, tmp102Config, "config", tmp102OneShot, tmp102Convert)
	if err != nil {
		return 0, err
	}
	if err := sameWord(v, tmp102Config, "config", tmp102Settings, ^uint16(tmp102Unsettled), lostSettings); err != nil {
		return 0, err
	}
	return s.slot.ReadWordTwice(tmp102Temperature)
}

// tmp102Degrees returns the temperature in °C: signed, 13 bits if bit 0 is 1,
// otherwise 12. Section 7.5.2, tables 9 and 10.
func tmp102Degrees(v uint16) float64 {
	if v&1 != 0 {
		return float64(int16(v)>>3) / 16
	}
	return float64(int16(v)>>4) / 16
}

// probeTMP102 compares all that the chip has with what it is after power-on,
// but for what this gateway may have set.
func probeTMP102(_ context.Context, slot *bus.Slot) (Found, error) {
	const notAsNew = "this is another chip, or one with other settings"
	const ours = tmp102Unsettled | tmp102Shutdown | tmp102Extended
	if err := wantWord(slot, tmp102Config, "config", tmp102Then, ^uint16(ours), notAsNew); err != nil {
		return Found{}, err
	}
	if err := wantWord(slot, tmp102Low, "low limit", tmp102LowThen, 0xFFFF, notAsNew); err != nil {
		return Found{}, err
	}
	if err := wantWord(slot, tmp102High, "high limit", tmp102HighThen, 0xFFFF, notAsNew); err != nil {
		return Found{}, err
	}
	return Found{Model: "TMP102", Note: "it does not say what it is: a TMP102, a TMP112, or a chip much like them"}, nil
}

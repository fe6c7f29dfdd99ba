// Texas Instruments TMP117: temperature to ±0.1 °C.
//
//	chip       TMP117
//	bus        I²C up to 400 kHz
//	addresses  0x48 to 0x4B (ADD0)
//	datasheet  Texas Instruments TMP117, SNOSD82
//	checksum   none
//
// One measurement at a time, the mean of eight conversions as the chip does
// after power-on; asleep in between it does not warm itself.

package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 7.6.
const (
	tmp117Temperature = 0x00
	tmp117Config      = 0x01
	tmp117Device      = 0x0F
)

// What is in them.
const (
	tmp117OneShot   = 3 << 10 // config: mode
	tmp117DataReady = 1 << 13 // config
	tmp117Mean8     = 1 << 5  // config: averaging
	tmp117Reset     = 1 << 1  // config
	tmp117Ours      = 0x03F8  // config: cycle, averaging and what the alert pin does
	tmp117ID        = 0x0117  // device, the revision above it
	tmp117NoData    = 0x8000  // temperature: none yet, −256 °C
)

const (
	tmp117Startup = 3 * time.Millisecond   // section 6.5: 1.5 ms; a reset takes 2 ms
	tmp117Convert = 140 * time.Millisecond // section 6.5: eight of at most 17.5 ms
)

var _ = register(Driver{
	Name:      "tmp117",
	Title:     "Texas Instruments TMP117 temperature",
	Datasheet: "Texas Instruments TMP117, SNOSD82D (registers confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x48, 0x49, 0x4A, 0x4B},
	Channels: []Channel{ // section 6.5: repeatability of one step, 0.0078 °C
		{Quantity: reading.Temperature, Min: -55, Max: 150, Decimals: 3},
	},
	Notes: "The chip adds the offset of its register 7 by itself, if one was stored.",
	Open:  openTMP117,
	Probe: probeTMP117,
})

type tmp117 struct{ slot *bus.Slot }

// openTMP117 resets the chip, to what its memory says.
func openTMP117(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &tmp117{slot}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("tmp117: %w", err)
	}
	return s, nil
}

func (s *tmp117) prepare(ctx context.Context) error {
	if err := wantWord(s.slot, tmp117Device, "device", tmp117ID, 0x0FFF, anotherChip); err != nil {
		return err
	}
	if err := s.slot.WriteWord(tmp117Config, tmp117Reset); err != nil {
		return err
	}
	if err := bus.Wait(ctx, tmp117Startup); err != nil {
		return fmt.Errorf("wait for the reset by register 0x%02X (config): %w", tmp117Config, err)
	}
	return nil
}

// Measure implements [Sensor]: out is temperature in °C.
func (s *tmp117) Measure(ctx context.Context, out []float64) error {
	v, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("tmp117: %w", err)
	}
	t, err := parseTMP117(v)
	if err != nil {
		return fmt.Errorf("tmp117: %w", err)
	}
	out[0] = t
	return nil
}

// convert takes one measurement.
func (s *tmp117) convert(ctx context.Context) (uint16, error) {
	const settings = tmp117OneShot | tmp117Mean8
	if err := s.slot.WriteWord(tmp117Config, settings); err != nil {
		return 0, err
	}
	v, err := awaitWord(ctx, s.slot, tmp117Config, "config", tmp117DataReady, tmp117Convert)
	if err != nil {
		return 0, err
	}
	if err := sameWord(v, tmp117Config, "config", settings, tmp117Ours, lostSettings); err != nil {
		return 0, err
	}
	return s.slot.ReadWordTwice(tmp117Temperature)
}

var errTMP117NoData = errors.New("nothing was measured yet, the chip was reset; check its power")

// parseTMP117 returns the temperature in °C: signed, in 1/128 °C. Section
// 7.3.3, table 7-1.
func parseTMP117(v uint16) (float64, error) {
	if v == tmp117NoData {
		return 0, fmt.Errorf("register 0x%02X (temperature) is 0x%04X: %w", tmp117Temperature, v, errTMP117NoData)
	}
	return float64(int16(v)) / 128, nil
}

func probeTMP117(_ context.Context, slot *bus.Slot) (Found, error) {
	if err := wantWord(slot, tmp117Device, "device", tmp117ID, 0x0FFF, anotherChip); err != nil {
		return Found{}, err
	}
	return Found{Model: "TMP117", Certain: true}, nil
}

// LM75 and what was made like it: temperature in steps of 0.5 °C.
//
//	chip       LM75, LM75C, DS75 and others of 9 bits; see pct2075 for 11 bits
//	bus        I²C up to 400 kHz
//	addresses  0x48 to 0x4F (A0, A1, A2)
//	datasheet  Texas Instruments LM75A, SNOS808
//	checksum   none
//
// It sleeps between two measurements: what it then holds does not change and
// can be read twice, and it does not warm itself.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 7.5, and what is in them.
const (
	lm75Temperature = 0x00
	lm75Config      = 0x01 // 8 bits
	lm75Hysteresis  = 0x02
	lm75Limit       = 0x03

	lm75Shutdown       = 1      // config; all else 0 is after power-on
	lm75HysteresisThen = 0x4B00 // 75 °C
	lm75Ours           = 0x4A00 // 74 °C: one that has 75 has lost its power since
	lm75LimitThen      = 0x5000
)

// Section 6.5: a conversion takes 100 ms typically and 300 ms at most. Of an
// 11-bit chip it is 100 ms.
const lm75Convert = 300 * time.Millisecond

var _ = register(Driver{
	Name:      "lm75",
	Aliases:   []string{"lm75c", "ds75"},
	Title:     "LM75 temperature, 9 bits",
	Datasheet: "Texas Instruments LM75A, SNOS808 (registers and bits as in Linux, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F},
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -55, Max: 125, Decimals: 1},
	},
	Notes: "Chips of this kind differ in resolution and do not say what they are. This driver takes 9 bits, which all have. " +
		"For an LM75B or a PCT2075, which have 11, choose pct2075. Boards sold as LM75A may have either.",
	Open: func(ctx context.Context, slot *bus.Slot) (Sensor, error) {
		return openLM75(ctx, slot, "lm75", 9)
	},
	Probe: probeLM75,
})

// lm75 is a chip of the kind, of 9 or 11 bits.
type lm75 struct {
	slot *bus.Slot
	name string // of the driver
	bits int
}

// openLM75 has the chip sleep: that it keeps what is set is all that can be
// known of it.
func openLM75(ctx context.Context, slot *bus.Slot, name string, bits int) (Sensor, error) {
	s := &lm75{slot, name, bits}
	err := slot.WriteWord(lm75Hysteresis, lm75Ours)
	if err == nil {
		err = s.sleep(ctx)
	}
	if err == nil {
		err = s.unchanged(anotherChip)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is temperature in °C.
func (s *lm75) Measure(ctx context.Context, out []float64) error {
	v, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	out[0] = lm75Degrees(v, s.bits)
	return nil
}

// convert wakes the chip for one conversion.
func (s *lm75) convert(ctx context.Context) (uint16, error) {
	if err := s.slot.WriteWord(lm75Hysteresis, lm75Ours); err != nil {
		return 0, err
	}
	if err := s.slot.WriteRegister(lm75Config, 0); err != nil {
		return 0, err
	}
	if err := bus.Wait(ctx, lm75Convert); err != nil {
		return 0, fmt.Errorf("wait for register 0x%02X (temperature): %w", lm75Temperature, err)
	}
	if err := s.sleep(ctx); err != nil {
		return 0, err
	}
	v, err := s.slot.ReadWordTwice(lm75Temperature)
	if err != nil {
		return 0, err
	}
	return v, s.unchanged(lostSettings)
}

// unchanged makes sure that the chip has had power since its hysteresis was
// set: what a temperature is before the first conversion is not defined.
func (s *lm75) unchanged(otherwise string) error {
	return wantWord(s.slot, lm75Hysteresis, "hysteresis", lm75Ours, 0xFFFF, otherwise)
}

// sleep also makes sure that there is a chip, and that it did as it was told.
func (s *lm75) sleep(context.Context) error {
	if err := s.slot.WriteRegister(lm75Config, lm75Shutdown); err != nil {
		return err
	}
	var config [1]byte
	if err := s.slot.ReadRegisters(lm75Config, config[:]); err != nil {
		return err
	}
	if config[0] != lm75Shutdown {
		return fmt.Errorf("register 0x%02X (config) is 0x%02X in place of 0x%02X: %s",
			lm75Config, config[0], lm75Shutdown, lostSettings)
	}
	return nil
}

// lm75Degrees returns the temperature in °C: the upper bits, signed, of which
// the last eight of a whole degree are 1. What the lower ones hold is not
// defined. Section 7.5.2.
func lm75Degrees(v uint16, bits int) float64 {
	return float64(int16(v)>>(16-bits)<<(16-bits)) / 256
}

// probeLM75 compares all that the chip has with what it is after power-on,
// but for what this gateway may have set.
func probeLM75(_ context.Context, slot *bus.Slot) (Found, error) {
	const notAsNew = "this is another chip, or one with other settings"
	if err := wantWord(slot, lm75Hysteresis, "hysteresis", lm75HysteresisThen, ^uint16(lm75HysteresisThen^lm75Ours), notAsNew); err != nil {
		return Found{}, err
	}
	if err := wantWord(slot, lm75Limit, "limit", lm75LimitThen, 0xFFFF, notAsNew); err != nil {
		return Found{}, err
	}
	var config [1]byte
	if err := slot.ReadRegisters(lm75Config, config[:]); err != nil {
		return Found{}, err
	}
	if config[0]&^lm75Shutdown != 0 { // a TMP102 has 0x60
		return Found{}, fmt.Errorf("register 0x%02X (config) is 0x%02X: %s", lm75Config, config[0], notAsNew)
	}
	return Found{Model: "LM75", Note: "it does not say what it is: choose lm75, or pct2075 for an LM75B or PCT2075"}, nil
}

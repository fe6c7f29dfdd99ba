// Texas Instruments INA226: voltage, current and power of a direct current,
// finer than an INA219.
//
//	chip       INA226
//	bus        I²C up to 400 kHz and more
//	addresses  0x40 to 0x4F (A0, A1)
//	datasheet  Texas Instruments INA226, SBOS547
//	checksum   none
//
// It measures when it is asked, the mean of 64 conversions, and sleeps in
// between: what it then holds does not change and can be read twice. Current
// and power are calculated here; see shunt.go. An INA260 is one with its shunt
// inside.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 7.6.
const (
	ina226Config = 0x00
	ina226Shunt  = 0x01 // signed; of an INA260 the current
	ina226Bus    = 0x02
	ina226Mask   = 0x06 // mask/enable
	ina226Maker  = 0xFE
	ina226Die    = 0xFF
)

// What is in them.
const (
	ina226Reset  = 1 << 15
	ina226Mean64 = 3 << 9
	ina226Time   = 4<<6 | 4<<3 // config: 1.1 ms for each, bus and shunt
	ina226Once   = 3           // config: both, triggered
	ina226Mode   = 7           // config: mask of what of it the chip may change
	ina226Ready  = 1 << 3      // mask/enable: CVRF, cleared by reading it

	ina226TI    = 0x5449 // manufacturer, "TI"
	ina226Chip  = 0x2260 // die, revision in the lowest four bits
	ina226Fixed = 4 << 12
)

const (
	ina226Startup = time.Millisecond
	ina226Convert = 156 * time.Millisecond // section 6.5: 64 times twice 1.21 ms at most
)

const (
	ina226ShuntStep = 2.5e-6  // V
	ina226BusStep   = 1.25e-3 // V
)

var ina226Scale = shuntScale{ohms: 0.1, step: ina226ShuntStep, full: 32767 * ina226ShuntStep, volts: 36}

var _ = register(Driver{
	Name:      "ina226",
	Title:     "Texas Instruments INA226 voltage, current and power",
	Datasheet: "Texas Instruments INA226, SBOS547B (registers confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs: []uint16{
		0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
	},
	Channels: ina226Channels(ina226Scale),
	Options:  []Option{shuntOption},
	Wiring:   "The current flows from IN+ to IN−; the voltage is that of VBUS against GND, to be joined to the load's side, IN−. At most 36 V.",
	Open: func(ctx context.Context, slot *bus.Slot) (Sensor, error) {
		scale := ina226Scale
		scale.ohms = options(slot.Options).number("shunt")
		s := &ina226{inaChip: inaChip{slot: slot, name: "ina226", fixed: ina226Fixed, die: ina226Chip}, scale: scale}
		if err := s.open(ctx); err != nil {
			return nil, err
		}
		return s, nil
	},
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		if err := identifyINA(slot, ina226Chip); err != nil {
			return Found{}, err
		}
		return Found{Model: "INA226", Certain: true}, nil
	},
})

func ina226Channels(s shuntScale) []Channel {
	return []Channel{
		{Quantity: reading.Voltage, Min: 0, Max: s.volts, Decimals: 3},
		s.current(reading.Current),
		s.power(reading.Power),
		s.drop(reading.Voltage.Of("shunt")),
	}
}

// inaChip is what INA226 and INA260 have in common.
type inaChip struct {
	slot  *bus.Slot
	name  string // of the driver
	fixed uint16 // bits of config that are always 1
	die   uint16
}

func (c *inaChip) open(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// prepare resets the chip.
func (c *inaChip) prepare(ctx context.Context) error {
	if err := identifyINA(c.slot, c.die); err != nil {
		return err
	}
	if err := c.slot.WriteWord(ina226Config, ina226Reset); err != nil {
		return err
	}
	if err := bus.Wait(ctx, ina226Startup); err != nil {
		return fmt.Errorf("wait for the reset by register 0x%02X (config): %w", ina226Config, err)
	}
	return nil
}

// identifyINA refuses what is not TI's chip of this die. The revision may be
// any.
func identifyINA(slot *bus.Slot, die uint16) error {
	if err := wantWord(slot, ina226Maker, "manufacturer", ina226TI, 0xFFFF, anotherChip); err != nil {
		return err
	}
	return wantWord(slot, ina226Die, "die", die, 0xFFF0, anotherChip)
}

// convert takes one measurement and returns registers 1 and 2. The settings
// are looked at last: a chip that has lost its power by then shows zeros.
func (c *inaChip) convert(ctx context.Context) (first, volts uint16, err error) {
	settings := c.fixed | ina226Mean64 | ina226Time | ina226Once
	if err := c.slot.WriteWord(ina226Config, settings); err != nil {
		return 0, 0, err
	}
	if _, err := awaitWord(ctx, c.slot, ina226Mask, "mask/enable", ina226Ready, ina226Convert); err != nil {
		return 0, 0, err
	}
	if first, err = c.slot.ReadWordTwice(ina226Shunt); err != nil {
		return 0, 0, err
	}
	if volts, err = c.slot.ReadWordTwice(ina226Bus); err != nil {
		return 0, 0, err
	}
	return first, volts, wantWord(c.slot, ina226Config, "config", settings, ^uint16(ina226Mode), lostSettings)
}

type ina226 struct {
	inaChip
	scale shuntScale
}

// Channels implements [Channeler]: the ranges are those of the shunt.
func (s *ina226) Channels() []Channel { return ina226Channels(s.scale) }

// Measure implements [Sensor]: out is the bus voltage in V, current in A,
// power in W, and the voltage over the shunt in V.
func (s *ina226) Measure(ctx context.Context, out []float64) error {
	shunt, volts, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("ina226: %w", err)
	}
	drop, u, err := s.scale.ina226(shunt, volts)
	if err != nil {
		return fmt.Errorf("ina226: %w", err)
	}
	i := drop / s.scale.ohms
	out[0], out[1], out[2], out[3] = u, i, u*i, drop
	return nil
}

// ina226 returns the voltages over the shunt and of the bus, in V, of the
// registers 1 and 2. Sections 7.6.2 and 7.6.3. The bus is never negative.
func (s shuntScale) ina226(shunt, volts uint16) (drop, u float64, err error) {
	if shunt == 0x7FFF || shunt == 0x8000 {
		return 0, 0, s.beyond(ina226Shunt, shunt, smallerShunt)
	}
	return float64(int16(shunt)) * ina226ShuntStep, float64(int16(volts)) * ina226BusStep, nil
}

// Texas Instruments INA219: voltage, current and power of a direct current.
//
//	chip       INA219
//	bus        I²C up to 400 kHz and more
//	addresses  0x40 to 0x4F (A0, A1)
//	datasheet  Texas Instruments INA219, SBOS448
//	checksum   none
//
// It measures when it is asked, the mean of 128 conversions, and sleeps in
// between: what it then holds does not change and can be read twice. Current
// and power are calculated here; see shunt.go.

package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 8.6.
const (
	ina219Config = 0x00
	ina219Shunt  = 0x01 // signed, 10 µV
	ina219Bus    = 0x02 // 4 mV in the upper 13 bits
)

// What is in them.
const (
	ina219Reset    = 1 << 15
	ina219Then     = 0x399F  // config after a reset
	ina219To32V    = 1 << 13 // range of the bus voltage; the step is the same
	ina219Mean128  = 0xF<<7 | 0xF<<3
	ina219Once     = 3      // shunt and bus, triggered
	ina219Mode     = 7      // mask of what of it the chip may change
	ina219Ready    = 1 << 1 // bus: CNVR
	ina219Overflow = 1 << 0 // bus: OVF
)

const (
	ina219Startup = time.Millisecond       // a reset; 40 µs from power-down
	ina219Convert = 150 * time.Millisecond // table 5: twice 68.1 ms, and a tenth
)

// Scales.
const (
	ina219ShuntStep = 10e-6 // V
	ina219BusStep   = 4e-3  // V
	ina219Least     = 0.04  // V over the shunt with gain 1; 2, 4 and 8 times that with the others
	ina219Gains     = 4
)

var ina219Scale = shuntScale{ohms: 0.1, step: ina219ShuntStep, full: 8 * ina219Least, volts: 26}

var _ = register(Driver{
	Name:      "ina219",
	Title:     "Texas Instruments INA219 voltage, current and power",
	Datasheet: "Texas Instruments INA219, SBOS448G (registers confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs: []uint16{
		0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
	},
	Channels: ina219Channels(ina219Scale),
	Options: []Option{shuntOption, {
		Name: "max_current", Type: Number, Min: 1e-6, Max: 10000,
		Doc: "Largest current in A, either way: where it is small, the chip measures with less offset. Nothing is all that the shunt allows.",
	}},
	Wiring: "The current flows from VIN+ to VIN−; the voltage is that of VIN−, behind the shunt, against GND. At most 26 V.",
	Check:  func(o map[string]string) error { return (&ina219{scale: ina219Scale}).choose(o) },
	Open:   openINA219,
	Probe:  probeINA219,
})

func ina219Channels(s shuntScale) []Channel {
	return []Channel{
		{Quantity: reading.Voltage, Min: 0, Max: s.volts, Decimals: 3},
		s.current(reading.Current),
		s.power(reading.Power),
		s.drop(reading.Voltage.Of("shunt")),
	}
}

type ina219 struct {
	slot  *bus.Slot
	scale shuntScale
	gain  int // PG, section 8.6.2.1: 0 to 3
}

func openINA219(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &ina219{slot: slot, scale: ina219Scale}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("ina219: %w", err)
	}
	return s, nil
}

// prepare resets the chip, for after that it is known what it holds.
func (s *ina219) prepare(ctx context.Context) error {
	if err := s.choose(options(s.slot.Options)); err != nil {
		return err
	}
	if err := s.slot.WriteWord(ina219Config, ina219Reset); err != nil {
		return err
	}
	if err := bus.Wait(ctx, ina219Startup); err != nil {
		return fmt.Errorf("wait for the reset by register 0x%02X (config): %w", ina219Config, err)
	}
	return wantWord(s.slot, ina219Config, "config after a reset", ina219Then, 0xFFFF, anotherChip)
}

// choose takes the smallest range over the shunt that has room for the largest
// current.
func (s *ina219) choose(o options) error {
	s.scale.ohms = o.number("shunt")
	most := o.number("max_current") * s.scale.ohms
	const little = 1 + 1e-9 // 0.4 A over 0.1 Ω are not quite 0.04 V
	if most > s.scale.full*little {
		return fmt.Errorf("option max_current: %v A over %v Ω are %.3g V, and the chip measures %v V at most: use a smaller shunt",
			o["max_current"], s.scale.ohms, most, s.scale.full)
	}
	s.gain = ina219Gains - 1
	for s.gain > 0 && most > 0 && most <= s.scale.full/2*little {
		s.gain--
		s.scale.full /= 2
	}
	return nil
}

// Channels implements [Channeler]: the ranges are those of the shunt.
func (s *ina219) Channels() []Channel { return ina219Channels(s.scale) }

// Measure implements [Sensor]: out is the bus voltage in V, current in A,
// power in W, and the voltage over the shunt in V.
func (s *ina219) Measure(ctx context.Context, out []float64) error {
	shunt, volts, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("ina219: %w", err)
	}
	drop, u, err := s.scale.ina219(shunt, volts)
	if err != nil {
		return fmt.Errorf("ina219: %w", err)
	}
	i := drop / s.scale.ohms
	out[0], out[1], out[2], out[3] = u, i, u*i, drop
	return nil
}

// convert takes one measurement and returns registers 1 and 2. The settings
// are looked at last: a chip that has lost its power by then shows zeros.
func (s *ina219) convert(ctx context.Context) (shunt, volts uint16, err error) {
	settings := ina219To32V | uint16(s.gain)<<11 | ina219Mean128 | ina219Once
	if err := s.slot.WriteWord(ina219Config, settings); err != nil {
		return 0, 0, err
	}
	if _, err := awaitWord(ctx, s.slot, ina219Bus, "bus voltage", ina219Ready, ina219Convert); err != nil {
		return 0, 0, err
	}
	if shunt, err = s.slot.ReadWordTwice(ina219Shunt); err != nil {
		return 0, 0, err
	}
	if volts, err = s.slot.ReadWordTwice(ina219Bus); err != nil {
		return 0, 0, err
	}
	return shunt, volts, wantWord(s.slot, ina219Config, "config", settings, ^uint16(ina219Mode), lostSettings)
}

var errINA219Overflow = errors.New("the chip calculated beyond its scale; if this stays, interrupt its power")

// ina219 returns the voltages over the shunt and of the bus, in V, of the
// registers 1 and 2. Sections 8.6.3.1 and 8.6.3.2.
func (s shuntScale) ina219(shunt, volts uint16) (drop, u float64, err error) {
	if volts&ina219Overflow != 0 {
		return 0, 0, fmt.Errorf("register 0x%02X (bus voltage) is 0x%04X: %w", ina219Bus, volts, errINA219Overflow)
	}
	drop = float64(int16(shunt)) * ina219ShuntStep
	if end := int(s.full/ina219ShuntStep + 0.5); int(int16(shunt)) >= end || int(int16(shunt)) <= -end {
		return 0, 0, s.beyond(ina219Shunt, shunt, "use a smaller shunt, or a greater max_current")
	}
	return drop, float64(volts>>3) * ina219BusStep, nil
}

// probeINA219 knows the chip by its configuration after power-on. Once it has
// been used, nothing tells it from others.
func probeINA219(_ context.Context, slot *bus.Slot) (Found, error) {
	if err := wantWord(slot, ina219Config, "config", ina219Then, 0xFFFF, "this is another chip, or one that was used"); err != nil {
		return Found{}, err
	}
	return Found{Model: "INA219", Note: "it does not say what it is, but is set as an INA219 is after power-on"}, nil
}

// Maxim MAX31865: a platinum resistance thermometer, Pt100 or Pt1000.
//
//	chip       MAX31865
//	bus        SPI, modes 1 and 3, up to 5 MHz
//	datasheet  Maxim 19-6478, revision 3; IEC 60751 for the thermometer
//	checksum   none: read twice, together with what was written
//
// The current through the thermometer warms it, so it flows only during a
// measurement. Before each, the chip looks for broken wires.

package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Registers, table 1. To write to one, 0x80 is added to its number.
const (
	max31865Config    = 0x00
	max31865RTD       = 0x01 // 2 of them
	max31865Threshold = 0x03 // 4 of them: high and low fault threshold
	max31865Status    = 0x07 // fault status
	max31865Write     = 0x80
)

// What is in the configuration, table 2.
const (
	max31865Bias   = 1 << 7 // the current flows
	max31865Shot   = 1 << 5 // begin a conversion; falls by itself
	max31865Wires3 = 1 << 4
	max31865Detect = 1 << 2 // begin the automatic fault detection; falls by itself
	max31865Clear  = 1 << 1 // clear the fault status; falls by itself
	max31865Hz50   = 1 << 0 // filter for 50 Hz; 60 Hz without
)

const (
	// Until the voltage at the input has settled: 10.5 time constants of the
	// filter on the board, usually 100 nF, and 1 ms. Table 2, one-shot.
	max31865Settle  = 10 * time.Millisecond
	max31865Look    = 2 * time.Millisecond  // fault detection: 0.55 ms
	max31865Convert = 68 * time.Millisecond // t_CONV, single: 66 ms at most with 50 Hz, 55 ms with 60 Hz
)

var _ = register(Driver{
	Name:      "max31865",
	Title:     "Maxim MAX31865 Pt100/Pt1000 thermometer",
	Datasheet: "Maxim 19-6478, revision 3 (registers and faults confirmed, longest times from memory); IEC 60751",
	Bus:       bus.SPI,
	Channels: []Channel{ // IEC 60751; steps of 0.03 °C
		{Quantity: reading.Temperature, Min: -200, Max: 850, Decimals: 2},
	},
	Options: []Option{
		{Name: "rtd", Default: "pt100", Allowed: []string{"pt100", "pt1000"}, Doc: "The thermometer: its resistance at 0 °C is 100 or 1000 Ω."},
		{Name: "reference_resistor", Type: Number, Min: 100, Max: 10000, Doc: "Resistance of the reference resistor on the board in Ω, measured if you can; without it, 430 for a pt100 and 4300 for a pt1000."},
		{Name: "wires", Default: "4", Allowed: []string{"2", "3", "4"}, Doc: "How many wires the thermometer has, for which the board's jumpers must be set, too."},
		{Name: "mains", Default: "50", Allowed: []string{"50", "60"}, Doc: "Frequency of the mains in Hz, whose hum is filtered out."},
	},
	Wiring: "VIN to 3.3 V, CLK to SCLK, SDO to MISO, SDI to MOSI, CS to CE0 or CE1.\nThe board's jumpers must suit the number of wires, and its reference resistor the thermometer: 430 Ω for a Pt100, 4300 Ω for a Pt1000.",
	Notes:  "With 2 wires the resistance of the cable is measured, too: with a Pt100, 0.4 Ω are 1 °C.",
	Open:   openMAX31865,
})

type max31865 struct {
	spiChip
	config  byte    // wires and filter
	r0, ref float64 // Ω
}

func openMAX31865(_ context.Context, slot *bus.Slot) (Sensor, error) {
	s := newMAX31865(slot.Options)
	var err error
	if s.spiChip, err = openSPI(slot, "max31865", physic.MegaHertz, spi.Mode1); err != nil {
		return nil, err
	}
	if err := s.set(); err != nil {
		s.Close()
		return nil, fmt.Errorf("max31865: %w", err)
	}
	return s, nil
}

// newMAX31865 returns a sensor as the options have it, not connected.
func newMAX31865(o options) *max31865 {
	s := &max31865{r0: 100, ref: 430}
	if o["rtd"] == "pt1000" {
		s.r0, s.ref = 1000, 4300
	}
	if o["reference_resistor"] != "" {
		s.ref = o.number("reference_resistor")
	}
	if o["wires"] == "3" {
		s.config |= max31865Wires3
	}
	if o["mains"] == "50" {
		s.config |= max31865Hz50
	}
	return s
}

// set writes the configuration, and the fault thresholds, which another
// program may have changed. Reading them back tells that the chip is there.
func (s *max31865) set() error {
	if err := s.configure(0); err != nil {
		return err
	}
	// As after power-on, page 15: no resistance is too high or too low.
	if _, err := s.transfer(max31865Threshold|max31865Write, 0xFF, 0xFF, 0x00, 0x00); err != nil {
		return fmt.Errorf("write registers from 0x%02X (fault thresholds): %w", max31865Threshold, err)
	}
	_, err := s.registers(0)
	return err
}

// Measure implements [Sensor]: out is the temperature in °C.
func (s *max31865) Measure(ctx context.Context, out []float64) error {
	regs, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("max31865: %w", err)
	}
	t, err := s.temperature(regs)
	if err != nil {
		return fmt.Errorf("max31865: %w", err)
	}
	out[0] = t
	return nil
}

// convert takes one measurement and returns the registers after it. The
// current flows no longer than that, even if ctx ends meanwhile.
func (s *max31865) convert(ctx context.Context) (regs [8]byte, err error) {
	for _, step := range []struct {
		bits byte
		wait time.Duration
	}{
		{max31865Bias | max31865Clear, max31865Settle},
		{max31865Bias | max31865Detect, max31865Look},
		{max31865Bias | max31865Shot, max31865Convert},
	} {
		if err := s.configure(step.bits); err != nil {
			return regs, err
		}
		if err := bus.Wait(ctx, step.wait); err != nil {
			s.configure(0) // there is an error already
			return regs, fmt.Errorf("wait for register 0x%02X (configuration) 0x%02X: %w", max31865Config, step.bits, err)
		}
	}
	regs, err = s.registers(max31865Bias)
	if off := s.configure(0); err == nil {
		err = off
	}
	return regs, err
}

// configure writes wires, filter and bits to the configuration.
func (s *max31865) configure(bits byte) error {
	if _, err := s.transfer(max31865Config|max31865Write, s.config|bits); err != nil {
		return fmt.Errorf("write register 0x%02X (configuration): %w", max31865Config, err)
	}
	return nil
}

// registers returns all of them. What was written must be in them, with bits
// left in the configuration.
func (s *max31865) registers(bits byte) (regs [8]byte, err error) {
	r, err := s.transferTwice(max31865Config, 0, 0, 0, 0, 0, 0, 0, 0)
	if err != nil {
		return regs, fmt.Errorf("read registers from 0x%02X: %w", max31865Config, err)
	}
	regs = [8]byte(r[1:])
	thresholds := binary.BigEndian.Uint32(regs[max31865Threshold:]) &^ 0x00010001 // 15 bits each
	switch want := s.config | bits; {
	case regs == [8]byte{}, binary.BigEndian.Uint64(regs[:]) == math.MaxUint64:
		return regs, fmt.Errorf("registers from 0x%02X are all 0x%02X: nothing drives MISO; check power, wires and CS", max31865Config, regs[0])
	case regs[max31865Config] != want:
		return regs, fmt.Errorf("register 0x%02X (configuration) is 0x%02X in place of 0x%02X: the chip lost its power, or is not a MAX31865", max31865Config, regs[0], want)
	case thresholds != 0xFFFE0000:
		return regs, fmt.Errorf("registers from 0x%02X (fault thresholds) are % X in place of FF FF 00 00: the chip lost its settings, or is not a MAX31865",
			max31865Threshold, regs[max31865Threshold:max31865Status])
	}
	return regs, nil
}

// temperature returns the temperature in °C that the registers say.
func (s *max31865) temperature(regs [8]byte) (float64, error) {
	rtd := binary.BigEndian.Uint16(regs[max31865RTD:])
	if err := max31865Faults(rtd, regs[max31865Status]); err != nil {
		return 0, err
	}
	r := float64(rtd>>1) * s.ref / 32768 // page 19, "Converting RTD Data"
	t, err := platinum(r / s.r0)
	if err != nil {
		return 0, fmt.Errorf("registers from 0x%02X (RTD) say %.1f Ω: %w; check the options rtd and reference_resistor", max31865RTD, r, err)
	}
	return t, nil
}

// max31865Faults says what the chip finds wrong. Tables 10 to 12.
func max31865Faults(rtd uint16, status byte) error {
	var faults []string
	for _, f := range []struct {
		bit  byte
		says string
	}{
		{1 << 7, "the thermometer is not connected, or broken"},
		{1 << 6, "the thermometer is shorted"},
		{1 << 5, "REFIN- is too high: a wire is not connected, or touches the supply"},
		{1 << 4, "REFIN- is too low: a wire touches ground"},
		{1 << 3, "RTDIN- is too low: a wire touches ground"},
		{1 << 2, "a wire has a voltage above the supply or below ground"},
	} {
		if status&f.bit != 0 {
			faults = append(faults, f.says)
		}
	}
	switch {
	case len(faults) > 0:
		return fmt.Errorf("register 0x%02X (fault status) is 0x%02X: %s", max31865Status, status, strings.Join(faults, "; "))
	case status != 0 || rtd&1 != 0:
		return fmt.Errorf("registers from 0x%02X (RTD) 0x%04X and 0x%02X (fault status) 0x%02X do not fit together: the transmission is disturbed",
			max31865RTD, rtd, max31865Status, status)
	case rtd>>1 == 0:
		return fmt.Errorf("registers from 0x%02X (RTD) are 0x%04X: the thermometer is shorted", max31865RTD, rtd)
	case rtd>>1 == 0x7FFF:
		return fmt.Errorf("registers from 0x%02X (RTD) are 0x%04X: the thermometer is not connected, or broken", max31865RTD, rtd)
	}
	return nil
}

var errPlatinum = errors.New("no platinum thermometer has so much at temperatures that it survives")

// platinum returns the temperature in °C at which a platinum thermometer has
// that many times its resistance at 0 °C. IEC 60751, the equation of Callendar
// and Van Dusen:
//
//	R/R₀ = 1 + A·t + B·t² + C·(t − 100 °C)·t³, with C = 0 from 0 °C on
//
// From 0 °C on it is solved directly. Below, that is 2 °C off at −200 °C, and
// only where Newton's method begins.
func platinum(ratio float64) (float64, error) {
	const a, b, c = 3.9083e-3, -5.775e-7, -4.183e-12
	if ratio > 4 { // that of 883 °C
		return 0, errPlatinum
	}
	t := (-a + math.Sqrt(a*a-4*b*(1-ratio))) / (2 * b)
	if ratio >= 1 {
		return t, nil
	}
	for range 6 { // three are enough from −242 °C, that of 0 Ω, up
		f := 1 + a*t + b*t*t + c*(t-100)*t*t*t - ratio
		t -= f / (a + 2*b*t + c*(4*t-300)*t*t)
	}
	return t, nil
}

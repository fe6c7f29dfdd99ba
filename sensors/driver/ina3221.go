// Texas Instruments INA3221: voltage, current and power of three direct
// currents.
//
//	chip       INA3221
//	bus        I²C up to 400 kHz and more
//	addresses  0x40 to 0x43 (A0)
//	datasheet  Texas Instruments INA3221, SBOS576
//	checksum   none
//
// It measures when it is asked, the mean of 16 conversions, and sleeps in
// between: what it then holds does not change and can be read twice. It
// calculates nothing; current and power are calculated here.

package driver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 8.6.2. Those of channel 2 and 3 follow those of 1.
const (
	ina3221Config = 0x00
	ina3221Shunt1 = 0x01 // signed, 40 µV in the upper 13 bits
	ina3221Bus1   = 0x02 // signed, 8 mV in the upper 13 bits
	ina3221Mask   = 0x0F // mask/enable
)

// What is in them. Manufacturer and die are where those of an INA226 are.
const (
	ina3221Reset   = 1 << 15
	ina3221Enable1 = 1 << 14 // config; 2 and 3 are below it
	ina3221Mean16  = 2 << 9
	ina3221Time    = 4<<6 | 4<<3 // config: 1.1 ms for each, bus and shunt
	ina3221Once    = 3           // config: both, single-shot
	ina3221Mode    = 7           // config: mask of what of it the chip may change
	ina3221Ready   = 1 << 0      // mask/enable: CVRF, cleared by reading it
	ina3221Chip    = 0x3220      // die
)

const (
	ina3221Startup = time.Millisecond
	ina3221Convert = 39 * time.Millisecond // section 7.5: for a channel, 16 times twice 1.21 ms at most
)

const (
	ina3221ShuntStep = 40e-6 // V
	ina3221BusStep   = 8e-3  // V
)

var ina3221Scale = shuntScale{ohms: 0.1, step: ina3221ShuntStep, full: 4095 * ina3221ShuntStep, volts: 26}

var _ = register(Driver{
	Name:      "ina3221",
	Title:     "Texas Instruments INA3221 voltage, current and power, three channels",
	Datasheet: "Texas Instruments INA3221, SBOS576B (registers confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x40, 0x41, 0x42, 0x43},
	Channels:  (&ina3221{inputs: []ina3221Input{{1, ina3221Scale}, {2, ina3221Scale}, {3, ina3221Scale}}}).Channels(),
	Options: []Option{
		{
			Name: "channels", Default: "1,2,3", Allowed: []string{"1,2,3", "1,2", "1,3", "2,3", "1", "2", "3"},
			Doc: "Channels to measure.",
		},
		ina3221ShuntOption("1"), ina3221ShuntOption("2"), ina3221ShuntOption("3"),
	},
	Wiring: "Each current flows from IN+ to IN−; the voltage is that of IN−, behind the shunt, against GND. At most 26 V.",
	Open:   openINA3221,
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		if err := identifyINA(slot, ina3221Chip); err != nil {
			return Found{}, err
		}
		return Found{Model: "INA3221", Certain: true}, nil
	},
})

// ina3221ShuntOption is the shunt of one channel.
func ina3221ShuntOption(channel string) Option {
	o := shuntOption
	o.Name += "_" + channel
	o.Doc = strings.Replace(o.Doc, "the shunt", "the shunt of channel "+channel, 1)
	return o
}

type ina3221 struct {
	slot   *bus.Slot
	inputs []ina3221Input
}

// ina3221Input is a channel of the chip that is measured.
type ina3221Input struct {
	n     int // 1 to 3
	scale shuntScale
}

func openINA3221(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &ina3221{slot: slot}
	o := options(slot.Options)
	for n := 1; n <= 3; n++ {
		if strings.Contains(o["channels"], fmt.Sprint(n)) {
			scale := ina3221Scale
			scale.ohms = o.number(fmt.Sprintf("shunt_%d", n))
			s.inputs = append(s.inputs, ina3221Input{n, scale})
		}
	}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("ina3221: %w", err)
	}
	return s, nil
}

// prepare resets the chip.
func (s *ina3221) prepare(ctx context.Context) error {
	if err := identifyINA(s.slot, ina3221Chip); err != nil {
		return err
	}
	if err := s.slot.WriteWord(ina3221Config, ina3221Reset); err != nil {
		return err
	}
	if err := bus.Wait(ctx, ina3221Startup); err != nil {
		return fmt.Errorf("wait for the reset by register 0x%02X (config): %w", ina3221Config, err)
	}
	return nil
}

// Channels implements [Channeler]: voltage, current and power of each channel
// that is measured.
func (s *ina3221) Channels() []Channel {
	var all []Channel
	for _, in := range s.inputs {
		part := fmt.Sprint(in.n)
		all = append(all,
			Channel{Quantity: reading.Voltage.Of(part), Min: -0.1, Max: in.scale.volts, Decimals: 3},
			in.scale.current(reading.Current.Of(part)),
			in.scale.power(reading.Power.Of(part)))
	}
	return all
}

// Measure implements [Sensor]: out is, of each channel, the bus voltage in V,
// current in A, power in W.
func (s *ina3221) Measure(ctx context.Context, out []float64) error {
	settings, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("ina3221: %w", err)
	}
	values := make([]float64, 0, len(out))
	for _, in := range s.inputs {
		drop, u, err := s.read(in)
		if err != nil {
			return fmt.Errorf("ina3221: channel %d: %w", in.n, err)
		}
		i := drop / in.scale.ohms
		values = append(values, u, i, u*i)
	}
	// Last: a chip that has lost its power by then shows zeros.
	if err := wantWord(s.slot, ina3221Config, "config", settings, ^uint16(ina3221Mode), lostSettings); err != nil {
		return fmt.Errorf("ina3221: %w", err)
	}
	copy(out, values)
	return nil
}

// convert takes one measurement of all channels and returns the settings of
// it.
func (s *ina3221) convert(ctx context.Context) (settings uint16, err error) {
	settings = ina3221Mean16 | ina3221Time | ina3221Once
	for _, in := range s.inputs {
		settings |= ina3221Enable1 >> (in.n - 1)
	}
	if err := s.slot.WriteWord(ina3221Config, settings); err != nil {
		return 0, err
	}
	took := ina3221Convert * time.Duration(len(s.inputs))
	_, err = awaitWord(ctx, s.slot, ina3221Mask, "mask/enable", ina3221Ready, took)
	return settings, err
}

// read returns the voltages over the shunt and of the bus, in V.
func (s *ina3221) read(in ina3221Input) (drop, u float64, err error) {
	at := byte(2 * (in.n - 1))
	shunt, err := s.slot.ReadWordTwice(ina3221Shunt1 + at)
	if err != nil {
		return 0, 0, err
	}
	volts, err := s.slot.ReadWordTwice(ina3221Bus1 + at)
	if err != nil {
		return 0, 0, err
	}
	if shunt>>3 == 0x0FFF || shunt>>3 == 0x1000 {
		return 0, 0, in.scale.beyond(ina3221Shunt1+at, shunt, smallerShunt)
	}
	drop, u = ina3221Volts(shunt, volts)
	return drop, u, nil
}

// ina3221Volts returns the voltages over the shunt and of the bus, in V.
// Section 8.6.2.2: 13 bits, signed, in the upper ones.
func ina3221Volts(shunt, volts uint16) (drop, u float64) {
	return float64(int16(shunt)>>3) * ina3221ShuntStep, float64(int16(volts)>>3) * ina3221BusStep
}

// Texas Instruments ADS1115: analog-to-digital converter of 16 bits with four
// inputs.
//
//	chip       ADS1115; the ADS1015 is one of 12 bits, see there
//	bus        I²C up to 400 kHz and more
//	addresses  0x48 to 0x4B (ADDR)
//	datasheet  Texas Instruments ADS1115, SBAS444
//	checksum   none
//
// It converts when it is asked, one input after the other, and sleeps in
// between: what it then holds does not change and can be read twice. The
// configuration is read after it and compared, for a result says nothing of the
// input and the range it is of.

package driver

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 9.6.
const (
	ads1115Result = 0x00
	ads1115Config = 0x01
	ads1115Low    = 0x02 // of the comparator
	ads1115High   = 0x03

	ads1115LowThen  = 0x8000 // after power-on
	ads1115HighThen = 0x7FFF
)

// The configuration, section 9.6.3.
const (
	ads1115Start  = 1 << 15 // OS: begins a conversion; reads 1 when there is none
	ads1115MuxAt  = 12
	ads1115GainAt = 9
	ads1115Once   = 1 << 8 // MODE: single-shot
	ads1115RateAt = 5
	ads1115Quiet  = 3      // COMP_QUE: no comparator
	ads1115Ours   = 1 << 2 // COMP_LAT: of no effect then, and 0 after power-on
)

// ads1115Ranges are the ranges in V, either way, by the gain that is set.
// Table 3.
var ads1115Ranges = [6]float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256}

const ads1115Auto = "auto" // the option range: the smallest that suits

// ads1115Inputs are what can be measured, by how it is set: section 9.6.3,
// MUX.
var ads1115Inputs = [8]string{"0-1", "0-3", "1-3", "2-3", "0", "1", "2", "3"}

// Section 9.3.6: an oscillator may be slow by a tenth. Waking up takes 25 µs.
const (
	ads1115Slow   = 1.1
	ads1115Wake   = 100 * time.Microsecond
	ads1115Settle = 140 * time.Millisecond // one conversion at the lowest rate, which another program may have begun
)

// adsKind is a chip of the family.
type adsKind struct {
	name  string // of the driver
	bits  int
	rates []string // conversions a second, by how it is set
	rate  string   // the usual
}

var ads1115Kind = adsKind{"ads1115", 16, []string{"8", "16", "32", "64", "128", "250", "475", "860"}, "128"}

var _ = register(Driver{
	Name:      "ads1115",
	Title:     "Texas Instruments ADS1115 analog inputs, 16 bits",
	Datasheet: "Texas Instruments ADS1115, SBAS444D (registers and the tenth that it may be slow confirmed, wake-up from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x48, 0x49, 0x4A, 0x4B},
	Channels:  ads1115Kind.channels([]adsInput{{name: "0"}, {name: "1"}, {name: "2"}, {name: "3"}}, ads1115Auto),
	Options:   ads1115Kind.options(),
	Dynamic:   true,
	Check:     ads1115Kind.check,
	Wiring:    adsWiring,
	Open:      ads1115Kind.open,
	Probe:     probeADS1115,
})

const adsWiring = "No input may be above VDD or below GND by more than 0.3 V, whatever the range is: with VDD at 3.3 V " +
	"3.3 V are the most. More needs a divider."

// options are those of the kind.
func (k adsKind) options() []Option {
	ranges := []string{ads1115Auto}
	for _, v := range ads1115Ranges {
		ranges = append(ranges, strconv.FormatFloat(v, 'f', -1, 64))
	}
	return []Option{
		{
			Name: "inputs", Default: "0,1,2,3",
			Doc: "Inputs to measure against GND, or pairs to measure the difference of: 0-1, 0-3, 1-3, 2-3.",
		},
		{
			Name: "range", Default: ads1115Auto, Allowed: ranges,
			Doc: "Largest voltage in V, either way; auto takes for each input the smallest range that has room.",
		},
		{
			Name: "rate", Default: k.rate, Allowed: k.rates,
			Doc: "Conversions a second, of one input; a lower rate has less noise.",
		},
	}
}

// adsInput is an input or a pair that is measured.
type adsInput struct {
	name string
	mux  uint16
	gain int // index of ads1115Ranges; with auto where to begin
}

// channels are those of the inputs. What can be is set by the supply, at most
// 5.5 V, and not by the range of the converter, if that is greater.
func (k adsKind) channels(inputs []adsInput, rng string) []Channel {
	full, err := strconv.ParseFloat(rng, 64)
	smallest := full
	if err != nil { // auto
		full, smallest = ads1115Ranges[0], ads1115Ranges[len(ads1115Ranges)-1]
	}
	var all []Channel
	for _, in := range inputs {
		c := Channel{Quantity: reading.Voltage.Of(strings.ReplaceAll(in.name, "-", "_")), Decimals: digits(k.step(smallest))}
		c.Max = min(full, 5.8)
		c.Min = -min(full, 0.3)
		if strings.Contains(in.name, "-") {
			c.Min = -c.Max
		}
		all = append(all, c)
	}
	return all
}

// step is what the last bit stands for, in V.
func (k adsKind) step(full float64) float64 { return full / float64(int(1)<<(k.bits-1)) }

// volts returns the voltage in V of a result, whose bits are the upper ones,
// signed; clipped tells that it is at the end of the scale and may be beyond.
// Section 9.5.4.
func (k adsKind) volts(v uint16, full float64) (volts float64, clipped bool) {
	n := int(int16(v) >> (16 - k.bits))
	end := 1 << (k.bits - 1)
	return float64(n) * k.step(full), n == end-1 || n == -end
}

type ads struct {
	slot   *bus.Slot
	kind   adsKind
	inputs []adsInput
	rng    string // option range
	rate   uint16 // as it is set
	took   time.Duration
}

func (k adsKind) open(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &ads{slot: slot, kind: k, rng: slot.Options["range"]}
	if err := s.choose(options(slot.Options)); err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	if err := s.sleep(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	return s, nil
}

// check tells what is wrong with the inputs.
func (k adsKind) check(o map[string]string) error { return (&ads{kind: k}).choose(o) }

// choose takes the options.
func (s *ads) choose(o options) error {
	s.rate = uint16(slices.Index(s.kind.rates, o["rate"]))
	s.took = time.Duration(ads1115Slow*float64(time.Second)/o.number("rate")) + ads1115Wake
	gain := 0 // the largest range, for auto
	for i, full := range ads1115Ranges {
		if o.number("range") == full {
			gain = i
		}
	}
	for name := range strings.SplitSeq(o["inputs"], ",") {
		name = strings.TrimSpace(name)
		mux := slices.Index(ads1115Inputs[:], name)
		if mux < 0 {
			return fmt.Errorf("option inputs: %q is no input; 0, 1, 2 and 3 are, and the pairs 0-1, 0-3, 1-3 and 2-3", name)
		}
		if slices.ContainsFunc(s.inputs, func(in adsInput) bool { return in.name == name }) {
			return fmt.Errorf("option inputs: %s is there twice", name)
		}
		s.inputs = append(s.inputs, adsInput{name, uint16(mux), gain})
	}
	return nil
}

// Channels implements [Channeler]: a voltage for each input, voltage_0, or
// pair, voltage_0_1.
func (s *ads) Channels() []Channel { return s.kind.channels(s.inputs, s.rng) }

// sleep ends what another program may have begun, and makes sure that there is
// a chip that keeps its settings: all that can be known of it.
func (s *ads) sleep(ctx context.Context) error {
	settings := s.settings(s.inputs[0], s.inputs[0].gain)
	if err := s.slot.WriteWord(ads1115Config, settings); err != nil {
		return err
	}
	v, err := awaitWord(ctx, s.slot, ads1115Config, "config", ads1115Start, ads1115Settle)
	if err != nil {
		return err
	}
	return sameWord(v, ads1115Config, "config", settings, ^uint16(ads1115Start), anotherChip)
}

// settings is the configuration that measures an input. It is never that of
// after power-on, which measures 0-1, too.
func (s *ads) settings(in adsInput, gain int) uint16 {
	return in.mux<<ads1115MuxAt | uint16(gain)<<ads1115GainAt | ads1115Once | s.rate<<ads1115RateAt | ads1115Ours | ads1115Quiet
}

// Measure implements [Sensor]: out is the voltage of each input in V.
func (s *ads) Measure(ctx context.Context, out []float64) error {
	values := make([]float64, len(s.inputs))
	for i := range s.inputs {
		v, err := s.measure(ctx, &s.inputs[i])
		if err != nil {
			return fmt.Errorf("%s: input %s: %w", s.kind.name, s.inputs[i].name, err)
		}
		values[i] = v
	}
	copy(out, values)
	return nil
}

// measure measures an input, in the range that is set or in the one that
// suits. With auto it begins in the range of last time, goes up as long as
// that is too small, and down at most once; a steady voltage is converted
// once.
func (s *ads) measure(ctx context.Context, in *adsInput) (float64, error) {
	v, clipped, err := s.convert(ctx, *in, in.gain)
	for err == nil && clipped && s.rng == ads1115Auto && in.gain > 0 {
		in.gain--
		v, clipped, err = s.convert(ctx, *in, in.gain)
	}
	switch {
	case err != nil:
		return 0, err
	case clipped:
		return 0, fmt.Errorf("register 0x%02X (conversion) is at the end of the scale: the voltage is beyond ±%v V; choose a greater range",
			ads1115Result, ads1115Ranges[in.gain])
	case s.rng != ads1115Auto:
		return v, nil
	}
	return s.finer(ctx, in, v)
}

// finer measures an input of about v again if a smaller range has room for it
// with a tenth to spare.
func (s *ads) finer(ctx context.Context, in *adsInput, v float64) (float64, error) {
	gain := in.gain
	for gain+1 < len(ads1115Ranges) && math.Abs(v) < 0.9*ads1115Ranges[gain+1] {
		gain++
	}
	if gain == in.gain {
		return v, nil
	}
	fine, clipped, err := s.convert(ctx, *in, gain)
	if err != nil || clipped { // it has risen since
		return v, err
	}
	in.gain = gain
	return fine, nil
}

// convert takes one measurement of an input. The settings are looked at last:
// a chip that has lost its power by then shows 0 V.
func (s *ads) convert(ctx context.Context, in adsInput, gain int) (volts float64, clipped bool, err error) {
	settings := s.settings(in, gain)
	if err := s.slot.WriteWord(ads1115Config, settings|ads1115Start); err != nil {
		return 0, false, err
	}
	if _, err := awaitWord(ctx, s.slot, ads1115Config, "config", ads1115Start, s.took); err != nil {
		return 0, false, err
	}
	v, err := s.slot.ReadWordTwice(ads1115Result)
	if err != nil {
		return 0, false, err
	}
	config, err := s.slot.ReadWord(ads1115Config)
	if err != nil {
		return 0, false, err
	}
	if err := sameWord(config, ads1115Config, "config", settings|ads1115Start, 0xFFFF, lostSettings); err != nil {
		return 0, false, err
	}
	volts, clipped = s.kind.volts(v, ads1115Ranges[gain])
	return volts, clipped, nil
}

// probeADS1115 knows the family by the limits of its comparator, which nothing
// of ours sets.
func probeADS1115(_ context.Context, slot *bus.Slot) (Found, error) {
	const notAsNew = "this is another chip, or one with other settings"
	if err := wantWord(slot, ads1115Low, "low threshold", ads1115LowThen, 0xFFFF, notAsNew); err != nil {
		return Found{}, err
	}
	if err := wantWord(slot, ads1115High, "high threshold", ads1115HighThen, 0xFFFF, notAsNew); err != nil {
		return Found{}, err
	}
	return Found{Model: "ADS1115", Note: "it does not say what it is: choose ads1115, or ads1015 if that is written on it"}, nil
}

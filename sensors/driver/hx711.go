// HX711: load cells, by an amplifier with 24 bits.
//
//	chip       Avia Semiconductor HX711
//	bus        GPIO: an output to PD_SCK, an input from DOUT
//	datasheet  Avia Semiconductor HX711, 24-bit ADC for weigh scales
//	checksum   none
//
// It has a serial protocol of its own, driven by hand: the best that can be
// done on a system that does other things as well. A clock that is high for
// 60 µs powers the chip down. So each pulse is timed, and if one took too long
// the chip is reset and asked again. Two conversions have to agree.

package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

const (
	hx711Slow   = 50 * time.Microsecond  // T3, and well below the 60 µs of power-down
	hx711Down   = 100 * time.Microsecond // longer than 60 µs: power-down, and reset when it ends
	hx711Poll   = 2 * time.Millisecond
	hx711Ready  = time.Second // a conversion takes 100 ms, after a reset 400 ms
	hx711Tries  = 5
	hx711Agrees = 1 << 13 // counts between two conversions of the same load, 0.05 % of the range: more than noise
	hx711Most   = 1<<23 - 1
	hx711Least  = -1 << 23
)

// hx711Pulses are the clock pulses after the 24 bits, by the gain of the next
// conversion. Table 3.
var hx711Pulses = map[string]int{"128": 1, "32": 2, "64": 3}

var _ = register(Driver{
	Name:      "hx711",
	Title:     "HX711 load cell amplifier",
	Datasheet: "Avia Semiconductor HX711",
	Bus:       bus.GPIO,
	Pins: []Pin{
		{Name: "clock", Doc: "Output to the chip's SCK (PD_SCK)."},
		{Name: "data", Doc: "Input from the chip's DT (DOUT)."},
	},
	MinPeriod: time.Second,
	Channels: []Channel{
		{Quantity: reading.Raw, Min: hx711Least, Max: hx711Most},
		{Quantity: reading.Weight, Min: -1e7, Max: 1e7, Decimals: 1},
	},
	Dynamic: true, // no weight without scale
	Options: []Option{
		{Name: "gain", Doc: "Amplification: 128 or 64 is input A, 32 is input B.", Default: "128", Allowed: []string{"128", "64", "32"}},
		{Name: "scale", Doc: "Counts per gram, negative if the cell is upside down; without it only raw counts are published.", Type: Number, Min: -1e7, Max: 1e7},
		{Name: "offset", Doc: "Counts of the empty scale, until the setting tare is used.", Default: "0", Type: Number, Min: hx711Least, Max: hx711Most},
	},
	Settings: []Setting{
		{Name: "tare", Doc: "Weight in g that is on the scale now, 0 if it is empty: all other weights follow.", Min: -1e6, Max: 1e6},
	},
	Wiring: "VCC to 3.3 V, so that DT is not 5 V; GND; SCK to the line clock; DT to the line data.\n" +
		"Cell: red to E+, black to E-, white to A-, green to A+.",
	Notes: "To calibrate: note raw with the scale empty and with a known weight on it; scale is the difference divided by the grams. " +
		"Then set tare to 0 with the scale empty. Load cells drift with temperature and under load for hours. " +
		"Best effort: reading takes a millisecond in which the system must not pause; it is repeated if it did.",
	Open: openHX711,
})

// hx711State is what outlives a restart.
type hx711State struct {
	Offset float64 `json:"offset"` // counts of the empty scale, by tare
	Option float64 `json:"option"` // the option offset at that time: another one since then counts
}

type hx711 struct {
	clock bus.Output
	data  bus.Input
	state bus.State
	gain  string
	scale float64 // 0 if there is none
	hx711State

	known bool // the next conversion has our gain
}

// openHX711 resets the chip, whatever another program has left it in, and
// reads it once.
func openHX711(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	s := &hx711{state: slot.State, gain: o["gain"], scale: o.number("scale")}
	if o["scale"] != "" && s.scale == 0 {
		return nil, errors.New("hx711: option scale: 0 counts per gram is no scale; leave it out to see raw counts")
	}
	s.hx711State = hx711State{Offset: o.number("offset"), Option: o.number("offset")}
	var saved hx711State
	if ok, err := slot.State.Load(&saved); err != nil {
		return nil, fmt.Errorf("hx711: %w", err)
	} else if ok && saved.Option == s.Option {
		s.hx711State = saved
	}
	if err := s.open(ctx, slot); err != nil {
		return nil, fmt.Errorf("hx711: %w", err)
	}
	return s, nil
}

func (s *hx711) open(ctx context.Context, slot *bus.Slot) (err error) {
	if s.clock, err = slot.Lines.Output(slot.Pins["clock"], false); err != nil {
		return fmt.Errorf("clock: %w", err) // names the line
	}
	if s.data, err = slot.Lines.Input(slot.Pins["data"], bus.InputOptions{}); err != nil {
		s.clock.Close()
		return fmt.Errorf("data: %w", err)
	}
	if err = s.reset(); err == nil {
		_, err = s.convert(ctx)
	}
	if err != nil {
		s.Close()
	}
	return err
}

// Close gives the lines back.
func (s *hx711) Close() error { return errors.Join(s.clock.Close(), s.data.Close()) }

// Channels implements [Channeler].
func (s *hx711) Channels() []Channel {
	d, _ := Lookup("hx711")
	if s.scale == 0 {
		return d.Channels[:1]
	}
	return d.Channels
}

// Measure implements [Sensor]: out is counts, and the weight in g if there is
// a scale.
func (s *hx711) Measure(ctx context.Context, out []float64) error {
	raw, err := s.counts(ctx)
	if err != nil {
		return fmt.Errorf("hx711: %w", err)
	}
	out[0] = raw
	if s.scale != 0 {
		out[1] = (raw - s.Offset) / s.scale
	}
	return nil
}

// Set implements [Setter]: it makes what is on the scale weigh value grams.
func (s *hx711) Set(ctx context.Context, name string, value float64) error {
	if s.scale == 0 && value != 0 {
		return fmt.Errorf("hx711: %s: without the option scale there are no grams; set it to 0 with the scale empty", name)
	}
	raw, err := s.counts(ctx)
	if err == nil {
		s.Offset = raw - value*s.scale
		err = s.state.Save(s.hx711State)
	}
	if err != nil {
		return fmt.Errorf("hx711: %s: %w", name, err)
	}
	return nil
}

// counts returns the mean of two conversions that agree, of three.
func (s *hx711) counts(ctx context.Context) (float64, error) {
	var all []float64
	for range 3 {
		x, err := s.convert(ctx)
		if err != nil {
			return 0, err
		}
		for _, y := range all {
			if math.Abs(x-y) <= hx711Agrees {
				return (x + y) / 2, nil
			}
		}
		all = append(all, x)
	}
	return 0, fmt.Errorf("conversions do not agree: %v counts; the load is moving, or the lines are disturbed", all)
}

// Errors after which the chip is reset and asked again.
var (
	errHX711Slow = errors.New("the system was too busy to read it: a clock pulse took longer than 50 µs, every time")
	errHX711Bits = errors.New("DOUT is low after the last bit: bits were lost, or DOUT is not connected")
)

// convert returns a conversion with our gain.
func (s *hx711) convert(ctx context.Context) (float64, error) {
	var bits uint32
	err := errHX711Slow
	for range hx711Tries {
		if !s.known { // one conversion of the gain of before
			if _, err = s.read(ctx); err == nil {
				s.known = true
			}
		}
		if s.known {
			bits, err = s.read(ctx)
		}
		if !errors.Is(err, errHX711Slow) && !errors.Is(err, errHX711Bits) {
			break
		}
		if err := s.reset(); err != nil {
			return 0, err
		}
	}
	if err != nil {
		return 0, err
	}
	return hx711Counts(bits)
}

// hx711Counts returns the number that 24 bits are in two's complement, unless
// it is one of those at which the chip saturates.
func hx711Counts(bits uint32) (float64, error) {
	x := int32(bits<<8) >> 8
	if x == hx711Most || x == hx711Least {
		return 0, errors.New("the input is out of range: the cell is overloaded, or a wire of it is off or swapped")
	}
	return float64(x), nil
}

// read returns the 24 bits of the conversion that is ready next.
func (s *hx711) read(ctx context.Context) (uint32, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	var bits uint32
	for range 24 {
		high, err := s.tick()
		if err != nil {
			return 0, err
		}
		bits <<= 1
		if high {
			bits |= 1
		}
	}
	var high bool
	var err error
	for range hx711Pulses[s.gain] {
		if high, err = s.tick(); err != nil {
			return 0, err
		}
	}
	if !high { // the 25th pulse pulls DOUT high
		return 0, errHX711Bits
	}
	return bits, nil
}

// ready waits until DOUT is low: a conversion is ready.
func (s *hx711) ready(ctx context.Context) error {
	for end := time.Now().Add(hx711Ready); ; {
		high, err := s.data.High()
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		if !high {
			return nil
		}
		if !time.Now().Before(end) {
			return fmt.Errorf("no conversion in %v, DOUT stays high: check supply and wiring", hx711Ready)
		}
		if err := bus.Wait(ctx, hx711Poll); err != nil {
			return err
		}
	}
}

// tick sends a clock pulse and returns DOUT after it.
func (s *hx711) tick() (bool, error) {
	began := time.Now()
	err := errors.Join(s.clock.Set(true), s.clock.Set(false))
	took := time.Since(began)
	if err != nil {
		return false, fmt.Errorf("clock: %w", err)
	}
	if took > hx711Slow {
		return false, errHX711Slow
	}
	high, err := s.data.High()
	if err != nil {
		return false, fmt.Errorf("data: %w", err)
	}
	return high, nil
}

// reset powers the chip down and up. Its gain is 128 then.
func (s *hx711) reset() error {
	s.known = s.gain == "128"
	if err := s.clock.Set(true); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	time.Sleep(hx711Down)
	if err := s.clock.Set(false); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return nil
}

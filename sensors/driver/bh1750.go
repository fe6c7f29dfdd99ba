// ROHM BH1750FVI: illuminance.
//
//	chip       BH1750FVI
//	bus        I²C up to 400 kHz
//	addresses  0x23 (ADDR low), 0x5C (ADDR high)
//	datasheet  ROHM BH1750FVI, 2014.11 rev. D
//	checksum   none
//
// The chip has commands of one byte and a result of two, which it keeps after
// a single measurement: it is read twice. It has nothing to know it by.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, "Instruction Set Architecture".
const (
	bh1750PowerOn = 0x01
	bh1750Reset   = 0x07 // of the result, not of the sensitivity
	bh1750Once    = 0x20 // one measurement in steps of 1 lx; power down
	bh1750Once2   = 0x21 // the same in steps of 0.5 lx
	bh1750MTHigh  = 0x40 // MTreg, upper three bits
	bh1750MTLow   = 0x60 // lower five bits
)

const (
	bh1750MTreg = 69                     // the default
	bh1750Time  = 180 * time.Millisecond // a measurement with it, at most
	bh1750Full  = 65535
)

// bh1750Range is how sensitive the chip is.
type bh1750Range struct {
	once      byte // which command measures
	mtreg     int  // how long
	few, many int  // results that another range is better for
}

// bh1750Ranges are those that are chosen from, the most sensitive first: up to
// 7400, 54600 and 121500 lx. One is left for the next if that is not even half
// full.
var bh1750Ranges = []bh1750Range{
	{bh1750Once2, 254, 0, 60000},
	{bh1750Once, 69, 4440, bh1750Full},
	{bh1750Once, 31, 14700, bh1750Full},
}

var _ = register(Driver{
	Name:      "bh1750",
	Title:     "ROHM BH1750FVI illuminance",
	Datasheet: "ROHM BH1750FVI, 2014.11 rev. D (commands and scale as in Linux, longest measurement and MTreg from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x23, 0x5C},
	MinPeriod: time.Second, // in the dark a measurement takes almost as long
	Channels: []Channel{
		{Quantity: reading.Illuminance, Min: 0, Max: 121600, Decimals: 1},
	},
	Options: []Option{{Name: "mtreg", Type: Whole, Min: 31, Max: 254,
		Doc: "Measurement time register, 31 to 254 of which 69 is the chip's usual; empty chooses it by the light."}},
	Notes: "The chip cannot be recognised. A window or a dome in front of it takes some light away: calibrate with a factor.",
	Open:  openBH1750,
})

type bh1750 struct {
	slot   *bus.Slot
	ranges []bh1750Range
	at     int  // the range that was used last
	dark   bool // the last result was 0
}

func openBH1750(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &bh1750{slot: slot, ranges: bh1750Ranges, at: 1}
	if slot.Options["mtreg"] != "" {
		s.ranges, s.at = []bh1750Range{{bh1750Once, options(slot.Options).whole("mtreg"), 0, bh1750Full}}, 0
	}
	for _, cmd := range []byte{bh1750PowerOn, bh1750Reset} {
		if err := s.command(cmd); err != nil {
			return nil, fmt.Errorf("bh1750: %w", err)
		}
	}
	return s, nil
}

// Measure implements [Sensor]: out is the illuminance in lx.
func (s *bh1750) Measure(ctx context.Context, out []float64) error {
	var lux float64
	at, err := autorange(s.at, len(s.ranges), func(at int) (int, error) {
		r := s.ranges[at]
		raw, err := s.sure(ctx, r)
		lux = r.lux(raw)
		return betterRange(int(raw), r.few, r.many), err
	})
	s.at = at
	if err != nil {
		return fmt.Errorf("bh1750: measurement with command 0x%02X: %w", s.ranges[at].once, err)
	}
	out[0] = lux
	return nil
}

// sure takes one measurement, and another where it has suddenly become dark: 0
// is also what a chip shows that has lost its power meanwhile, and nothing else
// tells.
func (s *bh1750) sure(ctx context.Context, r bh1750Range) (uint16, error) {
	raw, err := s.convert(ctx, r)
	if err == nil && raw == 0 && !s.dark {
		raw, err = s.convert(ctx, r)
	}
	s.dark = err == nil && raw == 0
	return raw, err
}

// convert takes one measurement.
func (s *bh1750) convert(ctx context.Context, r bh1750Range) (uint16, error) {
	for _, cmd := range []byte{bh1750MTHigh | byte(r.mtreg>>5), bh1750MTLow | byte(r.mtreg&0x1F), r.once} {
		if err := s.command(cmd); err != nil {
			return 0, err
		}
	}
	if err := bus.Wait(ctx, r.time()); err != nil {
		return 0, fmt.Errorf("wait for command 0x%02X: %w", r.once, err)
	}
	var first, second [2]byte
	for _, b := range []*[2]byte{&first, &second} {
		if err := s.slot.I2C.Tx(s.slot.Addr, nil, b[:]); err != nil {
			return 0, fmt.Errorf("read the result of command 0x%02X: %w", r.once, err)
		}
	}
	if first != second {
		return 0, fmt.Errorf("the result of command 0x%02X is % X and then % X: the transmission is disturbed", r.once, first, second)
	}
	return binary.BigEndian.Uint16(first[:]), nil
}

func (s *bh1750) command(cmd byte) error {
	if err := s.slot.I2C.Tx(s.slot.Addr, []byte{cmd}, nil); err != nil {
		return fmt.Errorf("send command 0x%02X: %w", cmd, err)
	}
	return nil
}

// time is how long a measurement takes at most: it grows with MTreg.
func (r bh1750Range) time() time.Duration {
	return bh1750Time*time.Duration(r.mtreg)/bh1750MTreg + time.Millisecond
}

// lux returns the illuminance in lx of a result: 1.2 counts are 1 lx, twice as
// many in steps of 0.5 lx, and more with a larger MTreg. "Measurement sequence
// example" and "How to change the measurement time".
func (r bh1750Range) lux(raw uint16) float64 {
	lux := float64(raw) / 1.2 * bh1750MTreg / float64(r.mtreg)
	if r.once == bh1750Once2 {
		lux /= 2
	}
	return lux
}

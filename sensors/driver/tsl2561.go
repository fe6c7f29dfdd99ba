// TAOS (ams) TSL2561: illuminance.
//
//	chip       TSL2561 in the packages T, FN, CL and CS
//	bus        I²C up to 400 kHz
//	addresses  0x39 (ADDR open), 0x29 (ADDR low), 0x49 (ADDR high)
//	datasheet  TAOS TSL2560, TSL2561, TAOS059N
//	checksum   none
//
// The chip has two photodiodes: channel 0 sees visible and infrared light,
// channel 1 infrared light alone; the illuminance is in their ratio. It does
// one measurement and is turned off. Both channels are read twice, before the
// next measurement of its own ends.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, with the command bits in front of their number: 100 for a byte,
// 101 for a word, whose least significant byte comes first.
const (
	tsl2561Control = 0x80
	tsl2561Timing  = 0x80 | 0x01
	tsl2561ID      = 0x80 | 0x0A
	tsl2561Data0   = 0xA0 | 0x0C
	tsl2561Data1   = 0xA0 | 0x0E
)

const (
	tsl2561Off  = 0x00
	tsl2561On   = 0x03   // what CONTROL reads if the chip is there and on
	tsl2561High = 1 << 4 // TIMING: gain 16

	// What is not reserved in CONTROL and TIMING. The rest may read anything.
	tsl2561Power = 0x03
	tsl2561Time  = 0x1B
)

// tsl2561Range is how sensitive the chip is.
type tsl2561Range struct {
	timing    byte
	time      time.Duration // of an integration, with a reserve for a slow oscillator
	scale     float64       // counts to those of gain 16 and 402 ms
	few, many int           // counts that another range is better for
}

// tsl2561Ranges are chosen from, the most sensitive first. The counters end at
// 65535, 37177 and 5047 with 402, 101 and 13.7 ms, which are 322, 81 and 11
// steps. One range is left for the next if that would not even be half full.
var tsl2561Ranges = []tsl2561Range{
	{tsl2561High | 2, 450 * time.Millisecond, 1, 0, 60000},
	{2, 450 * time.Millisecond, 16, 1800, 60000},
	{1, 120 * time.Millisecond, 16 * 322. / 81, 7500, 36000},
	{0, 16 * time.Millisecond, 16 * 322. / 11, 2400, 5047},
}

// tsl2561Segment is a line of the piecewise formula: up to a ratio of channel
// 1 to channel 0 of k / 2⁹, the illuminance is (b × channel 0 - m × channel 1)
// / 2¹⁴. These are the numbers of the datasheet's program; those of its text
// have fewer digits. Beyond the last there is no light to be seen.
type tsl2561Segment struct{ k, b, m float64 }

// tsl2561Packages are the formulas, by what is in front of the photodiodes.
// "Calculating Lux".
var tsl2561Packages = map[string][]tsl2561Segment{
	"T": {
		{0x040, 0x1F2, 0x1BE}, {0x080, 0x214, 0x2D1}, {0x0C0, 0x23F, 0x37B}, {0x100, 0x270, 0x3FE},
		{0x138, 0x16F, 0x1FC}, {0x19A, 0x0D2, 0x0FB}, {0x29A, 0x018, 0x012},
	},
	"CS": {
		{0x043, 0x204, 0x1AD}, {0x085, 0x228, 0x2C1}, {0x0C8, 0x253, 0x363}, {0x10A, 0x282, 0x3DF},
		{0x14D, 0x177, 0x1DD}, {0x19A, 0x101, 0x127}, {0x29A, 0x037, 0x02B},
	},
}

var _ = register(Driver{
	Name:      "tsl2561",
	Title:     "TAOS TSL2561 illuminance",
	Datasheet: "TAOS TSL2560, TSL2561, TAOS059N (formula of package T confirmed, registers, times and that of package CS from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x39, 0x29, 0x49},
	MinPeriod: time.Second, // a measurement, and in another range before it
	Channels: []Channel{
		{Quantity: reading.Illuminance, Min: 0, Max: 80000, Decimals: 1},
	},
	Options: []Option{{Name: "package", Default: "T", Allowed: []string{"T", "CS"},
		Doc: "Package of the chip: T for T, FN and CL, which boards have, or CS, a chip-scale package."}},
	Notes: "In full sunlight the chip is dazzled.",
	Open:  openTSL2561,
	Probe: probeTSL2561,
})

type tsl2561 struct {
	slot    *bus.Slot
	formula []tsl2561Segment
	at      int // the range that was used last
}

// openTSL2561 turns the chip on and off, which it shows if it is one.
func openTSL2561(_ context.Context, slot *bus.Slot) (Sensor, error) {
	s := &tsl2561{slot, tsl2561Packages[slot.Options["package"]], 1}
	for _, v := range []byte{tsl2561On, tsl2561Off} {
		if err := setRegister(slot, tsl2561Control, v, tsl2561Power); err != nil {
			return nil, fmt.Errorf("tsl2561: %w", err)
		}
	}
	return s, nil
}

// Measure implements [Sensor]: out is the illuminance in lx.
func (s *tsl2561) Measure(ctx context.Context, out []float64) error {
	var lux float64
	at, err := autorange(s.at, len(tsl2561Ranges), func(at int) (int, error) {
		r := tsl2561Ranges[at]
		c0, c1, err := s.convert(ctx, r)
		lux = tsl2561Lux(s.formula, float64(c0)*r.scale, float64(c1)*r.scale)
		return betterRange(int(max(c0, c1)), r.few, r.many), err
	})
	s.at = at
	if err != nil {
		return fmt.Errorf("tsl2561: measurement of register 0x%02X (DATA0): %w", tsl2561Data0, err)
	}
	out[0] = lux
	return nil
}

// convert takes one measurement and returns both channels. A setting is made
// with the chip on, and an integration begins when it is turned on.
func (s *tsl2561) convert(ctx context.Context, r tsl2561Range) (c0, c1 uint16, err error) {
	for _, step := range []struct{ reg, v, bits byte }{
		{tsl2561Control, tsl2561On, tsl2561Power},
		{tsl2561Timing, r.timing, tsl2561Time},
		{tsl2561Control, tsl2561Off, tsl2561Power},
		{tsl2561Control, tsl2561On, tsl2561Power},
	} {
		if err := setRegister(s.slot, step.reg, step.v, step.bits); err != nil {
			return 0, 0, err
		}
	}
	if err := bus.Wait(ctx, r.time); err != nil {
		return 0, 0, fmt.Errorf("wait for register 0x%02X (DATA0): %w", tsl2561Data0, err)
	}
	var b0, b1 [2]byte
	if err := s.slot.ReadRegistersSame(tsl2561Data0, b0[:]); err != nil {
		return 0, 0, err
	}
	if err := s.slot.ReadRegistersSame(tsl2561Data1, b1[:]); err != nil {
		return 0, 0, err
	}
	if err := keptRegister(s.slot, tsl2561Control, tsl2561On, tsl2561Power); err != nil {
		return 0, 0, err
	}
	if err := s.slot.WriteRegister(tsl2561Control, tsl2561Off); err != nil {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint16(b0[:]), binary.LittleEndian.Uint16(b1[:]), nil
}

// tsl2561Lux returns the illuminance in lx of counts with gain 16 and 402 ms.
func tsl2561Lux(formula []tsl2561Segment, c0, c1 float64) float64 {
	for _, f := range formula {
		if c1 <= f.k/512*c0 {
			return max((f.b*c0-f.m*c1)/16384, 0)
		}
	}
	return 0
}

// probeTSL2561 reads the identity: a part number that is not the same in all
// datasheets, and a revision. What has such a register need not be a TSL2561.
func probeTSL2561(_ context.Context, slot *bus.Slot) (Found, error) {
	var id, control [1]byte
	if err := slot.ReadRegisters(tsl2561ID, id[:]); err != nil {
		return Found{}, err
	}
	if err := slot.ReadRegisters(tsl2561Control, control[:]); err != nil {
		return Found{}, err
	}
	part := id[0] >> 4
	if part != 1 && part != 5 || control[0]&tsl2561Power != tsl2561Off && control[0]&tsl2561Power != tsl2561On {
		return Found{}, fmt.Errorf("registers 0x%02X (ID) and 0x%02X (CONTROL) are 0x%02X and 0x%02X: this is another chip", tsl2561ID, tsl2561Control, id[0], control[0])
	}
	return Found{Model: "TSL2561", Note: "Look at the board: the chip has no identity of its own."}, nil
}

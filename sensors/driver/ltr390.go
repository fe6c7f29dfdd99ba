// Lite-On LTR390: UV index and illuminance.
//
//	chip       LTR-390UV-01
//	bus        I²C up to 400 kHz
//	addresses  0x53
//	datasheet  Lite-On LTR-390UV-01, rev. 1.1
//	checksum   none
//
// The chip has one converter for two photodiodes: it measures the one and then
// the other, and sleeps. Results are read twice, before the next one of its
// own is there.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 7.
const (
	ltr390Control = 0x00
	ltr390Rate    = 0x04
	ltr390Gain    = 0x05
	ltr390PartID  = 0x06
	ltr390Status  = 0x07
	ltr390ALS     = 0x0D // three of them, the least significant byte first
	ltr390UVS     = 0x10
)

// What is in them.
const (
	ltr390IsLTR = 0xB // the part number, in the upper four bits

	ltr390Sleep  = 0
	ltr390Enable = 1 << 1
	ltr390UVMode = 1 << 3
	ltr390New    = 1 << 3 // STATUS: there is a result that was not read

	ltr390Bits20 = 0<<4 | 4 // 20 bits in 400 ms, every 500 ms
	ltr390Bits18 = 2<<4 | 3 // 18 bits in 100 ms, every 200 ms
)

// ltr390Range is how sensitive the chip is.
type ltr390Range struct {
	rate, gain byte
	time       time.Duration // of a measurement
	times      float64       // what the gain is, times the measurement's time in 100 ms
	few, many  int           // counts that another range is better for
}

// ltr390Ranges are chosen from for illuminance, the most sensitive first: up
// to 8700, 52 000 and 157 000 lx. One is left for the next if that would not
// even be half full.
var ltr390Ranges = []ltr390Range{
	{ltr390Bits20, 4, 400 * time.Millisecond, 18 * 4, 0, 1000000},
	{ltr390Bits18, 1, 100 * time.Millisecond, 3 * 1, 21000, 260000},
	{ltr390Bits18, 0, 100 * time.Millisecond, 1 * 1, 43000, 1<<18 - 1},
}

// ltr390UV is the setting for which the datasheet says what a UV index is.
var ltr390UV = ltr390Ranges[0]

const (
	// ltr390PerUVI is the counts of a UV index of 1. Newer datasheets are said
	// to have 1400; Linux and this datasheet have 2300.
	ltr390PerUVI = 2300
	ltr390Wake   = 10 * time.Millisecond
	ltr390Poll   = 10 * time.Millisecond
	ltr390Polls  = 15
)

var _ = register(Driver{
	Name:      "ltr390",
	Title:     "Lite-On LTR390 UV index and illuminance",
	Datasheet: "Lite-On LTR-390UV-01, rev. 1.1 (registers, gains, times and formulas as in Linux, wake-up from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x53},
	MinPeriod: 2 * time.Second, // two measurements take almost as long, and more for another range
	Channels: []Channel{
		{Quantity: reading.UVIndex, Min: 0, Max: 30, Decimals: 2},
		{Quantity: reading.Illuminance, Min: 0, Max: 1600000, Decimals: 2}, // with a window factor of 10
	},
	Options: []Option{{Name: "window", Default: "1", Type: Number, Min: 1, Max: 100,
		Doc: "Factor by which a window in front of the chip weakens the light; 1 without one."}},
	Notes: "Behind glass there is no UV light to be seen: the chip needs open sky, or a window of quartz or of thin PTFE, " +
		"and a factor for it. The UV index of a single chip may be a third off.",
	Open:  openLTR390,
	Probe: probeLTR390,
})

type ltr390 struct {
	slot   *bus.Slot
	window float64
	at     int // the range that was used last
}

func openLTR390(_ context.Context, slot *bus.Slot) (Sensor, error) {
	s := &ltr390{slot, options(slot.Options).number("window"), 1}
	if err := s.identify(); err != nil {
		return nil, fmt.Errorf("ltr390: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is UV index, and illuminance in lx.
func (s *ltr390) Measure(ctx context.Context, out []float64) error {
	uv, err := s.convert(ctx, ltr390UV, ltr390UVMode, ltr390UVS)
	if err != nil {
		return fmt.Errorf("ltr390: UV light: %w", err)
	}
	var lux float64
	s.at, err = autorange(s.at, len(ltr390Ranges), func(at int) (int, error) {
		r := ltr390Ranges[at]
		als, err := s.convert(ctx, r, 0, ltr390ALS)
		lux = r.lux(als)
		return betterRange(als, r.few, r.many), err
	})
	if err != nil {
		return fmt.Errorf("ltr390: visible light of register 0x%02X (ALS_DATA): %w", ltr390ALS, err)
	}
	out[0], out[1] = ltr390UVI(uv)*s.window, lux*s.window
	return nil
}

// convert takes one measurement and returns the counts in register reg and the
// two after it.
func (s *ltr390) convert(ctx context.Context, r ltr390Range, mode, reg byte) (int, error) {
	for _, step := range []struct{ reg, v byte }{
		{ltr390Control, ltr390Sleep},
		{ltr390Rate, r.rate},
		{ltr390Gain, r.gain},
		{ltr390Control, ltr390Enable | mode},
	} {
		if err := setRegister(s.slot, step.reg, step.v, 0xFF); err != nil {
			return 0, err
		}
	}
	if err := s.await(ctx, ltr390Wake+r.time); err != nil {
		return 0, err
	}
	var b [3]byte
	if err := s.slot.ReadRegistersSame(reg, b[:]); err != nil {
		return 0, err
	}
	// After power-on it is neither of our rates, and none is set if the power
	// was lost before the gain was.
	if err := keptRegister(s.slot, ltr390Rate, r.rate, 0xFF); err != nil {
		return 0, err
	}
	if err := s.slot.WriteRegister(ltr390Control, ltr390Sleep); err != nil {
		return 0, err
	}
	return int(b[0]) | int(b[1])<<8 | int(b[2]&0x0F)<<16, nil
}

// await waits for d, and then until there is a result.
func (s *ltr390) await(ctx context.Context, d time.Duration) error {
	var status [1]byte
	for range ltr390Polls {
		if err := bus.Wait(ctx, d); err != nil {
			return fmt.Errorf("wait for register 0x%02X (MAIN_STATUS): %w", ltr390Status, err)
		}
		if err := s.slot.ReadRegisters(ltr390Status, status[:]); err != nil {
			return err
		}
		if status[0] != 0xFF && status[0]&ltr390New != 0 {
			return nil
		}
		d = ltr390Poll
	}
	return fmt.Errorf("register 0x%02X (MAIN_STATUS) is 0x%02X: no measurement has ended", ltr390Status, status[0])
}

// identify refuses a chip that is not an LTR390.
func (s *ltr390) identify() error {
	var id [1]byte
	if err := s.slot.ReadRegisters(ltr390PartID, id[:]); err != nil {
		return err
	}
	is := "this is another chip; an ADXL345 and an ENS160 have the same address"
	switch {
	case id[0]>>4 == ltr390IsLTR:
		return nil
	case id[0] == 0x00 || id[0] == 0xFF:
		is = "nothing drives the bus; check power and wires"
	}
	return fmt.Errorf("register 0x%02X (PART_ID) is 0x%02X in place of 0xB2: %s", ltr390PartID, id[0], is)
}

// lux returns the illuminance in lx of ALS counts: a count is 0.6 lx with a gain of 1
// in 100 ms. Section 7, "ALS lux formula".
func (r ltr390Range) lux(counts int) float64 { return 0.6 * float64(counts) / r.times }

// ltr390UVI returns the UV index of UVS counts with a gain of 18 in 20 bits.
func ltr390UVI(counts int) float64 { return float64(counts) / ltr390PerUVI }

// probeLTR390 reads the identity.
func probeLTR390(_ context.Context, slot *bus.Slot) (Found, error) {
	if err := (&ltr390{slot: slot}).identify(); err != nil {
		return Found{}, err
	}
	return Found{Model: "LTR390", Certain: true}, nil
}

// ams TSL2591: illuminance, and visible and infrared light.
//
//	chip       TSL25911 (I²C at the level of its supply), TSL25913 (1.8 V)
//	bus        I²C up to 400 kHz
//	addresses  0x29
//	datasheet  ams TSL2591, DS000338 v1-00
//	checksum   none
//
// The chip has two photodiodes: channel 0 sees visible and infrared light,
// channel 1 infrared light alone. It does one measurement and is turned off.
// Registers are read twice, before the next measurement of its own ends.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, with the command bits of a normal operation: 101 in front of the
// number.
const (
	tsl2591Enable  = 0xA0
	tsl2591Control = 0xA0 | 0x01
	tsl2591ID      = 0xA0 | 0x12
	tsl2591Status  = 0xA0 | 0x13
	tsl2591Data    = 0xA0 | 0x14 // words C0DATA and C1DATA, least significant byte first
)

// What is in them.
const (
	tsl2591IsTSL2591 = 0x50
	tsl2591Off       = 0x00
	tsl2591On        = 1<<0 | 1<<1 // ENABLE: PON and AEN
	tsl2591Valid     = 1 << 0      // STATUS: AVALID, a measurement has ended
)

const (
	// A step of 100 ms is 108 ms at most.
	tsl2591Step  = 109 * time.Millisecond
	tsl2591Poll  = 5 * time.Millisecond
	tsl2591Polls = 10
)

// tsl2591Range is how sensitive the chip is.
type tsl2591Range struct {
	gain      byte    // AGAIN, bits 5 and 4 of CONTROL
	times     float64 // what it means, typically
	steps     byte    // of 100 ms, 1 to 6
	few, many int     // counts of channel 0 that another range is better for
}

// tsl2591Ranges are chosen from, the most sensitive first. In a single step of
// 100 ms no more than 36863 are counted, otherwise 65535. One range is left
// for the next if that would not even be half full. The highest gain is for
// light that nobody calls light.
var tsl2591Ranges = []tsl2591Range{
	{2 << 4, 428, 3, 0, 60000},
	{1 << 4, 25, 1, 580, 35000},
	{0 << 4, 1, 1, 700, 36863},
}

var _ = register(Driver{
	Name:      "tsl2591",
	Title:     "ams TSL2591 illuminance",
	Datasheet: "ams TSL2591, DS000338 v1-00 (registers, gains and formula as in Linux, longest step and ends of counters from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x29},
	MinPeriod: time.Second, // a measurement, and in another range before it
	Channels: []Channel{
		{Quantity: reading.Illuminance, Min: 0, Max: 160000, Decimals: 2},
		{Quantity: reading.Raw.Of("visible"), Min: 0, Max: 40000, Decimals: 3},
		{Quantity: reading.Raw.Of("infrared"), Min: 0, Max: 40000, Decimals: 3},
	},
	Notes: "In full sunlight the chip is dazzled: put it behind something that takes light away, and calibrate with a factor. " +
		"The maker gives no formula for the illuminance; that of the Linux kernel is used, which may be a quarter off. " +
		"raw_visible and raw_infrared are counts as with a gain of 1 in 100 ms.",
	Open:  openTSL2591,
	Probe: probeTSL2591,
})

type tsl2591 struct {
	slot *bus.Slot
	at   int // the range that was used last
}

func openTSL2591(_ context.Context, slot *bus.Slot) (Sensor, error) {
	s := &tsl2591{slot, 1}
	for _, step := range []func() error{s.identify, s.off} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("tsl2591: %w", err)
		}
	}
	return s, nil
}

// Measure implements [Sensor]: out is the illuminance in lx, and the counts of
// visible and infrared light as with a gain of 1 in 100 ms.
func (s *tsl2591) Measure(ctx context.Context, out []float64) error {
	var light [3]float64
	at, err := autorange(s.at, len(tsl2591Ranges), func(at int) (int, error) {
		r := tsl2591Ranges[at]
		data, err := s.convert(ctx, r)
		c0, c1 := binary.LittleEndian.Uint16(data[0:]), binary.LittleEndian.Uint16(data[2:])
		light = r.light(c0, c1)
		return betterRange(int(max(c0, c1)), r.few, r.many), err
	})
	s.at = at
	if err != nil {
		return fmt.Errorf("tsl2591: measurement of register 0x%02X (C0DATA): %w", tsl2591Data, err)
	}
	copy(out, light[:])
	return nil
}

// convert takes one measurement and returns registers C0DATA and C1DATA.
func (s *tsl2591) convert(ctx context.Context, r tsl2591Range) (data [4]byte, err error) {
	if err := s.off(); err != nil {
		return data, err
	}
	if err := setRegister(s.slot, tsl2591Control, r.gain|(r.steps-1), 0xFF); err != nil {
		return data, err
	}
	if err := setRegister(s.slot, tsl2591Enable, tsl2591On, 0xFF); err != nil {
		return data, err
	}
	if err := s.await(ctx, time.Duration(r.steps)*tsl2591Step); err != nil {
		return data, err
	}
	if err := s.slot.ReadRegistersSame(tsl2591Data, data[:]); err != nil {
		return data, err
	}
	if err := keptRegister(s.slot, tsl2591Enable, tsl2591On, 0xFF); err != nil {
		return data, err
	}
	return data, s.off()
}

func (s *tsl2591) off() error { return s.slot.WriteRegister(tsl2591Enable, tsl2591Off) }

// await waits for d, and then until a measurement has ended.
func (s *tsl2591) await(ctx context.Context, d time.Duration) error {
	var status [1]byte
	for range tsl2591Polls {
		if err := bus.Wait(ctx, d); err != nil {
			return fmt.Errorf("wait for register 0x%02X (STATUS): %w", tsl2591Status, err)
		}
		if err := s.slot.ReadRegisters(tsl2591Status, status[:]); err != nil {
			return err
		}
		if status[0] != 0xFF && status[0]&tsl2591Valid != 0 {
			return nil
		}
		d = tsl2591Poll
	}
	return fmt.Errorf("register 0x%02X (STATUS) is 0x%02X: no measurement has ended", tsl2591Status, status[0])
}

// identify refuses a chip that is not a TSL2591.
func (s *tsl2591) identify() error {
	var id [1]byte
	if err := s.slot.ReadRegisters(tsl2591ID, id[:]); err != nil {
		return err
	}
	is := "this is another chip; a TSL2561 and a VL53L0X have the same address"
	switch id[0] {
	case tsl2591IsTSL2591:
		return nil
	case 0x00, 0xFF:
		is = "nothing drives the bus; check power and wires"
	}
	return fmt.Errorf("register 0x%02X (ID) is 0x%02X in place of 0x%02X: %s", tsl2591ID, id[0], tsl2591IsTSL2591, is)
}

// light returns the illuminance in lx, visible and infrared light. The
// illuminance is that of Linux, drivers/iio/light/tsl2591.c, after Adafruit:
// the less of the light is infrared, the more of the rest is seen, and 408
// counts a millisecond of gain 1 are 1 lx.
func (r tsl2591Range) light(c0, c1 uint16) [3]float64 {
	all, infrared := float64(c0), float64(c1)
	visible := max(all-infrared, 0)
	sensitivity := r.times * float64(r.steps) * 100
	lux := 0.0
	if all > 0 {
		lux = visible * (1 - min(infrared/all, 1)) * 408 / sensitivity
	}
	return [3]float64{lux, visible * 100 / sensitivity, infrared * 100 / sensitivity}
}

// probeTSL2591 reads the identity.
func probeTSL2591(_ context.Context, slot *bus.Slot) (Found, error) {
	s := &tsl2591{slot: slot}
	if err := s.identify(); err != nil {
		return Found{}, err
	}
	return Found{Model: "TSL2591", Certain: true}, nil
}

// Texas Instruments OPT3001: illuminance.
//
//	chip       OPT3001, which sees what the eye sees
//	bus        I²C up to 2.6 MHz
//	addresses  0x44 (ADDR to GND), 0x45 (VDD), 0x46 (SDA), 0x47 (SCL)
//	datasheet  Texas Instruments OPT3001, SBOS681
//	checksum   none
//
// The chip chooses its range by itself, does one measurement and is shut down.
// Its result stays and is read twice. Registers have 16 bits, the most
// significant byte first.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 7.6.
const (
	opt3001Result = 0x00 // exponent in the upper four bits
	opt3001Config = 0x01
	opt3001Maker  = 0x7E
	opt3001ID     = 0x7F
)

// What is in them.
const (
	opt3001IsTI  = 0x5449 // "TI"
	opt3001IsOPT = 0x3001

	opt3001Auto    = 0xC << 12 // RN: it chooses the range
	opt3001Long    = 1 << 11   // CT: 800 ms, which averages lamps out
	opt3001Once    = 1 << 9    // M: one measurement, and shut-down
	opt3001Over    = 1 << 8    // OVF
	opt3001Ready   = 1 << 7    // CRF, until it is read
	opt3001Measure = opt3001Auto | opt3001Long | opt3001Once
	opt3001Kept    = opt3001Auto | opt3001Long // what stays of it
)

const (
	opt3001Convert = 900 * time.Millisecond // 880 ms at most, and 10 for the choice of range
	opt3001Poll    = 10 * time.Millisecond
	opt3001Polls   = 10
)

var _ = register(Driver{
	Name:      "opt3001",
	Title:     "Texas Instruments OPT3001 illuminance",
	Datasheet: "Texas Instruments OPT3001, SBOS681 (from memory, not re-read)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x44, 0x45, 0x46, 0x47},
	MinPeriod: time.Second, // a measurement takes almost as long
	Channels: []Channel{
		{Quantity: reading.Illuminance, Min: 0, Max: 83865, Decimals: 2}, // the full scale is not a reading
	},
	Open:  openOPT3001,
	Probe: probeOPT3001,
})

type opt3001 struct{ slot *bus.Slot }

func openOPT3001(_ context.Context, slot *bus.Slot) (Sensor, error) {
	s := &opt3001{slot}
	if err := s.identify(); err != nil {
		return nil, fmt.Errorf("opt3001: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is the illuminance in lx.
func (s *opt3001) Measure(ctx context.Context, out []float64) error {
	raw, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("opt3001: %w", err)
	}
	out[0] = opt3001Lux(raw)
	return nil
}

// convert takes one measurement and returns register 0x00.
func (s *opt3001) convert(ctx context.Context) (uint16, error) {
	if err := s.slot.WriteWord(opt3001Config, opt3001Measure); err != nil {
		return 0, err
	}
	if err := s.await(ctx); err != nil {
		return 0, err
	}
	var b [2]byte
	if err := s.slot.ReadRegistersSame(opt3001Result, b[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b[:]), nil
}

// await waits until the measurement has ended.
func (s *opt3001) await(ctx context.Context) error {
	d, config := opt3001Convert, uint16(0)
	for range opt3001Polls {
		if err := bus.Wait(ctx, d); err != nil {
			return fmt.Errorf("wait for register 0x%02X (configuration): %w", opt3001Config, err)
		}
		var err error
		if config, err = s.slot.ReadWord(opt3001Config); err != nil {
			return err
		}
		switch {
		case config&^(opt3001Once|opt3001Over|opt3001Ready)&0xFE00 != opt3001Kept:
			return fmt.Errorf("register 0x%02X (configuration) is 0x%04X: it has lost its settings", opt3001Config, config)
		case config&opt3001Ready == 0:
			d = opt3001Poll
			continue
		case config&opt3001Over != 0:
			return fmt.Errorf("register 0x%02X (configuration) is 0x%04X: %w", opt3001Config, config, errTooBright)
		}
		return nil
	}
	return fmt.Errorf("register 0x%02X (configuration) is 0x%04X: the measurement does not end", opt3001Config, config)
}

// identify refuses a chip that is not an OPT3001.
func (s *opt3001) identify() error {
	for _, id := range []struct {
		reg  byte
		name string
		want uint16
	}{{opt3001Maker, "manufacturer", opt3001IsTI}, {opt3001ID, "device", opt3001IsOPT}} {
		got, err := s.slot.ReadWord(id.reg)
		if err != nil {
			return err
		}
		if got != id.want {
			is := "this is another chip"
			if got == 0x0000 || got == 0xFFFF {
				is = "nothing drives the bus; check power and wires"
			}
			return fmt.Errorf("register 0x%02X (%s) is 0x%04X in place of 0x%04X: %s", id.reg, id.name, got, id.want, is)
		}
	}
	return nil
}

// opt3001Lux returns the illuminance in lx: 0.01 × 2^E × R. Section 7.6.1.1.1,
// equation 3.
func opt3001Lux(raw uint16) float64 {
	return 0.01 * float64(uint32(1)<<(raw>>12)) * float64(raw&0x0FFF)
}

// probeOPT3001 reads both identities.
func probeOPT3001(_ context.Context, slot *bus.Slot) (Found, error) {
	if err := (&opt3001{slot}).identify(); err != nil {
		return Found{}, err
	}
	return Found{Model: "OPT3001", Certain: true}, nil
}

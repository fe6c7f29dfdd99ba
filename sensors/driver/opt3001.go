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
	opt3001Kept    = opt3001Auto | opt3001Long // what stays of it; after power-on L is 1, too

	opt3001Settings = ^uint16(opt3001Once | 0xF<<5) // mask: without OVF, CRF, FH and FL
)

// Section 6.5: 880 ms at most, and 10 for the choice of range.
const opt3001Convert = 900 * time.Millisecond

var _ = register(Driver{
	Name:      "opt3001",
	Title:     "Texas Instruments OPT3001 illuminance",
	Datasheet: "Texas Instruments OPT3001, SBOS681 (registers and times as in Linux)",
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
	if err := identifyOPT3001(slot); err != nil {
		return nil, fmt.Errorf("opt3001: %w", err)
	}
	return &opt3001{slot}, nil
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

// convert takes one measurement and returns register 0x00. The settings are
// looked at last: a chip that has lost its power by then shows the dark.
func (s *opt3001) convert(ctx context.Context) (uint16, error) {
	if err := s.slot.WriteWord(opt3001Config, opt3001Measure); err != nil {
		return 0, err
	}
	config, err := awaitWord(ctx, s.slot, opt3001Config, "configuration", opt3001Ready, opt3001Convert)
	if err != nil {
		return 0, err
	}
	raw, err := s.slot.ReadWordTwice(opt3001Result)
	if err != nil {
		return 0, err
	}
	if err := wantWord(s.slot, opt3001Config, "configuration", opt3001Kept, opt3001Settings, lostSettings); err != nil {
		return 0, err
	}
	if config&opt3001Over != 0 {
		return 0, fmt.Errorf("register 0x%02X (configuration) is 0x%04X: %w", opt3001Config, config, errTooBright)
	}
	return raw, nil
}

// identifyOPT3001 refuses a chip that is not an OPT3001.
func identifyOPT3001(slot *bus.Slot) error {
	if err := wantWord(slot, opt3001Maker, "manufacturer", opt3001IsTI, 0xFFFF, anotherChip); err != nil {
		return err
	}
	return wantWord(slot, opt3001ID, "device", opt3001IsOPT, 0xFFFF, anotherChip)
}

// opt3001Lux returns the illuminance in lx: 0.01 × 2^E × R. Section 7.6.1.1.1,
// equation 3.
func opt3001Lux(raw uint16) float64 {
	return 0.01 * float64(uint32(1)<<(raw>>12)) * float64(raw&0x0FFF)
}

// probeOPT3001 reads both identities.
func probeOPT3001(_ context.Context, slot *bus.Slot) (Found, error) {
	if err := identifyOPT3001(slot); err != nil {
		return Found{}, err
	}
	return Found{Model: "OPT3001", Certain: true}, nil
}

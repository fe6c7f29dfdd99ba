// Microchip MCP9808: temperature to ±0.25 °C.
//
//	chip       MCP9808
//	bus        I²C up to 400 kHz
//	addresses  0x18 to 0x1F (A0, A1, A2)
//	datasheet  Microchip DS25095
//	checksum   none
//
// It sleeps between two measurements: what it then holds does not change and
// can be read twice, and it does not warm itself.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 5.1, and what is in them.
const (
	mcp9808Config     = 0x01
	mcp9808Critical   = 0x04
	mcp9808Ambient    = 0x05
	mcp9808Maker      = 0x06
	mcp9808Device     = 0x07
	mcp9808Resolution = 0x08 // 8 bits

	mcp9808Shutdown  = 1 << 8 // config; all else 0 is no alert output
	mcp9808Microchip = 0x0054 // manufacturer
	mcp9808ID        = 0x0400 // device, its revision in the lower byte
	mcp9808Finest    = 3      // resolution: 0.0625 °C
	mcp9808Ours      = 0x0960 // critical temperature: 150 °C, which there never are; 0 after power-on
)

// Section 1, t_CONV: typically 250 ms at the finest resolution. No most is
// given, so there is a reserve of a fifth.
const mcp9808Convert = 300 * time.Millisecond

var _ = register(Driver{
	Name:      "mcp9808",
	Title:     "Microchip MCP9808 temperature",
	Datasheet: "Microchip DS25095A (registers confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F},
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 2},
	},
	Open:  openMCP9808,
	Probe: probeMCP9808,
})

type mcp9808 struct{ slot *bus.Slot }

func openMCP9808(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &mcp9808{slot}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("mcp9808: %w", err)
	}
	return s, nil
}

func (s *mcp9808) prepare(context.Context) error {
	if _, err := identifyMCP9808(s.slot); err != nil {
		return err
	}
	return s.slot.WriteRegister(mcp9808Resolution, mcp9808Finest)
}

// identifyMCP9808 returns the chip's revision.
func identifyMCP9808(slot *bus.Slot) (byte, error) {
	if err := wantWord(slot, mcp9808Maker, "manufacturer", mcp9808Microchip, 0xFFFF, anotherChip); err != nil {
		return 0, err
	}
	id, err := slot.ReadWordTwice(mcp9808Device)
	if err != nil {
		return 0, err
	}
	return byte(id), sameWord(id, mcp9808Device, "device", mcp9808ID, 0xFF00, anotherChip)
}

// Measure implements [Sensor]: out is temperature in °C.
func (s *mcp9808) Measure(ctx context.Context, out []float64) error {
	v, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("mcp9808: %w", err)
	}
	out[0] = mcp9808Temperature(v)
	return nil
}

// convert wakes the chip for one conversion. The temperature has no sign that
// it is one: a chip that has lost its power shows 0 °C, and is known by the
// limit that it has lost, too.
func (s *mcp9808) convert(ctx context.Context) (uint16, error) {
	if err := s.slot.WriteWord(mcp9808Critical, mcp9808Ours); err != nil {
		return 0, err
	}
	if err := s.slot.WriteWord(mcp9808Config, 0); err != nil {
		return 0, err
	}
	if err := bus.Wait(ctx, mcp9808Convert); err != nil {
		return 0, fmt.Errorf("wait for register 0x%02X (ambient temperature): %w", mcp9808Ambient, err)
	}
	if err := s.slot.WriteWord(mcp9808Config, mcp9808Shutdown); err != nil {
		return 0, err
	}
	v, err := s.slot.ReadWordTwice(mcp9808Ambient)
	if err != nil {
		return 0, err
	}
	if limit, err := s.slot.ReadWordTwice(mcp9808Critical); err != nil {
		return 0, err
	} else if limit != mcp9808Ours {
		return 0, fmt.Errorf("register 0x%02X (critical temperature) is 0x%04X in place of 0x%04X: %s",
			mcp9808Critical, limit, mcp9808Ours, lostSettings)
	}
	return v, nil
}

// mcp9808Temperature returns the temperature in °C: 13 bits, signed, behind
// three flags that tell how it compares with the limits. Section 5.1.3.
func mcp9808Temperature(v uint16) float64 { return float64(int16(v<<3)>>3) / 16 }

func probeMCP9808(_ context.Context, slot *bus.Slot) (Found, error) {
	revision, err := identifyMCP9808(slot)
	if err != nil {
		return Found{}, err
	}
	return Found{Model: "MCP9808", Certain: true, Note: fmt.Sprintf("revision %d", revision)}, nil
}

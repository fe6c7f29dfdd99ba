// Analog Devices ADXL345 and ADXL343: acceleration on three axes.
//
//	chip       ADXL345, ADXL343
//	bus        I²C up to 400 kHz
//	addresses  0x53 (ALT ADDRESS low), 0x1D (high)
//	datasheet  Analog Devices ADXL345, revision G
//	checksum   none
//
// Full resolution, in which a step is always the same, over ±16 g. A FIFO of
// 32 samples, each of which is a transaction of its own. With each comes the
// register behind it, FIFO_CTL, as it was set: a bus that nobody drives is no
// sample.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// Registers, table 19.
const (
	adxl345ID      = 0x00 // DEVID
	adxl345OffsetX = 0x1E
	adxl345OffsetY = 0x1F
	adxl345OffsetZ = 0x20
	adxl345Rate    = 0x2C // BW_RATE
	adxl345Power   = 0x2D // POWER_CTL
	adxl345Enable  = 0x2E // INT_ENABLE
	adxl345Source  = 0x30 // INT_SOURCE
	adxl345Format  = 0x31 // DATA_FORMAT
	adxl345Data    = 0x32 // 6 of them: x, y and z, the lower byte first
	adxl345FIFO    = 0x38 // FIFO_CTL
	adxl345Status  = 0x39 // FIFO_STATUS
)

// What is in them.
const (
	adxl345IsADXL345 = 0xE5
	adxl345Standby   = 0
	adxl345Measure   = 1 << 3    // POWER_CTL
	adxl345Full16g   = 1<<3 | 3  // DATA_FORMAT: FULL_RES, range
	adxl345Bypass    = 0 << 6    // FIFO_CTL: empties it
	adxl345Stream    = 2 << 6    // FIFO_CTL: the oldest give way
	adxl345Overrun   = 1 << 0    // INT_SOURCE
	adxl345Entries   = 0x3F      // FIFO_STATUS
	adxl345Depth     = 32        // and one more at the output
	adxl345Step      = 1.0 / 256 // g; table 1: at full resolution
	adxl345Full      = 16.0      // g
	adxl345TurnOn    = 2         // samples, and 1.1 ms
	adxl345Named     = "register 0x39 (FIFO_STATUS)"
	adxl345Wake      = 2 * time.Millisecond
)

// adxl345Rates are the rates by how they are set in BW_RATE. Table 7.
var adxl345Rates = map[string]byte{"25": 0x8, "50": 0x9, "100": 0xA, "200": 0xB, "400": 0xC}

var _ = register(Driver{
	Name:      "adxl345",
	Aliases:   []string{"adxl343"},
	Title:     "Analog Devices ADXL345/ADXL343 acceleration",
	Datasheet: "Analog Devices ADXL345, revision G (registers and bits confirmed, rates and turn-on from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x53, 0x1D},
	Channels:  motionChannels(adxl345Full),
	Options:   motionOptions("25", "50", "100", "200", "400"),
	Notes:     motionNotes,
	Wiring:    "CS to VDD: that makes it I²C.",
	Open:      openADXL345,
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		if err := wantID(slot, adxl345ID, "DEVID", adxl345IsADXL345, nil); err != nil {
			return Found{}, err
		}
		return Found{Model: "ADXL345", Certain: true, Note: "or an ADXL343, which is the same to this driver"}, nil
	},
})

type adxl345 struct {
	slot   *bus.Slot
	window motionWindow
	rate   byte // BW_RATE
}

func openADXL345(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	s := &adxl345{slot: slot, window: newMotionWindow(o, adxl345Depth, adxl345Named), rate: adxl345Rates[o["rate"]]}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("adxl345: %w", err)
	}
	return s, nil
}

// prepare sets up the chip, which has no reset, and waits until it measures
// right.
func (s *adxl345) prepare(ctx context.Context) error {
	if err := wantID(s.slot, adxl345ID, "DEVID", adxl345IsADXL345, nil); err != nil {
		return err
	}
	if err := writeAll(s.slot, [][2]byte{
		{adxl345Power, adxl345Standby},
		{adxl345OffsetX, 0}, {adxl345OffsetY, 0}, {adxl345OffsetZ, 0},
		{adxl345Rate, s.rate}, {adxl345Enable, 0}, {adxl345Format, adxl345Full16g},
		{adxl345Power, adxl345Measure},
	}...); err != nil {
		return err
	}
	if err := bus.Wait(ctx, adxl345Wake+seconds(adxl345TurnOn/s.window.rate)); err != nil {
		return fmt.Errorf("wait for register 0x%02X (POWER_CTL): %w", adxl345Power, err)
	}
	return nil
}

// Measure implements [Sensor]: out is the mean acceleration along x, y and z,
// and without it the root mean square and the peak, all in m/s².
func (s *adxl345) Measure(ctx context.Context, out []float64) error {
	samples, err := s.window.collect(ctx, s)
	if err == nil {
		err = s.unchanged()
	}
	if err != nil {
		return fmt.Errorf("adxl345: %w", err)
	}
	statistics(samples).put(out, adxl345Step)
	return nil
}

// unchanged makes sure that the samples are what they were taken for.
func (s *adxl345) unchanged() error {
	if err := wantRegisters(s.slot, adxl345Rate, "BW_RATE, POWER_CTL", []byte{s.rate, adxl345Measure}); err != nil {
		return err
	}
	return wantRegisters(s.slot, adxl345Format, "DATA_FORMAT", []byte{adxl345Full16g})
}

// start implements [fifo].
func (s *adxl345) start(context.Context) error {
	return writeAll(s.slot, [2]byte{adxl345FIFO, adxl345Bypass}, [2]byte{adxl345FIFO, adxl345Stream})
}

// drain implements [fifo]. Reading a sample clears the overrun, which is
// looked for first. The number of samples is asked for twice: in between it
// can only grow.
func (s *adxl345) drain(samples [][3]int16) ([][3]int16, error) {
	n, err := s.entries()
	if err != nil {
		return nil, err
	}
	for range n {
		var data [7]byte // and FIFO_CTL
		if err := s.slot.ReadRegisters(adxl345Data, data[:]); err != nil {
			return nil, err
		}
		if data[6] != adxl345Stream {
			return nil, fmt.Errorf("register 0x%02X (FIFO_CTL), read with those from 0x%02X, is 0x%02X in place of 0x%02X: %s",
				adxl345FIFO, adxl345Data, data[6], adxl345Stream, lostSettings)
		}
		samples = append(samples, parseADXL345([6]byte(data[:])))
	}
	return samples, nil
}

// entries returns how many samples there are.
func (s *adxl345) entries() (int, error) {
	var source, status, again [1]byte
	if err := s.slot.ReadRegisters(adxl345Source, source[:]); err != nil {
		return 0, err
	}
	if err := s.slot.ReadRegisters(adxl345Status, status[:]); err != nil {
		return 0, err
	}
	if err := s.slot.ReadRegisters(adxl345Status, again[:]); err != nil {
		return 0, err
	}
	n, then := int(status[0]&adxl345Entries), int(again[0]&adxl345Entries)
	switch {
	case source[0]&adxl345Overrun != 0:
		return 0, fmt.Errorf("register 0x%02X (INT_SOURCE) is 0x%02X: %w", adxl345Source, source[0], errOverflow)
	case n > then:
		return 0, fmt.Errorf("register 0x%02X (FIFO_STATUS) is 0x%02X and then 0x%02X: the transmission is disturbed", adxl345Status, status[0], again[0])
	case then >= adxl345Depth:
		return 0, fmt.Errorf("register 0x%02X (FIFO_STATUS) is 0x%02X: %w", adxl345Status, again[0], errOverflow)
	}
	return n, nil
}

// parseADXL345 returns a sample in steps of 1/256 g. Section "Register
// definitions", 0x32 to 0x37.
func parseADXL345(data [6]byte) (v [3]int16) {
	for axis := range v {
		v[axis] = int16(binary.LittleEndian.Uint16(data[2*axis:]))
	}
	return v
}

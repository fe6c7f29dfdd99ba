// STMicroelectronics LIS3DH and LIS2DH12: acceleration on three axes.
//
//	chip       LIS3DH, LIS2DH12
//	bus        I²C up to 400 kHz
//	addresses  0x18 (SA0 low), 0x19 (SA0 high)
//	datasheet  STMicroelectronics LIS3DH, DocID17530
//	checksum   none
//
// High-resolution mode, 12 bits. A FIFO of 32 samples, which is read in one
// transaction: with the top bit of a register's number set, the chip goes on
// to the next register, and from the last of a sample to the first of the
// next.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"gateway/sensors/bus"
)

// Registers, section 8.
const (
	lis3dhID      = 0x0F // WHO_AM_I
	lis3dhCtrl1   = 0x20
	lis3dhCtrl2   = 0x21
	lis3dhCtrl3   = 0x22
	lis3dhCtrl4   = 0x23
	lis3dhCtrl5   = 0x24
	lis3dhCtrl6   = 0x25
	lis3dhData    = 0x28 // 6 of them: x, y and z, the lower byte first
	lis3dhFIFO    = 0x2E // FIFO_CTRL_REG
	lis3dhSource  = 0x2F // FIFO_SRC_REG
	lis3dhFurther = 0x80 // to the number of a register: go on to the next
)

// What is in them.
const (
	lis3dhIsLIS3DH  = 0x33
	lis3dhAxes      = 7      // CTRL1: all three
	lis3dhBlock     = 1 << 7 // CTRL4, BDU: both bytes are of one sample
	lis3dhFine      = 1 << 3 // CTRL4, HR: high resolution
	lis3dhBoot      = 1 << 7 // CTRL5: load what it was calibrated with
	lis3dhUseFIFO   = 1 << 6 // CTRL5
	lis3dhBypass    = 0 << 6 // FIFO_CTRL: empties it
	lis3dhStream    = 2 << 6 // FIFO_CTRL: the oldest give way
	lis3dhOverrun   = 1 << 6 // FIFO_SRC
	lis3dhSamples   = 0x1F   // FIFO_SRC, FSS
	lis3dhDepth     = 32
	lis3dhEnd       = 2048                  // steps, either way
	lis3dhBootTime  = 10 * time.Millisecond // section 8: 5 ms
	lis3dhTurnOn    = 8                     // samples; table 15: 7 in high resolution
	lis3dhFIFONamed = "register 0x2F (FIFO_SRC)"
)

// lis3dhRates are the rates by how they are set in CTRL1, ODR. Table 31.
var lis3dhRates = map[string]byte{"25": 3, "50": 4, "100": 5, "200": 6, "400": 7}

// lis3dhSteps are the steps in g by the range. Table 4: high resolution.
var lis3dhSteps = map[string]float64{"2": 0.001, "4": 0.002, "8": 0.004, "16": 0.012}

var _ = register(Driver{
	Name:      "lis3dh",
	Aliases:   []string{"lis2dh12"},
	Title:     "STMicroelectronics LIS3DH/LIS2DH12 acceleration",
	Datasheet: "STMicroelectronics LIS3DH, DocID17530 (registers, bits and format of the data confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x18, 0x19},
	Channels:  motionChannels(lis3dhEnd * lis3dhSteps["16"]),
	Options:   append(motionOptions("25", "50", "100", "200", "400"), motionRange),
	Notes:     motionNotes,
	Open:      openLIS3DH,
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		if err := wantID(slot, lis3dhID, "WHO_AM_I", lis3dhIsLIS3DH, nil); err != nil {
			return Found{}, err
		}
		return Found{Model: "LIS3DH", Certain: true, Note: "or a LIS2DH12, which is the same to this driver"}, nil
	},
})

type lis3dh struct {
	slot     *bus.Slot
	window   motionWindow
	step     float64 // g
	settings [5]byte // CTRL1 to CTRL5
}

func openLIS3DH(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	s := &lis3dh{
		slot:   slot,
		window: newMotionWindow(o, lis3dhDepth, lis3dhFIFONamed),
		step:   lis3dhSteps[o["range"]],
	}
	scale := byte(slices.Index(motionRange.Allowed, o["range"])) << 4 // FS
	s.settings = [5]byte{lis3dhRates[o["rate"]]<<4 | lis3dhAxes, 0, 0, lis3dhBlock | scale | lis3dhFine, lis3dhUseFIFO}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("lis3dh: %w", err)
	}
	return s, nil
}

// prepare sets up the chip and waits until it measures right.
func (s *lis3dh) prepare(ctx context.Context) error {
	if err := wantID(s.slot, lis3dhID, "WHO_AM_I", lis3dhIsLIS3DH, nil); err != nil {
		return err
	}
	if err := s.slot.WriteRegister(lis3dhCtrl5, lis3dhBoot); err != nil {
		return err
	}
	if err := bus.Wait(ctx, lis3dhBootTime); err != nil {
		return fmt.Errorf("wait for register 0x%02X (CTRL_REG5): %w", lis3dhCtrl5, err)
	}
	if err := writeAll(s.slot, [][2]byte{
		{lis3dhCtrl1, s.settings[0]}, {lis3dhCtrl2, s.settings[1]}, {lis3dhCtrl3, s.settings[2]},
		{lis3dhCtrl4, s.settings[3]}, {lis3dhCtrl5, s.settings[4]}, {lis3dhCtrl6, 0},
	}...); err != nil {
		return err
	}
	if err := bus.Wait(ctx, seconds(lis3dhTurnOn/s.window.rate)); err != nil {
		return fmt.Errorf("wait for register 0x%02X (CTRL_REG1): %w", lis3dhCtrl1, err)
	}
	return nil
}

// Channels implements [Channeler]: as far as 12 bits of the range go, which
// is a little beyond it.
func (s *lis3dh) Channels() []Channel { return motionChannels(lis3dhEnd * s.step) }

// Measure implements [Sensor]: out is the mean acceleration along x, y and z,
// and without it the root mean square and the peak, all in m/s².
func (s *lis3dh) Measure(ctx context.Context, out []float64) error {
	samples, err := s.window.collect(ctx, s)
	if err == nil {
		err = wantRegisters(s.slot, lis3dhCtrl1|lis3dhFurther, "CTRL_REG1 to 5", s.settings[:])
	}
	if err != nil {
		return fmt.Errorf("lis3dh: %w", err)
	}
	statistics(samples).put(out, s.step)
	return nil
}

// start implements [fifo].
func (s *lis3dh) start(context.Context) error {
	return writeAll(s.slot, [2]byte{lis3dhFIFO, lis3dhBypass}, [2]byte{lis3dhFIFO, lis3dhStream})
}

// drain implements [fifo]. The number of samples is asked for twice: in
// between it can only grow.
func (s *lis3dh) drain(samples [][3]int16) ([][3]int16, error) {
	var source, again [1]byte
	if err := s.slot.ReadRegisters(lis3dhSource, source[:]); err != nil {
		return nil, err
	}
	if err := s.slot.ReadRegisters(lis3dhSource, again[:]); err != nil {
		return nil, err
	}
	if (source[0]|again[0])&lis3dhOverrun != 0 {
		return nil, fmt.Errorf("register 0x%02X (FIFO_SRC) is 0x%02X: %w", lis3dhSource, source[0]|again[0], errOverflow)
	}
	n := int(source[0] & lis3dhSamples)
	if n > int(again[0]&lis3dhSamples) {
		return nil, fmt.Errorf("register 0x%02X (FIFO_SRC) is 0x%02X and then 0x%02X: the transmission is disturbed", lis3dhSource, source[0], again[0])
	}
	if n == 0 {
		return samples, nil
	}
	data := make([]byte, 6*n)
	if err := s.slot.ReadRegisters(lis3dhData|lis3dhFurther, data); err != nil {
		return nil, err
	}
	return appendLIS3DH(samples, data), nil
}

// appendLIS3DH appends samples in steps of the range: 12 bits, signed, in the
// upper ones. Section 8 and table 4.
func appendLIS3DH(samples [][3]int16, data []byte) [][3]int16 {
	for b := range slices.Chunk(data, 6) {
		var v [3]int16
		for axis := range v {
			v[axis] = int16(binary.LittleEndian.Uint16(b[2*axis:])) >> 4
		}
		samples = append(samples, v)
	}
	return samples
}

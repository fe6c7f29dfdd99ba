// Bosch BMP180, and its predecessor BMP085: temperature and air pressure.
//
//	chip       BMP180, BMP085
//	bus        I²C
//	addresses  0x77
//	datasheet  Bosch BST-BMP180-DS000, revision 2.5
//	checksum   none; see bosch.go
//
// The chip has no settings: every conversion is asked for by itself, with all
// that it needs to know.

package driver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 4.3.
const (
	bmp180Calib    = 0xAA // 22 of them
	bmp180CtrlMeas = 0xF4
	bmp180Data     = 0xF6 // 2 of them for temperature, 3 for pressure
)

// What is in ctrl_meas, section 4.3. The upper two bits are the oversampling.
const (
	bmp180Temperature = 0x2E
	bmp180Pressure    = 0x34
	bmp180Converting  = 1 << 5 // sco
)

// bmp180Time is longer than a conversion of temperature or of pressure with
// 1, 2, 4 or 8 samples takes. Section 3.3.1, table 3.
var bmp180Time = [...]time.Duration{5 * time.Millisecond, 8 * time.Millisecond, 14 * time.Millisecond, 26 * time.Millisecond}

var _ = register(Driver{
	Name:      "bmp180",
	Aliases:   []string{"bmp085"},
	Title:     "Bosch BMP180/BMP085 temperature and pressure",
	Datasheet: "Bosch BST-BMP180-DS000, revision 2.5",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x77},
	Channels: []Channel{ // section 1: ranges, resolution of 0.1 °C and 1 Pa
		{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 1},
		{Quantity: reading.Pressure, Min: 300, Max: 1100, Decimals: 2},
	},
	Options: []Option{{
		Name: "oversampling", Default: "8", Allowed: []string{"1", "2", "4", "8"},
		Doc: "How many samples a pressure is made of: its noise is 6 Pa with 1 and 3 Pa with 8.",
	}},
	Notes: "The chip cannot tell a BMP085 from a BMP180; they are read alike.",
	Open:  openBMP180,
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		_, err := boschIdentify(slot, "bmp180")
		return Found{Model: "BMP180", Certain: true, Note: "or a BMP085, which is read alike"}, err
	},
})

type bmp180 struct {
	slot  *bus.Slot
	oss   int // oversampling_setting: 2 to its power samples
	calib bmp180Calibration
}

func openBMP180(_ context.Context, slot *bus.Slot) (Sensor, error) {
	samples := uint(options(slot.Options).whole("oversampling"))
	s := &bmp180{slot: slot, oss: bits.TrailingZeros(samples)}
	if _, err := boschIdentify(slot, "bmp180"); err != nil {
		return nil, fmt.Errorf("bmp180: %w", err)
	}
	var calib [22]byte
	if err := slot.ReadRegistersTwice(bmp180Calib, calib[:]); err != nil {
		return nil, fmt.Errorf("bmp180: calibration: %w", err)
	}
	var err error
	if s.calib, err = parseBMP180Calibration(calib); err != nil {
		return nil, fmt.Errorf("bmp180: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is temperature in °C, pressure in hPa.
func (s *bmp180) Measure(ctx context.Context, out []float64) error {
	t, p, err := s.measure(ctx)
	if err != nil {
		return fmt.Errorf("bmp180: %w", err)
	}
	out[0], out[1] = t, p/100
	return nil
}

func (s *bmp180) measure(ctx context.Context) (t, p float64, err error) {
	var ut, up [3]byte
	if err := s.convert(ctx, bmp180Temperature, bmp180Time[0], ut[:2]); err != nil {
		return 0, 0, fmt.Errorf("temperature: %w", err)
	}
	if err := s.convert(ctx, bmp180Pressure|byte(s.oss)<<6, bmp180Time[s.oss], up[:]); err != nil {
		return 0, 0, fmt.Errorf("pressure: %w", err)
	}
	t, p, err = s.calib.compensate(parseBMP180Raw(ut, up, s.oss))
	if err != nil {
		return 0, 0, fmt.Errorf("calibration in the registers from 0x%02X: %w", bmp180Calib, err)
	}
	return t, p, nil
}

// convert has the chip do what ctrl_meas says, which takes d, and reads the
// result. One that the registers also hold after a reset, section 4.3, is a
// pressure of 830 hPa, too: it is believed the second time, for the chip needs
// no settings to measure.
func (s *bmp180) convert(ctx context.Context, what byte, d time.Duration, data []byte) error {
	for range 2 {
		if err := s.convertOnce(ctx, what, d, data); err != nil {
			return err
		}
		if !bytes.Equal(data, []byte{0x80, 0x00, 0x00}[:len(data)]) {
			break
		}
	}
	return nil
}

func (s *bmp180) convertOnce(ctx context.Context, what byte, d time.Duration, data []byte) error {
	if err := s.slot.WriteRegister(bmp180CtrlMeas, what); err != nil {
		return err
	}
	done := func(ctrl byte) bool { return ctrl&bmp180Converting == 0 }
	if err := awaitRegister(ctx, s.slot, d, bmp180CtrlMeas, "ctrl_meas", done); err != nil {
		return err
	}
	return s.slot.ReadRegistersTwice(bmp180Data, data)
}

// bmp180Calibration is the calibration, as table 5 of section 3.4 names it.
type bmp180Calibration struct {
	ac1, ac2, ac3 int16
	ac4, ac5, ac6 uint16
	b1, b2        int16
	mb, mc, md    int16
}

// parseBMP180Calibration reads table 5 of section 3.4. None of the words is 0
// or 0xFFFF, says the text below it.
func parseBMP180Calibration(b [22]byte) (bmp180Calibration, error) {
	var w [11]uint16
	for i := range w {
		w[i] = binary.BigEndian.Uint16(b[2*i:])
		if w[i] == 0 || w[i] == 0xFFFF {
			return bmp180Calibration{}, fmt.Errorf("calibration register 0x%02X is 0x%04X, which it never is: the chip is broken or no BMP180", bmp180Calib+2*i, w[i])
		}
	}
	return bmp180Calibration{
		ac1: int16(w[0]), ac2: int16(w[1]), ac3: int16(w[2]),
		ac4: w[3], ac5: w[4], ac6: w[5],
		b1: int16(w[6]), b2: int16(w[7]),
		mb: int16(w[8]), mc: int16(w[9]), md: int16(w[10]),
	}, nil
}

// bmp180Raw is a measurement before compensation.
type bmp180Raw struct {
	ut  int64 // 16 bits
	up  int64 // 16 bits and oss more
	oss int
}

// parseBMP180Raw reads the results of both conversions. Section 3.5, figure 4.
func parseBMP180Raw(ut, up [3]byte, oss int) bmp180Raw {
	return bmp180Raw{
		ut:  int64(ut[0])<<8 | int64(ut[1]),
		up:  (int64(up[0])<<16 | int64(up[1])<<8 | int64(up[2])) >> (8 - oss),
		oss: oss,
	}
}

var errBMP180Calibration = errors.New("it makes a divisor 0")

// compensate returns temperature in °C and pressure in Pa. Section 3.5, figure
// 4, in the datasheet's names and in its integers.
//
// Where figure 4 divides by a power of two it means a shift, as Bosch's own
// code has it, which rounds down; Go's division rounds towards zero, and has
// made 3 Pa of difference in other drivers.
func (c *bmp180Calibration) compensate(raw bmp180Raw) (t, p float64, err error) {
	b5, err := c.b5(raw.ut)
	if err != nil {
		return 0, 0, err
	}
	p, err = c.pressure(raw, b5)
	return float64((b5+8)>>4) / 10, p, err
}

// b5 is the temperature as the pressure needs it, in 1/160 °C.
func (c *bmp180Calibration) b5(ut int64) (int64, error) {
	x1 := (ut - int64(c.ac6)) * int64(c.ac5) >> 15
	if x1+int64(c.md) == 0 {
		return 0, errBMP180Calibration
	}
	return x1 + int64(c.mc)<<11/(x1+int64(c.md)), nil
}

func (c *bmp180Calibration) pressure(raw bmp180Raw, b5 int64) (float64, error) {
	b6 := b5 - 4000
	square := b6 * b6 >> 12
	x1 := int64(c.b2) * square >> 11
	x2 := int64(c.ac2) * b6 >> 11
	x3 := x1 + x2
	b3 := ((int64(c.ac1)*4+x3)<<raw.oss + 2) >> 2
	x1 = int64(c.ac3) * b6 >> 13
	x2 = int64(c.b1) * square >> 16
	x3 = (x1 + x2 + 2) >> 2
	b4 := int64(c.ac4) * (x3 + 32768) >> 15
	if b4 == 0 {
		return 0, errBMP180Calibration
	}
	b7 := (raw.up - b3) * (50000 >> raw.oss)
	// Here figure 4 avoids an overflow of 32 bits, and rounds differently: so
	// that the results are its own, it is kept.
	p := b7 * 2 / b4
	if b7 >= 0x80000000 {
		p = b7 / b4 * 2
	}
	x1 = (p >> 8) * (p >> 8)
	x1 = x1 * 3038 >> 16
	x2 = -7357 * p >> 16
	return float64(p + (x1+x2+3791)>>4), nil
}

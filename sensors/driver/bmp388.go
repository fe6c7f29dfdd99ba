// Bosch BMP388, BMP390 and BMP384: temperature and air pressure.
//
//	chip       BMP388 and BMP384, which are the same to us; BMP390, its successor
//	bus        I²C
//	addresses  0x77 (SDO to VDDIO), 0x76 (SDO to GND)
//	datasheet  Bosch BST-BMP388-DS001, BST-BMP390-DS002; see Datasheet below
//	checksum   none; see bosch.go
//
// Its registers are others than those of the older chips: the identity is in
// register 0x00, the least significant byte comes first, and the calibration
// is much shorter.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 4.2.
const (
	bmp388ID      = 0x00
	bmp388Err     = 0x02
	bmp388Status  = 0x03
	bmp388Data    = 0x04 // 6 of them: pressure, temperature
	bmp388PwrCtrl = 0x1B
	bmp388OSR     = 0x1C
	bmp388Calib   = 0x31 // 21 of them
	bmp388Cmd     = 0x7E
)

// What is in them, section 4.3.
const (
	bmp388IsBMP388 = 0x50
	bmp388IsBMP390 = 0x60

	bmp388Fatal = 1 << 0 // err_reg

	bmp388CmdReady = 1 << 4          // status: the chip takes commands
	bmp388Ready    = 1<<5 | 1<<6     // status: drdy_press, drdy_temp
	bmp388Forced   = 1<<4 | 1<<1 | 1 // pwr_ctrl: mode, temp_en, press_en
)

const bmp388Startup = 2 * time.Millisecond // section 1, table 2: t_powup

var _ = register(Driver{
	Name:      "bmp388",
	Aliases:   []string{"bmp390", "bmp384"},
	Title:     "Bosch BMP388/BMP390/BMP384 temperature and pressure",
	Datasheet: "Bosch BST-BMP388-DS001, BST-BMP390-DS002 (registers as in Bosch's code, times as in Linux; ranges from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x77, 0x76},
	Channels: []Channel{ // section 1: ranges, noise of about 1 Pa
		{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2},
		{Quantity: reading.Pressure, Min: 300, Max: 1250, Decimals: 2},
	},
	Options: []Option{{
		Name: "oversampling", Default: "8", Allowed: []string{"1", "2", "4", "8", "16", "32"},
		Doc: "How many samples a pressure is made of, which take 2 ms each: more are less noise.",
	}},
	Wiring: boschWiring,
	Open:   openBMP388,
	Probe:  probeBMP388,
})

type bmp388 struct {
	slot  *bus.Slot
	osr   byte          // osr_p: 2 to its power samples
	takes time.Duration // a measurement
	calib bmp388Calibration
}

func openBMP388(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	samples := options(slot.Options).whole("oversampling")
	s := &bmp388{slot: slot, osr: byte(bits.TrailingZeros(uint(samples))), takes: bmp388Time(samples)}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("bmp388: %w", err)
	}
	return s, nil
}

func (s *bmp388) open(ctx context.Context) error {
	if _, err := identifyBMP388(s.slot); err != nil {
		return err
	}
	if err := s.slot.WriteRegister(bmp388Cmd, boschSoftReset); err != nil {
		return err
	}
	if err := s.await(ctx, bmp388Startup, bmp388CmdReady); err != nil {
		return err
	}
	var problem [1]byte
	if err := s.slot.ReadRegisters(bmp388Err, problem[:]); err != nil {
		return err
	}
	if problem[0]&bmp388Fatal != 0 {
		return fmt.Errorf("register 0x%02X (err_reg) is 0x%02X: the chip says that it is broken", bmp388Err, problem[0])
	}
	var calib [21]byte
	if err := s.slot.ReadRegistersTwice(bmp388Calib, calib[:]); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	s.calib = parseBMP388Calibration(calib)
	return nil
}

// probeBMP388 also looks at register 0xD0, where the older chips have their
// identity: those may hold anything in register 0x00. Open does not, because
// nothing says what a BMP388 has there.
func probeBMP388(_ context.Context, slot *bus.Slot) (Found, error) {
	var older [1]byte
	if err := slot.ReadRegisters(boschID, older[:]); err != nil {
		return Found{}, err
	}
	if name, driver := boschChip(older[0]); name != "" {
		return Found{}, fmt.Errorf("register 0x%02X is 0x%02X: this is a %s; its driver is %s", boschID, older[0], name, driver)
	}
	model, err := identifyBMP388(slot)
	return Found{Model: model, Certain: true}, err
}

// identifyBMP388 returns the name of the chip.
func identifyBMP388(slot *bus.Slot) (string, error) {
	var id [1]byte
	if err := slot.ReadRegisters(bmp388ID, id[:]); err != nil {
		return "", err
	}
	switch id[0] {
	case bmp388IsBMP388:
		return "BMP388 or BMP384", nil
	case bmp388IsBMP390:
		return "BMP390", nil
	case 0x00, 0xFF:
		return "", fmt.Errorf("register 0x%02X (chip_id) is 0x%02X: nothing drives the bus; check power and wires", bmp388ID, id[0])
	}
	return "", fmt.Errorf("register 0x%02X (chip_id) is 0x%02X in place of 0x%02X or 0x%02X: this is another chip",
		bmp388ID, id[0], bmp388IsBMP388, bmp388IsBMP390)
}

// Measure implements [Sensor]: out is temperature in °C, pressure in hPa.
func (s *bmp388) Measure(ctx context.Context, out []float64) error {
	t, p, err := s.measure(ctx)
	if err != nil {
		return fmt.Errorf("bmp388: %w", err)
	}
	out[0], out[1] = t, p/100
	return nil
}

func (s *bmp388) measure(ctx context.Context) (t, p float64, err error) {
	// Every time, because a chip that lost its power has another one, and a
	// measurement that is not over when it is read.
	if err := s.slot.WriteRegister(bmp388OSR, s.osr); err != nil {
		return 0, 0, err
	}
	if err := s.slot.WriteRegister(bmp388PwrCtrl, bmp388Forced); err != nil {
		return 0, 0, err
	}
	if err := s.await(ctx, s.takes, bmp388Ready); err != nil {
		return 0, 0, err
	}
	var data [6]byte
	if err := s.slot.ReadRegistersTwice(bmp388Data, data[:]); err != nil {
		return 0, 0, err
	}
	ut, up := parseBMP388Raw(data)
	if ut == 0x800000 || up == 0x800000 { // as after a reset
		if err := boschMeasured(s.slot, boschSetting{bmp388PwrCtrl, "pwr_ctrl", bmp388Forced, 3}); err != nil {
			return 0, 0, err
		}
	}
	t = s.calib.temperature(ut)
	return t, s.calib.pressure(up, t), nil
}

// await waits for d, and then until the bits of the status register are 1.
func (s *bmp388) await(ctx context.Context, d time.Duration, bits byte) error {
	return awaitRegister(ctx, s.slot, d, bmp388Status, "status", func(status byte) bool { return status&bits == bits })
}

// bmp388Time is how long a measurement takes, with that many samples of the
// pressure and one of the temperature. Section 3.9.2, and a fifth more: the
// figures are typical ones.
func bmp388Time(samples int) time.Duration {
	typical := 234 + (392 + 2020*samples) + (163 + 2020)
	return time.Duration(typical*6/5) * time.Microsecond
}

// bmp388Calibration is the calibration as numbers, section 9.1.
type bmp388Calibration struct {
	t [4]float64  // par_t1 to par_t3 are t[1] to t[3]
	p [12]float64 // par_p1 to par_p11 are p[1] to p[11]
}

// parseBMP388Calibration reads registers 0x31 to 0x45, section 3.11.1, and
// scales them as section 9.1 does.
func parseBMP388Calibration(b [21]byte) bmp388Calibration {
	word := func(i, exp int) float64 { return math.Ldexp(float64(binary.LittleEndian.Uint16(b[i:])), -exp) }
	signed := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(b[i:]))) }
	short := func(i, exp int) float64 { return math.Ldexp(float64(int8(b[i])), -exp) }
	return bmp388Calibration{
		t: [4]float64{1: word(0, -8), word(2, 30), short(4, 48)},
		p: [12]float64{
			1: math.Ldexp(signed(5)-1<<14, -20),
			2: math.Ldexp(signed(7)-1<<14, -29),
			3: short(9, 32), 4: short(10, 37),
			5: word(11, -3), 6: word(13, 6),
			7: short(15, 8), 8: short(16, 15),
			9: math.Ldexp(signed(17), -48), 10: short(19, 48), 11: short(20, 65),
		},
	}
}

// parseBMP388Raw reads registers 0x04 to 0x09. Sections 4.3.4 and 4.3.5.
func parseBMP388Raw(data [6]byte) (ut, up float64) {
	p := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16
	t := uint32(data[3]) | uint32(data[4])<<8 | uint32(data[5])<<16
	return float64(t), float64(p)
}

// temperature is section 9.2, in °C.
func (c *bmp388Calibration) temperature(ut float64) float64 {
	d := ut - c.t[1]
	return d*c.t[2] + d*d*c.t[3]
}

// pressure is section 9.3, in Pa; t is the temperature.
func (c *bmp388Calibration) pressure(up, t float64) float64 {
	cubic := func(i int) float64 { return c.p[i] + c.p[i+1]*t + c.p[i+2]*t*t + c.p[i+3]*t*t*t }
	return cubic(5) + up*cubic(1) + up*up*(c.p[9]+c.p[10]*t) + up*up*up*c.p[11]
}

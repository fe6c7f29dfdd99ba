// Bosch BME280: temperature, relative humidity and air pressure.
//
//	chip       BME280; its sister BMP280 has no humidity and is refused
//	bus        I²C
//	addresses  0x76 (SDO to GND), 0x77 (SDO to VDDIO)
//	datasheet  Bosch BST-BME280-DS002
//	checksum   none
//
// Without a checksum a disturbed bus would be believed, and disturbed
// calibration until the chip is opened again. So everything that counts is
// read twice: calibration and results do not change in sleep mode, in which
// the chip is whenever it does not measure.

package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 5.3.
const (
	bme280Calib0   = 0x88 // 26 of them: temperature, pressure, dig_H1
	bme280ID       = 0xD0
	bme280Reset    = 0xE0
	bme280Calib1   = 0xE1 // 7 of them: the rest of humidity
	bme280CtrlHum  = 0xF2
	bme280Status   = 0xF3
	bme280CtrlMeas = 0xF4 // also makes a write to ctrl_hum effective
	bme280Data     = 0xF7 // 8 of them: pressure, temperature, humidity
)

// What is in them, section 5.4.
const (
	bme280IsBME280  = 0x60
	bme280SoftReset = 0xB6
	bme280ImUpdate  = 1 << 0 // status: copying the calibration from its memory
	bme280Measuring = 1 << 3 // status

	// Weather monitoring, section 3.5.1: forced mode, every value once, no
	// filter, which is off after a reset.
	bme280HumOnce = 1               // ctrl_hum: osrs_h
	bme280Forced  = 1<<5 | 1<<2 | 1 // ctrl_meas: osrs_t, osrs_p, mode
)

const (
	bme280Startup = 2 * time.Millisecond  // section 1.1, table 1: t_startup
	bme280Convert = 10 * time.Millisecond // section 9.1: 9.3 ms at most with every value once
	bme280Poll    = 2 * time.Millisecond
	bme280Polls   = 10 // a chip that takes three times as long as it may is broken
)

var _ = register(Driver{
	Name:      "bme280",
	Title:     "Bosch BME280 temperature, humidity and pressure",
	Datasheet: "Bosch BST-BME280-DS002",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x76, 0x77},
	Channels: []Channel{ // section 1: ranges; table 7: noise of 0.07 % and 3.3 Pa
		{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
		{Quantity: reading.Pressure, Min: 300, Max: 1100, Decimals: 2},
	},
	Open: openBME280,
})

type bme280 struct {
	slot  *bus.Slot
	calib bme280Calib
}

func openBME280(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &bme280{slot: slot}
	for _, step := range []func(context.Context) error{s.identify, s.reset, s.calibrate} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("bme280: %w", err)
		}
	}
	return s, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %,
// pressure in hPa.
func (s *bme280) Measure(ctx context.Context, out []float64) error {
	raw, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("bme280: %w", err)
	}
	t, h, p := s.calib.compensate(raw)
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return fmt.Errorf("bme280: calibration registers 0x%02X to 0xA1 do not fit the pressure 0x%05X", bme280Calib0, raw.p)
	}
	out[0], out[1], out[2] = t, h, p/100
	return nil
}

// identify refuses a chip that is not a BME280.
func (s *bme280) identify(context.Context) error {
	var id [1]byte
	if err := s.slot.ReadRegisters(bme280ID, id[:]); err != nil {
		return err
	}
	is := ""
	switch id[0] {
	case bme280IsBME280:
		return nil
	case 0x56, 0x57, 0x58:
		is = "this is a BMP280, which has no humidity"
	case 0x55:
		is = "this is a BMP180, which has no humidity"
	case 0x61:
		is = "this is a BME680 or BME688, which needs a driver of its own"
	case 0x00, 0xFF:
		is = "nothing drives the bus; check power and wires"
	default:
		is = "this is another chip"
	}
	return fmt.Errorf("register 0x%02X (id) is 0x%02X in place of 0x%02X: %s", bme280ID, id[0], bme280IsBME280, is)
}

// reset brings the chip to sleep mode and its settings to their defaults, and
// waits until it has loaded its calibration.
func (s *bme280) reset(ctx context.Context) error {
	if err := s.slot.WriteRegister(bme280Reset, bme280SoftReset); err != nil {
		return err
	}
	return s.await(ctx, bme280Startup, bme280ImUpdate)
}

// calibrate reads the calibration and chooses what is measured.
func (s *bme280) calibrate(context.Context) error {
	var calib0 [26]byte
	var calib1 [7]byte
	if err := s.slot.ReadRegistersTwice(bme280Calib0, calib0[:]); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	if err := s.slot.ReadRegistersTwice(bme280Calib1, calib1[:]); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	s.calib = parseBME280Calib(calib0, calib1)
	return s.slot.WriteRegister(bme280CtrlHum, bme280HumOnce)
}

// convert takes one measurement.
func (s *bme280) convert(ctx context.Context) (raw bme280Raw, err error) {
	if err := s.slot.WriteRegister(bme280CtrlMeas, bme280Forced); err != nil {
		return raw, err
	}
	if err := s.await(ctx, bme280Convert, bme280Measuring); err != nil {
		return raw, err
	}
	var data [8]byte
	if err := s.slot.ReadRegistersTwice(bme280Data, data[:]); err != nil {
		return raw, err
	}
	return parseBME280Raw(data)
}

// await waits for d, and then until the bits of the status register are 0.
func (s *bme280) await(ctx context.Context, d time.Duration, bits byte) error {
	var status [1]byte
	began := time.Now()
	for range bme280Polls {
		if err := bus.Wait(ctx, d); err != nil {
			return fmt.Errorf("wait for register 0x%02X (status): %w", bme280Status, err)
		}
		if err := s.slot.ReadRegisters(bme280Status, status[:]); err != nil {
			return err
		}
		if status[0]&bits == 0 {
			return nil
		}
		d = bme280Poll
	}
	return fmt.Errorf("register 0x%02X (status) is 0x%02X: still busy after %v",
		bme280Status, status[0], time.Since(began).Round(time.Millisecond))
}

// bme280Calib is the calibration, as table 16 of section 4.2.2 names it.
type bme280Calib struct {
	t1     uint16
	t2, t3 int16
	p1     uint16
	p      [10]int16 // p[2] to p[9]
	h1     uint8
	h2     int16
	h3     uint8
	h4, h5 int16 // 12 bits, signed
	h6     int8
}

// parseBME280Calib reads table 16 of section 4.2.2. dig_H4 and dig_H5 share
// register 0xE5, and the upper eight bits of each are signed.
func parseBME280Calib(calib0 [26]byte, calib1 [7]byte) bme280Calib {
	word := binary.LittleEndian.Uint16
	c := bme280Calib{
		t1: word(calib0[0:]), t2: int16(word(calib0[2:])), t3: int16(word(calib0[4:])),
		p1: word(calib0[6:]),
		h1: calib0[25], // 0xA1; 0xA0 means nothing
		h2: int16(word(calib1[0:])),
		h3: calib1[2],
		h4: int16(int8(calib1[3]))<<4 | int16(calib1[4]&0x0F),
		h5: int16(int8(calib1[5]))<<4 | int16(calib1[4]>>4),
		h6: int8(calib1[6]),
	}
	for i := 2; i <= 9; i++ {
		c.p[i] = int16(word(calib0[4+2*i:]))
	}
	return c
}

// bme280Raw is a measurement before compensation.
type bme280Raw struct {
	t, p int32 // 20 bits
	h    int32 // 16 bits
}

// parseBME280Raw reads registers 0xF7 to 0xFE. Sections 5.4.7 to 5.4.9.
func parseBME280Raw(data [8]byte) (bme280Raw, error) {
	raw := bme280Raw{
		p: int32(data[0])<<12 | int32(data[1])<<4 | int32(data[2])>>4,
		t: int32(data[3])<<12 | int32(data[4])<<4 | int32(data[5])>>4,
		h: int32(data[6])<<8 | int32(data[7]),
	}
	// What a measurement leaves out has its value of after a reset.
	if raw.t == 0x80000 || raw.p == 0x80000 || raw.h == 0x8000 {
		return bme280Raw{}, fmt.Errorf("registers from 0x%02X are % X: %w", bme280Data, data, errBME280Skipped)
	}
	return raw, nil
}

var errBME280Skipped = errors.New("a value was not measured, the chip has lost its settings")

// compensate returns temperature in °C, humidity in % and pressure in Pa. The
// pressure is not finite if the calibration is nonsense.
//
// Section 8.1, in the datasheet's names: double precision, which even the
// oldest Raspberry Pi calculates in hardware.
func (c *bme280Calib) compensate(raw bme280Raw) (t, h, p float64) {
	t, fine := c.temperature(raw.t)
	return t, c.humidity(raw.h, fine), c.pressure(raw.p, fine)
}

// temperature also returns t_fine, which the other two need. Section 8.1,
// BME280_compensate_T_double.
func (c *bme280Calib) temperature(adc int32) (t, fine float64) {
	adcT, t1, t2, t3 := float64(adc), float64(c.t1), float64(c.t2), float64(c.t3)
	var1 := (adcT/16384 - t1/1024) * t2
	var2 := (adcT/131072 - t1/8192) * (adcT/131072 - t1/8192) * t3
	// The datasheet keeps t_fine in an integer. Its worked example does not,
	// and its pressure of 100653.27 Pa comes out only so.
	fine = var1 + var2
	return fine / 5120, fine
}

// humidity is section 8.1, bme280_compensate_H_double.
func (c *bme280Calib) humidity(adc int32, fine float64) float64 {
	h1, h2, h3 := float64(c.h1), float64(c.h2), float64(c.h3)
	h4, h5, h6 := float64(c.h4), float64(c.h5), float64(c.h6)
	h := fine - 76800
	h = (float64(adc) - (h4*64 + h5/16384*h)) *
		(h2 / 65536 * (1 + h6/67108864*h*(1+h3/67108864*h)))
	h *= 1 - h1*h/524288
	return min(max(h, 0), 100)
}

// pressure is section 8.1, BME280_compensate_P_double, but for a division by
// zero, which the datasheet makes a pressure of 0.
func (c *bme280Calib) pressure(adc int32, fine float64) float64 {
	dig := func(i int) float64 { return float64(c.p[i]) }
	var1 := fine/2 - 64000
	var2 := var1 * var1 * dig(6) / 32768
	var2 += var1 * dig(5) * 2
	var2 = var2/4 + dig(4)*65536
	var1 = (dig(3)*var1*var1/524288 + dig(2)*var1) / 524288
	var1 = (1 + var1/32768) * float64(c.p1)
	p := 1048576 - float64(adc)
	p = (p - var2/4096) * 6250 / var1
	var1 = dig(9) * p * p / 2147483648
	var2 = p * dig(8) / 32768
	return p + (var1+var2+dig(7))/16
}

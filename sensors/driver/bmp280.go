// Bosch BMP280: temperature and air pressure. The BME280 has the same, and
// humidity.
//
//	chip       BMP280
//	bus        I²C
//	addresses  0x76 (SDO to GND), 0x77 (SDO to VDDIO)
//	datasheet  Bosch BST-BMP280-DS001
//	checksum   none; see bosch.go

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 4.2 (BME280: 5.3).
const (
	bmp280Calib0   = 0x88 // 24 of them: temperature, pressure
	bmp280Status   = 0xF3
	bmp280CtrlMeas = 0xF4
	bmp280Data     = 0xF7 // 6 of them: pressure, temperature
)

// What is in them, section 4.3 (BME280: 5.4).
const (
	bmp280ImUpdate  = 1 << 0 // status: copying the calibration from its memory
	bmp280Measuring = 1 << 3 // status

	// Weather monitoring, section 3.4 (BME280: 3.5.1): forced mode, every value
	// once, no filter, which is off after a reset.
	bmp280Forced = 1<<5 | 1<<2 | 1 // ctrl_meas: osrs_t, osrs_p, mode
)

// bmp280Asked is ctrl_meas after a measurement, which ends with sleep mode.
var bmp280Asked = boschSetting{bmp280CtrlMeas, "ctrl_meas", bmp280Forced &^ 3, 0xFC}

const (
	bmp280Startup = 2 * time.Millisecond // section 1, table 2: t_startup
	bmp280Convert = 7 * time.Millisecond // section 3.8.1: 6.4 ms at most with both once
)

var _ = register(Driver{
	Name:      "bmp280",
	Title:     "Bosch BMP280 temperature and pressure",
	Datasheet: "Bosch BST-BMP280-DS001",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x76, 0x77},
	Channels: []Channel{ // section 1, table 2: ranges, noise of 3.3 Pa
		{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2},
		{Quantity: reading.Pressure, Min: 300, Max: 1100, Decimals: 2},
	},
	Wiring: boschWiring,
	Open:   openBMP280,
	Probe:  probeBMP280,
})

func probeBMP280(_ context.Context, slot *bus.Slot) (Found, error) {
	id, err := boschIdentify(slot, "bmp280")
	found := Found{Model: "BMP280", Certain: true, Note: "it has no humidity, even if it was sold as a BME280"}
	if id != 0x58 {
		found.Model = "BMP280 (sample)"
	}
	return found, err
}

type bmp280 struct {
	slot  *bus.Slot
	calib bmp280Calib
}

func openBMP280(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &bmp280{slot: slot}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("bmp280: %w", err)
	}
	return s, nil
}

func (s *bmp280) open(ctx context.Context) error {
	if _, err := boschIdentify(s.slot, "bmp280"); err != nil {
		return err
	}
	if err := resetBMP280(ctx, s.slot); err != nil {
		return err
	}
	var calib [24]byte
	if err := s.slot.ReadRegistersTwice(bmp280Calib0, calib[:]); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	s.calib = parseBMP280Calib(calib)
	return nil
}

// Measure implements [Sensor]: out is temperature in °C, pressure in hPa.
func (s *bmp280) Measure(ctx context.Context, out []float64) error {
	t, p, err := s.measure(ctx)
	if err != nil {
		return fmt.Errorf("bmp280: %w", err)
	}
	out[0], out[1] = t, p/100
	return nil
}

func (s *bmp280) measure(ctx context.Context) (t, p float64, err error) {
	var data [6]byte
	if err := convertBMP280(ctx, s.slot, bmp280Convert, data[:]); err != nil {
		return 0, 0, err
	}
	raw := parseBMP280Raw(data)
	if raw.skipped() {
		if err := boschMeasured(s.slot, bmp280Asked); err != nil {
			return 0, 0, err
		}
	}
	t, p = s.calib.compensate(raw)
	return t, p, s.calib.check(raw, p)
}

// resetBMP280 brings the chip to sleep mode and its settings to their
// defaults, and waits until it has loaded its calibration.
func resetBMP280(ctx context.Context, slot *bus.Slot) error {
	if err := slot.WriteRegister(boschReset, boschSoftReset); err != nil {
		return err
	}
	return awaitBMP280(ctx, slot, bmp280Startup, bmp280ImUpdate)
}

// convertBMP280 takes one measurement, which lasts d, and reads its results.
func convertBMP280(ctx context.Context, slot *bus.Slot, d time.Duration, data []byte) error {
	if err := slot.WriteRegister(bmp280CtrlMeas, bmp280Forced); err != nil {
		return err
	}
	if err := awaitBMP280(ctx, slot, d, bmp280Measuring); err != nil {
		return err
	}
	return slot.ReadRegistersTwice(bmp280Data, data)
}

// awaitBMP280 waits for d, and then until the bits of the status register are
// 0.
func awaitBMP280(ctx context.Context, slot *bus.Slot, d time.Duration, bits byte) error {
	return awaitRegister(ctx, slot, d, bmp280Status, "status", func(status byte) bool { return status&bits == 0 })
}

// bmp280Calib is the calibration, as table 17 of section 3.11.2 names it.
type bmp280Calib struct {
	t1     uint16
	t2, t3 int16
	p1     uint16
	p      [10]int16 // p[2] to p[9]
}

// parseBMP280Calib reads table 17 of section 3.11.2.
func parseBMP280Calib(b [24]byte) bmp280Calib {
	word := func(i int) uint16 { return binary.LittleEndian.Uint16(b[i:]) }
	c := bmp280Calib{t1: word(0), t2: int16(word(2)), t3: int16(word(4)), p1: word(6)}
	for i := 2; i <= 9; i++ {
		c.p[i] = int16(word(4 + 2*i))
	}
	return c
}

// bmp280Raw is a measurement before compensation.
type bmp280Raw struct {
	t, p int32 // 20 bits
}

// parseBMP280Raw reads registers 0xF7 to 0xFC. Sections 4.3.6 and 4.3.7.
func parseBMP280Raw(data [6]byte) bmp280Raw {
	return bmp280Raw{
		p: int32(data[0])<<12 | int32(data[1])<<4 | int32(data[2])>>4,
		t: int32(data[3])<<12 | int32(data[4])<<4 | int32(data[5])>>4,
	}
}

// skipped tells whether a value is as one that was left out; see boschMeasured.
func (r bmp280Raw) skipped() bool { return r.t == 0x80000 || r.p == 0x80000 }

// compensate returns temperature in °C and pressure in Pa. The pressure is not
// finite if the calibration is nonsense.
//
// Section 8.1, in the datasheet's names: double precision, which even the
// oldest Raspberry Pi calculates in hardware.
func (c *bmp280Calib) compensate(raw bmp280Raw) (t, p float64) {
	t, fine := c.temperature(raw.t)
	return t, c.pressure(raw.p, fine)
}

// check refuses a pressure that is not a number.
func (c *bmp280Calib) check(raw bmp280Raw, p float64) error {
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return fmt.Errorf("calibration in the registers from 0x%02X does not fit the pressure 0x%05X", bmp280Calib0, raw.p)
	}
	return nil
}

// temperature also returns t_fine, which the others need. Section 8.1,
// bmp280_compensate_T_double.
func (c *bmp280Calib) temperature(adc int32) (t, fine float64) {
	adcT, t1, t2, t3 := float64(adc), float64(c.t1), float64(c.t2), float64(c.t3)
	var1 := (adcT/16384 - t1/1024) * t2
	var2 := (adcT/131072 - t1/8192) * (adcT/131072 - t1/8192) * t3
	// The datasheet keeps t_fine in an integer. Its worked example does not,
	// and its pressure of 100653.27 Pa comes out only so.
	fine = var1 + var2
	return fine / 5120, fine
}

// pressure is section 8.1, bmp280_compensate_P_double, but for a division by
// zero, which the datasheet makes a pressure of 0.
func (c *bmp280Calib) pressure(adc int32, fine float64) float64 {
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

// Bosch BME280: temperature, relative humidity and air pressure.
//
//	chip       BME280; its sister BMP280 has no humidity and is refused
//	bus        I²C
//	addresses  0x76 (SDO to GND), 0x77 (SDO to VDDIO)
//	datasheet  Bosch BST-BME280-DS002
//	checksum   none
//
// All but humidity is as in a BMP280, and in bmp280.go.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// What a BMP280 has not: registers and what is in them, sections 5.3 and 5.4.
const (
	bme280Calib1  = 0xE1 // 7 of them: the rest of humidity
	bme280CtrlHum = 0xF2 // effective with the next write to ctrl_meas
	bme280HumOnce = 1    // osrs_h
)

// bme280Convert is the time of a measurement, section 9.1: 9.3 ms at most with
// every value once.
const bme280Convert = 10 * time.Millisecond

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
	Wiring: boschWiring,
	Notes:  "Many boards sold as BME280 have a BMP280 on them, which has no humidity; gateway scan tells which it is.",
	Open:   openBME280,
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		_, err := boschIdentify(slot, "bme280")
		return Found{Model: "BME280", Certain: true}, err
	},
})

type bme280 struct {
	slot  *bus.Slot
	calib bme280Calib
}

func openBME280(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &bme280{slot: slot}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("bme280: %w", err)
	}
	return s, nil
}

func (s *bme280) open(ctx context.Context) error {
	if _, err := boschIdentify(s.slot, "bme280"); err != nil {
		return err
	}
	if err := resetBMP280(ctx, s.slot); err != nil {
		return err
	}
	if err := s.calibrate(); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	return s.slot.WriteRegister(bme280CtrlHum, bme280HumOnce)
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %,
// pressure in hPa.
func (s *bme280) Measure(ctx context.Context, out []float64) error {
	t, h, p, err := s.measure(ctx)
	if err != nil {
		return fmt.Errorf("bme280: %w", err)
	}
	out[0], out[1], out[2] = t, h, p/100
	return nil
}

func (s *bme280) measure(ctx context.Context) (t, h, p float64, err error) {
	var data [8]byte
	if err := convertBMP280(ctx, s.slot, bme280Convert, data[:]); err != nil {
		return 0, 0, 0, err
	}
	raw := parseBME280Raw(data)
	if raw.skipped() || raw.h == 0x8000 {
		if err := boschMeasured(s.slot, bmp280Asked, boschSetting{bme280CtrlHum, "ctrl_hum", bme280HumOnce, 7}); err != nil {
			return 0, 0, 0, err
		}
	}
	t, h, p = s.calib.compensate(raw)
	return t, h, p, s.calib.check(raw.bmp280Raw, p)
}

func (s *bme280) calibrate() error {
	var calib0 [26]byte
	var calib1 [7]byte
	if err := s.slot.ReadRegistersTwice(bmp280Calib0, calib0[:]); err != nil {
		return err
	}
	if err := s.slot.ReadRegistersTwice(bme280Calib1, calib1[:]); err != nil {
		return err
	}
	s.calib = parseBME280Calib(calib0, calib1)
	return nil
}

// bme280Calib is the calibration, as table 16 of section 4.2.2 names it.
type bme280Calib struct {
	bmp280Calib
	h1     uint8
	h2     int16
	h3     uint8
	h4, h5 int16 // 12 bits, signed
	h6     int8
}

// parseBME280Calib reads table 16 of section 4.2.2. dig_H4 and dig_H5 share
// register 0xE5, and the upper eight bits of each are signed.
func parseBME280Calib(calib0 [26]byte, calib1 [7]byte) bme280Calib {
	return bme280Calib{
		bmp280Calib: parseBMP280Calib([24]byte(calib0[:])),

		h1: calib0[25], // 0xA1; 0xA0 means nothing
		h2: int16(binary.LittleEndian.Uint16(calib1[0:])),
		h3: calib1[2],
		h4: int16(int8(calib1[3]))<<4 | int16(calib1[4]&0x0F),
		h5: int16(int8(calib1[5]))<<4 | int16(calib1[4]>>4),
		h6: int8(calib1[6]),
	}
}

// bme280Raw is a measurement before compensation.
type bme280Raw struct {
	bmp280Raw
	h int32 // 16 bits
}

// parseBME280Raw reads registers 0xF7 to 0xFE. Sections 5.4.7 to 5.4.9.
func parseBME280Raw(data [8]byte) bme280Raw {
	return bme280Raw{bmp280Raw: parseBMP280Raw([6]byte(data[:])), h: int32(data[6])<<8 | int32(data[7])}
}

// compensate returns temperature in °C, humidity in % and pressure in Pa. The
// pressure is not finite if the calibration is nonsense.
func (c *bme280Calib) compensate(raw bme280Raw) (t, h, p float64) {
	t, fine := c.temperature(raw.t)
	return t, c.humidity(raw.h, fine), c.pressure(raw.p, fine)
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

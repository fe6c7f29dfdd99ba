package bustest

import "time"

// BMP280 is Bosch's temperature and pressure sensor: a BME280 without
// humidity. It starts in sleep mode with the calibration and the measurement
// of another chip that was recorded: 25.01 °C, 99545 Pa.
type BMP280 struct{ BME280 }

// NewBMP280 returns a chip that was just powered on.
func NewBMP280() *BMP280 {
	c := &BMP280{BME280{Conversion: 6400 * time.Microsecond, Startup: 2 * time.Millisecond}}
	c.Next = [8]byte{0x4D, 0x17, 0x30, 0x80, 0xF3, 0x00} // from the tests of gobot's bmp280, as is the calibration
	c.Mem[bme280ID] = 0x58
	copy(c.Mem[0x88:], []byte{
		126, 109, 214, 102, 50, 0,
		54, 149, 220, 213, 208, 11, 64, 30, 166, 255, 249, 255, 172, 38, 10, 216, 189, 16,
	})
	c.OnWrite = func(reg, v byte) (byte, error) {
		if reg == bme280CtrlHum { // there is none
			return 0, nil
		}
		return c.write(reg, v)
	}
	c.OnRead = func(reg byte) {
		c.read(reg)
		c.Mem[0xFD], c.Mem[0xFE] = 0, 0 // where a BME280 has its humidity
	}
	c.PowerOn()
	return c
}

package bustest

import "time"

// BME280 is Bosch's temperature, humidity and pressure sensor, at the level
// of its registers. It starts in sleep mode with the calibration and the
// measurement of a chip that was recorded: 23.72 °C, 65.31 %, 100943 Pa.
type BME280 struct {
	Registers
	Next [8]byte // what the next measurement will have found, as in 0xF7 to 0xFE

	Conversion time.Duration // what a measurement takes; negative if it never ends
	Startup    time.Duration // what a reset takes; negative if it never ends

	reset     time.Time // the last one
	measuring bool
	began     time.Time // the measurement under way
	found     [8]byte   // and what it will show
}

// Registers of the BME280, as its datasheet calls them.
const (
	bme280ID       = 0xD0
	bme280Reset    = 0xE0
	bme280CtrlHum  = 0xF2
	bme280Status   = 0xF3
	bme280CtrlMeas = 0xF4
	bme280Config   = 0xF5
	bme280Data     = 0xF7
)

// The registers of one chip, from the tests of periph.io's bmx280.
var (
	bme280Calib0 = [26]byte{ // 0x88 to 0xA1
		0x10, 0x6E, 0x6C, 0x66, 0x32, 0x00,
		0x5D, 0x95, 0xB8, 0xD5, 0xD0, 0x0B, 0x77, 0x1E, 0x9D, 0xFF, 0xF9, 0xFF, 0xAC, 0x26, 0x0A, 0xD8, 0xBD, 0x10,
		0x00, 0x4B,
	}
	bme280Calib1 = [7]byte{0x6E, 0x01, 0x00, 0x13, 0x05, 0x00, 0x1E} // 0xE1 to 0xE7
	bme280Sample = [8]byte{0x4A, 0x52, 0xC0, 0x80, 0x96, 0xC0, 0x7A, 0x76}
	// What the data registers hold after a reset, and after a measurement
	// that left all values out. Section 5.3.
	bme280Skipped = [8]byte{0x80, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x00}
)

// NewBME280 returns a chip that was just powered on.
func NewBME280() *BME280 {
	c := &BME280{Next: bme280Sample, Conversion: 9300 * time.Microsecond, Startup: 2 * time.Millisecond}
	c.Mem[bme280ID] = 0x60
	copy(c.Mem[0x88:], bme280Calib0[:])
	copy(c.Mem[0xE1:], bme280Calib1[:])
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: settings and
// measurement are gone.
func (c *BME280) PowerOn() {
	for _, reg := range []byte{bme280CtrlHum, bme280Status, bme280CtrlMeas, bme280Config} {
		c.Mem[reg] = 0
	}
	copy(c.Mem[bme280Data:], bme280Skipped[:])
	c.measuring, c.reset = false, time.Now()
}

// write does what writing v to reg does; the registers that cannot be written
// keep their value.
func (c *BME280) write(reg, v byte) (byte, error) {
	switch reg {
	case bme280Reset:
		if v == 0xB6 {
			c.PowerOn()
		}
		return 0, nil // it always reads 0
	case bme280CtrlHum, bme280Config:
		return v, nil
	case bme280CtrlMeas:
		if v&3 == 1 || v&3 == 2 { // forced mode
			c.begin(v)
		}
		return v, nil
	}
	return c.Mem[reg], nil
}

// begin begins a measurement of what ctrl_meas and ctrl_hum do not leave out.
func (c *BME280) begin(ctrlMeas byte) {
	c.found = c.Next
	if ctrlMeas>>2&7 == 0 {
		copy(c.found[0:3], bme280Skipped[0:3])
	}
	if ctrlMeas>>5 == 0 {
		copy(c.found[3:6], bme280Skipped[3:6])
	}
	if c.Mem[bme280CtrlHum]&7 == 0 {
		copy(c.found[6:8], bme280Skipped[6:8])
	}
	c.measuring, c.began = true, time.Now()
}

// read brings the registers up to date: the results of a measurement appear
// when it ends, not before.
func (c *BME280) read(byte) {
	c.Mem[bme280Status] = 0
	if c.Startup < 0 || time.Since(c.reset) < c.Startup {
		c.Mem[bme280Status] |= 1 // im_update
	}
	if !c.measuring {
		return
	}
	if c.Conversion < 0 || time.Since(c.began) < c.Conversion {
		c.Mem[bme280Status] |= 8 // measuring
		return
	}
	c.measuring = false
	c.Mem[bme280CtrlMeas] &^= 3 // back to sleep mode
	copy(c.Mem[bme280Data:], c.found[:])
}

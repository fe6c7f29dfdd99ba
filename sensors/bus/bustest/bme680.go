package bustest

import "time"

// BME680 is Bosch's temperature, humidity, pressure and gas sensor, at the
// level of its registers. It starts in sleep mode with the calibration and
// measurement of the tests of pimoroni's bme680: 26.69 °C, 42.41 %, 98717 Pa.
// The calibration of the heater is made up.
type BME680 struct {
	Registers
	Next [8]byte // what the next measurement will have found, as in 0x1F to 0x26
	Gas  [2]byte // and as in gas_r_msb and gas_r_lsb, but for gas_valid and heat_stab

	HeatUp time.Duration // how long the heater needs to be stable; negative if it never is
	Sample time.Duration // what a sample takes; negative if it never ends

	high      bool // a BME688
	measuring bool
	began     time.Time
}

// Registers of the BME680, as its datasheet calls them.
const (
	bme680Status   = 0x1D
	bme680Data     = 0x1F
	bme680Gas      = 0x2A
	bme680GasHigh  = 0x2C
	bme680ResHeat  = 0x5A
	bme680GasWait  = 0x64
	bme680CtrlGas0 = 0x70
	bme680CtrlGas1 = 0x71
	bme680CtrlHum  = 0x72
	bme680CtrlMeas = 0x74
	bme680Config   = 0x75
	bme680ID       = 0xD0
	bme680Reset    = 0xE0
	bme680Variant  = 0xF0
)

// NewBME680 returns a BME680 that was just powered on.
func NewBME680() *BME680 {
	c := &BME680{
		Next:   [8]byte{0x56, 0x4C, 0xD0, 0x7A, 0x5F, 0x80, 0x4A, 0x4B},
		Gas:    [2]byte{0x96, 0x05}, // 600 in range 5
		HeatUp: 30 * time.Millisecond, Sample: 1963 * time.Microsecond,
	}
	c.Mem[bme680ID] = 0x61
	copy(c.Mem[0x8A:], []byte{
		0x65, 0x67, 0x03, 0x00, 0x41, 0x8F, 0xED, 0xD6, 0x58, 0x00, 0x8E, 0x1C,
		0x7F, 0xFF, 0x2E, 0x1E, 0x00, 0x00, 0x97, 0xF3, 0xB5, 0xF6, 0x1E,
	})
	copy(c.Mem[0xE1:], []byte{0x40, 0x54, 0x2A, 0x00, 0x2D, 0x14, 0x78, 0x9C, 0xB9, 0x65, 0xAF, 0xE8, 0xE2, 0x12})
	copy(c.Mem[0x00:], []byte{0x2E, 0xAA, 0x10, 0x16, 0xE0})
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// NewBME688 returns a BME688 that was just powered on: the same with other
// registers for gas.
func NewBME688() *BME680 {
	c := NewBME680()
	c.high = true
	c.Mem[bme680Variant] = 1
	return c
}

// PowerOn is what losing the power and getting it back does.
func (c *BME680) PowerOn() {
	for _, reg := range []byte{bme680Status, bme680ResHeat, bme680GasWait, bme680CtrlGas0, bme680CtrlGas1, bme680CtrlHum, bme680CtrlMeas, bme680Config} {
		c.Mem[reg] = 0
	}
	copy(c.Mem[bme680Data:], []byte{0x80, 0, 0, 0x80, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0})
	c.measuring = false
}

func (c *BME680) write(reg, v byte) (byte, error) {
	switch reg {
	case bme680Reset:
		if v == 0xB6 {
			c.PowerOn()
		}
		return 0, nil
	case bme680ResHeat, bme680GasWait, bme680CtrlGas0, bme680CtrlGas1, bme680CtrlHum, bme680Config:
		return v, nil
	case bme680CtrlMeas:
		if v&3 == 1 {
			c.measuring, c.began = true, time.Now()
			c.Mem[bme680Status] = 0x20 // measuring, nothing new
		}
		return v, nil
	}
	return c.Mem[reg], nil
}

// read brings the registers up to date: results appear when a measurement
// ends, not before.
func (c *BME680) read(byte) {
	if !c.measuring || c.Sample < 0 || time.Since(c.began) < c.takes() {
		return
	}
	c.measuring = false
	c.Mem[bme680Status] = 0x80
	c.Mem[bme680CtrlMeas] &^= 3 // back to sleep mode
	found := c.Next
	for _, value := range []struct {
		samples byte
		at, n   int
	}{{c.Mem[bme680CtrlMeas] >> 2 & 7, 0, 3}, {c.Mem[bme680CtrlMeas] >> 5, 3, 3}, {c.Mem[bme680CtrlHum] & 7, 6, 2}} {
		if value.samples == 0 {
			copy(found[value.at:value.at+value.n], []byte{0x80, 0, 0})
		}
	}
	copy(c.Mem[bme680Data:], found[:])
	at := bme680Gas
	if c.high {
		at = bme680GasHigh
	}
	c.Mem[at], c.Mem[at+1] = 0, 0
	if !c.gasRuns() {
		return
	}
	c.Mem[at], c.Mem[at+1] = c.Gas[0], c.Gas[1]|0x20
	if c.HeatUp >= 0 && c.heats() >= c.HeatUp && c.Mem[bme680ResHeat] != 0 {
		c.Mem[at+1] |= 0x10
	}
}

// gasRuns tells whether gas is measured: the bit for it is another one in a
// BME688.
func (c *BME680) gasRuns() bool {
	bit := byte(0x10)
	if c.high {
		bit = 0x20
	}
	return c.Mem[bme680CtrlGas1]&bit != 0 && c.Mem[bme680CtrlGas0]&8 == 0
}

// heats is for how long the heater is on.
func (c *BME680) heats() time.Duration {
	v := c.Mem[bme680GasWait]
	return time.Duration(v&0x3F) * time.Millisecond << (2 * (v >> 6))
}

// takes is how long a measurement lasts.
func (c *BME680) takes() time.Duration {
	samples := func(v byte) time.Duration {
		if v == 0 {
			return 0
		}
		return c.Sample << (v - 1)
	}
	d := time.Millisecond + 9*477*time.Microsecond
	d += samples(c.Mem[bme680CtrlMeas]>>5) + samples(c.Mem[bme680CtrlMeas]>>2&7) + samples(c.Mem[bme680CtrlHum]&7)
	if c.gasRuns() {
		d += c.heats()
	}
	return d
}

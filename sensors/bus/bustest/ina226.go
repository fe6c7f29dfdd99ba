package bustest

import (
	"math"
	"time"
)

// inaTimes are the times of a conversion of INA226, INA260 and INA3221, by
// the three bits of their configurations, in µs. SBOS547, tables 8 and 9.
var inaTimes = [8]time.Duration{140, 204, 332, 588, 1100, 2116, 4156, 8244}

// inaTook is how long a measurement takes by its configuration: averages of
// voltages of the bus and over the shunt, whichever the mode has.
func inaTook(config uint16) time.Duration {
	d := time.Duration(0)
	if config&1 != 0 {
		d += inaTimes[config>>3&7]
	}
	if config&2 != 0 {
		d += inaTimes[config>>6&7]
	}
	return d * time.Duration([8]int{1, 4, 16, 64, 128, 256, 512, 1024}[config>>9&7]) * time.Microsecond
}

// INA226 is Texas Instruments' monitor of voltage, current and power, or its
// INA260, which has a shunt inside. It measures over and over after power-on.
type INA226 struct {
	Words
	Shunt   float64 // voltage over the shunt, V
	Current float64 // through an INA260, A
	Bus     float64 // V
	Slow    float64 // how many times longer than typical it takes; negative for ever

	inside  bool // it is an INA260
	monitor monitor
}

// NewINA226 returns a chip that was just powered on, with 11.98 V and 20 mV
// over its shunt: the example of its datasheet.
func NewINA226() *INA226 { return newINA226(&INA226{Shunt: 0.02, Bus: 11.98}) }

// NewINA260 returns a chip that was just powered on, with 11.98 V and −2.5 A.
func NewINA260() *INA226 { return newINA226(&INA226{Current: -2.5, Bus: 11.98, inside: true}) }

func newINA226(c *INA226) *INA226 {
	c.Slow = 1
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does, and a reset.
// SBOS547, section 7.6; SBOS656, section 8.6.
func (c *INA226) PowerOn() {
	c.Mem = [256]uint16{0: 0x4127, 0xFE: 0x5449, 0xFF: 0x2260}
	if c.inside {
		c.Mem[0], c.Mem[0xFF] = 0x6127, 0x2270
	}
	c.monitor.set(c.Mem[0])
}

func (c *INA226) write(reg byte, v uint16) (uint16, error) {
	c.read(0)
	switch reg {
	case 0:
		if v&0x8000 != 0 {
			c.PowerOn()
			return c.Mem[0], nil
		}
		c.Mem[6] &^= 8 // CVRF
		c.monitor.set(v)
		return v&0x0FFF | c.Mem[0]&0x7000, nil
	case 5:
		if !c.inside {
			return v & 0x7FFF, nil
		}
	case 6:
		return v&0xFC03 | c.Mem[6]&^0xFC03, nil
	case 7:
		return v, nil
	}
	return c.Mem[reg], nil // cannot be written
}

// Read implements [Chip]. Reading mask/enable clears CVRF.
func (c *INA226) Read(p []byte) error {
	err := c.Words.Read(p)
	if c.at == 6 {
		c.Mem[6] &^= 8
	}
	return err
}

// read shows the result of a measurement that has ended.
func (c *INA226) read(byte) {
	if c.monitor.ended(inaTook(c.Mem[0]), c.Slow) {
		c.show()
	}
}

// show puts the voltages into registers, and what the chip calculates: with
// its calibration, or with its own shunt.
func (c *INA226) show() {
	volts := word(c.Bus, 1.25e-3)
	c.Mem[2] = uint16(volts)
	c.Mem[6] |= 8 // CVRF
	if c.inside {
		current := word(c.Current, 1.25e-3)
		c.Mem[1] = uint16(current)
		c.Mem[3] = uint16(math.Abs(float64(current)*float64(volts)) * 1.25e-3 * 1.25e-3 / 10e-3)
		return
	}
	shunt := word(c.Shunt, 2.5e-6)
	current := int(shunt) * int(c.Mem[5]) / 2048
	c.Mem[1], c.Mem[4] = uint16(shunt), uint16(current)
	c.Mem[3] = uint16(max(current, -current) * int(volts) / 20000)
}

// word is x in steps of step, as far as 16 bits with a sign go.
func word(x, step float64) int16 {
	return int16(min(max(math.Round(x/step), math.MinInt16), math.MaxInt16))
}

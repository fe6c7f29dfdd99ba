package bustest

import (
	"math"
	"time"
)

// INA219 is Texas Instruments' monitor of voltage, current and power. It
// measures over and over after power-on.
type INA219 struct {
	Words
	Shunt float64 // voltage over the shunt, V
	Bus   float64 // V
	Slow  float64 // how many times longer than typical it takes; negative for ever

	monitor monitor
}

// NewINA219 returns a chip that was just powered on, with 11.98 V and 20 mV
// over its shunt: the example of its datasheet.
func NewINA219() *INA219 {
	c := &INA219{Shunt: 0.02, Bus: 11.98, Slow: 1}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does, and a reset.
// SBOS448, section 8.6.1.
func (c *INA219) PowerOn() {
	c.Mem = [256]uint16{0: 0x399F}
	c.monitor.set(c.Mem[0])
}

func (c *INA219) write(reg byte, v uint16) (uint16, error) {
	c.read(0)
	switch reg {
	case 0:
		if v&0x8000 != 0 {
			c.PowerOn()
			return c.Mem[0], nil
		}
		c.Mem[2] &^= 2 // CNVR
		c.monitor.set(v)
		return v &^ 0x4000, nil
	case 5:
		return v &^ 1, nil // calibration: the lowest bit is void
	}
	return c.Mem[reg], nil // cannot be written
}

// read shows the result of a measurement that has ended. Reading the power
// clears CNVR.
func (c *INA219) read(reg byte) {
	if c.monitor.ended(c.took(), c.Slow) {
		c.show()
	}
	if reg == 3 {
		c.Mem[2] &^= 2
	}
}

// took is how long the measurement takes, of what the mode has: table 5.
func (c *INA219) took() (d time.Duration) {
	one := func(adc uint16) time.Duration {
		if adc&8 == 0 {
			return [4]time.Duration{84, 148, 276, 532}[adc&3] * time.Microsecond
		}
		return 532 * time.Microsecond << (adc & 7)
	}
	if c.Mem[0]&1 != 0 {
		d += one(c.Mem[0] >> 3 & 15)
	}
	if c.Mem[0]&2 != 0 {
		d += one(c.Mem[0] >> 7 & 15)
	}
	return d
}

// show puts the voltages into registers, and what the chip calculates with its
// calibration: sections 8.5 and 8.6.
func (c *INA219) show() {
	full := 4000 << (c.Mem[0] >> 11 & 3)
	shunt := min(max(int(math.Round(c.Shunt/10e-6)), -full), full)
	volts := min(max(int(math.Round(c.Bus/4e-3)), 0), 8000)
	current := shunt * int(c.Mem[5]) / 4096
	power := current * volts / 5000
	c.Mem[1], c.Mem[2] = uint16(shunt), uint16(volts)<<3|2
	if int(int16(current)) != current || power > math.MaxUint16 {
		c.Mem[2] |= 1 // OVF
	}
	c.Mem[3], c.Mem[4] = uint16(max(power, -power)), uint16(current)
}

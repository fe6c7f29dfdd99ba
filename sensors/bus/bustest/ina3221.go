package bustest

import (
	"math"
	"time"
)

// INA3221 is Texas Instruments' monitor of three voltages and currents. It
// measures over and over after power-on.
type INA3221 struct {
	Words
	Shunt [3]float64 // voltages over the shunts, V
	Bus   [3]float64 // V
	Slow  float64    // how many times longer than typical it takes; negative for ever

	monitor monitor
}

// NewINA3221 returns a chip that was just powered on: 13.928 V with 7.48 mV,
// 5 V with −40 µV, and −8 mV with nothing.
func NewINA3221() *INA3221 {
	c := &INA3221{Shunt: [3]float64{7.48e-3, -40e-6, 0}, Bus: [3]float64{13.928, 5, -8e-3}, Slow: 1}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does, and a reset.
// SBOS576, section 8.6.2.
func (c *INA3221) PowerOn() {
	c.Mem = [256]uint16{0: 0x7127, 0x0F: 0x0002, 0xFE: 0x5449, 0xFF: 0x3220}
	c.monitor.set(c.Mem[0])
}

func (c *INA3221) write(reg byte, v uint16) (uint16, error) {
	c.read(0)
	switch {
	case reg == 0:
		if v&0x8000 != 0 {
			c.PowerOn()
			return c.Mem[0], nil
		}
		c.Mem[0x0F] &^= 1 // CVRF
		c.monitor.set(v)
		return v, nil
	case reg >= 7 && reg <= 0x11 && reg != 0x0D && reg != 0x0F:
		return v, nil // limits
	}
	return c.Mem[reg], nil // cannot be written
}

// Read implements [Chip]. Reading mask/enable clears CVRF.
func (c *INA3221) Read(p []byte) error {
	err := c.Words.Read(p)
	if c.at == 0x0F {
		c.Mem[0x0F] &^= 1
	}
	return err
}

// enabled tells whether channel i, from 0, is.
func (c *INA3221) enabled(i int) bool { return c.Mem[0]<<i&0x4000 != 0 }

// read shows the result of a measurement that has ended, of the channels that
// are enabled.
func (c *INA3221) read(byte) {
	channels := 0
	for i := range c.Bus {
		if c.enabled(i) {
			channels++
		}
	}
	if !c.monitor.ended(inaTook(c.Mem[0])*time.Duration(channels), c.Slow) {
		return
	}
	c.Mem[0x0F] |= 1 // CVRF
	for i := range c.Bus {
		if c.enabled(i) {
			c.Mem[1+2*i] = ina3221Word(c.Shunt[i], 40e-6)
			c.Mem[2+2*i] = ina3221Word(c.Bus[i], 8e-3)
		}
	}
}

// ina3221Word is x in steps of step, 13 bits with a sign in the upper ones.
func ina3221Word(x, step float64) uint16 {
	return uint16(int16(min(max(math.Round(x/step), -4096), 4095))) << 3
}

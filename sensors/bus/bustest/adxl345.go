package bustest

import (
	"encoding/binary"
	"time"
)

// ADXL345 is Analog Devices' accelerometer. It sleeps after power-on.
type ADXL345 struct {
	Registers
	Motion Motion
	Dead   bool // no samples come

	fifo sampleFIFO
}

// NewADXL345 returns a chip that was just powered on and is Shaking.
func NewADXL345() *ADXL345 {
	c := &ADXL345{Motion: Shaking}
	c.fifo.size, c.fifo.sample = 32*6, c.sample
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does. Revision G, table
// 19.
func (c *ADXL345) PowerOn() {
	c.Mem = [256]byte{0x00: 0xE5, 0x2C: 0x0A, 0x30: 0x02}
	c.fifo.run(false, 0)
}

func (c *ADXL345) write(reg, v byte) (byte, error) {
	switch {
	case reg == 0x30 || reg >= 0x32 && reg <= 0x37 || reg < 0x1D || reg >= 0x39:
		return c.Mem[reg], nil // cannot be written
	case reg == 0x38 || reg == 0x2D || reg == 0x2C:
		c.Mem[reg] = v
		stream, measure := c.Mem[0x38]>>6 == 2, c.Mem[0x2D]&8 != 0
		c.fifo.run(stream && measure && !c.Dead, c.period())
	}
	return v, nil
}

// period is the time between samples, of BW_RATE: table 7.
func (c *ADXL345) period() time.Duration {
	return time.Second / 3200 << (15 - c.Mem[0x2C]&15)
}

// read shows the oldest sample of the FIFO, which leaves it, and how many
// there are. Reading a sample clears the overrun.
func (c *ADXL345) read(reg byte) {
	c.fifo.fill()
	n := len(c.fifo.buf) / 6
	switch reg {
	case 0x30: // DATA_READY, watermark, overrun
		c.Mem[0x30] = 0
		if n > 0 {
			c.Mem[0x30] |= 0x80
		}
		if n >= int(c.Mem[0x38]&31) {
			c.Mem[0x30] |= 0x02
		}
		if c.fifo.lost {
			c.Mem[0x30] |= 0x01
		}
	case 0x32:
		c.fifo.pop(c.Mem[0x32:0x38])
		c.fifo.lost = false
	case 0x39:
		c.Mem[0x39] = byte(n)
	}
}

// sample is what the FIFO gets: 256 to a g at full resolution, and otherwise
// ten bits of the range. Table 1.
func (c *ADXL345) sample(i int) []byte {
	scale, bits, perG := int(c.Mem[0x31]&3), 10, 256.0
	if c.Mem[0x31]&8 != 0 {
		bits += scale
	} else {
		perG /= float64(int(1) << scale)
	}
	var b []byte
	for axis, g := range c.Motion(i) {
		v := steps(g, perG, bits) + int16(int8(c.Mem[0x1E+axis]))*4 // offsets, 15.6 mg
		b = appendSteps(b, binary.LittleEndian, v)
	}
	return b
}

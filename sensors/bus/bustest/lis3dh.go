package bustest

import (
	"encoding/binary"
	"time"
)

// LIS3DH is STMicroelectronics' accelerometer. It sleeps after power-on.
type LIS3DH struct {
	Registers
	Motion Motion
	Dead   bool // no samples come

	further bool // the next register follows
	fifo    sampleFIFO
}

// NewLIS3DH returns a chip that was just powered on and is Shaking.
func NewLIS3DH() *LIS3DH {
	c := &LIS3DH{Motion: Shaking}
	c.fifo.size, c.fifo.sample = 32*6, c.sample
	c.OnWrite = c.write
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does. DocID17530,
// section 7.
func (c *LIS3DH) PowerOn() {
	c.Mem = [256]byte{0x0F: 0x33, 0x20: 0x07}
	c.fifo.run(false, 0)
}

// Write implements [Chip]. The top bit of a register's number is not part of
// it: section 6.1.1.
func (c *LIS3DH) Write(p []byte) error {
	c.further = p[0]&0x80 != 0
	return c.Registers.Write(append([]byte{p[0] & 0x7F}, p[1:]...))
}

// Read implements [Chip]. From the last byte of a sample it goes on to the
// first of the next in the FIFO.
func (c *LIS3DH) Read(p []byte) error {
	c.fifo.fill()
	for i := range p {
		switch {
		case c.at == 0x28:
			c.fifo.pop(c.Mem[0x28:0x2E])
		case c.at == 0x2F:
			c.Mem[0x2F] = c.source()
		}
		p[i] = c.Mem[c.at]
		if !c.further {
			continue
		}
		if c.at++; c.at == 0x2E {
			c.at = 0x28
		}
	}
	return nil
}

// source is FIFO_SRC_REG: section 8.
func (c *LIS3DH) source() byte {
	n := len(c.fifo.buf) / 6
	switch {
	case n == 0:
		return 0x20 // EMPTY
	case n >= 32:
		return 0x40 | 31 // OVRN
	}
	return byte(n)
}

func (c *LIS3DH) write(reg, v byte) (byte, error) {
	switch {
	case reg == 0x24 && v&0x80 != 0: // BOOT clears itself
		return v &^ 0x80, nil
	case reg >= 0x20 && reg <= 0x25:
		return v, nil
	case reg == 0x2E:
		stream := v>>6 == 2 && c.Mem[0x24]&0x40 != 0
		c.fifo.run(stream, c.period())
		return v, nil
	}
	return c.Mem[reg], nil // cannot be written
}

// period is the time between samples, of CTRL_REG1: table 31.
func (c *LIS3DH) period() time.Duration {
	rate := map[byte]time.Duration{1: 1, 2: 10, 3: 25, 4: 50, 5: 100, 6: 200, 7: 400}[c.Mem[0x20]>>4]
	if rate == 0 || c.Mem[0x20]&7 != 7 || c.Dead {
		return -1
	}
	return time.Second / rate
}

// sample is what the FIFO gets: by range and resolution, in the upper bits.
// Table 4.
func (c *LIS3DH) sample(i int) []byte {
	bits := 10
	if c.Mem[0x23]&0x08 != 0 { // HR
		bits = 12
	}
	perG := [4]float64{1000, 500, 250, 1000.0 / 12}[c.Mem[0x23]>>4&3]
	if bits == 10 {
		perG /= 4
	}
	var b []byte
	for _, g := range c.Motion(i) {
		b = appendSteps(b, binary.LittleEndian, steps(g, perG, bits)<<(16-bits))
	}
	return b
}

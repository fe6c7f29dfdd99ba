package bustest

import (
	"encoding/binary"
	"time"
)

// TSL2591 is ams's light sensor, at the level of its registers. A message
// begins with a command: 101 and the number of a register.
type TSL2591 struct {
	Registers
	// Counts are what both channels would count in 100 ms with a gain of 1, if
	// there were fractions.
	Counts [2]float64
	Stuck  bool // no measurement ever ends

	since time.Time // it measures
}

// NewTSL2591 returns a chip that was just powered on.
func NewTSL2591() *TSL2591 {
	c := &TSL2591{Counts: [2]float64{100, 20}}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it is off.
func (c *TSL2591) PowerOn() {
	c.Mem = [256]byte{0x12: 0x50}
	c.since = time.Time{}
}

// Write implements [Chip].
func (c *TSL2591) Write(p []byte) error {
	if p[0]>>5 != 5 {
		return nil // a special function, or none
	}
	p = append([]byte{p[0] & 0x1F}, p[1:]...)
	return c.Registers.Write(p)
}

func (c *TSL2591) write(reg, v byte) (byte, error) {
	switch reg {
	case 0x00: // ENABLE
		v &= 0xD3
		c.since = time.Time{}
		if v&3 == 3 {
			c.since = time.Now()
		}
		c.Mem[0x13] = 0
		return v, nil
	case 0x01: // CONTROL
		if v&0x80 != 0 { // reset
			c.Mem[0x00], c.since = 0, time.Time{}
			return 0, nil
		}
		return v & 0x37, nil
	}
	return c.Mem[reg], nil
}

// read shows a measurement once it has ended: a step takes up to 108 ms.
func (c *TSL2591) read(byte) {
	steps := int(c.Mem[1]&7) + 1
	if c.since.IsZero() || c.Stuck || time.Since(c.since) < time.Duration(steps)*108*time.Millisecond {
		return
	}
	gain := []float64{1, 25, 428, 9876}[c.Mem[1]>>4&3]
	full := 65535.
	if steps == 1 {
		full = 36863
	}
	for i, counts := range c.Counts {
		binary.LittleEndian.PutUint16(c.Mem[0x14+2*i:], uint16(min(counts*gain*float64(steps), full)))
	}
	c.Mem[0x13] = 1
}

package bustest

import "time"

// TSL2561 is TAOS's light sensor, at the level of its registers. A message
// begins with a command: a bit that is always 1, others that say how the
// register is meant, and its number.
type TSL2561 struct {
	Registers
	// Counts are what both channels would count in 402 ms with gain 16, were
	// the counters large enough.
	Counts [2]float64

	since time.Time // it is on
}

// NewTSL2561 returns a chip in package T that was just powered on.
func NewTSL2561() *TSL2561 {
	c := &TSL2561{Counts: [2]float64{12365 * 16, 12365 * 16}}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it is off.
func (c *TSL2561) PowerOn() { c.Mem = [256]byte{0x01: 0x02, 0x0A: 0x50} }

// Write implements [Chip].
func (c *TSL2561) Write(p []byte) error {
	if p[0]&0x80 == 0 {
		return nil
	}
	return c.Registers.Write(append([]byte{p[0] & 0x0F}, p[1:]...))
}

func (c *TSL2561) write(reg, v byte) (byte, error) {
	switch reg {
	case 0x00: // CONTROL
		if v&3 == 3 && c.Mem[0] != 3 {
			c.since = time.Now()
		}
		return v & 3, nil
	case 0x01: // TIMING, of a chip that is on
		if c.Mem[0] == 3 {
			return v & 0x1B, nil
		}
	case 0x02, 0x03, 0x04, 0x05, 0x06:
		return v, nil
	}
	return c.Mem[reg], nil
}

// read shows an integration that has ended, by the slowest oscillator: 735 kHz
// typically, 690 kHz at least.
func (c *TSL2561) read(byte) {
	mode, known := map[byte]struct{ steps, full float64 }{0: {11, 5047}, 1: {81, 37177}, 2: {322, 65535}}[c.Mem[1]&3]
	takes := time.Duration(mode.steps * 918 / 690 * float64(time.Millisecond))
	if c.Mem[0] != 3 || !known || time.Since(c.since) < takes {
		return
	}
	gain := 1. / 16
	if c.Mem[1]&0x10 != 0 {
		gain = 1
	}
	for i, counts := range c.Counts {
		n := uint16(min(counts*gain*mode.steps/322, mode.full))
		c.Mem[0x0C+2*i], c.Mem[0x0D+2*i] = byte(n), byte(n>>8)
	}
}

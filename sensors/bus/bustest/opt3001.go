package bustest

import "time"

// OPT3001 is Texas Instruments' light sensor, at the level of its registers,
// which have 16 bits, the most significant byte first.
type OPT3001 struct {
	Lux   float64 // what there is to see
	Maker uint16
	Stuck bool // no measurement ever ends

	config, result uint16
	since          time.Time // it measures; zero if it does not
	at             byte
}

// NewOPT3001 returns a chip that was just powered on, in light of 88.8 lx.
func NewOPT3001() *OPT3001 {
	c := &OPT3001{Lux: 88.8, Maker: 0x5449}
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it is shut down.
func (c *OPT3001) PowerOn() { c.config, c.result, c.since = 0xC810, 0, time.Time{} }

// Write implements [Chip].
func (c *OPT3001) Write(p []byte) error {
	c.at = p[0]
	if len(p) == 3 && c.at == 0x01 {
		c.config = uint16(p[1])<<8&0xFE00 | uint16(p[2]&0x1F) // flags cannot be written
		c.since = time.Time{}
		if c.config>>9&3 != 0 {
			c.since = time.Now()
		}
	}
	return nil
}

// Read implements [Chip].
func (c *OPT3001) Read(p []byte) error {
	c.finish()
	var v uint16
	switch c.at {
	case 0x00:
		v = c.result
	case 0x01:
		v = c.config
		c.config &^= 1 << 7 // CRF, which reading clears
	case 0x7E:
		v = c.Maker
	case 0x7F:
		v = 0x3001
	}
	for i := range p {
		p[i] = byte(v >> (8 * (1 - i%2)))
	}
	return nil
}

// finish ends a single measurement: with 800 ms it takes 880 at most, and 10
// for the choice of range.
func (c *OPT3001) finish() {
	takes := 120 * time.Millisecond
	if c.config&(1<<11) != 0 {
		takes = 890 * time.Millisecond
	}
	if c.since.IsZero() || c.Stuck || time.Since(c.since) < takes {
		return
	}
	c.since = time.Time{}
	c.config = c.config&^(3<<9|1<<8) | 1<<7 // shut down, CRF
	counts, exponent := c.Lux/0.01, uint16(0)
	for ; counts >= 4095.5 && exponent < 11; exponent++ {
		counts /= 2
	}
	if counts >= 4095.5 {
		counts = 4095
		c.config |= 1 << 8 // OVF
	}
	c.result = exponent<<12 | uint16(counts+0.5)
}

package bustest

import "time"

// BH1750 is ROHM's light sensor, at the level of its commands.
type BH1750 struct {
	Lux float64 // what there is to see

	on     bool
	mtreg  int
	result uint16
	next   uint16    // the result of the measurement under way
	ready  time.Time // when it ends; zero if there is none
}

// NewBH1750 returns a chip that was just powered on, in light of 1213.33 lx.
func NewBH1750() *BH1750 {
	c := &BH1750{Lux: 1213.3333}
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it is powered
// down and has no result.
func (c *BH1750) PowerOn() {
	c.on, c.mtreg, c.result, c.ready = false, 69, 0, time.Time{}
}

// Write implements [Chip]. A message is a command. Datasheet, "Instruction Set
// Architecture".
func (c *BH1750) Write(p []byte) error {
	if len(p) != 1 {
		return ErrNACK
	}
	c.finish()
	switch cmd := p[0]; {
	case cmd == 0x00: // power down
		c.on, c.ready = false, time.Time{}
	case cmd == 0x01: // power on
		c.on = true
	case cmd == 0x07: // reset, which power down does not accept
		if c.on {
			c.result = 0
		}
	case cmd == 0x20 || cmd == 0x21: // a single measurement, which powers it on and down
		counts := c.Lux * 1.2 * float64(c.mtreg) / 69
		if cmd == 0x21 {
			counts *= 2
		}
		c.next = uint16(min(counts+0.5, 65535))
		c.on, c.ready = true, time.Now().Add(180*time.Millisecond*time.Duration(c.mtreg)/69)
	case cmd>>3 == 0x40>>3: // MTreg, bits 7 to 5
		c.mtreg = c.mtreg&0x1F | int(cmd&7)<<5
	case cmd>>5 == 0x60>>5: // MTreg, bits 4 to 0
		c.mtreg = c.mtreg&^0x1F | int(cmd&0x1F)
	default:
		return ErrNACK
	}
	return nil
}

// Read implements [Chip]: the result of the last measurement that has ended,
// again and again.
func (c *BH1750) Read(p []byte) error {
	c.finish()
	for i := range p {
		p[i] = byte(c.result >> (8 * (1 - i%2)))
	}
	return nil
}

func (c *BH1750) finish() {
	if !c.ready.IsZero() && !time.Now().Before(c.ready) {
		c.result, c.on, c.ready = c.next, false, time.Time{}
	}
}

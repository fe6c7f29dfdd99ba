package bustest

import (
	"encoding/binary"
	"time"
)

// VEML7700 is Vishay's light sensor, at the level of its registers: eight of
// 16 bits, the least significant byte first.
type VEML7700 struct {
	Lux float64 // what there is to see, as the chip sees it: not linear above 1000 lx

	regs  [8]uint16
	since time.Time // it is awake
	at    byte
}

// NewVEML7700 returns a chip that was just powered on, in light of 300 lx.
func NewVEML7700() *VEML7700 {
	c := &VEML7700{Lux: 300}
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it sleeps.
func (c *VEML7700) PowerOn() { c.regs = [8]uint16{0: 1, 7: 0xC481} }

// Write implements [Chip].
func (c *VEML7700) Write(p []byte) error {
	c.at = p[0] & 7
	if len(p) < 3 {
		return nil
	}
	v := binary.LittleEndian.Uint16(p[1:])
	c.refresh()
	switch c.at {
	case 0:
		c.since = time.Now() // it begins anew, asleep or not
		c.regs[0] = v & 0x1BF3
	case 1, 2, 3:
		c.regs[c.at] = v
	}
	return nil
}

// Read implements [Chip].
func (c *VEML7700) Read(p []byte) error {
	c.refresh()
	for i := range p {
		p[i] = byte(c.regs[c.at] >> (8 * (i % 2)))
	}
	return nil
}

// refresh brings the result up to date: it is there 2.5 ms and an integration
// after the chip was woken.
func (c *VEML7700) refresh() {
	conf := c.regs[0]
	integrate, known := map[uint16]float64{12: 25, 8: 50, 0: 100, 1: 200, 2: 400, 3: 800}[conf>>6&15]
	if conf&1 == 1 || !known || time.Since(c.since) < time.Duration((integrate+2.5)*float64(time.Millisecond)) {
		return
	}
	gain := []float64{1, 2, 1. / 8, 1. / 4}[conf>>11&3]
	c.regs[4] = uint16(min(c.Lux/0.0042*gain/2*integrate/800+0.5, 65535))
	c.regs[5] = c.regs[4] / 2
}

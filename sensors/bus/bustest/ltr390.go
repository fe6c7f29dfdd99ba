package bustest

import "time"

// LTR390 is Lite-On's light and UV sensor, at the level of its registers.
type LTR390 struct {
	Registers
	Lux, UVI float64 // what there is to see
	Stuck    bool    // no measurement ever ends

	since time.Time // it measures; zero if it sleeps
	shown int       // results up to the one that was read
	fresh bool      // it was powered on since the status was read
}

// NewLTR390 returns a chip that was just powered on, in light of 5000 lx with
// a UV index of 3.
func NewLTR390() *LTR390 {
	c := &LTR390{Lux: 5000, UVI: 3}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it sleeps.
func (c *LTR390) PowerOn() {
	c.Mem = [256]byte{0x04: 0x22, 0x05: 0x01, 0x06: 0xB2}
	c.since, c.shown, c.fresh = time.Time{}, 0, true
}

func (c *LTR390) write(reg, v byte) (byte, error) {
	switch reg {
	case 0x00:
		v &= 0x0A // a reset is not here
		c.since, c.shown = time.Time{}, 0
		if v&0x02 != 0 {
			c.since = time.Now()
		}
		return v, nil
	case 0x04:
		return v & 0x77, nil
	case 0x05:
		return v & 0x07, nil
	}
	return c.Mem[reg], nil
}

// read brings status and results up to date: a measurement takes as long as
// its resolution needs, after 5 ms to wake up, and comes as often as the rate
// says, but no oftener than it takes.
func (c *LTR390) read(reg byte) {
	takes := []time.Duration{400, 200, 100, 50, 25, 13, 13, 13}[c.Mem[4]>>4] * time.Millisecond
	every := max(takes, []time.Duration{25, 50, 100, 200, 500, 1000, 2000, 2000}[c.Mem[4]&7]*time.Millisecond)
	if since := time.Since(c.since) - takes - 5*time.Millisecond; !c.since.IsZero() && !c.Stuck && since >= 0 {
		if n := 1 + int(since/every); n > c.shown {
			c.Mem[0x07] |= 1 << 3
			c.show()
			c.shown = n
		}
	}
	switch {
	case reg == 0x07:
		c.Mem[0x07] &^= 1 << 5
		if c.fresh { // power-on status, until it is read
			c.Mem[0x07] |= 1 << 5
		}
		c.fresh = false
	case reg >= 0x0D && reg <= 0x12:
		c.Mem[0x07] &^= 1 << 3
	}
}

// show puts a result into the data registers.
func (c *LTR390) show() {
	bits := []int{20, 19, 18, 17, 16, 13, 13, 13}[c.Mem[4]>>4]
	gain := []float64{1, 3, 6, 9, 18, 18, 18, 18}[c.Mem[5]]
	counts, at := c.Lux/0.6*gain*float64(int(1)<<bits)/(1<<18), 0x0D
	if c.Mem[0]&0x08 != 0 {
		counts, at = c.UVI*2300*gain/18*float64(int(1)<<bits)/(1<<20), 0x10
	}
	n := int(min(counts+0.5, float64(int(1)<<bits-1)))
	c.Mem[at], c.Mem[at+1], c.Mem[at+2] = byte(n), byte(n>>8), byte(n>>16)
}

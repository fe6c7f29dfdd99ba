package bustest

import "time"

// TMP117 is Texas Instruments' temperature sensor, which begins with the mean
// of eight conversions every second.
type TMP117 struct {
	Words
	Next uint16 // what the next conversion will have found, as in register 0
	Slow int    // how many times longer than typical it takes; negative for ever

	cycle   cycle
	oneShot bool // under way
	began   time.Time
	reset   time.Time // it acknowledges nothing until then
}

// NewTMP117 returns a chip that was powered on a while ago and has measured
// nothing yet. It will have measured 22.1875 °C.
func NewTMP117() *TMP117 {
	c := &TMP117{Next: 0x0B18, Slow: 1}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	c.reset = time.Now()
	return c
}

// PowerOn is what losing the power and getting it back does, and a reset: the
// temperature is −256 °C until the first conversion ends. SNOSD82, section
// 7.6; while it loads its memory the chip does not answer.
func (c *TMP117) PowerOn() {
	c.Mem = [256]uint16{0: 0x8000, 1: 0x0220, 2: 0x6000, 3: 0x8000, 0x0F: 0x0117}
	c.oneShot, c.cycle = false, cycle{}
	c.cycle.run(true)
	c.reset = time.Now().Add(2 * time.Millisecond)
}

// Write implements [Chip].
func (c *TMP117) Write(p []byte) error {
	if time.Now().Before(c.reset) {
		return ErrNACK
	}
	return c.Words.Write(p)
}

// Read implements [Chip]. Reading the configuration or the temperature clears
// Data_Ready.
func (c *TMP117) Read(p []byte) error {
	if time.Now().Before(c.reset) {
		return ErrNACK
	}
	at := c.at
	err := c.Words.Read(p)
	if at <= 1 {
		c.Mem[1] &^= 0x2000
	}
	return err
}

func (c *TMP117) write(reg byte, v uint16) (uint16, error) {
	c.read(reg)
	switch reg {
	case 1:
		if v&2 != 0 { // Soft_Reset
			c.PowerOn()
			return c.Mem[1], nil
		}
		mode := v >> 10 & 3
		c.oneShot, c.began = mode == 3, time.Now()
		c.cycle.run(mode == 0 || mode == 2)
		return v & 0x0FFC, nil
	case 2, 3, 4, 5, 6, 7, 8:
		return v, nil
	}
	return c.Mem[reg], nil // cannot be written
}

// read shows the result of a conversion that has ended. Table 7-7: the cycle
// is one second with the settings of after power-on, and no less than the
// conversions take with others.
func (c *TMP117) read(byte) {
	conversions := [4]int{1, 8, 32, 64}[c.Mem[1]>>5&3]
	took := time.Duration(conversions*c.Slow) * 15500 * time.Microsecond
	ended := c.cycle.ended(max(took, time.Second))
	if c.oneShot && c.Slow >= 0 && time.Since(c.began) >= took {
		c.oneShot, ended = false, true
		c.Mem[1] = c.Mem[1]&^0x0C00 | 0x0400 // back to shutdown
	}
	if ended {
		c.Mem[0] = c.Next
		c.Mem[1] |= 0x2000 // Data_Ready
	}
}

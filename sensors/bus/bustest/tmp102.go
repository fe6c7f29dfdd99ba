package bustest

import "time"

// TMP102 is Texas Instruments' temperature sensor, which begins with four
// conversions a second.
type TMP102 struct {
	Words
	Next       int           // what the next conversion will have found, in 1/16 °C
	Conversion time.Duration // what one takes; negative if it never ends

	cycle   cycle
	oneShot bool // under way
	began   time.Time
}

// NewTMP102 returns a chip that was just powered on. It will have measured
// −25.0625 °C.
func NewTMP102() *TMP102 {
	c := &TMP102{Next: -401, Conversion: 26 * time.Millisecond}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does. SBOS397, section
// 7.5; the limits are 75 and 80 °C.
func (c *TMP102) PowerOn() {
	c.Mem = [256]uint16{1: 0x60A0, 2: 0x4B00, 3: 0x5000}
	c.oneShot, c.cycle = false, cycle{}
	c.cycle.run(true)
}

func (c *TMP102) write(reg byte, v uint16) (uint16, error) {
	c.read(reg)
	switch reg {
	case 0:
		return c.Mem[0], nil // cannot be written
	case 1:
		asleep := v&0x0100 != 0
		if asleep && v&0x8000 != 0 {
			c.oneShot, c.began = true, time.Now()
		}
		c.cycle.run(!asleep)
		return v&0x1FF0 | 0x6000, nil // R1, R0 and the lowest bits cannot be written
	}
	return v, nil
}

// read shows the result of a conversion that has ended. The first of those
// that follow each other is taken for as long as the rest, a quarter of a
// second.
func (c *TMP102) read(byte) {
	ended := c.cycle.ended(250 * time.Millisecond)
	if c.oneShot && c.Conversion >= 0 && time.Since(c.began) >= c.Conversion {
		c.oneShot, ended = false, true
	}
	if ended {
		c.show()
	}
	c.Mem[1] &^= 0x8000
	if !c.oneShot && c.Mem[1]&0x0100 != 0 {
		c.Mem[1] |= 0x8000 // OS: the conversion has ended
	}
}

// show puts Next into the register: 12 bits, or 13 and a 1 in extended mode.
// The alert bit is 1 below the limit, for the polarity of after power-on.
func (c *TMP102) show() {
	c.Mem[0] = uint16(int16(min(max(c.Next, -2048), 2047))) << 4
	if c.Mem[1]&0x0010 != 0 {
		c.Mem[0] = uint16(int16(c.Next))<<3 | 1
	}
	c.Mem[1] |= 0x0020
	if int16(c.Mem[0]) >= int16(c.Mem[3]) {
		c.Mem[1] &^= 0x0020
	}
}

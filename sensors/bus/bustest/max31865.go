package bustest

import (
	"syscall"
	"time"
)

// MAX31865 is Maxim's converter for platinum thermometers, at the level of its
// registers. Its Transfer is for [NewSPI].
type MAX31865 struct {
	Mem    [8]byte
	Code   uint16 // what a conversion finds, 15 bits
	Faults byte   // what the fault detection finds, as in the fault status

	Settle  time.Duration // after the bias is on
	Convert time.Duration // negative if it never ends

	biased     time.Time // when the bias was turned on
	converting bool
	began      time.Time
	detecting  bool
	looked     time.Time // when the fault detection began
}

// NewMAX31865 returns a chip that was just powered on, with 108.012 Ω where
// the reference resistor has 430 Ω.
func NewMAX31865() *MAX31865 {
	c := &MAX31865{Code: 8231, Settle: 5 * time.Millisecond, Convert: 66 * time.Millisecond}
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does.
func (c *MAX31865) PowerOn() {
	c.Mem = [8]byte{3: 0xFF, 4: 0xFF}
	c.converting, c.detecting = false, false
}

// Transfer selects the chip: a byte with the number of a register, plus 0x80
// to write, and then that register and the following ones.
func (c *MAX31865) Transfer(w, r []byte) error {
	if len(w) < 2 {
		return syscall.EIO // nothing is read or written so
	}
	c.update()
	for i := 1; i < len(w); i++ {
		reg := (w[0] + byte(i-1)) & 7
		if w[0]&0x80 == 0 {
			r[i] = c.Mem[reg]
			continue
		}
		switch {
		case reg == 0:
			c.configure(w[i])
		case reg >= 3 && reg <= 6:
			c.Mem[reg] = w[i]
		}
	}
	return nil
}

// configure does what writing v to the configuration does.
func (c *MAX31865) configure(v byte) {
	now := time.Now()
	if v&0x80 != 0 && c.Mem[0]&0x80 == 0 {
		c.biased = now
	}
	c.Mem[0] = v &^ 0x02 // clearing is over at once
	switch {
	case v&0x2E == 0x02:
		c.Mem[7] = 0
		c.Mem[2] &^= 1
	case v&0x2C == 0x20:
		c.converting, c.began = true, now
	case v&0x2C == 0x04:
		c.detecting, c.looked = true, now
	}
}

// update brings the registers up to date.
func (c *MAX31865) update() {
	now := time.Now()
	if c.detecting && now.Sub(c.looked) >= 550*time.Microsecond {
		c.detecting = false
		c.Mem[0] &^= 0x0C
		if c.Mem[0]&0x80 != 0 {
			c.Mem[7] |= c.Faults
		}
	}
	if !c.converting || c.Convert < 0 || now.Sub(c.began) < c.Convert {
		return
	}
	c.converting = false
	c.Mem[0] &^= 0x20
	code := c.Code
	if c.Mem[0]&0x80 == 0 || c.began.Sub(c.biased) < c.Settle {
		code = 0 // no current, or not yet
	}
	c.Mem[1], c.Mem[2] = byte(code>>7), byte(code<<1)
	if high := uint16(c.Mem[3])<<8 | uint16(c.Mem[4]); code >= high>>1 {
		c.Mem[7] |= 0x80
	}
	if low := uint16(c.Mem[5])<<8 | uint16(c.Mem[6]); code <= low>>1 {
		c.Mem[7] |= 0x40
	}
	if c.Mem[7] != 0 {
		c.Mem[2] |= 1
	}
}

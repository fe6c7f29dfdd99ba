package bustest

import "time"

// Words is a chip made of registers of 16 bits, most significant byte first.
// The first byte of a message is the number of a register, the two after it
// its new value; what is read is that register, over and over. A message of
// another length is not acknowledged. The zero value works.
type Words struct {
	Mem    [256]uint16
	Narrow map[byte]bool // registers of 8 bits, in the lower half of Mem
	// OnWrite, if set, decides what a write does: it returns the new value of
	// the register, or an error such as ErrNACK. Without it v is stored.
	OnWrite func(reg byte, v uint16) (uint16, error)
	// OnRead, if set, is called before a register is read, and may change Mem.
	OnRead func(reg byte)

	at   byte // the register that is read
	sent int  // how many bytes of it were
	word uint16
}

// Write implements [Chip].
func (c *Words) Write(p []byte) error {
	c.at, c.sent = p[0], 0
	v := uint16(0)
	switch {
	case len(p) == 1:
		return nil
	case len(p) == 2 && c.Narrow[p[0]]:
		v = uint16(p[1])
	case len(p) == 3 && !c.Narrow[p[0]]:
		v = uint16(p[1])<<8 | uint16(p[2])
	default:
		return ErrNACK
	}
	if c.OnWrite != nil {
		var err error
		if v, err = c.OnWrite(c.at, v); err != nil {
			return err
		}
	}
	c.Mem[c.at] = v
	return nil
}

// Read implements [Chip]. Both bytes of a word are of the same moment.
func (c *Words) Read(p []byte) error {
	for i := range p {
		if c.Narrow[c.at] || c.sent%2 == 0 {
			if c.OnRead != nil {
				c.OnRead(c.at)
			}
			c.word = c.Mem[c.at]
		}
		if c.Narrow[c.at] || c.sent%2 == 1 {
			p[i] = byte(c.word)
		} else {
			p[i] = byte(c.word >> 8)
		}
		c.sent++
	}
	return nil
}

// cycle is what converts over and over while it runs. The zero value does not
// run.
type cycle struct {
	running bool
	began   time.Time // the conversion under way
}

// run starts it with a new conversion, or stops it and loses the one under
// way.
func (c *cycle) run(on bool) {
	if on && !c.running {
		c.began = time.Now()
	}
	c.running = on
}

// ended tells whether a conversion, which takes d, has ended since it was
// asked last.
func (c *cycle) ended(d time.Duration) bool {
	if !c.running || time.Since(c.began) < d {
		return false
	}
	c.began = c.began.Add(time.Since(c.began).Truncate(d))
	return true
}

// monitor is what TI's monitors of voltage and current do, by the mode in the
// lowest bits of their configurations. The zero value does nothing.
type monitor struct {
	cycle   cycle     // over and over
	pending bool      // once, and it is under way
	began   time.Time // that
}

// set ends what is under way and begins what the mode says: 1 to 3 is once, of
// which 5 to 7 are the same over and over; with bit 0 the voltage over the
// shunt, with bit 1 that of the bus.
func (m *monitor) set(config uint16) {
	mode := config & 7
	*m = monitor{pending: mode >= 1 && mode <= 3, began: time.Now()}
	m.cycle.run(mode >= 5)
}

// ended tells whether a measurement has ended since it was asked last. One takes
// slow times took; if slow is negative, for ever.
func (m *monitor) ended(took time.Duration, slow float64) bool {
	took = time.Duration(float64(took) * slow)
	if slow < 0 {
		return false
	}
	if m.pending && time.Since(m.began) >= took {
		m.pending = false
		return true
	}
	return m.cycle.ended(max(took, 1))
}

package bustest

// Registers is a chip made of 256 registers of 8 bits. The first byte of a
// message is the number of a register; the bytes after it, and what is read,
// are that register and the following ones. The zero value works.
type Registers struct {
	Mem [256]byte
	// OnWrite, if set, decides what a write does: it returns the new value of
	// the register, or an error such as ErrNACK. Without it v is stored.
	OnWrite func(reg, v byte) (byte, error)
	// OnRead, if set, is called before a register is read, and may change Mem.
	OnRead func(reg byte)

	at byte // the register that is next
}

// Write implements [Chip].
func (c *Registers) Write(p []byte) error {
	c.at = p[0]
	for _, v := range p[1:] {
		if c.OnWrite != nil {
			var err error
			if v, err = c.OnWrite(c.at, v); err != nil {
				return err
			}
		}
		c.Mem[c.at] = v
		c.at++
	}
	return nil
}

// Read implements [Chip].
func (c *Registers) Read(p []byte) error {
	for i := range p {
		if c.OnRead != nil {
			c.OnRead(c.at)
		}
		p[i] = c.Mem[c.at]
		c.at++
	}
	return nil
}

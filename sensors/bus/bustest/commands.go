package bustest

import "time"

// Commands is a chip that takes commands, as Sensirion's do: a message is a
// command and its arguments, and what is read is the answer to the last
// command. While it works on a command it acknowledges nothing.
type Commands struct {
	Width int // of a command: 1 or 2 bytes, the first most significant
	// Handle carries out a command. An error, such as ErrNACK for a command
	// that the chip does not know, changes nothing.
	Handle func(cmd uint16, args []byte) (Answer, error)

	ready  time.Time // it is busy until then
	answer []byte    // what is left of it
}

// Answer is what a command leads to.
type Answer struct {
	Data []byte        // what can be read; nil for nothing
	Busy time.Duration // how long it takes
}

// Write implements [Chip].
func (c *Commands) Write(p []byte) error {
	if time.Now().Before(c.ready) || len(p) < c.Width {
		return ErrNACK
	}
	cmd := uint16(0)
	for _, b := range p[:c.Width] {
		cmd = cmd<<8 | uint16(b)
	}
	a, err := c.Handle(cmd, p[c.Width:])
	if err != nil {
		return err
	}
	c.answer, c.ready = a.Data, time.Now().Add(a.Busy)
	return nil
}

// Read implements [Chip]. An answer is read once; with none left the chip
// does not acknowledge. Past the end of the answer nobody drives the bus.
func (c *Commands) Read(p []byte) error {
	if time.Now().Before(c.ready) || len(c.answer) == 0 {
		return ErrNACK
	}
	n := copy(p, c.answer)
	c.answer = c.answer[n:]
	for i := n; i < len(p); i++ {
		p[i] = 0xFF
	}
	return nil
}

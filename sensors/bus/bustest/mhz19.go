package bustest

import (
	"slices"
	"sync"
	"time"
)

// MHZ19 is a Winsen MH-Z19B on a serial port, by its manual V1.6: it answers
// with 410 ppm for the first three minutes.
type MHZ19 struct {
	port  *Serial
	began time.Time

	mu       sync.Mutex
	ppm      uint16
	commands []string // other than reading, nine bytes each
}

// NewMHZ19 attaches one that has power from now on.
func NewMHZ19(port *Serial, ppm uint16) *MHZ19 {
	c := &MHZ19{port: port, began: time.Now(), ppm: ppm}
	port.OnWrite(c.write)
	return c
}

// Stop takes its power away.
func (c *MHZ19) Stop() { c.port.OnWrite(nil) }

// Air changes the air around it.
func (c *MHZ19) Air(ppm uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ppm = ppm
}

// Commands returns what it was told, other than to measure: nine bytes each.
func (c *MHZ19) Commands() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.commands)
}

// write takes a command: FF 01, command, five bytes, checksum.
func (c *MHZ19) write(p []byte) {
	if len(p) != 9 || p[0] != 0xFF || p[1] != 0x01 || sdsSum(p[1:]) != 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p[2] != 0x86 {
		c.commands = append(c.commands, string(p))
		return
	}
	ppm := c.ppm
	if time.Since(c.began) < 3*time.Minute {
		ppm = 410
	}
	b := []byte{0xFF, 0x86, byte(ppm >> 8), byte(ppm), 0x47, 0, 0, 0, 0}
	b[8] = -sdsSum(b[1:])
	c.port.Send(20*time.Millisecond, b...)
}

package bustest

import "time"

// MCP9808 is Microchip's temperature sensor. It converts over and over unless
// it is shut down, at first with a resolution of 0.0625 °C.
type MCP9808 struct {
	Words
	Next uint16 // what the next conversion will have found, as in register 5

	cycle cycle
}

// NewMCP9808 returns a chip that was just powered on. It will have measured
// 25.25 °C, above the upper limit, which is 0.
func NewMCP9808() *MCP9808 {
	c := &MCP9808{Next: 0x4194}
	c.Narrow = map[byte]bool{8: true}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: the temperature
// is 0 until the first conversion ends. DS25095, table 5-2.
func (c *MCP9808) PowerOn() {
	c.Mem = [256]uint16{6: 0x0054, 7: 0x0400, 8: 3}
	c.cycle = cycle{}
	c.cycle.run(true)
}

func (c *MCP9808) write(reg byte, v uint16) (uint16, error) {
	c.read(reg)
	switch reg {
	case 1:
		c.cycle.run(v&0x0100 == 0) // SHDN
		return v & 0x07FF, nil
	case 2, 3, 4: // limits
		return v & 0x1FFC, nil
	case 8:
		return v & 3, nil
	}
	return c.Mem[reg], nil // cannot be written
}

// read shows the result of a conversion that has ended, at the resolution.
func (c *MCP9808) read(byte) {
	resolution := c.Mem[8] // section 6.2.1: 30, 65, 130, 250 ms
	took := [4]time.Duration{30, 65, 130, 250}[resolution] * time.Millisecond
	if c.cycle.ended(took) {
		c.Mem[5] = c.Next &^ (7 >> resolution)
	}
}

package chips

import "gateway/sensors/bus/bustest"

// DS2482 is Maxim's DS2482-100, which makes a 1-Wire bus of I²C. It is as fast
// as its master asks.
type DS2482 struct {
	Devices []*DS18B20

	status, data, config byte
	pointer              byte
}

var _ bustest.Chip = (*DS2482)(nil)

// NewDS2482 returns a chip that was just powered on, with devices on its line.
func NewDS2482(devices ...*DS18B20) *DS2482 {
	c := &DS2482{Devices: devices}
	c.deviceReset()
	return c
}

// Commands and registers, datasheet "Function Commands".
const (
	ds2482DeviceReset = 0xF0
	ds2482SetPointer  = 0xE1
	ds2482WriteConfig = 0xD2
	ds2482WireReset   = 0xB4
	ds2482SingleBit   = 0x87
	ds2482WriteByte   = 0xA5
	ds2482ReadByte    = 0x96
	ds2482Triplet     = 0x78

	ds2482Status = 0xF0
	ds2482Data   = 0xE1
	ds2482Config = 0xC3
)

// Bits of the status register.
const (
	ds2482Presence   = 1 << 1
	ds2482LogicLevel = 1 << 3
	ds2482WasReset   = 1 << 4
	ds2482Bit        = 1 << 5
	ds2482Second     = 1 << 6
	ds2482Direction  = 1 << 7
)

func (c *DS2482) deviceReset() {
	c.status, c.config, c.pointer = ds2482LogicLevel|ds2482WasReset, 0, ds2482Status
}

// Write implements [bustest.Chip]: a command, and what belongs to it.
func (c *DS2482) Write(p []byte) error {
	want := 2
	switch p[0] {
	case ds2482DeviceReset, ds2482WireReset, ds2482ReadByte:
		want = 1
	}
	if len(p) != want {
		return bustest.ErrNACK
	}
	switch p[0] {
	case ds2482DeviceReset:
		c.deviceReset()
		return nil
	case ds2482SetPointer:
		return c.point(p[1])
	case ds2482WriteConfig:
		if p[1]>>4 != ^p[1]&0xF { // the upper half is the complement
			return bustest.ErrNACK
		}
		c.config, c.pointer = p[1]&0xF, ds2482Config
		c.status &^= ds2482WasReset
		return nil
	}
	c.pointer = ds2482Status
	return c.wire(p)
}

func (c *DS2482) point(register byte) error {
	switch register {
	case ds2482Status, ds2482Data, ds2482Config:
		c.pointer = register
		return nil
	}
	return bustest.ErrNACK // the DS2482-800 has one more
}

// wire does a command on the 1-Wire line.
func (c *DS2482) wire(p []byte) error {
	switch p[0] {
	case ds2482WireReset:
		c.status &^= ds2482Presence
		for _, d := range c.Devices {
			d.reset()
			c.status |= ds2482Presence
		}
	case ds2482SingleBit:
		c.note(ds2482Bit, c.slot(p[1]&0x80 != 0))
	case ds2482WriteByte:
		for bit := range 8 {
			c.slot(p[1]>>bit&1 == 1)
		}
	case ds2482ReadByte:
		c.data = 0
		for bit := range 8 {
			if c.slot(true) {
				c.data |= 1 << bit
			}
		}
	case ds2482Triplet:
		c.triplet(p[1]&0x80 != 0)
	default:
		return bustest.ErrNACK
	}
	return nil
}

// triplet reads a bit of a search and its complement, and goes on with the bit,
// or where both kinds are there as asked for.
func (c *DS2482) triplet(direction bool) {
	bit, complement := c.slot(true), c.slot(true)
	switch {
	case bit && complement: // nobody is there
		direction = true
	case bit != complement:
		direction = bit
	}
	c.slot(direction)
	c.note(ds2482Bit, bit)
	c.note(ds2482Second, complement)
	c.note(ds2482Direction, direction)
}

// slot is a slot with all devices: the line is high if all let it go.
func (c *DS2482) slot(one bool) bool {
	high := one
	for _, d := range c.Devices {
		if !d.slot(one) {
			high = false
		}
	}
	return high
}

func (c *DS2482) note(bit byte, on bool) {
	c.status &^= bit
	if on {
		c.status |= bit
	}
}

// Read implements [bustest.Chip].
func (c *DS2482) Read(p []byte) error {
	for i := range p {
		switch c.pointer {
		case ds2482Data:
			p[i] = c.data
		case ds2482Config:
			p[i] = c.config
		default:
			p[i] = c.status
		}
	}
	return nil
}

package bustest

import "time"

// SHT4x is Sensirion's temperature and humidity sensor, at the level of its
// commands. A new one measures what one that was recorded did: 25.379 °C,
// 31.406 %.
type SHT4x struct {
	Commands
	Frame  [6]byte // what a measurement answers, CRCs included
	Serial [6]byte // what the serial number's command answers, CRCs included
	Heater int     // how often the heater was turned on
	Resets int     // how often the chip was reset by command
}

// NewSHT4x returns a chip that was powered on a while ago.
func NewSHT4x() *SHT4x {
	c := &SHT4x{
		Frame:  [6]byte{0x66, 0xF4, 0xC8, 0x4C, 0x9B, 0x6F},
		Serial: [6]byte{0x12, 0x34, 0x37, 0x56, 0x78, 0x7D},
	}
	c.Width = 1
	c.Handle = c.handle
	return c
}

// handle carries out a command of the SHT4x datasheet, section 4.5. The times
// are the longest of section 3.1.
func (c *SHT4x) handle(cmd uint16, args []byte) (Answer, error) {
	if len(args) > 0 {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0xFD: // measure with high precision
		return Answer{Data: c.Frame[:], Busy: 8300 * time.Microsecond}, nil
	case 0xF6: // medium
		return Answer{Data: c.Frame[:], Busy: 4500 * time.Microsecond}, nil
	case 0xE0: // low
		return Answer{Data: c.Frame[:], Busy: 1600 * time.Microsecond}, nil
	case 0x89: // serial number
		return Answer{Data: c.Serial[:]}, nil
	case 0x94: // soft reset
		c.Resets++
		return Answer{Busy: time.Millisecond}, nil
	case 0x39, 0x2F, 0x1E: // heater for 1 s, and a measurement
		c.Heater++
		return Answer{Data: c.Frame[:], Busy: 1100 * time.Millisecond}, nil
	case 0x32, 0x24, 0x15: // heater for 0.1 s, and a measurement
		c.Heater++
		return Answer{Data: c.Frame[:], Busy: 110 * time.Millisecond}, nil
	}
	return Answer{}, ErrNACK
}

package bustest

import "time"

// HDC302x is Texas Instruments' temperature and humidity sensor, whose
// commands are much like those of an SHT3x. A new one measures what one that
// was recorded did: 26.621 °C, 23.246 %.
type HDC302x struct {
	Commands
	Frame   [6]byte // what a measurement answers, CRCs included
	Offsets [3]byte // of humidity, of temperature, CRC
	Auto    bool    // it measures by itself, as another program told it to
	Resets  int     // how often the chip was reset by command
}

// NewHDC302x returns a chip that was powered on a while ago.
func NewHDC302x() *HDC302x {
	c := &HDC302x{Frame: [6]byte{0x68, 0xC5, 0x51, 0x3B, 0x82, 0x31}, Offsets: [3]byte{0, 0, 0x81}}
	c.Width = 2
	c.Handle = c.handle
	return c
}

// handle carries out a command of the HDC302x datasheet, section 8.5.7. In
// auto mode a measurement on demand is not possible.
func (c *HDC302x) handle(cmd uint16, args []byte) (Answer, error) {
	if len(args) > 0 || c.Auto && cmd == 0x2400 {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0x2400: // on demand, lowest noise
		return Answer{Data: c.Frame[:], Busy: 14300 * time.Microsecond}, nil
	case 0x3093: // leave auto mode
		c.Auto = false
		return Answer{Busy: time.Millisecond}, nil
	case 0x30A2: // soft reset
		c.Resets++
		return Answer{Busy: 3 * time.Millisecond}, nil
	case 0xF32D: // status: alert and reset since it was cleared
		return Answer{Data: []byte{0x80, 0x10, 0xE1}}, nil
	case 0x3781: // manufacturer
		return Answer{Data: []byte{0x30, 0x00, 0x33}}, nil
	case 0x3683: // NIST id, from its top
		return Answer{Data: []byte{0x12, 0x34, 0x37}}, nil
	case 0x3684:
		return Answer{Data: []byte{0x56, 0x78, 0x7D}}, nil
	case 0x3685:
		return Answer{Data: []byte{0xAB, 0xCD, 0x6F}}, nil
	case 0xA004:
		return Answer{Data: c.Offsets[:]}, nil
	}
	return Answer{}, ErrNACK
}

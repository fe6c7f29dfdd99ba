package bustest

import "time"

// SHT3x is Sensirion's temperature and humidity sensor with commands of 16
// bits, which the SHT85 has, too. A new one measures the datasheet's example
// of a CRC: 85.523 °C, 74.5845 %.
type SHT3x struct {
	Commands
	Frame    [6]byte // what a measurement answers, CRCs included
	Status   [3]byte // what the status register's command answers, CRC included
	Periodic bool    // it measures by itself, as another program told it to
	Heater   bool
	Resets   int // how often the chip was reset by command
}

// NewSHT3x returns a chip that was powered on a while ago.
func NewSHT3x() *SHT3x {
	c := &SHT3x{
		Frame:  [6]byte{0xBE, 0xEF, 0x92, 0xBE, 0xEF, 0x92},
		Status: [3]byte{0x80, 0x10, 0xE1}, // alert pending, reset detected
	}
	c.Width = 2
	c.Handle = c.handle
	return c
}

// handle carries out a command of the SHT3x-DIS datasheet, sections 4.3 to
// 4.11. The times are the longest of table 4. In periodic mode only fetching
// and stopping are possible.
func (c *SHT3x) handle(cmd uint16, args []byte) (Answer, error) {
	if len(args) > 0 || c.Periodic && cmd != 0x3093 && cmd != 0xE000 {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0x2400: // single shot without clock stretching, high repeatability
		return Answer{Data: c.Frame[:], Busy: 15 * time.Millisecond}, nil
	case 0x240B: // medium
		return Answer{Data: c.Frame[:], Busy: 6 * time.Millisecond}, nil
	case 0x2416: // low
		return Answer{Data: c.Frame[:], Busy: 4 * time.Millisecond}, nil
	case 0xE000: // fetch
		if !c.Periodic {
			return Answer{}, ErrNACK
		}
		return Answer{Data: c.Frame[:]}, nil
	case 0x3093: // break
		c.Periodic = false
		return Answer{Busy: time.Millisecond}, nil
	case 0xF32D:
		return Answer{Data: c.Status[:]}, nil
	case 0x3041: // clear status
		return Answer{}, nil
	case 0x30A2: // soft reset
		c.Heater = false
		c.Resets++
		return Answer{Busy: 1500 * time.Microsecond}, nil
	case 0x306D, 0x3066: // heater on and off
		c.Heater = cmd == 0x306D
		return Answer{}, nil
	}
	return Answer{}, ErrNACK
}

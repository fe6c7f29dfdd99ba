package bustest

import "time"

// HTU21D is a temperature and humidity sensor with the commands of the SHT21,
// which the Si7021 has, too. It takes the time of the slowest of them. A new
// one measures what an SHT21 that was recorded did: 18.809 °C, 40.280 %.
type HTU21D struct {
	Commands
	T, RH  [3]byte // what measurements answer, CRCs included
	User   byte    // user register: resolution, heater, battery
	Resets int
}

// NewHTU21D returns a chip that was powered on a while ago.
func NewHTU21D() *HTU21D {
	c := &HTU21D{T: [3]byte{0x5F, 0xA8, 0x3B}, RH: [3]byte{0x5E, 0xCA, 0x16}, User: 0x02}
	c.Width = 1
	c.Handle = c.handle
	return c
}

// handle carries out a command of the SHT21 datasheet, section 5.3. Those that
// hold the clock are not there: a bus of this kind has none.
func (c *HTU21D) handle(cmd uint16, args []byte) (Answer, error) {
	if len(args) != 0 && cmd != 0xE6 {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0xF3: // temperature, no hold; 14 bits
		return Answer{Data: c.T[:], Busy: 85 * time.Millisecond}, nil
	case 0xF5: // humidity, no hold; 12 bits
		return Answer{Data: c.RH[:], Busy: 29 * time.Millisecond}, nil
	case 0xFE: // soft reset; the heater stays as it is
		c.User = c.User&0x04 | 0x02
		c.Resets++
		return Answer{Busy: 15 * time.Millisecond}, nil
	case 0xE7: // read user register
		return Answer{Data: []byte{c.User}}, nil
	case 0xE6: // write user register
		if len(args) != 1 {
			return Answer{}, ErrNACK
		}
		c.User = args[0]
		return Answer{}, nil
	}
	return Answer{}, ErrNACK
}

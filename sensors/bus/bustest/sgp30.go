package bustest

import "time"

// SGP30 is Sensirion's gas sensor. A new one finds what the tests of a driver
// have: 4660 ppm of CO₂ equivalent, 54274 ppb of TVOC.
type SGP30 struct {
	Commands
	Air      [2]uint16 // what it finds once it is warm: CO₂ equivalent, TVOC
	Baseline [2]uint16 // of CO₂ equivalent, of TVOC; 0 before it has one
	Humidity uint16    // absolute, 1/256 g/m³; 0 is not known
	Inits    int       // how often the algorithm was begun anew
	Tests    int       // how often it tested itself
	Measured int       // measurements since it was begun
	Set      int       // how often a baseline was set

	running bool
	began   time.Time
}

// NewSGP30 returns a chip that was powered on a while ago.
func NewSGP30() *SGP30 {
	c := &SGP30{Air: [2]uint16{0x1234, 0xD402}}
	c.Width = 2
	c.Handle = c.handle
	return c
}

// PowerOn is what losing the power and getting it back does.
func (c *SGP30) PowerOn() { c.running, c.Baseline, c.Humidity = false, [2]uint16{}, 0 }

// handle carries out a command of the SGP30 datasheet, table 10, with the
// longest of its times.
func (c *SGP30) handle(cmd uint16, args []byte) (Answer, error) {
	const busy = 10 * time.Millisecond
	arg, ok := sensirionWords(args)
	if want := map[uint16]int{0x201E: 2, 0x2061: 1}[cmd]; !ok || len(arg) != want {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0x2003: // init
		c.running, c.began, c.Measured = true, time.Now(), 0
		c.Baseline, c.Humidity = [2]uint16{}, 0
		c.Inits++
		return Answer{Busy: busy}, nil
	case 0x2008: // measure: CO₂ equivalent, TVOC
		c.Measured++
		return Answer{Data: sensirion(c.measure()...), Busy: 12 * time.Millisecond}, nil
	case 0x2015: // baseline: CO₂ equivalent, TVOC
		return Answer{Data: sensirion(c.Baseline[:]...), Busy: busy}, nil
	case 0x201E: // set it: TVOC, CO₂ equivalent
		c.Baseline = [2]uint16{arg[1], arg[0]}
		c.Set++
		return Answer{Busy: busy}, nil
	case 0x2061:
		c.Humidity = arg[0]
		return Answer{Busy: busy}, nil
	case 0x202F: // feature set
		return Answer{Data: sensirion(0x0022), Busy: busy}, nil
	case 0x3682: // serial number
		return Answer{Data: sensirion(0x0000, 0x0064, 0xCC82), Busy: 500 * time.Microsecond}, nil
	case 0x2032: // self-test, which ends the algorithm
		c.running = false
		c.Tests++
		return Answer{Data: sensirion(0xD400), Busy: 220 * time.Millisecond}, nil
	}
	return Answer{}, ErrNACK
}

// measure is section 6.3: for 15 s after the beginning the same two values.
// The algorithm then has a baseline.
func (c *SGP30) measure() []uint16 {
	if !c.running || time.Since(c.began) < 15*time.Second {
		return []uint16{400, 0}
	}
	if c.Baseline == [2]uint16{} {
		c.Baseline = [2]uint16{0x8E68, 0x8F41}
	}
	return c.Air[:]
}

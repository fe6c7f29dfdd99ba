package bustest

import (
	"math"
	"time"
)

// SCD30 is Sensirion's first CO₂ sensor. A new one has measured for long, as
// its maker ships it, and finds 800.5 ppm, 23.25 °C and 48.75 %.
type SCD30 struct {
	Commands
	Measured [3]float32 // what the next measurement finds: ppm, °C, %

	// Settings, which stay without power.
	Interval, Altitude, Offset, ASC, Reference uint16

	Pressure  uint16 // mbar of the last start, 0 for none
	Measuring bool
	Written   int // how often its memory was written

	cold  bool      // the next measurement is the first since the power came
	began time.Time // of measuring
	read  int       // measurements that were read, or missed
}

// NewSCD30 returns a chip that was powered on a while ago.
func NewSCD30() *SCD30 {
	c := &SCD30{Measured: [3]float32{800.5, 23.25, 48.75}, Interval: 2}
	c.Width = 2
	c.Handle = c.handle
	return c
}

// PowerOn is what losing the power and getting it back does: the chip goes on
// measuring, without the air pressure, and finds 0 ppm at first.
func (c *SCD30) PowerOn() {
	c.Pressure, c.cold = 0, true
	c.began, c.read = time.Now(), 0
}

// handle carries out a command of the SCD30 interface description, section
// 1.4. A command that sets something, without an argument, asks for it. Its
// answer is there after 3 ms.
func (c *SCD30) handle(cmd uint16, args []byte) (Answer, error) {
	const busy = 3 * time.Millisecond
	arg, ok := sensirionWords(args)
	if !ok || len(arg) > 1 {
		return Answer{}, ErrNACK
	}
	setting := map[uint16]*uint16{0x4600: &c.Interval, 0x5306: &c.ASC, 0x5204: &c.Reference, 0x5403: &c.Offset, 0x5102: &c.Altitude}[cmd]
	switch {
	case setting != nil && len(arg) == 1:
		*setting = arg[0]
		c.Written++
		return Answer{Busy: busy}, nil
	case setting != nil:
		return Answer{Data: sensirion(*setting), Busy: busy}, nil
	case cmd == 0x0010 && len(arg) == 1: // start
		c.Pressure = arg[0]
		if !c.Measuring {
			c.Measuring, c.began, c.read = true, time.Now(), 0
		}
		return Answer{Busy: busy}, nil
	case len(arg) > 0:
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0x0104: // stop
		c.Measuring = false
		return Answer{Busy: busy}, nil
	case 0x0202: // ready
		ready := uint16(0)
		if c.Measuring && c.count() > c.read {
			ready = 1
		}
		return Answer{Data: sensirion(ready), Busy: busy}, nil
	case 0x0300: // read
		c.read = c.count()
		measured := c.Measured
		if c.cold {
			measured[0], c.cold = 0, false
		}
		var w []uint16
		for _, x := range measured {
			bits := math.Float32bits(x)
			w = append(w, uint16(bits>>16), uint16(bits))
		}
		return Answer{Data: sensirion(w...), Busy: busy}, nil
	case 0xD100: // firmware 3.66
		return Answer{Data: sensirion(0x0342), Busy: busy}, nil
	case 0xD304: // soft reset: as at power-on
		c.began, c.read = time.Now(), 0
		return Answer{Busy: 2 * time.Second}, nil
	}
	return Answer{}, ErrNACK
}

// count is the number of measurements since measuring began.
func (c *SCD30) count() int {
	return int(time.Since(c.began) / (time.Duration(c.Interval) * time.Second))
}

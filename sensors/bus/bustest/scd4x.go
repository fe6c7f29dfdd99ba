package bustest

import "time"

// SCD4x is Sensirion's CO₂ sensor SCD40 or SCD41. A new one measures what one
// that was recorded did: 556 ppm, 25.446 °C, 30.091 %.
type SCD4x struct {
	Commands
	Measured [3]uint16 // what the next measurement finds: ppm, temperature, humidity
	Variant  uint16    // 0x0440 an SCD40, 0x1440 an SCD41

	// Settings, lost with the power.
	Offset, Altitude, Pressure, ASC uint16

	Measuring  bool
	Reference  uint16 // ppm of the last forced recalibration
	Correction uint16 // what one answers: 0xFFFF if it failed
	Starts     int    // how often periodic measurement was begun

	began time.Time // of periodic measurement
	read  int       // measurements of it that were read, or missed
}

// scd4xPeriod is the time from one measurement to the next. SCD4x datasheet,
// section 3.5.
const scd4xPeriod = 5 * time.Second

// NewSCD4x returns a chip that was powered on a while ago.
func NewSCD4x() *SCD4x {
	c := &SCD4x{Measured: [3]uint16{0x022C, 0x670D, 0x4D08}, Variant: 0x1440, Correction: 0x8000 - 42}
	c.Width = 2
	c.Handle = c.handle
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does.
func (c *SCD4x) PowerOn() {
	c.Offset, c.Altitude, c.Pressure, c.ASC, c.Measuring = 1498, 0, 0, 1, false
}

// handle carries out a command of the SCD4x datasheet, section 3. While it
// measures it knows four of them.
func (c *SCD4x) handle(cmd uint16, args []byte) (Answer, error) {
	arg, ok := sensirionWords(args)
	if !ok || len(arg) > 1 {
		return Answer{}, ErrNACK
	}
	set := map[uint16]*uint16{0x241D: &c.Offset, 0x2427: &c.Altitude, 0xE000: &c.Pressure, 0x2416: &c.ASC}[cmd]
	duringMeasurement := cmd == 0xEC05 || cmd == 0x3F86 || cmd == 0xE000 || cmd == 0xE4B8
	if c.Measuring && !duringMeasurement || (set != nil || cmd == 0x362F) != (len(arg) == 1) {
		return Answer{}, ErrNACK
	}
	if set != nil {
		*set = arg[0]
		return Answer{Busy: time.Millisecond}, nil
	}
	switch cmd {
	case 0x21B1: // start periodic measurement
		c.Measuring, c.began, c.read = true, time.Now(), 0
		c.Starts++
		return Answer{}, nil
	case 0x3F86: // stop it
		c.Measuring = false
		return Answer{Busy: 500 * time.Millisecond}, nil
	case 0xE4B8: // data ready
		ready := uint16(0x8000)
		if c.ready() {
			ready = 0x8006
		}
		return Answer{Data: sensirion(ready), Busy: time.Millisecond}, nil
	case 0xEC05: // read measurement, once
		if !c.ready() {
			return Answer{}, ErrNACK
		}
		c.read = c.count()
		return Answer{Data: sensirion(c.Measured[:]...), Busy: time.Millisecond}, nil
	case 0x3682: // serial number
		return Answer{Data: sensirion(0x73B1, 0xEB07, 0x3B0C), Busy: time.Millisecond}, nil
	case 0x202F: // variant
		return Answer{Data: sensirion(c.Variant), Busy: time.Millisecond}, nil
	case 0x362F: // forced recalibration
		c.Reference = arg[0]
		return Answer{Data: sensirion(c.Correction), Busy: 400 * time.Millisecond}, nil
	}
	return Answer{}, ErrNACK
}

// count is the number of measurements since periodic measurement was begun.
func (c *SCD4x) count() int { return int(time.Since(c.began) / scd4xPeriod) }

func (c *SCD4x) ready() bool { return c.Measuring && c.count() > c.read }

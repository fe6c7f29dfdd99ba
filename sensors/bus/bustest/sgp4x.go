package bustest

import (
	"encoding/binary"
	"slices"
	"time"
)

// SGP4x is Sensirion's SGP40, or SGP41, at the level of its commands. A new
// one is off, and measures the same for ever.
type SGP4x struct {
	Commands
	VOC, NOx uint16    // the raw signals; NOx of the SGP41 only
	Serial   [3]uint16 // serial number
	Heated   bool
	// Humidity and Temperature are the arguments of the last measurement.
	Humidity, Temperature uint16
	// Conditioned is how long the NOx pixel was conditioned at the longest
	// without a pause. More than ten seconds damage it.
	Conditioned time.Duration

	sgp41        bool
	conditioning time.Time // since when; zero if it is not
}

// NewSGP40 returns an SGP40 that was powered on a while ago.
func NewSGP40() *SGP4x {
	c := &SGP4x{VOC: 30000, NOx: 16000, Serial: [3]uint16{0x0000, 0x0064, 0xCC82}}
	c.Width = 2
	c.Handle = c.handle
	return c
}

// NewSGP41 returns an SGP41 that was powered on a while ago.
func NewSGP41() *SGP4x {
	c := NewSGP40()
	c.sgp41 = true
	return c
}

// handle carries out a command of the datasheets of SGP40 and SGP41. The times
// are the longest of their tables of commands.
func (c *SGP4x) handle(cmd uint16, args []byte) (Answer, error) {
	if !c.sgp41 && (cmd == 0x2612 || cmd == 0x2619) || c.sgp41 && cmd == 0x260F {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0x260F: // the SGP40's raw signal
		return c.measure(args, 30*time.Millisecond, c.VOC)
	case 0x2619: // the SGP41's raw signals
		c.condition(false)
		return c.measure(args, 50*time.Millisecond, c.VOC, c.NOx)
	case 0x2612: // conditioning of the NOx pixel
		c.condition(true)
		return c.measure(args, 50*time.Millisecond, c.VOC)
	}
	if len(args) > 0 {
		return Answer{}, ErrNACK
	}
	switch cmd {
	case 0x3615: // heater off
		c.condition(false)
		c.Heated = false
		return Answer{Busy: time.Millisecond}, nil
	case 0x3682: // serial number
		return Answer{Data: sensirion(c.Serial[:]...), Busy: time.Millisecond}, nil
	case 0x202F: // feature set
		features := uint16(0x3220)
		if c.sgp41 {
			features = 0x0240
		}
		return Answer{Data: sensirion(features), Busy: 10 * time.Millisecond}, nil
	case 0x280E: // self-test
		return Answer{Data: sensirion(0xD400), Busy: 320 * time.Millisecond}, nil
	}
	return Answer{}, ErrNACK
}

// measure answers a measurement, if its arguments bear the right CRCs.
func (c *SGP4x) measure(args []byte, busy time.Duration, words ...uint16) (Answer, error) {
	if len(args) != 6 {
		return Answer{}, ErrNACK
	}
	humidity, temperature := binary.BigEndian.Uint16(args), binary.BigEndian.Uint16(args[3:])
	if !slices.Equal(args, sensirion(humidity, temperature)) {
		return Answer{}, ErrNACK
	}
	c.Heated, c.Humidity, c.Temperature = true, humidity, temperature
	return Answer{Data: sensirion(words...), Busy: busy}, nil
}

// condition notes that the NOx pixel is conditioned from now on, or is not.
func (c *SGP4x) condition(on bool) {
	if !c.conditioning.IsZero() {
		c.Conditioned = max(c.Conditioned, time.Since(c.conditioning))
	}
	switch {
	case !on:
		c.conditioning = time.Time{}
	case c.conditioning.IsZero():
		c.conditioning = time.Now()
	}
}

package bustest

import "time"

// HDC1080 is Texas Instruments' temperature and humidity sensor, made of a few
// registers of 16 bits. A new one measures 26 °C and 50 %.
type HDC1080 struct {
	T, RH      uint16        // what the next measurement finds
	Device     uint16        // register 0xFF: 0x1050, or 0x1000 for an HDC1000
	Config     uint16        // register 0x02
	Conversion time.Duration // of both; negative if it never ends

	pointer byte
	ready   time.Time // it acknowledges no read before
	begun   bool      // a measurement that was not read yet
}

// NewHDC1080 returns a chip that was powered on a while ago.
func NewHDC1080() *HDC1080 {
	// Section 7.5: 6.35 and 6.5 ms, typically.
	return &HDC1080{T: 0x6668, RH: 0x8000, Device: 0x1050, Config: 0x1000, Conversion: 12850 * time.Microsecond}
}

// Write implements [Chip]. HDC1080 datasheet, sections 8.5 and 8.6: the pointer
// 0 or 1 begins a measurement.
func (c *HDC1080) Write(p []byte) error {
	c.pointer, c.begun = p[0], false
	switch {
	case len(p) == 3 && p[0] == 0x02:
		c.Config = uint16(p[1])<<8 | uint16(p[2])
		if c.Config&0x8000 != 0 {
			c.Config = 0x1000
			c.ready = time.Now().Add(15 * time.Millisecond)
		}
	case len(p) == 1 && p[0] <= 1:
		c.begun = true
		c.ready = time.Now().Add(c.Conversion)
		if c.Conversion < 0 {
			c.ready = time.Now().Add(time.Hour)
		}
	}
	return nil
}

// Read implements [Chip].
func (c *HDC1080) Read(p []byte) error {
	if time.Now().Before(c.ready) {
		return ErrNACK
	}
	var words []uint16
	switch {
	case c.pointer == 0 && c.begun && c.Config&0x1000 != 0: // both, in one go
		words = []uint16{c.T, c.RH}
	case c.pointer == 0 && c.begun:
		words = []uint16{c.T}
	case c.pointer == 1 && c.begun:
		words = []uint16{c.RH}
	case c.pointer <= 1:
		return ErrNACK // nothing was measured
	default:
		words = []uint16{map[byte]uint16{
			0x02: c.Config, 0xFB: 0x0123, 0xFC: 0x4567, 0xFD: 0x8900, 0xFE: 0x5449, 0xFF: c.Device}[c.pointer]}
	}
	c.begun = false
	for i := range p {
		p[i] = 0xFF
		if i/2 < len(words) {
			p[i] = byte(words[i/2] >> (8 * (1 - i%2)))
		}
	}
	return nil
}

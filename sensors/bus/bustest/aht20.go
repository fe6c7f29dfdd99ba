package bustest

import "time"

// AHT is one of Aosong's temperature and humidity sensors: an AHT20, or its
// forerunner AHT10, which sends no CRC. A new one measures what an AHT20 that
// was recorded did: 19.446 °C, 45.828 %.
type AHT struct {
	Next       [5]byte       // what the next measurement will have found: 20 bits of humidity, 20 of temperature
	Conversion time.Duration // what a measurement takes; negative if it never ends
	Calibrated bool          // the calibration is loaded
	Stubborn   bool          // it is not, whatever is told

	initialise byte // the command that loads the calibration
	crc        bool
	ready      time.Time // after a reset; it acknowledges nothing before
	measuring  bool
	began      time.Time
	found      [5]byte // under way
	data       [5]byte // what the last measurement found
}

// NewAHT20 returns an AHT20 that was powered on a while ago, as it comes: with
// its calibration loaded.
func NewAHT20() *AHT {
	return &AHT{
		Next:       [5]byte{0x75, 0x52, 0x05, 0x8E, 0x40},
		Conversion: 75 * time.Millisecond, Calibrated: true, initialise: 0xBE, crc: true,
	}
}

// NewAHT10 returns an AHT10 that was powered on a while ago: it has to be told
// to load its calibration.
func NewAHT10() *AHT {
	c := NewAHT20()
	c.Calibrated, c.initialise, c.crc = false, 0xE1, false
	return c
}

// Write implements [Chip]. AHT20 datasheet, sections 5.3 and 5.4.
func (c *AHT) Write(p []byte) error {
	if time.Now().Before(c.ready) {
		return ErrNACK
	}
	switch {
	case p[0] == 0xBA && len(p) == 1: // soft reset
		c.ready = time.Now().Add(20 * time.Millisecond)
		c.measuring, c.data = false, [5]byte{}
		c.Calibrated = c.Calibrated && c.crc // an AHT10 loses it
	case p[0] == c.initialise && len(p) == 3 && p[1] == 0x08 && p[2] == 0x00:
		c.Calibrated = !c.Stubborn
	case p[0] == 0xAC && len(p) == 3 && p[1] == 0x33 && p[2] == 0x00:
		c.measuring, c.began, c.found = true, time.Now(), c.Next
	default:
		return ErrNACK
	}
	return nil
}

// Read implements [Chip]: state, data, and the CRC of both.
func (c *AHT) Read(p []byte) error {
	if time.Now().Before(c.ready) {
		return ErrNACK
	}
	state := byte(0x10)
	if c.Calibrated {
		state |= 0x08
	}
	if c.measuring && c.Conversion >= 0 && time.Since(c.began) >= c.Conversion {
		c.measuring, c.data = false, c.found
	}
	if c.measuring {
		state |= 0x80
	}
	all := append([]byte{state}, c.data[:]...)
	if c.crc {
		all = append(all, crcSensirion(all))
	}
	for i := range p {
		p[i] = 0xFF
		if i < len(all) {
			p[i] = all[i]
		}
	}
	return nil
}

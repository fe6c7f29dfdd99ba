package bustest

import (
	"encoding/binary"
	"time"
)

// ENS160 is ScioSense's gas sensor, at the level of its registers.
type ENS160 struct {
	Registers
	AQI        byte
	TVOC, ECO2 uint16
	WarmUp     time.Duration // after it began to measure
	StartUp    time.Duration // the same, in a life's first hour; 0 if that has passed
	Fault      byte          // bits of DEVICE_STATUS besides those of a healthy chip
	Resets     int

	began time.Time // to measure; zero if it does not
	shown int       // results up to the one that was read
}

// NewENS160 returns a chip that was just powered on, in its second day of
// life. It finds what one that was recorded found: AQI 2, 176 ppb, 663 ppm.
func NewENS160() *ENS160 {
	c := &ENS160{AQI: 2, TVOC: 176, ECO2: 663, WarmUp: 3 * time.Minute}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: it sleeps.
func (c *ENS160) PowerOn() {
	c.Mem = [256]byte{0x00: 0x60, 0x01: 0x01, 0x30: 0x8A, 0x31: 0x4A, 0x33: 0x64}
	c.began, c.shown = time.Time{}, 0
}

// Mode sets the operating mode. Section 16.2.2.
func (c *ENS160) mode(v byte) byte {
	switch v {
	case 0xF0: // reset, which leads to idle
		c.PowerOn()
		c.Resets++
		return 0x01
	case 0x00, 0x01:
		c.began, c.shown = time.Time{}, 0
		return v
	case 0x02: // standard, from idle only
		if c.Mem[0x10] == 0x01 {
			c.began = time.Now()
			return v
		}
	}
	return c.Mem[0x10]
}

func (c *ENS160) write(reg, v byte) (byte, error) {
	switch reg {
	case 0x10:
		return c.mode(v), nil
	case 0x11, 0x12, 0x13, 0x15:
		return v, nil
	case 0x14, 0x16: // the upper byte of TEMP_IN or RH_IN makes it effective
		c.Mem[reg-0x14+0x30], c.Mem[reg-0x14+0x31] = c.Mem[reg-1], v
		return v, nil
	}
	return c.Mem[reg], nil
}

// read brings status and results up to date. Although the datasheet says that
// NEWDAT goes when DATA is read, a chip that was recorded had it go when the
// status was read, and STATAS come only some time after the mode was set:
// github.com/TimHanewich/diagnosing-ens160.
func (c *ENS160) read(reg byte) {
	if c.began.IsZero() {
		c.Mem[0x20] = c.Fault
		return
	}
	since := time.Since(c.began)
	status := 0x01 | c.Fault
	if since >= 500*time.Millisecond {
		status |= 0x80
	}
	valid := since >= max(c.WarmUp, c.StartUp)
	switch {
	case since < c.WarmUp:
		status |= 1 << 2
	case !valid:
		status |= 2 << 2
	}
	n := int(since / time.Second)
	if valid && n > 0 {
		c.Mem[0x21] = c.AQI
		binary.LittleEndian.PutUint16(c.Mem[0x22:], c.TVOC)
		binary.LittleEndian.PutUint16(c.Mem[0x24:], c.ECO2)
	}
	if n > c.shown {
		status |= 1 << 1
	}
	if reg >= 0x20 && reg <= 0x25 {
		c.shown = n
	}
	if reg == 0x20 {
		c.Mem[0x20] = status
	}
}

package bustest

import "time"

// BMP388 is Bosch's temperature and pressure sensor, at the level of its
// registers. It starts in sleep mode with the calibration and the measurement
// of the tests of gobot: 22.91 °C, 98875 Pa.
type BMP388 struct {
	Registers
	Next [6]byte // what the next measurement will have found, as in 0x04 to 0x09

	Sample  time.Duration // what a sample takes; negative if it never ends
	Startup time.Duration // what a reset takes; negative if it never ends

	reset     time.Time // the last one
	measuring bool
	began     time.Time
}

// Registers of the BMP388, as its datasheet calls them.
const (
	bmp388ID      = 0x00
	bmp388Status  = 0x03
	bmp388Data    = 0x04
	bmp388Event   = 0x10
	bmp388PwrCtrl = 0x1B
	bmp388OSR     = 0x1C
	bmp388ODR     = 0x1D
	bmp388Config  = 0x1F
	bmp388Cmd     = 0x7E
)

// NewBMP388 returns a chip that was just powered on.
func NewBMP388() *BMP388 {
	c := &BMP388{
		Next:   [6]byte{0x00, 0x42, 0x71, 0x00, 0x1C, 0x7F},
		Sample: 2020 * time.Microsecond, Startup: 2 * time.Millisecond,
	}
	c.Mem[bmp388ID] = 0x50
	copy(c.Mem[0x31:], []byte{
		36, 107, 156, 73, 246,
		104, 255, 189, 245, 35, 0, 151, 101, 184, 122, 243, 246, 211, 64, 14, 196,
	})
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does.
func (c *BMP388) PowerOn() {
	c.Mem[bmp388PwrCtrl], c.Mem[bmp388OSR], c.Mem[bmp388ODR], c.Mem[bmp388Config] = 0, 0x02, 0, 0
	c.Mem[bmp388Status], c.Mem[bmp388Event] = 0, 1
	copy(c.Mem[bmp388Data:], []byte{0, 0, 0x80, 0, 0, 0x80})
	c.measuring, c.reset = false, time.Now()
}

func (c *BMP388) write(reg, v byte) (byte, error) {
	switch reg {
	case bmp388Cmd:
		if v == 0xB6 {
			c.PowerOn()
		}
		return 0, nil
	case bmp388OSR, bmp388ODR, bmp388Config:
		return v, nil
	case bmp388PwrCtrl:
		if mode := v >> 4 & 3; mode == 1 || mode == 2 { // forced
			c.measuring, c.began = true, time.Now()
			c.Mem[bmp388Status] &^= 0x60
		}
		return v, nil
	}
	return c.Mem[reg], nil
}

// read brings the registers up to date. A drdy bit falls when the first byte
// of its value is read.
func (c *BMP388) read(reg byte) {
	c.Mem[bmp388Status] |= 0x10
	if c.Startup < 0 || time.Since(c.reset) < c.Startup {
		c.Mem[bmp388Status] &^= 0x10
	}
	switch {
	case reg == bmp388Data && !c.measuring:
		c.Mem[bmp388Status] &^= 0x20
	case reg == bmp388Data+3 && !c.measuring:
		c.Mem[bmp388Status] &^= 0x40
	}
	if !c.measuring || c.Sample < 0 || time.Since(c.began) < c.takes() {
		return
	}
	c.measuring = false
	c.Mem[bmp388PwrCtrl] &^= 0x30 // back to sleep mode
	if c.Mem[bmp388PwrCtrl]&1 != 0 {
		copy(c.Mem[bmp388Data:], c.Next[:3])
		c.Mem[bmp388Status] |= 0x20
	}
	if c.Mem[bmp388PwrCtrl]&2 != 0 {
		copy(c.Mem[bmp388Data+3:], c.Next[3:])
		c.Mem[bmp388Status] |= 0x40
	}
}

// takes is how long a measurement lasts.
func (c *BMP388) takes() time.Duration {
	d := 234 * time.Microsecond
	if c.Mem[bmp388PwrCtrl]&1 != 0 {
		d += 392*time.Microsecond + c.Sample<<(c.Mem[bmp388OSR]&7)
	}
	if c.Mem[bmp388PwrCtrl]&2 != 0 {
		d += 163*time.Microsecond + c.Sample<<(c.Mem[bmp388OSR]>>3&7)
	}
	return d
}

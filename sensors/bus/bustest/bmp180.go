package bustest

import "time"

// BMP180 is Bosch's temperature and pressure sensor, at the level of its
// registers. It starts with the calibration and the raw values of the
// datasheet's example, section 3.5: 15.0 °C, and 69964 Pa if one sample is
// taken.
type BMP180 struct {
	Registers
	Temperature uint16 // what the next conversion will have found
	Pressure    uint32 // what the next conversion will have found, 19 bits

	// How long a conversion takes, by the two upper bits of ctrl_meas;
	// negative if it never ends. Temperature is as the first.
	Conversion [4]time.Duration

	converting bool
	began      time.Time
	what       byte // of ctrl_meas
}

// Registers of the BMP180, as its datasheet calls them.
const (
	bmp180ID       = 0xD0
	bmp180Soft     = 0xE0
	bmp180CtrlMeas = 0xF4
	bmp180Out      = 0xF6
)

// NewBMP180 returns a chip that was just powered on.
func NewBMP180() *BMP180 {
	c := &BMP180{
		Temperature: 27898,
		Pressure:    23843 << 3,
		Conversion: [4]time.Duration{4500 * time.Microsecond, 7500 * time.Microsecond,
			13500 * time.Microsecond, 25500 * time.Microsecond},
	}
	c.Mem[bmp180ID] = 0x55
	c.Mem[0xD1] = 0x02
	for i, v := range []int{408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868} {
		c.Mem[0xAA+2*i], c.Mem[0xAB+2*i] = byte(uint16(v)>>8), byte(v)
	}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does.
func (c *BMP180) PowerOn() {
	c.converting = false
	c.Mem[bmp180CtrlMeas] = 0
	copy(c.Mem[bmp180Out:], []byte{0x80, 0x00, 0x00})
}

func (c *BMP180) write(reg, v byte) (byte, error) {
	switch reg {
	case bmp180Soft:
		if v == 0xB6 {
			c.PowerOn()
		}
		return 0, nil
	case bmp180CtrlMeas:
		if v&0x20 != 0 {
			c.converting, c.began, c.what = true, time.Now(), v
		}
		return v, nil
	}
	return c.Mem[reg], nil
}

// read brings the registers up to date: bit 5 of ctrl_meas falls, and the
// result appears, when a conversion ends.
func (c *BMP180) read(byte) {
	if !c.converting {
		return
	}
	if took := c.Conversion[c.what>>6]; took < 0 || time.Since(c.began) < took {
		return
	}
	c.converting = false
	c.Mem[bmp180CtrlMeas] &^= 0x20
	v := c.Pressure << 5 // one sample has 16 bits, eight have 19
	if oss := c.what >> 6; oss < 3 {
		v &^= 1<<(8-oss) - 1
	}
	if c.what&0x1F == 0x0E {
		v = uint32(c.Temperature) << 8
	}
	c.Mem[bmp180Out], c.Mem[bmp180Out+1], c.Mem[bmp180Out+2] = byte(v>>16), byte(v>>8), byte(v)
}

package bustest

import (
	"encoding/binary"
	"math"
	"time"
)

// MPU6050 is InvenSense's accelerometer and gyroscope. It sleeps after
// power-on.
type MPU6050 struct {
	Registers
	Motion      Motion
	Turning     [3]float64 // °/s
	Temperature float64    // °C
	Dead        bool       // no samples come
	Mute        bool       // INT_STATUS does not show that the FIFO overflowed

	fifo     sampleFIFO
	overflow bool      // INT_STATUS has shown it
	reset    time.Time // the last one
}

// NewMPU6050 returns a chip that was just powered on, is Shaking and turns by
// 10 °/s around z.
func NewMPU6050() *MPU6050 {
	c := &MPU6050{Motion: Shaking, Turning: [3]float64{0, -1, 10}, Temperature: 30}
	c.fifo.size, c.fifo.sample = 1024, c.sample
	c.OnWrite = c.write
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does, and a reset.
// RM-MPU-6000A, section 3.
func (c *MPU6050) PowerOn() {
	c.Mem = [256]byte{0x6B: 0x40, 0x75: 0x68}
	c.fifo.run(false, 0)
	c.overflow = false
	c.reset = time.Now()
}

// Read implements [Chip]. FIFO_R_W stays where it is; with nothing in it, it
// repeats the last byte.
func (c *MPU6050) Read(p []byte) error {
	c.fifo.fill()
	for i := range p {
		switch c.at {
		case 0x3A: // reading INT_STATUS clears it
			c.Mem[0x3A] = 1
			if c.fifo.lost && !c.overflow && !c.Mute {
				c.Mem[0x3A] |= 0x10
			}
			c.overflow = c.fifo.lost
		case 0x72:
			binary.BigEndian.PutUint16(c.Mem[0x72:], uint16(len(c.fifo.buf)))
		case 0x74:
			c.fifo.pop(c.Mem[0x74:0x75])
			p[i] = c.Mem[0x74]
			continue
		}
		p[i] = c.Mem[c.at]
		c.at++
	}
	return nil
}

func (c *MPU6050) write(reg, v byte) (byte, error) {
	if reg == 0x6B && v&0x80 != 0 { // DEVICE_RESET
		c.PowerOn()
		return c.Mem[reg], nil
	}
	if time.Since(c.reset) < 50*time.Millisecond {
		return c.Mem[reg], nil // not yet up: nothing is taken
	}
	switch {
	case reg == 0x6A:
		c.Mem[reg] = v
		if v&0x40 != 0 || v&0x04 != 0 {
			c.overflow = false
			c.fifo.run(v&0x40 != 0 && c.Mem[0x6B]&0x40 == 0 && !c.Dead, c.period())
		}
		return v &^ 7, nil // the resets clear themselves
	case reg >= 0x0D && reg <= 0x38, reg >= 0x63:
		if reg == 0x75 || reg == 0x72 || reg == 0x73 {
			return c.Mem[reg], nil
		}
		return v, nil
	}
	return c.Mem[reg], nil // cannot be written
}

// period is the time between samples, of SMPLRT_DIV and CONFIG: the gyroscope
// has 8000 a second without a filter and 1000 with one.
func (c *MPU6050) period() time.Duration {
	base := time.Second / 1000
	if f := c.Mem[0x1A] & 7; f == 0 || f == 7 {
		base = time.Second / 8000
	}
	return base * time.Duration(1+int(c.Mem[0x19]))
}

// sample is what the FIFO gets of what FIFO_EN says, in the order of the
// registers.
func (c *MPU6050) sample(i int) (b []byte) {
	enabled := c.Mem[0x23]
	if enabled&0x08 != 0 {
		perG := float64(int(16384) >> (c.Mem[0x1C] >> 3 & 3))
		for _, g := range c.Motion(i) {
			b = appendSteps(b, binary.BigEndian, steps(g, perG, 16))
		}
	}
	if enabled&0x80 != 0 {
		b = appendSteps(b, binary.BigEndian, int16(math.Round((c.Temperature-36.53)*340)))
	}
	perTurn := [4]float64{131, 65.5, 32.8, 16.4}[c.Mem[0x1B]>>3&3]
	for axis, turn := range c.Turning {
		if enabled<<axis&0x40 != 0 {
			b = appendSteps(b, binary.BigEndian, steps(turn, perTurn, 16))
		}
	}
	return b
}

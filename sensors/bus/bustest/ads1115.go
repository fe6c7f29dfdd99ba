package bustest

import (
	"math"
	"time"
)

// ADS1115 is Texas Instruments' analog-to-digital converter, or its ADS1015,
// which has four bits less. It sleeps after power-on.
type ADS1115 struct {
	Words
	Inputs [4]float64 // V
	Slow   float64    // how many times longer than typical it takes; negative for ever

	bits  int
	rates [8]float64 // conversions a second
	cycle cycle      // continuous conversion
	until time.Time  // a conversion is under way
	found uint16     // and what it will show
	ends  bool       // or is it one that shows nothing
	busy  bool
}

// NewADS1115 returns a chip that was just powered on, with 3.3, 1.2, 0.1 and
// −0.005 V at its inputs.
func NewADS1115() *ADS1115 {
	return newADS1115(16, [8]float64{8, 16, 32, 64, 128, 250, 475, 860})
}

// NewADS1015 returns an ADS1015 that was just powered on, with the same at its
// inputs.
func NewADS1015() *ADS1115 {
	return newADS1115(12, [8]float64{128, 250, 490, 920, 1600, 2400, 3300, 3300})
}

func newADS1115(bits int, rates [8]float64) *ADS1115 {
	c := &ADS1115{Inputs: [4]float64{3.3, 1.2, 0.1, -0.005}, Slow: 1, bits: bits, rates: rates}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does. SBAS444, section
// 9.6.
func (c *ADS1115) PowerOn() {
	c.Mem = [256]uint16{1: 0x8583, 2: 0x8000, 3: 0x7FFF}
	c.busy, c.cycle = false, cycle{}
}

// took is what a conversion takes, by the configuration.
func (c *ADS1115) took() time.Duration {
	return time.Duration(math.Abs(c.Slow) / c.rates[c.Mem[1]>>5&7] * float64(time.Second))
}

func (c *ADS1115) write(reg byte, v uint16) (uint16, error) {
	c.read(reg)
	switch reg {
	case 1:
		c.configure(v)
		return v &^ 0x8000, nil
	case 2, 3:
		return v, nil
	}
	return c.Mem[reg], nil // cannot be written
}

// configure does what writing the configuration does. A conversion that is
// under way goes on as it began; continuous ones end with it.
func (c *ADS1115) configure(v uint16) {
	switch {
	case v&0x0100 == 0: // continuous
		c.cycle = cycle{}
		c.cycle.run(true)
	case c.cycle.running:
		c.busy, c.ends, c.until = true, true, c.cycle.began.Add(c.took())
		c.cycle.run(false)
	case v&0x8000 != 0 && !c.busy:
		c.Mem[1] = v
		c.busy, c.ends, c.until = true, false, time.Now().Add(c.took())
		c.found = c.convert(v)
	}
}

// convert is the result by the configuration. Tables 3 and 8.
func (c *ADS1115) convert(config uint16) uint16 {
	in := c.Inputs
	v := [8]float64{in[0] - in[1], in[0] - in[3], in[1] - in[3], in[2] - in[3], in[0], in[1], in[2], in[3]}[config>>12&7]
	full := [8]float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256}[config>>9&7]
	end := math.Exp2(float64(c.bits - 1))
	n := min(max(math.Round(v/full*end), -end), end-1)
	return uint16(int16(n)) << (16 - c.bits)
}

// read shows the result of a conversion that has ended, and with OS whether
// one is under way.
func (c *ADS1115) read(byte) {
	if c.busy && c.Slow >= 0 && !time.Now().Before(c.until) {
		c.busy = false
		if !c.ends {
			c.Mem[0] = c.found
		}
	}
	if c.cycle.ended(max(c.took(), 1)) {
		c.Mem[0] = c.convert(c.Mem[1])
	}
	c.Mem[1] |= 0x8000
	if c.busy || c.cycle.running {
		c.Mem[1] &^= 0x8000
	}
}

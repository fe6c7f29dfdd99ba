package bustest

import "time"

// TH02 is HopeRF's temperature and humidity sensor, a Silicon Labs Si7005. A
// new one measures 25 °C and, before linearization, 50 %.
type TH02 struct {
	Registers
	T, RH      uint16        // what measurements find, as in the data registers
	Conversion time.Duration // what one takes; negative if it never ends

	measuring bool
	began     time.Time
}

// Registers of the TH02, as its datasheet calls them.
const (
	th02Status = 0x00
	th02Data   = 0x01 // and 0x02
	th02Config = 0x03
	th02ID     = 0x11
)

// NewTH02 returns a chip that was powered on a while ago.
func NewTH02() *TH02 {
	c := &TH02{T: 2400 << 2, RH: 1184 << 4, Conversion: 35 * time.Millisecond}
	c.Mem[th02ID] = 0x50
	c.OnWrite, c.OnRead = c.write, c.read
	return c
}

// write does what writing v to reg does: only CONFIG can be, and its START bit
// begins a conversion.
func (c *TH02) write(reg, v byte) (byte, error) {
	if reg != th02Config {
		return c.Mem[reg], nil
	}
	if v&1 != 0 {
		c.measuring, c.began = true, time.Now()
		c.Mem[th02Status] = 1
	}
	return v, nil
}

// read brings the registers up to date.
func (c *TH02) read(byte) {
	if !c.measuring || c.Conversion < 0 || time.Since(c.began) < c.Conversion {
		return
	}
	c.measuring = false
	v := c.RH
	if c.Mem[th02Config]&0x10 != 0 {
		v = c.T
	}
	c.Mem[th02Data], c.Mem[th02Data+1] = byte(v>>8), byte(v)
	c.Mem[th02Status], c.Mem[th02Config] = 0, c.Mem[th02Config]&^1
}

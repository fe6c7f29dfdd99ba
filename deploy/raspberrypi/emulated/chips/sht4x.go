package chips

import (
	"math"

	"gateway/sensors/bus/bustest"
)

// SHT4x is Sensirion's sensor with a climate to be set.
type SHT4x struct{ *bustest.SHT4x }

// NewSHT4x returns a chip at 20 °C and 50 %.
func NewSHT4x() *SHT4x {
	c := &SHT4x{bustest.NewSHT4x()}
	c.Set(20, 50)
	return c
}

// Set is what is measured from now on: °C and %. Datasheet, section 4.6:
// T = −45 + 175·S/65535, RH = −6 + 125·S/65535.
func (c *SHT4x) Set(celsius, percent float64) {
	for i, share := range []float64{(celsius + 45) / 175, (percent + 6) / 125} {
		s := uint16(math.Round(max(0, min(1, share)) * 65535))
		word := []byte{byte(s >> 8), byte(s)}
		copy(c.Frame[3*i:], append(word, crc8(word, 0xFF, 0x31)))
	}
}

// crc8 is a CRC of 8 bits, the most significant bit first.
func crc8(b []byte, reg, polynomial byte) byte {
	for _, v := range b {
		reg ^= v
		for range 8 {
			top := reg & 0x80
			reg <<= 1
			if top != 0 {
				reg ^= polynomial
			}
		}
	}
	return reg
}

package chips

import (
	"math"
	"sort"

	"gateway/sensors/bus/bustest"
)

// BME280 is Bosch's sensor with a climate to be set. Its calibration is that of
// a chip that was recorded.
type BME280 struct{ *bustest.BME280 }

// NewBME280 returns a chip that was just powered on, at 20 °C, 50 % and
// 1000 hPa.
func NewBME280() *BME280 {
	c := &BME280{bustest.NewBME280()}
	c.Set(20, 50, 1000)
	return c
}

// Set is what the next measurement finds: °C, % and hPa, to what the 20 and 16
// bits of the chip resolve, 0.005 °C for one.
func (c *BME280) Set(celsius, percent, hectopascal float64) {
	k := calibrationOf(&c.Mem)
	// Temperature and humidity rise with their numbers, pressure falls.
	rawT := search(1<<20, func(n int) bool { t, _ := k.temperature(float64(n)); return t >= celsius })
	_, fine := k.temperature(float64(rawT))
	rawP := search(1<<20, func(n int) bool { return k.pressure(float64(n), fine) <= hectopascal*100 })
	rawH := search(1<<16, func(n int) bool { return k.humidity(float64(n), fine) >= percent })
	for i, raw := range []int{rawP, rawT} {
		c.Next[3*i], c.Next[3*i+1], c.Next[3*i+2] = byte(raw>>12), byte(raw>>4), byte(raw<<4)
	}
	c.Next[6], c.Next[7] = byte(rawH>>8), byte(rawH)
}

// search returns the first of the numbers below n of which up is true, or the
// last one.
func search(n int, up func(int) bool) int { return min(sort.Search(n, up), n-1) }

// calibration are the words of the datasheet's table 16, by their names.
type calibration struct {
	t1, t2, t3                         float64
	p1, p2, p3, p4, p5, p6, p7, p8, p9 float64
	h1, h2, h3, h4, h5, h6             float64
}

func calibrationOf(mem *[256]byte) calibration {
	u := func(at int) float64 { return float64(uint16(mem[at]) | uint16(mem[at+1])<<8) }
	s := func(at int) float64 { return float64(int16(uint16(mem[at]) | uint16(mem[at+1])<<8)) }
	return calibration{
		t1: u(0x88), t2: s(0x8A), t3: s(0x8C),
		p1: u(0x8E), p2: s(0x90), p3: s(0x92), p4: s(0x94), p5: s(0x96), p6: s(0x98), p7: s(0x9A), p8: s(0x9C), p9: s(0x9E),
		h1: float64(mem[0xA1]), h2: s(0xE1), h3: float64(mem[0xE3]),
		h4: float64(int(int8(mem[0xE4]))*16 + int(mem[0xE5]&0xF)),
		h5: float64(int(int8(mem[0xE6]))*16 + int(mem[0xE5]>>4)),
		h6: float64(int8(mem[0xE7])),
	}
}

// temperature is BME280_compensate_T_double of the datasheet's appendix A, °C,
// and t_fine, which the others need.
func (k calibration) temperature(adc float64) (celsius, fine float64) {
	var1 := (adc/16384 - k.t1/1024) * k.t2
	d := adc/131072 - k.t1/8192
	var2 := d * d * k.t3
	return (var1 + var2) / 5120, math.Trunc(var1 + var2)
}

// pressure is BME280_compensate_P_double, Pa.
func (k calibration) pressure(adc, fine float64) float64 {
	var1 := fine/2 - 64000
	var2 := var1 * var1 * k.p6 / 32768
	var2 += var1 * k.p5 * 2
	var2 = var2/4 + k.p4*65536
	var1 = (k.p3*var1*var1/524288 + k.p2*var1) / 524288
	var1 = (1 + var1/32768) * k.p1
	if var1 == 0 {
		return 0
	}
	p := 1048576 - adc
	p = (p - var2/4096) * 6250 / var1
	return p + (k.p9*p*p/2147483648+p*k.p8/32768+k.p7)/16
}

// humidity is bme280_compensate_H_double, %.
func (k calibration) humidity(adc, fine float64) float64 {
	h := fine - 76800
	h = (adc - (k.h4*64 + k.h5/16384*h)) *
		(k.h2 / 65536 * (1 + k.h6/67108864*h*(1+k.h3/67108864*h)))
	h *= 1 - k.h1*h/524288
	return max(0, min(100, h))
}

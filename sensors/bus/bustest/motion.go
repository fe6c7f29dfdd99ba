package bustest

import (
	"encoding/binary"
	"math"
	"time"
)

// Motion is what an accelerometer feels at its sample number i: acceleration
// in g along x, y and z.
type Motion func(i int) [3]float64

// Shaking lies flat, with 1 g along z, and shakes by 0.1 g along x, one way
// and the other from sample to sample.
func Shaking(i int) [3]float64 {
	if i%2 == 0 {
		return [3]float64{0.1, 0, 1}
	}
	return [3]float64{-0.1, 0, 1}
}

// sampleFIFO is a FIFO of bytes that a chip fills at its own pace. The zero
// value is off.
type sampleFIFO struct {
	size   int // bytes it has room for
	buf    []byte
	lost   bool // since it was cleared
	on     bool
	period time.Duration // negative if no samples come
	began  time.Time
	made   int                // samples since began
	sample func(i int) []byte // sample number i
}

// run empties it and switches it on or off.
func (f *sampleFIFO) run(on bool, period time.Duration) {
	f.buf, f.lost, f.on, f.period, f.began, f.made = nil, false, on, period, time.Now(), 0
}

// fill puts into it what has come since it was looked at last. The oldest
// bytes give way.
func (f *sampleFIFO) fill() {
	if !f.on || f.period <= 0 {
		return
	}
	due := int(time.Since(f.began) / f.period)
	if missed := due - f.made - f.size; missed > 0 { // as many bytes as samples are more than enough
		f.made += missed
		f.lost = true
	}
	for ; f.made < due; f.made++ {
		f.buf = append(f.buf, f.sample(f.made)...)
		if over := len(f.buf) - f.size; over > 0 {
			f.buf, f.lost = f.buf[over:], true
		}
	}
}

// pop takes up to n bytes out of it, into p.
func (f *sampleFIFO) pop(p []byte) int {
	n := copy(p, f.buf)
	f.buf = f.buf[n:]
	return n
}

// steps is g in steps of which there are perG, with the signed bits that there
// are; what is beyond is clipped.
func steps(g, perG float64, bits int) int16 {
	end := math.Exp2(float64(bits - 1))
	return int16(min(max(math.Round(g*perG), -end), end-1))
}

// appendSteps appends a number with the upper byte first or last.
func appendSteps(b []byte, order binary.AppendByteOrder, v int16) []byte {
	return order.AppendUint16(b, uint16(v))
}

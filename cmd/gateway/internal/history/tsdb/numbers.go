package tsdb

import (
	"encoding/binary"
	"math"
)

// scale says how numbers become whole ones: a number is w/10^decimals, rounded
// to a float64, or to a float32 first if single is set.
type scale struct {
	decimals int
	single   bool
}

// Above maxWhole not every whole number is a float64; above maxDecimals hardly
// any number of a sensor is found.
const (
	maxWhole    = 1 << 53
	maxDecimals = 12
)

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

func (s scale) number(w int64) float64 {
	v := float64(w) / pow10[s.decimals]
	if s.single {
		v = float64(float32(v))
	}
	return v
}

// whole returns the whole number that stands for v, and whether it gives
// exactly v back, every bit of it.
func (s scale) whole(v float64) (int64, bool) {
	f := math.RoundToEven(v * pow10[s.decimals])
	if !(f > -maxWhole && f < maxWhole) {
		return 0, false
	}
	w := int64(f)
	return w, math.Float64bits(s.number(w)) == math.Float64bits(v)
}

// findScale returns the scale with the fewest decimals that fits all values,
// given one that fits those before them.
func findScale(from scale, values ...float64) (scale, bool) {
	s := from
	for _, v := range values {
		for {
			if _, ok := s.whole(v); ok {
				break
			}
			if s.decimals++; s.decimals > maxDecimals || s.single && s.decimals > 9 {
				return from, false
			}
		}
	}
	return s, true
}

// wholes appends the whole numbers of values at the scale that fits all of
// them.
func wholes(dst []int64, values []float64) ([]int64, scale, bool) {
	for _, s := range [...]scale{{}, {single: true}} {
		s, ok := findScale(s, values...)
		if !ok {
			continue
		}
		out := dst
		for _, v := range values {
			w, fits := s.whole(v)
			if ok = ok && fits; !ok {
				break // 1e15 and 0.01: each fits, not both
			}
			out = append(out, w)
		}
		if ok {
			return out, s, true
		}
	}
	return dst, scale{}, false
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func appendSigned(dst []byte, v int64) []byte { return binary.AppendUvarint(dst, zigzag(v)) }

// cursor reads numbers from bytes that may be anything. Once something was not
// there, bad stays set and every number is 0.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) unsigned() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 {
		v := c.b[0]
		c.b = c.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) signed() int64 { return unzigzag(c.unsigned()) }

// length reads a number that counts something of which there are at most limit.
func (c *cursor) length(limit int) int {
	v := c.unsigned()
	if v > uint64(limit) {
		c.bad, c.b = true, nil
		return 0
	}
	return int(v)
}

func (c *cursor) bytes(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) float() float64 {
	if b := c.bytes(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func appendFloat(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// appendPlanes appends values as the difference of each one's bits to those of
// the one before (XOR), in planes: a byte that says which of the 8 bytes of a
// number occur, and then that byte of each value, for one plane after the other.
func appendPlanes(dst []byte, values []float64) []byte {
	var mask byte
	var before, all uint64
	for _, v := range values {
		bits := math.Float64bits(v)
		all |= bits ^ before
		before = bits
	}
	for p := range 8 {
		if byte(all>>(8*p)) != 0 {
			mask |= 1 << p
		}
	}
	dst = append(dst, mask)
	for p := range 8 {
		if mask&(1<<p) == 0 {
			continue
		}
		before = 0
		for _, v := range values {
			bits := math.Float64bits(v)
			dst = append(dst, byte((bits^before)>>(8*p)))
			before = bits
		}
	}
	return dst
}

// planes is what appendPlanes wrote, being read.
type planes struct {
	plane  [8][]byte
	before uint64
}

func (c *cursor) planes(n int) planes {
	var p planes
	mask := c.byte()
	for i := range p.plane {
		if mask&(1<<i) != 0 {
			p.plane[i] = c.bytes(n)
		}
	}
	return p
}

func (p *planes) at(i int) float64 {
	for n, plane := range p.plane {
		if plane != nil {
			p.before ^= uint64(plane[i]) << (8 * n)
		}
	}
	return math.Float64frombits(p.before)
}

package tsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// How times and values of a block are written. See the package comment.
const (
	timesEven    = 0 // all periods are the same
	timesTracked = 1 // what each is later than a clock that follows them
	timesSecond  = 2 // difference of differences

	valuesSame  = 0 // all are the first
	valuesWhole = 1 // differences of whole numbers
	valuesBits  = 2 // planes of their bits

	flagDeflated = 1 << 7
)

// maxBlock is the most samples that a block can have: one for each ms of an hour.
const maxBlock = int(hour)

var errBlock = errors.New("not a block of samples")

// encoder makes blocks; it keeps its memory.
type encoder struct {
	squeezer
	body   []byte
	splits []int
	whole  []int64
	deltas []int64
	values []float64
}

// samples appends a block with s, which is in order of time, no time twice, and
// is not empty. deflate tries to make it smaller still.
func (e *encoder) samples(dst []byte, s []Sample, deflate bool) []byte {
	times, period := e.times(s)
	split := len(e.body)
	head := len(dst)
	dst = append(dst, 0)
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	dst = appendSigned(dst, s[0].Time)
	dst = binary.AppendUvarint(dst, uint64(period))
	dst = binary.AppendUvarint(dst, uint64(split))
	var values byte
	dst, values = e.valuesOf(dst, s)
	flags := times | values<<2
	if deflate {
		if small := e.deflate(e.body, false, split); small != nil {
			dst[head] = flags | flagDeflated
			dst = binary.AppendUvarint(dst, uint64(len(e.body)))
			return append(dst, small...)
		}
	}
	dst[head] = flags
	return append(dst, e.body...)
}

// times puts the times of s into e.body and says how.
func (e *encoder) times(s []Sample) (mode byte, period int64) {
	e.body = e.body[:0]
	if len(s) == 1 {
		return timesEven, 0
	}
	e.deltas = e.deltas[:0]
	even := true
	for i := range s[1:] {
		e.deltas = append(e.deltas, s[i+1].Time-s[i].Time)
		even = even && e.deltas[i] == e.deltas[0]
	}
	if even {
		return timesEven, e.deltas[0]
	}
	period = usual(append(e.whole[:0], e.deltas...))
	tracked, second := 0, 0
	clock, before := s[0].Time, period
	for i, d := range e.deltas {
		var r int64
		r, clock = track(s[i+1].Time, clock, period)
		tracked += bits.Len64(zigzag(r))
		second += bits.Len64(zigzag(d - before))
		before = d
	}
	if second < tracked {
		before := period
		for _, d := range e.deltas {
			e.body = appendSigned(e.body, d-before)
			before = d
		}
		return timesSecond, period
	}
	clock = s[0].Time
	for i := range s[1:] {
		var r int64
		r, clock = track(s[i+1].Time, clock, period)
		e.body = appendSigned(e.body, r)
	}
	return timesTracked, period
}

// usual is the median of d, which it puts into order.
func usual(d []int64) int64 {
	slices.Sort(d)
	return d[len(d)/2]
}

// track returns how much later t is than a clock that goes on by period, and
// that clock afterwards: it follows slowly what seems to be jitter or drift,
// and jumps after a gap.
func track(t, clock, period int64) (late, next int64) {
	late = t - clock - period
	return late, follow(late, clock, period)
}

func follow(late, clock, period int64) int64 {
	if late > period/2 || late < -period/2 {
		return clock + period + late
	}
	return clock + period + late>>3
}

// valuesOf appends to the head of a block how the values are written, and puts
// them into e.body.
func (e *encoder) valuesOf(dst []byte, s []Sample) ([]byte, byte) {
	e.values = e.values[:0]
	same := true
	first := math.Float64bits(s[0].Value)
	for _, x := range s {
		e.values = append(e.values, x.Value)
		same = same && math.Float64bits(x.Value) == first
	}
	if same {
		return appendFloat(dst, s[0].Value), valuesSame
	}
	var sc scale
	var ok bool
	if e.whole, sc, ok = wholes(e.whole[:0], e.values); !ok {
		e.body = appendPlanes(e.body, e.values)
		return dst, valuesBits
	}
	step := uint64(0)
	for i := range e.whole[1:] {
		step = gcd(step, magnitude(e.whole[i+1]-e.whole[i]))
	}
	how := byte(sc.decimals)
	if sc.single {
		how |= 0x80
	}
	dst = append(dst, how)
	dst = binary.AppendUvarint(dst, step)
	dst = appendSigned(dst, e.whole[0])
	for i := range e.whole[1:] {
		e.body = appendSigned(e.body, (e.whole[i+1]-e.whole[i])/int64(step))
	}
	return dst, valuesWhole
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func gcd(a, b uint64) uint64 {
	if a == 1 || b == 1 {
		return 1
	}
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// decoder reads a block, sample by sample; it keeps its memory. Bytes may be
// anything: it returns an error, and its memory is bounded by what they say
// within what deflate can make of them.
type decoder struct {
	inflater
	left, read    int
	times, values byte
	clock, period int64
	delta, last   int64
	timesIn       cursor
	valuesIn      cursor
	scale         scale
	step, whole   int64
	same          float64
	bits          planes
	err           error
	wholes        []int64
}

// reset begins with a block, and returns how many samples it has.
func (d *decoder) reset(block []byte) (int, error) {
	c := cursor{b: block}
	flags := c.byte()
	n := c.length(maxBlock)
	d.left, d.read, d.err = 0, 0, nil
	if n == 0 {
		if c.bad || len(c.b) != 0 {
			return 0, fmt.Errorf("%w: its head is not whole", errBlock)
		}
		return 0, nil
	}
	d.times, d.values = flags&3, flags>>2&3
	d.clock = c.signed()
	d.period = int64(c.unsigned())
	d.delta = d.period
	split := c.length(math.MaxInt32)
	switch d.values {
	case valuesSame:
		d.same = c.float()
	case valuesWhole:
		how := c.byte()
		d.scale = scale{decimals: int(how &^ 0x80), single: how&0x80 != 0}
		d.step = int64(c.unsigned())
		d.whole = c.signed()
		c.bad = c.bad || d.scale.decimals > maxDecimals
	}
	body := c.b
	if flags&flagDeflated != 0 && !c.bad {
		size := c.length(math.MaxInt32)
		var err error
		if body, err = d.inflate(c.b, size); err != nil {
			return 0, fmt.Errorf("%w: %w", errBlock, err)
		}
	}
	if c.bad || split > len(body) || d.times > timesSecond || d.values > valuesBits {
		return 0, fmt.Errorf("%w: its head is not whole", errBlock)
	}
	d.timesIn = cursor{b: body[:split]}
	d.valuesIn = cursor{b: body[split:]}
	if d.values == valuesBits {
		d.bits = d.valuesIn.planes(n)
	}
	if d.valuesIn.bad || d.times != timesEven && split < n-1 || d.values == valuesWhole && len(d.valuesIn.b) < n-1 {
		return 0, fmt.Errorf("%w: it is too short for %d samples", errBlock, n)
	}
	d.left = n
	return n, nil
}

// next returns the next sample, and false behind the last one and at an error,
// which is in d.err.
func (d *decoder) next() (Sample, bool) {
	if d.left == 0 {
		return Sample{}, false
	}
	var s Sample
	if d.read > 0 {
		switch d.times {
		case timesEven:
			d.clock += d.period
			s.Time = d.clock
		case timesTracked:
			late := d.timesIn.signed()
			s.Time = d.clock + d.period + late
			d.clock = follow(late, d.clock, d.period)
		case timesSecond:
			d.delta += d.timesIn.signed()
			d.clock += d.delta
			s.Time = d.clock
		}
	} else {
		s.Time = d.clock
	}
	switch d.values {
	case valuesSame:
		s.Value = d.same
	case valuesWhole:
		if d.read > 0 {
			d.whole += d.valuesIn.signed() * d.step
		}
		s.Value = d.scale.number(d.whole)
	case valuesBits:
		s.Value = d.bits.at(d.read)
	}
	if d.read > 0 && s.Time <= d.last {
		d.left, d.err = 0, fmt.Errorf("%w: its times do not rise", errBlock)
		return Sample{}, false
	}
	d.last = s.Time
	d.read++
	if d.left--; d.left == 0 {
		if d.timesIn.bad || d.valuesIn.bad || len(d.timesIn.b) != 0 || len(d.valuesIn.b) != 0 {
			d.err = fmt.Errorf("%w: its end is not where it should be", errBlock)
			return Sample{}, false
		}
	}
	return s, true
}

// all appends the samples of a block to dst.
func (d *decoder) all(dst []Sample, block []byte) ([]Sample, error) {
	n, err := d.reset(block)
	if err != nil {
		return dst, err
	}
	before := len(dst)
	dst = slices.Grow(dst, min(n, 1<<14))
	for s, ok := d.next(); ok; s, ok = d.next() {
		dst = append(dst, s)
	}
	if d.err != nil {
		return dst[:before], d.err
	}
	return dst, nil
}

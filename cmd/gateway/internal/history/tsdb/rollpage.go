package tsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// span is how much time a page of the tier has, partition how much the files
// have that become one. Days are whole in all of them.
func (t Tier) span() int64 {
	return [...]int64{hour, day, 8 * day, 64 * day}[t]
}

func (t Tier) partition() int64 {
	return [...]int64{day, 8 * day, 64 * day, 512 * day}[t]
}

func (t Tier) period() int64 { return t.Period().Milliseconds() }

var errRollups = errors.New("not a page of roll-ups")

const (
	rollWhole    = 1 // minima, maxima, first and last are whole numbers
	rollSumWhole = 2 // so are sums
)

// buckets appends the roll-ups of a page: b, of one tier, in order. See the
// package comment.
func (e *encoder) buckets(dst []byte, b []Bucket, period int64) []byte {
	body := e.body[:0]
	e.splits = e.splits[:0]
	split := func() { e.splits = append(e.splits, len(body)) }
	before := Bucket{}
	for i, x := range b {
		if i > 0 {
			body = appendSigned(body, (x.Start-before.Start)/period-1)
		}
		before = x
	}
	before = Bucket{}
	for _, x := range b {
		body = appendSigned(body, int64(x.Count-before.Count))
		before = x
	}
	split()
	for _, x := range b {
		body = binary.AppendUvarint(body, uint64(x.FirstTime-x.Start))
	}
	split()
	for _, x := range b {
		body = binary.AppendUvarint(body, uint64(x.Start+period-1-x.LastTime))
	}
	split()
	var flags byte
	var how byte
	e.values = e.values[:0]
	for _, x := range b {
		e.values = append(e.values, x.First, x.Last, x.Min, x.Max)
	}
	whole, sc, ok := wholes(e.whole[:0], e.values)
	e.whole = whole
	if ok {
		flags |= rollWhole
		how = byte(sc.decimals)
		if sc.single {
			how |= 0x80
		}
		for column := range 4 {
			body = appendWholes(body, whole, column)
			split()
		}
		var sums bool
		if body, sums = appendSums(body, b, whole, sc); sums {
			flags |= rollSumWhole
		}
	} else {
		for column := range 4 {
			e.column(b, func(x *Bucket) float64 { return [...]float64{x.First, x.Last, x.Min, x.Max}[column] })
			body = appendPlanes(body, e.values)
		}
	}
	if flags&rollSumWhole == 0 {
		e.column(b, func(x *Bucket) float64 { return x.Sum })
		body = appendPlanes(body, e.values)
	}
	e.body = body
	small := e.deflate(body, true, e.splits...)
	if small != nil {
		flags |= flagDeflated
	}
	dst = append(dst, flags, how)
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	if len(b) > 0 {
		dst = appendSigned(dst, floorDiv(b[0].Start, period))
	}
	if small != nil {
		dst = binary.AppendUvarint(dst, uint64(len(body)))
		return append(dst, small...)
	}
	return append(dst, body...)
}

func (e *encoder) column(b []Bucket, of func(*Bucket) float64) {
	e.values = e.values[:0]
	for i := range b {
		e.values = append(e.values, of(&b[i]))
	}
}

// appendWholes appends a column of the whole numbers of first, last, min and max
// of each bucket.
func appendWholes(dst []byte, w []int64, column int) []byte {
	before := int64(0)
	for i := 0; i < len(w); i += 4 {
		first, last, low, high := w[i], w[i+1], w[i+2], w[i+3]
		switch column {
		case 0:
			dst = appendSigned(dst, first-before)
		case 1:
			dst = appendSigned(dst, last-first)
		case 2:
			dst = appendSigned(dst, min(first, last)-low)
		case 3:
			dst = appendSigned(dst, high-max(first, last))
		}
		before = last
	}
	return dst
}

// appendSums appends the sums as whole numbers, if they are such within what
// rounding does to a sum: they are decimal numbers like their samples.
func appendSums(dst []byte, b []Bucket, w []int64, sc scale) ([]byte, bool) {
	if sc.single {
		return dst, false
	}
	start := len(dst)
	for i, x := range b {
		f := math.RoundToEven(x.Sum * pow10[sc.decimals])
		if !(abs(f) < maxWhole) || float64(x.Count)*float64(max(magnitude(w[i*4+2]), magnitude(w[i*4+3]))) > 1<<60 ||
			abs(f/pow10[sc.decimals]-x.Sum) > 1e-13*abs(x.Sum)+1e-13*float64(x.Count)*max(abs(x.Min), abs(x.Max)) {
			return dst[:start], false
		}
		dst = appendSigned(dst, int64(f)-middle(w[i*4+2], w[i*4+3], x.Count))
	}
	return dst, true
}

// middle is where the sum of count numbers between low and high is guessed.
func middle(low, high int64, count uint64) int64 {
	return int64((float64(low) + float64(high)) / 2 * float64(count))
}

// buckets appends the roll-ups of a page to dst. Bytes may be anything.
func (d *decoder) buckets(dst []Bucket, page []byte, tier Tier) ([]Bucket, error) {
	period := tier.period()
	c := cursor{b: page}
	flags, how := c.byte(), c.byte()
	n := c.length(int(tier.span() / period))
	if n == 0 {
		if c.bad {
			return dst, fmt.Errorf("%w: its head is not whole", errRollups)
		}
		return dst, nil
	}
	start := c.signed()
	sc := scale{decimals: int(how &^ 0x80), single: how&0x80 != 0}
	if flags&flagDeflated != 0 {
		body, err := d.inflate(c.b, c.length(n*100+64))
		if err != nil || c.bad {
			return dst, fmt.Errorf("%w: %w", errRollups, errors.Join(err))
		}
		c.b = body
	}
	if sc.decimals > maxDecimals || start < minTime/period || start > maxTime/period {
		return dst, fmt.Errorf("%w: its head is wrong", errRollups)
	}
	before := len(dst)
	dst = slices.Grow(dst, n)[:before+n]
	b := dst[before:]
	clear(b)
	c.stretches(b, start, period)
	if flags&rollWhole != 0 {
		d.whole4(&c, b, sc)
	} else {
		c.values(n, func(i int, v float64) { b[i].First = v })
		c.values(n, func(i int, v float64) { b[i].Last = v })
		c.values(n, func(i int, v float64) { b[i].Min = v })
		c.values(n, func(i int, v float64) { b[i].Max = v })
	}
	if flags&rollSumWhole != 0 {
		for i := range b {
			w, _ := sc.whole(b[i].Min)
			h, _ := sc.whole(b[i].Max)
			b[i].Sum = sc.number(c.signed() + middle(w, h, b[i].Count))
		}
	} else {
		c.values(n, func(i int, v float64) { b[i].Sum = v })
	}
	if c.bad || len(c.b) != 0 || !ordered(b, tier) {
		return dst[:before], fmt.Errorf("%w: its end is not where it should be", errRollups)
	}
	return dst, nil
}

func (c *cursor) stretches(b []Bucket, start, period int64) {
	at := start
	for i := range b {
		if i > 0 {
			at += c.signed() + 1
		}
		b[i].Start = at * period
	}
	count := uint64(0)
	for i := range b {
		count += uint64(c.signed())
		b[i].Count = count
	}
	for i := range b {
		b[i].FirstTime = b[i].Start + int64(c.unsigned())
	}
	for i := range b {
		b[i].LastTime = b[i].Start + period - 1 - int64(c.unsigned())
	}
}

func (c *cursor) values(n int, set func(int, float64)) {
	p := c.planes(n)
	if c.bad {
		return
	}
	for i := range n {
		set(i, p.at(i))
	}
}

func (d *decoder) whole4(c *cursor, b []Bucket, sc scale) {
	// first and last depend on each other, so the columns are walked together.
	firsts := *c
	for range b {
		c.unsigned()
	}
	last := int64(0)
	w := d.wholes[:0]
	for i := range b {
		first := firsts.signed() + last
		last = c.signed() + first
		w = append(w, first, last)
		b[i].First, b[i].Last = sc.number(first), sc.number(last)
	}
	for i := range b {
		b[i].Min = sc.number(min(w[2*i], w[2*i+1]) - c.signed())
	}
	for i := range b {
		b[i].Max = sc.number(max(w[2*i], w[2*i+1]) + c.signed())
	}
	d.wholes = w
}

// ordered tells that buckets are of one page, in order.
func ordered(b []Bucket, tier Tier) bool {
	page := floorDiv(b[0].Start, tier.span())
	for i := range b {
		if i > 0 && b[i].Start <= b[i-1].Start || floorDiv(b[i].Start, tier.span()) != page || b[i].Count == 0 {
			return false
		}
		if b[i].FirstTime < b[i].Start || b[i].LastTime >= b[i].Start+tier.period() {
			return false
		}
	}
	return true
}

// roll returns the roll-ups of finer ones, or of samples, in order, appended to
// dst.
func roll(dst, finer []Bucket, tier Tier) []Bucket {
	a := adder{width: tier.period(), dst: dst}
	for i := range finer {
		a.bucket(finer[i])
	}
	return a.done()
}

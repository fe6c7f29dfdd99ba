package tsdb

// adder puts samples and buckets, which come in order of time, into buckets.
type adder struct {
	from, width int64
	dst         []Bucket
	current     Bucket
	rest        float64 // of the sum, what rounding took (Neumaier)
	end         int64
}

func (a *adder) open(t int64) {
	if a.current.Count > 0 {
		if t < a.end {
			return
		}
		a.close()
	}
	start := a.from + floorDiv(t-a.from, a.width)*a.width
	a.current = Bucket{Start: start}
	a.end = start + a.width
}

func (a *adder) close() {
	a.current.Sum += a.rest
	a.rest = 0
	a.dst = append(a.dst, a.current)
	a.current.Count = 0
}

func (a *adder) done() []Bucket {
	if a.current.Count > 0 {
		a.close()
	}
	return a.dst
}

func (a *adder) sample(s Sample) {
	a.open(s.Time)
	b := &a.current
	if b.Count == 0 {
		b.Min, b.Max, b.First, b.FirstTime, b.LastTime = s.Value, s.Value, s.Value, s.Time, s.Time
	}
	b.Min, b.Max = min(b.Min, s.Value), max(b.Max, s.Value)
	if s.Time >= b.LastTime {
		b.Last, b.LastTime = s.Value, s.Time
	}
	if s.Time < b.FirstTime { // than those of a bucket that was added
		b.First, b.FirstTime = s.Value, s.Time
	}
	b.Count++
	a.sum(s.Value)
}

func (a *adder) sum(v float64) {
	sum := a.current.Sum + v
	if abs(a.current.Sum) >= abs(v) {
		a.rest += a.current.Sum - sum + v
	} else {
		a.rest += v - sum + a.current.Sum
	}
	a.current.Sum = sum
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

// bucket adds one, at its start.
func (a *adder) bucket(b Bucket) {
	a.open(b.Start)
	if a.current.Count == 0 {
		start := a.current.Start
		a.current = b
		a.current.Start = start
		return
	}
	a.sum(b.Sum)
	b.Sum = 0
	a.current.add(b)
}

// add adds the samples of o to b.
func (b *Bucket) add(o Bucket) {
	b.Count += o.Count
	b.Sum += o.Sum
	b.Min, b.Max = min(b.Min, o.Min), max(b.Max, o.Max)
	if o.FirstTime < b.FirstTime {
		b.First, b.FirstTime = o.First, o.FirstTime
	}
	if o.LastTime >= b.LastTime {
		b.Last, b.LastTime = o.Last, o.LastTime
	}
}

// widths are those that people find on a clock; above them there are whole days.
var widths = [...]int64{1, 2, 5, 10, 20, 50, 100, 200, 500,
	1000, 2000, 5000, 10_000, 15_000, 20_000, 30_000,
	minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
	hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day}

// Grid returns a range that has all of [from, to), and the width of at most points
// buckets in it, points > 0, for which Buckets is exact and cheap: a width from
// a clock, and from and to at its multiples.
func Grid(from, to int64, points int) (gridFrom, gridTo, width int64) {
	fits := func(w int64) bool {
		gridFrom, gridTo, width = floorDiv(from, w)*w, -floorDiv(-to, w)*w, w
		return (gridTo-gridFrom)/w <= int64(points)
	}
	for _, w := range widths {
		if fits(w) {
			return gridFrom, gridTo, width
		}
	}
	for w := 14 * day; !fits(w); w *= 2 {
		if w > maxTime-minTime {
			break
		}
	}
	return gridFrom, gridTo, width
}

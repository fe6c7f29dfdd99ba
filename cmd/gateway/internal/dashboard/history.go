package dashboard

import (
	"math"
	"time"

	recorded "gateway/cmd/gateway/internal/history"
)

const (
	// maxPoints is the length of a history: enough for a small picture.
	maxPoints = 120
	// maxWidth is the time of one point at most: 120 of them are 64 minutes.
	maxWidth = 32 * time.Second
	// historyLength is how far back a history goes.
	historyLength = time.Hour
)

// point is what a value did during one interval: its extremes, so that no
// spike is averaged away.
type point struct {
	start     time.Time // by arrival
	low, high float64
	sum       float64
	n         uint64
}

// history is the last hour of one value in at most maxPoints points. It
// begins with points of one second; when it is full, neighbours are joined
// and points become twice as long, up to maxWidth. From then on the oldest
// goes. The zero history is empty.
type history struct {
	width  time.Duration
	points []point
}

// add notes a value that arrived at now, which never goes back.
func (h *history) add(now time.Time, value float64) {
	if h.width == 0 {
		h.width = time.Second
	}
	if n := len(h.points); n > 0 && now.Sub(h.points[n-1].start) < h.width {
		h.points[n-1].join(point{low: value, high: value, sum: value, n: 1})
		return
	}
	if len(h.points) == maxPoints {
		h.makeRoom()
	}
	h.points = append(h.points, point{now, value, value, value, 1})
}

// join adds what o has to p.
func (p *point) join(o point) {
	p.low, p.high = min(p.low, o.low), max(p.high, o.high)
	p.sum += o.sum
	p.n += o.n
}

// begin makes h what was recorded of a value before, in points of maxWidth; none
// makes it empty.
func (h *history) begin(past []recorded.Point) {
	if len(past) == 0 {
		return
	}
	h.width = maxWidth
	for _, p := range past[max(0, len(past)-maxPoints):] {
		h.points = append(h.points, point{p.Start, p.Low, p.High, p.Sum, p.N})
	}
}

// hour sums up the points of the last historyLength; nil if there are none.
func (h *history) hour(now time.Time) *Hour {
	points := h.since(now)
	if len(points) == 0 {
		return nil
	}
	all := points[0]
	for _, p := range points[1:] {
		all.join(p)
	}
	mean := all.sum / float64(all.n)
	if math.IsNaN(mean) { // sums beyond the largest number on both sides, which have no JSON
		mean = all.low/2 + all.high/2
	}
	mean = min(max(mean, all.low), all.high)
	return &Hour{Low: all.low, Mean: mean, High: all.high}
}

// makeRoom joins neighbours that fall into one doubled interval, or drops the
// oldest point when intervals are long enough.
func (h *history) makeRoom() {
	for len(h.points) == maxPoints && h.width < maxWidth {
		h.width *= 2
		joined := h.points[:1]
		for _, p := range h.points[1:] {
			last := &joined[len(joined)-1]
			if p.start.Sub(last.start) < h.width {
				last.join(p)
				continue
			}
			joined = append(joined, p)
		}
		h.points = joined
	}
	if len(h.points) == maxPoints {
		h.points = append(h.points[:0], h.points[1:]...)
	}
}

// since returns the points of the last historyLength. They are valid until
// the next add.
func (h *history) since(now time.Time) []point {
	for i, p := range h.points {
		if now.Sub(p.start) <= historyLength {
			return h.points[i:]
		}
	}
	return nil
}

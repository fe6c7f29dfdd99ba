package history

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"gateway/cmd/gateway/internal/history/tsdb"
)

// MaxPoints is how many points of one series a chart gets at most.
const MaxPoints = 1500

// Chart is a range of several series in points of the same width. Times are ms
// since 1970 UTC.
type Chart struct {
	From     int64   `json:"from"` // as answered: the range asked for, widened to whole points
	To       int64   `json:"to"`
	WidthMS  int64   `json:"width_ms"`
	Tier     string  `json:"tier"`      // the coarsest that was read: raw, 1m, 15m, 6h
	StartsMS *int64  `json:"starts_ms"` // the oldest sample of any of the series; null if there is none
	Series   []Lines `json:"series"`
}

// Lines are the points of one series. Where two of them are further apart than
// GapMS nothing was measured in between.
type Lines struct {
	Meta
	IntervalMS int64     `json:"interval_ms"` // usual time between two samples; 0 if nobody knows
	GapMS      int64     `json:"gap_ms"`
	T          []int64   `json:"t"` // where each point begins
	Min        []float64 `json:"min"`
	Avg        []float64 `json:"avg"`
	Max        []float64 `json:"max"`
	Last       []float64 `json:"last"`
	N          []uint64  `json:"n"` // samples
	Stats      Stats     `json:"stats"`
}

// Stats are about all samples of the range. Without any, all but N is null.
type Stats struct {
	N       uint64   `json:"n"`
	Min     *float64 `json:"min"`
	Avg     *float64 `json:"avg"`
	Max     *float64 `json:"max"`
	Last    *float64 `json:"last"`
	FirstMS *int64   `json:"first_ms"`
	LastMS  *int64   `json:"last_ms"`
}

// chart returns a range of series in at most so many points each.
func (h *History) chart(series []string, from, to int64, points int) (Chart, error) {
	from, to, width := tsdb.Grid(from, to, points)
	c := Chart{From: from, To: to, WidthMS: width, Series: make([]Lines, 0, len(series))}
	tier := tsdb.Raw
	var buckets []tsdb.Bucket
	for _, name := range series {
		var of tsdb.Tier
		var err error
		buckets, of, err = h.db.Buckets(name, from, to, width, buckets[:0])
		if err != nil && !errors.Is(err, tsdb.ErrNoSeries) {
			return c, err
		}
		tier = max(tier, of)
		c.Series = append(c.Series, lines(h.describe(name), buckets, width))
	}
	c.Tier = tier.String()
	c.StartsMS = h.starts(series)
	return c, nil
}

// starts returns when the oldest sample of any of the series is of.
func (h *History) starts(series []string) (oldest *int64) {
	for _, s := range h.db.Series() {
		if slices.Contains(series, s.Name) && (oldest == nil || s.First < *oldest) {
			oldest = &s.First
		}
	}
	return oldest
}

// lines makes points of buckets, which are in order.
func lines(meta Meta, buckets []tsdb.Bucket, width int64) Lines {
	n := len(buckets)
	l := Lines{
		Meta: meta, T: make([]int64, n), Min: make([]float64, n), Avg: make([]float64, n),
		Max: make([]float64, n), Last: make([]float64, n), N: make([]uint64, n),
	}
	var all tsdb.Bucket
	for i, b := range buckets {
		l.T[i], l.Min[i], l.Max[i], l.Last[i], l.N[i] = b.Start, b.Min, b.Max, b.Last, b.Count
		l.Avg[i] = mean(b)
		if i == 0 {
			all = b
			continue
		}
		all.Count += b.Count
		all.Sum += b.Sum
		all.Min, all.Max = min(all.Min, b.Min), max(all.Max, b.Max)
		all.Last, all.LastTime = b.Last, b.LastTime
	}
	l.IntervalMS, l.GapMS = usual(buckets, width)
	if n > 0 {
		avg := mean(all)
		l.Stats = Stats{N: all.Count, Min: &all.Min, Avg: &avg, Max: &all.Max, Last: &all.Last, FirstMS: &all.FirstTime, LastMS: &all.LastTime}
	}
	return l
}

// mean is the mean of a bucket with as many digits as mean something.
func mean(b tsdb.Bucket) float64 {
	const digits = 9
	x := b.Mean()
	if math.IsNaN(x) { // sums beyond the largest number on both sides, which have no JSON
		x = b.Min/2 + b.Max/2
	}
	if short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64); err == nil {
		x = short
	}
	return min(max(x, b.Min), b.Max)
}

const (
	// intervalsToGap is how many usual intervals make a gap.
	intervalsToGap = 3
	// noInterval is taken for three intervals where there are not two samples.
	noInterval = 15 * time.Minute
	// share of the intervals that are taken for usual: a sensor that reports on
	// change, or loses a message now and then, has longer ones besides.
	share = 0.9
)

// interval is so many samples at that distance, ms.
type interval struct {
	ms int64
	n  uint64
}

// usual returns the median of the time between two samples, and the distance
// between the beginnings of two points from which on there is a gap: what was
// silent for three of the longer intervals, whether it reports each second or
// each hour, and a point in between is missing.
func usual(buckets []tsdb.Bucket, width int64) (median, gap int64) {
	all := make([]interval, 0, 2*len(buckets))
	total := uint64(0)
	for i, b := range buckets {
		if b.Count > 1 {
			all = append(all, interval{(b.LastTime - b.FirstTime) / int64(b.Count-1), b.Count - 1})
			total += b.Count - 1
		}
		if i > 0 {
			all = append(all, interval{b.FirstTime - buckets[i-1].LastTime, 1})
			total++
		}
	}
	if total == 0 {
		return 0, width + noInterval.Milliseconds()
	}
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.ms, b.ms) })
	at := func(share float64) int64 {
		rank := uint64(math.Floor(share * float64(total-1)))
		for _, v := range all {
			if v.n > rank {
				return v.ms
			}
			rank -= v.n
		}
		return all[len(all)-1].ms
	}
	return at(0.5), intervalsToGap*max(at(share), 1) + width
}

// Names returns the names of all series, in order.
func (h *History) Names() []string {
	all := h.db.Series()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	return names
}

// Point is what a value did during some time of the last hour.
type Point struct {
	Start     time.Time
	Low, High float64
	Sum       float64
	N         uint64
}

// Points returns what was recorded of a key of a topic since a time, in points of
// a width; none if that is not recorded.
func (h *History) Points(topic, key string, since time.Time, width time.Duration) []Point {
	from := since.UnixMilli()
	buckets, _, err := h.db.Buckets(nameOf(topic, key), from, time.Now().UnixMilli()+1, width.Milliseconds(), nil)
	if err != nil {
		return nil
	}
	points := make([]Point, len(buckets))
	for i, b := range buckets {
		points[i] = Point{time.UnixMilli(b.Start), b.Min, b.Max, b.Sum, b.Count}
	}
	return points
}

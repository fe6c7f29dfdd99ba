package sensors

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gateway/sensors/reading"
)

// filter is a stage of a pipeline, for one quantity. It is given finite numbers
// only, and may return NaN for one that is not to be believed.
type filter interface {
	apply(x float64) float64
}

// resetter is a filter with a memory.
type resetter interface{ reset() }

// apply passes x through filters; NaN goes past them.
func apply(filters []filter, x float64) float64 {
	for _, f := range filters {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return math.NaN()
		}
		x = f.apply(x)
	}
	return x
}

// maxWindow bounds a window; more would be hours.
const maxWindow = 1000

// newChannel makes the filters of one quantity. Its errors, joined, begin each
// with the key it is about.
func newChannel(q reading.Quantity, decimals int, cfg FilterConfig) (channel, error) {
	c := channel{measured: q, published: q, decimals: max(decimals, 0), delta: cfg.Delta, internal: cfg.Internal}
	var errs []error
	list := func(key string, f filter, err error) []filter {
		if err != nil {
			errs = append(errs, fmt.Errorf("filters.%s.%s: %w", q, key, err))
		}
		if err != nil || f == nil {
			return nil
		}
		return []filter{f}
	}
	clamp, err := newClamp(cfg.Clamp)
	c.before = append(c.before, list("clamp", clamp, err)...)
	med, err := newWindow(cfg.Median)
	if med != nil {
		c.before = append(c.before, &median{window: *med})
	}
	c.before = append(c.before, list("median.window_size", nil, err)...)
	if cfg.Multiply != nil || cfg.Offset != 0 {
		c.before = append(c.before, line1{deref(cfg.Multiply, 1), cfg.Offset})
	}
	linear, err := newLinear(cfg.CalibrateLinear)
	c.before = append(c.before, list("calibrate_linear", linear, err)...)
	poly, err := newPolynomial(cfg.CalibratePolynomial)
	c.before = append(c.before, list("calibrate_polynomial", poly, err)...)

	if cfg.As != "" {
		c.published = reading.Quantity(cfg.As)
		if info, known := c.published.Info(); known {
			c.decimals = max(info.Decimals, c.decimals)
		}
	}
	if err := reading.CheckQuantity(string(c.published)); err != nil {
		errs = append(errs, fmt.Errorf("filters.%s.as: %q %w; it needs another name", q, c.published, err))
	}
	if cfg.Unit != "" {
		converted, factor, offset, err := c.published.In(cfg.Unit)
		c.after = append(c.after, list("unit", line1{factor, offset}, err)...)
		c.published = converted
	}
	mean, err := newWindow(cfg.SlidingWindowMovingAverage)
	if mean != nil {
		c.after = append(c.after, &average{window: *mean})
	}
	c.after = append(c.after, list("sliding_window_moving_average.window_size", nil, err)...)
	if a := cfg.ExponentialMovingAverage; a != nil {
		var err error
		if !(a.Alpha > 0 && a.Alpha <= 1) {
			err = fmt.Errorf("%v is not above 0 and up to 1", a.Alpha)
		}
		c.after = append(c.after, list("exponential_moving_average.alpha", &exponential{alpha: a.Alpha}, err)...)
	}
	if cfg.Round != nil {
		if c.decimals = *cfg.Round; c.decimals < -9 || c.decimals > 9 {
			errs = append(errs, fmt.Errorf("filters.%s.round: %d decimals: at most 9", q, c.decimals))
		}
	}
	if cfg.Delta < 0 || math.IsNaN(cfg.Delta) {
		errs = append(errs, fmt.Errorf("filters.%s.delta: %v is no change", q, cfg.Delta))
	}
	return c, errors.Join(errs...)
}

func deref(x *float64, otherwise float64) float64 {
	if x == nil {
		return otherwise
	}
	return *x
}

// clamp bounds a value, or drops it.
type clamp struct {
	least, most float64
	drop        bool
}

func newClamp(cfg *ClampConfig) (filter, error) {
	if cfg == nil {
		return nil, nil
	}
	c := clamp{deref(cfg.MinValue, math.Inf(-1)), deref(cfg.MaxValue, math.Inf(1)), cfg.IgnoreOutOfRange}
	if !(c.least < c.most) {
		return nil, fmt.Errorf("min_value %v is not below max_value %v", c.least, c.most)
	}
	return c, nil
}

func (c clamp) apply(x float64) float64 {
	if c.drop && (x < c.least || x > c.most) {
		return math.NaN()
	}
	return min(max(x, c.least), c.most)
}

// line1 is factor × x + offset.
type line1 struct{ factor, offset float64 }

func (l line1) apply(x float64) float64 { return l.factor*x + l.offset }

// window is the last values, the oldest overwritten.
type window struct {
	values []float64 // cap is the size
	next   int
}

func newWindow(cfg *WindowConfig) (*window, error) {
	if cfg == nil {
		return nil, nil
	}
	if cfg.WindowSize < 1 || cfg.WindowSize > maxWindow {
		return nil, fmt.Errorf("%d is not from 1 to %d", cfg.WindowSize, maxWindow)
	}
	return &window{values: make([]float64, 0, cfg.WindowSize)}, nil
}

func (w *window) add(x float64) {
	if len(w.values) < cap(w.values) {
		w.values = append(w.values, x)
		return
	}
	w.values[w.next] = x
	w.next = (w.next + 1) % len(w.values)
}

func (w *window) reset() { w.values, w.next = w.values[:0], 0 }

// median is the middle of the last values; of an even number the mean of the
// two in the middle.
type median struct {
	window
	sorted []float64
}

func (m *median) apply(x float64) float64 {
	m.add(x)
	m.sorted = append(m.sorted[:0], m.values...)
	slices.Sort(m.sorted)
	n := len(m.sorted)
	if n%2 == 1 {
		return m.sorted[n/2]
	}
	return (m.sorted[n/2-1] + m.sorted[n/2]) / 2
}

// average is the mean of the last values.
type average struct{ window }

func (a *average) apply(x float64) float64 {
	a.add(x)
	sum := 0.0 // anew each time, so that errors do not add up for years
	for _, v := range a.values {
		sum += v
	}
	return sum / float64(len(a.values))
}

// exponential is alpha × x + (1 − alpha) × what it was.
type exponential struct {
	alpha float64
	value float64
	begun bool
}

func (e *exponential) apply(x float64) float64 {
	if !e.begun {
		e.value, e.begun = x, true
		return x
	}
	e.value += e.alpha * (x - e.value)
	return e.value
}

func (e *exponential) reset() { e.begun = false }

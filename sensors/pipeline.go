package sensors

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// ImplausibleError is the error about a value that the chip cannot have
// measured.
type ImplausibleError struct {
	Channel driver.Channel
	Number  float64
}

func (e *ImplausibleError) Error() string {
	unit := e.Channel.Quantity.Unit()
	if unit != "" {
		unit = " " + unit
	}
	return fmt.Sprintf("%s is %v%s, which it cannot measure (%v to %v%s)",
		e.Channel.Quantity, e.Number, unit, e.Channel.Min, e.Channel.Max, unit)
}

// plausible tells whether the chip can have measured raw, of which raw[i] is
// of channels[i]. One implausible value spoils the whole measurement, because
// they were transmitted together.
func plausible(channels []driver.Channel, raw []float64) error {
	for i, c := range channels {
		if !inRange(c, raw[i]) {
			return &ImplausibleError{c, raw[i]}
		}
	}
	return nil
}

// inRange is false for NaN, which is in no range.
func inRange(c driver.Channel, x float64) bool {
	return c.Min <= x && x <= c.Max && !math.IsInf(x, 0)
}

// pipeline makes values to publish of what a driver measured. It is what
// stands in [FilterConfig], in its order. In between a value that is not to be
// believed is NaN, and stays NaN through every stage: no filter makes a number
// of it, or takes it into its memory.
//
//	clamp → median → calibrate → derived → as, unit → smooth → round
//
// It belongs to the goroutine of its line.
type pipeline struct {
	channels []channel      // of the driver, and then those that are derived
	derive   []deriver      // channels[len(channels)-len(derive)+i] is of derive[i]
	work     []float64      // work[i] is of channels[i]
	own      driver.Ambient // what the last run said about the air, after calibration
	ambient  *ambientSource // nil if nobody is asked
	gap      time.Duration  // after which filters forget; 0 for never
}

// channel is one value on its way.
type channel struct {
	measured  reading.Quantity // as the driver calls it
	published reading.Quantity
	before    []filter // derived values see the value after these
	after     []filter
	decimals  int
	delta     float64
	internal  bool
	seen      time.Time // the last measurement that was to be believed
}

// newPipeline makes the pipeline of a sensor with these channels. Its errors,
// joined, begin each with the key it is about: "filters.humidity.as: …".
func newPipeline(cfg SensorConfig, channels []driver.Channel, ambient *ambientSource) (*pipeline, error) {
	p := &pipeline{ambient: ambient, gap: cfg.StaleAfter, work: make([]float64, 0, len(channels)+len(cfg.Derive))}
	var errs []error
	for _, c := range channels {
		errs = append(errs, p.add(c.Quantity, c.Decimals, cfg.Filters[string(c.Quantity)]))
	}
	for i, name := range cfg.Derive {
		d, err := newDeriver(name, cfg, channels)
		if err != nil {
			errs = append(errs, fmt.Errorf("derive[%d]: %w", i, err))
			continue
		}
		p.derive = append(p.derive, d)
		info, _ := reading.Quantity(name).Info()
		errs = append(errs, p.add(reading.Quantity(name), info.Decimals, cfg.Filters[name]))
	}
	errs = append(errs, p.checkNames())
	return p, errors.Join(errs...)
}

func (p *pipeline) add(q reading.Quantity, decimals int, cfg FilterConfig) error {
	c, err := newChannel(q, decimals, cfg)
	p.channels = append(p.channels, c)
	return err
}

// unmeasured returns the quantities that have filters and are not measured.
func (p *pipeline) unmeasured(filters map[string]FilterConfig) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(filters)), func(name string) bool { return slices.Contains(p.measured(), name) })
}

func (p *pipeline) measured() []string {
	var names []string
	for _, c := range p.channels {
		names = append(names, string(c.measured))
	}
	return names
}

// checkNames finds two values that would be published under one name.
func (p *pipeline) checkNames() error {
	seen := make(map[reading.Quantity]reading.Quantity)
	for _, c := range p.channels {
		if c.internal {
			continue
		}
		if other, taken := seen[c.published]; taken {
			return fmt.Errorf("filters.%s.as: %s is published as %s already", c.measured, other, c.published)
		}
		seen[c.published] = c.measured
	}
	return nil
}

// run makes the values of a measurement that was taken at a time: raw[i] is of
// the driver's channel i. Values that are not to be believed are left out; there
// may be none left. After a gap the filters of a value begin anew, or they would
// make old measurements count as new ones. The slice is the caller's.
func (p *pipeline) run(raw []float64, at time.Time) []reading.Value {
	for i := range p.channels {
		if c := &p.channels[i]; p.gap > 0 && at.Sub(c.seen) > p.gap {
			c.reset()
		}
	}
	p.work = append(p.work[:0], raw...)
	for i, x := range p.work {
		p.work[i] = apply(p.channels[i].before, x)
	}
	p.own = p.ownAir(len(raw))
	air := p.own
	if p.ambient != nil && len(p.derive) > 0 {
		air = filled(air, p.ambient.around(at))
	}
	for _, d := range p.derive {
		p.work = append(p.work, d.value(air))
	}
	values := make([]reading.Value, 0, len(p.channels))
	for i := range p.channels {
		c := &p.channels[i]
		x := apply(c.after, p.work[i])
		if !math.IsNaN(x) {
			c.seen = at
		}
		if c.internal || math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		values = append(values, reading.Value{Quantity: c.published, Number: round(x, c.decimals)})
	}
	return values
}

// ownAir is what the first n channels, those of the driver, say of the air.
func (p *pipeline) ownAir(n int) driver.Ambient {
	air := unknownAir()
	for i := range n {
		switch p.channels[i].measured {
		case reading.Temperature:
			air.Temperature = p.work[i]
		case reading.Humidity:
			air.Humidity = p.work[i]
		case reading.Pressure:
			air.Pressure = p.work[i]
		}
	}
	return air
}

// reset forgets the measurements that filters remember.
func (c *channel) reset() {
	for _, list := range [...][]filter{c.before, c.after} {
		for _, f := range list {
			if r, ok := f.(resetter); ok {
				r.reset()
			}
		}
	}
}

// delta is how much a published value has to change for on_change.
func (p *pipeline) delta(q reading.Quantity) float64 {
	for i := range p.channels {
		if c := &p.channels[i]; c.published == q && !c.internal {
			return c.delta
		}
	}
	return 0
}

// round returns x with so many decimals, half away from zero, and never -0.
func round(x float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	scaled := math.Round(x * scale)
	if math.IsInf(scaled, 0) {
		return x // has no decimals to speak of
	}
	return scaled/scale + 0
}

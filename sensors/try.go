package sensors

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// Try opens a sensor that is not configured, reads it once and gives it back.
// Nobody but the caller is told, and nothing is saved. It is read by the
// goroutine of its bus if others are there, between their readings. c is one
// that [Config.Validate] finds nothing wrong with beside the others. A sensor
// that has nothing to tell yet is asked again until ctx ends.
//
// It waits for Run to begin. It may be called concurrently; one is tried at a
// time.
func (s *Sensors) Try(ctx context.Context, site string, c SensorConfig) Result {
	s.changing.Lock()
	defer s.changing.Unlock()
	select {
	case <-s.begun:
	case <-ctx.Done():
		return Result{Err: ctx.Err()}
	}
	cfg := Config{Site: site, Sensors: []SensorConfig{c}}.WithDefaults(s.deps.Hostname)
	c = cfg.Sensors[0]
	quiet := s.quiet()
	d, err := newDevice(quiet, cfg.Site, c)
	if err != nil {
		return Result{Err: err}
	}
	all := s.all()
	if c.CompensateFrom != "" {
		i := slices.IndexFunc(all, func(d *device) bool { return d.path.String() == absolute(cfg.Site, c.CompensateFrom) })
		if i < 0 {
			return Result{Err: fmt.Errorf("compensate_from: there is no sensor %s", c.CompensateFrom)}
		}
		d.ambient = &ambientSource{all[i]}
	}
	r := Result{Path: d.path, Driver: d.driver}
	p := placeOf(d)
	i := slices.IndexFunc(all, func(d *device) bool { return d.line.place == p })
	if i < 0 {
		d.line = newLine(quiet, p)
		d.line.readOnce(ctx, d, &r)
		d.line.devices = []*device{d}
		d.line.close()
		return r
	}
	l := all[i].line
	d.line, d.busy, d.next = l, true, time.Now() // busy: it is nobody's to await
	l.ask(func(run context.Context) { l.begin(d, l.trial(run, ctx, d, &r)) })
	select {
	case <-d.left:
		return r
	case <-l.ended:
		return Result{Path: d.path, Driver: d.driver, Err: errStopped}
	case <-ctx.Done():
		return Result{Path: d.path, Driver: d.driver, Err: ctx.Err()} // r is still the line's
	}
}

// quiet is Sensors with the same buses and clock that tells nobody anything and
// keeps nothing.
func (s *Sensors) quiet() *Sensors {
	deps := s.deps
	deps.Publish = func(Report) {}
	deps.Status = func(reading.Path, reading.Status) {}
	deps.Detail = func(reading.Path, reading.Detail) {}
	deps.Meta = func(reading.Path, reading.Meta) {}
	return &Sensors{deps: deps, clock: s.clock, states: newStates("", deps.Log), poke: make(chan struct{}, 1)}
}

// trial is the life of a device that is read once. It ends early when asked
// does.
func (l *line) trial(run, asked context.Context, d *device, r *Result) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		ctx, cancel := context.WithCancel(run)
		defer cancel()
		defer context.AfterFunc(asked, cancel)()
		shared := bus.WithYield(ctx, func(wait time.Duration) bool { return yield(time.Now().Add(wait)) })
		l.readOnce(shared, d, r)
	}
}

// Configured returns what is read, in the order of the configuration, with its
// defaults filled in.
func (s *Sensors) Configured() []Configured {
	var all []Configured
	for _, d := range s.all() {
		all = append(all, Configured{Path: d.path, Config: d.cfg, Driver: d.driver})
	}
	return all
}

// Configured is a sensor that is read.
type Configured struct {
	Path   reading.Path
	Config SensorConfig
	Driver driver.Driver
}

package sensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// Deps is what Sensors needs from outside.
type Deps struct {
	Log *slog.Logger
	// Hostname is the site if the configuration names none.
	Hostname string
	// Publish is told of every reading, Status of every change of a status.
	// They are called from several goroutines, for one sensor in order; they
	// return at once and do not call back.
	Publish func(Report)
	Status  func(reading.Path, reading.Status)
	// OpenI2C opens an I²C bus; nil is bus.OpenI2C.
	OpenI2C func(name string) (i2c.BusCloser, error)
	// Root is the file system from /, with sys and proc; nil is bus.Root().
	Root fs.FS

	lookup func(name string) (driver.Driver, bool) // nil is driver.Lookup; tests have chips of their own
}

// Sensors reads the configured sensors.
type Sensors struct {
	deps    Deps
	devices []*device // in the order of the configuration
	lines   []*line
	poke    chan struct{} // cap 1: a device came online, the watch looks again
}

// New prepares to read the sensors of a configuration, without touching any
// hardware. An error is one that Validate would have found.
func New(cfg Config, deps Deps) (*Sensors, error) {
	if deps.OpenI2C == nil {
		deps.OpenI2C = bus.OpenI2C
	}
	if deps.Root == nil {
		deps.Root = bus.Root()
	}
	if deps.lookup == nil {
		deps.lookup = driver.Lookup
	}
	if deps.Publish == nil {
		deps.Publish = func(Report) {}
	}
	if deps.Status == nil {
		deps.Status = func(reading.Path, reading.Status) {}
	}
	s := &Sensors{deps: deps, poke: make(chan struct{}, 1)}
	cfg = cfg.WithDefaults(deps.Hostname)
	byKey := make(map[string]*line)
	for i, c := range cfg.Sensors {
		d, err := newDevice(s, cfg.Site, c)
		if err != nil {
			return nil, fmt.Errorf("sensors[%d]: %w", i, err)
		}
		s.devices = append(s.devices, d)
		key := string(d.driver.Bus) + " " + c.Bus
		if c.Bus == "" { // attached to nothing, so in nobody's way
			key = d.path.String()
		}
		l := byKey[key]
		if l == nil {
			l = &line{kind: d.driver.Bus, name: c.Bus, deps: deps}
			byKey[key] = l
			s.lines = append(s.lines, l)
		}
		l.devices = append(l.devices, d)
	}
	return s, nil
}

// Run reads until ctx ends, and returns when all its goroutines have ended
// and every sensor is offline. It is called once.
func (s *Sensors) Run(ctx context.Context) error {
	now := time.Now()
	for i, d := range s.devices {
		share := d.cfg.Interval * time.Duration(i+1) / time.Duration(len(s.devices))
		d.begin(now, grid{origin: now.Add(share), interval: d.cfg.Interval})
	}
	var lines, watch sync.WaitGroup
	for _, l := range s.lines {
		lines.Go(func() { l.run(ctx) })
	}
	watch.Go(func() { s.watch(ctx) })
	watch.Wait()
	lines.Wait()
	for _, d := range s.devices {
		d.setOffline()
	}
	return nil
}

// watch changes the status of sensors whose last reading has become too old,
// whatever their drivers are doing.
func (s *Sensors) watch(ctx context.Context) {
	for {
		now := time.Now()
		next := now.Add(time.Hour)
		for _, d := range s.devices {
			if t := d.age(now); !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-s.poke:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// Result is what reading one sensor once gave.
type Result struct {
	Path    reading.Path
	Driver  driver.Driver
	Reading reading.Reading // if Err is nil
	Err     error
}

// ReadOnce opens and reads every sensor once, in place of Run, and tells
// nobody but the caller. Results are in the order of the configuration.
func (s *Sensors) ReadOnce(ctx context.Context) []Result {
	results := make(map[*device]*Result, len(s.devices))
	for _, d := range s.devices {
		results[d] = &Result{Path: d.path, Driver: d.driver, Err: errors.New("not read")}
	}
	var wg sync.WaitGroup
	for _, l := range s.lines {
		wg.Go(func() {
			defer l.close()
			for _, d := range l.devices {
				results[d].Reading, results[d].Err = l.read(ctx, d)
			}
		})
	}
	wg.Wait()
	ordered := make([]Result, len(s.devices))
	for i, d := range s.devices {
		ordered[i] = *results[d]
	}
	return ordered
}

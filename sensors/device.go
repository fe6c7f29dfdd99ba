package sensors

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// device is one configured sensor.
type device struct {
	cfg     SensorConfig // defaults filled in
	path    reading.Path
	driver  driver.Driver
	options map[string]string // defaults filled in
	owner   *Sensors
	log     *slog.Logger

	// Of the line's goroutine.
	sensor   driver.Sensor // nil while closed
	channels []driver.Channel
	raw      []float64 // raw[i] is of channels[i]
	next     time.Time // when it is due
	grid     grid
	failures int // in a row
	outage   outage

	mu     sync.Mutex
	since  time.Time // of the last good reading; of the start before there was one
	first  bool      // there was no good reading yet
	status reading.Status
	stats  SensorStats
}

func newDevice(owner *Sensors, site string, cfg SensorConfig) (*device, error) {
	path, err := reading.NewPath(site, cfg.Room, cfg.Name)
	if err != nil {
		return nil, err
	}
	drv, ok := owner.deps.lookup(cfg.Driver)
	if !ok {
		return nil, fmt.Errorf("unknown driver %q", cfg.Driver)
	}
	d := &device{
		cfg: cfg, path: path, driver: drv, owner: owner, first: true,
		options: make(map[string]string),
		log:     owner.deps.Log.With(attrs(path, cfg, drv)...),
		stats:   SensorStats{Path: path, Driver: drv.Name, Errors: make(map[string]uint64)},
	}
	for _, o := range drv.Options {
		d.options[o.Name] = o.Default
	}
	maps.Copy(d.options, cfg.Options)
	return d, nil
}

// attrs say in the log which sensor it is, as a person finds it.
func attrs(path reading.Path, cfg SensorConfig, drv driver.Driver) []any {
	a := []any{"sensor", path.String(), "driver", drv.Name}
	if drv.Bus == bus.I2C {
		a = append(a, "bus", cfg.Bus, "address", fmt.Sprintf("%#02x", cfg.Address))
	}
	if cfg.ID != "" {
		a = append(a, "id", cfg.ID)
	}
	return a
}

// begin makes the device due at once, and on its grid from then on.
func (d *device) begin(now time.Time, g grid) {
	d.grid, d.next, d.since = g, now, now
}

// opened takes over an open sensor.
func (d *device) opened(s driver.Sensor) {
	d.sensor, d.channels = s, d.driver.Channels
	if c, ok := s.(driver.Channeler); ok {
		d.channels = c.Channels()
	}
	if len(d.raw) != len(d.channels) {
		d.raw = make([]float64, len(d.channels))
	}
}

// closeSensor gives back what the sensor holds open. A panic in its Close is
// contained; there is nothing to be done about an error.
func (d *device) closeSensor() {
	if c, ok := d.sensor.(io.Closer); ok {
		if err := contain(d.driver.Name, c.Close); err != nil {
			d.log.Debug("closing the sensor failed", "error", err)
		}
	}
	d.sensor = nil
}

// succeeded publishes a reading and makes the device due at its next tick.
func (d *device) succeeded(r reading.Reading) {
	now := time.Now()
	if d.failures > 0 {
		d.outage.ended(d.log, now)
	}
	d.failures = 0
	d.next = d.grid.after(now)
	if d.next.Sub(r.Time) < d.driver.MinPeriod {
		d.next = d.grid.after(d.next)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.first, d.since = false, r.Time
	d.stats.Reads++
	d.stats.LastGood, d.stats.Latency = r.Time, now.Sub(r.Time)
	d.owner.deps.Publish(Report{Reading: r, StaleAfter: d.cfg.StaleAfter, Values: d.cfg.Values})
	d.ageLocked(now) // not simply online: it may have taken very long
	select {
	case d.owner.poke <- struct{}{}:
	default:
	}
}

// failed notes that a tick gave no reading and makes the device due after the
// backoff.
func (d *device) failed(err error) {
	now := time.Now()
	d.failures++
	d.next = now.Add(max(backoff(d.failures), d.driver.MinPeriod))
	d.outage.goesOn(d.log, now, err, d.failures == 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.LastError, d.stats.ErrorTime = err.Error(), now
	if d.first {
		d.setStatusLocked(reading.Fault)
	}
}

// count counts the error of one attempt.
func (d *device) count(err error) {
	d.mu.Lock()
	d.stats.Errors[errorClass(err)]++
	d.mu.Unlock()
}

// age sets the status that the age of the last reading calls for, and
// returns when that will change; zero if it will not.
func (d *device) age(now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ageLocked(now)
}

func (d *device) ageLocked(now time.Time) time.Time {
	stale := d.since.Add(d.cfg.StaleAfter)
	fault := stale.Add(d.cfg.StaleAfter)
	switch {
	case !now.Before(fault):
		d.setStatusLocked(reading.Fault)
		return time.Time{}
	case d.status == reading.Fault && d.first:
		return time.Time{} // since its first failure
	case !now.Before(stale):
		d.setStatusLocked(reading.Stale)
		return fault
	case !d.first:
		d.setStatusLocked(reading.Online)
	}
	return stale
}

func (d *device) setOffline() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setStatusLocked(reading.Offline)
}

func (d *device) setStatusLocked(s reading.Status) {
	if d.status == s {
		return
	}
	d.status = s
	d.stats.Status = s
	d.owner.deps.Status(d.path, s)
}

// outage is a time without readings, as the log tells of it: when it begins,
// when its error changes, every hour, and when it ends.
type outage struct {
	began  time.Time
	logged time.Time
	text   string // of the error logged last
	ticks  int    // failed since it began
}

func (o *outage) goesOn(log *slog.Logger, now time.Time, err error, begins bool) {
	if begins {
		*o = outage{began: now}
	}
	o.ticks++
	text := err.Error()
	if !begins && text == o.text && now.Sub(o.logged) < time.Hour {
		return
	}
	o.text, o.logged = text, now
	var p *PanicError
	if errors.As(err, &p) {
		log.Error("sensor cannot be read: a fault in its driver; it is tried again", "error", err, "failures", o.ticks, "stack", string(p.Stack))
		return
	}
	log.Warn("sensor cannot be read; it is tried again", "error", err, "failures", o.ticks)
}

func (o *outage) ended(log *slog.Logger, now time.Time) {
	log.Info("sensor is read again", "after", now.Sub(o.began).Round(time.Millisecond).String(), "failures", o.ticks)
}

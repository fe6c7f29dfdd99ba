package sensors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
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
	line    *line
	state   *state
	ambient *ambientSource // nil if it names no sensor to be compensated by
	log     *slog.Logger
	left    chan struct{} // closed when its line has let go of it

	// Of the line's goroutine.
	sensor   driver.Sensor // nil while closed
	channels []driver.Channel
	raw      []float64 // raw[i] is of channels[i]
	pipeline *pipeline
	policy   policy
	next     time.Time // when it is due
	grid     grid      // of measuring
	began    time.Time // when the tick began that it is in, or was in last
	busy     bool      // in the middle of a tick, though another device may be running
	waiting  []func()  // to be called when it is not
	gone     bool      // its life is to end
	noticed  bool      // its Awaiter has noticed something that is not measured yet
	failures int       // in a row
	outage   outage

	mu     sync.Mutex
	since  time.Time // of the last good reading; of the start before there was one
	first  bool      // there was no good reading yet
	air    driver.Ambient
	status reading.Status
	stats  SensorStats
	reason string    // why the last tick failed, "" if it did not
	kind   string    // of reason, see errorClass
	quiet  string    // why there was nothing new at the last tick, "" if there was
	became time.Time // when status began
	told   time.Time // when the detail was told last
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
		cfg: cfg, path: path, driver: drv, owner: owner, first: true, left: make(chan struct{}),
		options: drv.WithDefaults(cfg.Options),
		state:   owner.states.of(path, drv.Name),
		log:     owner.deps.Log.With(attrs(path, cfg, drv)...),
		policy:  policy{onChange: cfg.Publish == PublishOnChange, heartbeat: cfg.Heartbeat},
		stats:   SensorStats{Path: path, Driver: drv.Name, Errors: make(map[string]uint64)},
	}
	return d, nil
}

// attrs say in the log which sensor it is, as a person finds it.
func attrs(path reading.Path, cfg SensorConfig, drv driver.Driver) []any {
	a := []any{"sensor", path.String(), "driver", drv.Name}
	if drv.Bus == bus.I2C {
		a = append(a, "bus", cfg.Bus, "address", fmt.Sprintf("%#02x", cfg.Address))
	}
	if drv.Bus == bus.SPI {
		a = append(a, "bus", cfg.Bus)
	}
	for _, kv := range [...][2]string{{"id", cfg.ID}, {"port", cfg.Port}} {
		if kv[1] != "" {
			a = append(a, kv[0], kv[1])
		}
	}
	if drv.Bus == bus.Modbus {
		a = append(a, "unit_id", cfg.UnitID)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Pins)) {
		a = append(a, name, cfg.Pins[name])
	}
	return a
}

// period is the time between two measurements.
func (d *device) period() time.Duration { return cmp.Or(d.cfg.Sample, d.cfg.Interval) }

// begin makes the device due at once, and on its grid from then on; shift is
// its share of the interval, so that not all are due together.
func (d *device) begin(now time.Time, shift time.Duration) {
	d.grid = grid{origin: now.Add(min(shift, d.period())), interval: d.period()}
	d.policy.grid = grid{origin: now.Add(shift), interval: d.cfg.Interval}
	d.next, d.since = now, now
}

// awaiter returns the sensor if it notices by itself that there is something
// to measure, nothing is noted yet and it is not measuring.
func (d *device) awaiter() driver.Awaiter {
	if d.sensor == nil || d.busy || d.failures > 0 || d.noticed {
		return nil
	}
	a, _ := d.sensor.(driver.Awaiter)
	return a
}

// opened takes over an open sensor.
func (d *device) opened(s driver.Sensor) error {
	d.sensor = s
	channels := d.driver.Channels
	if c, ok := s.(driver.Channeler); ok {
		err := contain(d.driver.Name, func() error { channels = c.Channels(); return nil })
		if err != nil {
			return err
		}
	}
	if d.pipeline == nil || !slices.Equal(channels, d.channels) {
		p, err := newPipeline(d.cfg, channels, d.ambient)
		if err != nil {
			return err
		}
		if missing := p.unmeasured(d.cfg.Filters); len(missing) > 0 { // a meter whose gas valve is silent, a name that is wrong
			d.log.Warn("there are filters for what is not measured now", "filters", missing, "measured", p.measured())
		}
		d.channels, d.pipeline, d.policy.published = channels, p, nil
		d.owner.deps.Meta(d.path, d.meta())
	}
	if len(d.raw) != len(d.channels) {
		d.raw = make([]float64, len(d.channels))
	}
	return nil
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

// succeeded passes a measurement on and makes the device due at its next tick.
func (d *device) succeeded(m measurement) {
	now := time.Now()
	values := d.pipeline.run(m.raw, m.time)
	if len(values) == 0 {
		d.count(errNothingLeft)
		d.failed(errNothingLeft)
		return
	}
	d.outage.ended(d.log, now)
	d.failures = 0
	d.due(now)
	publish := d.policy.decide(now, m, values, d.pipeline, d.noticed)
	d.noticed = false
	if publish {
		d.policy.note(now, m, values)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before, status := d.since, d.status
	d.first, d.since, d.air = false, m.time, d.pipeline.own
	d.stats.Reads++
	d.stats.LastGood, d.stats.Latency = m.time, now.Sub(m.time)
	if publish {
		d.owner.deps.Publish(Report{Reading: d.reading(m, values), StaleAfter: d.expiry(), Values: d.cfg.Values})
	}
	recovered := d.reason != ""
	d.reason, d.kind, d.quiet = "", "", ""
	d.ageLocked(now) // not simply online: it may have taken very long
	if recovered && d.status == status {
		d.tellLocked(now)
	}
	if d.status != status || d.since.Before(before) {
		d.owner.look()
	}
}

var errNothingLeft = errors.New("no value is left to publish: each is out of the bounds of its clamp, or internal")

// reading is a measurement of which these values are published.
func (d *device) reading(m measurement, values []reading.Value) reading.Reading {
	return reading.Reading{
		Path: d.path, Time: m.time, Values: values,
		Simulated: d.driver.Simulated, Unsynced: m.unsynced, Boot: m.wrongBoot(),
	}
}

// expiry is the age at which a published reading is no longer current: with
// on_change it stands for all that were equal to it.
func (d *device) expiry() time.Duration {
	if d.policy.onChange {
		return d.policy.heartbeat + d.cfg.StaleAfter
	}
	return d.cfg.StaleAfter
}

// due makes the device due at the next tick of its grid, but not too early for
// a chip that began to measure at a time. A measurement begins a little after
// its tick, so that a tick that is early by a tenth is not: otherwise a chip
// read as often as it can be would miss every other tick.
func (d *device) due(now time.Time) {
	d.next = d.grid.after(now)
	if d.next.Sub(d.began) < d.driver.MinPeriod-d.driver.MinPeriod/10 {
		d.next = d.grid.after(d.next)
	}
}

// nothing notes that there was nothing new to measure, and why.
func (d *device) nothing(why error) {
	now := time.Now()
	d.failures, d.noticed = 0, false
	d.due(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quiet = why.Error()
}

// failed notes that a tick gave no reading and makes the device due after the
// backoff.
func (d *device) failed(err error) {
	now := time.Now()
	d.failures++
	d.noticed = false
	d.next = now.Add(max(backoff(d.failures), d.driver.MinPeriod))
	d.outage.goesOn(d.log, now, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.LastError, d.stats.ErrorTime = err.Error(), now
	before := d.status
	news := d.reason == "" || d.reason != err.Error() && now.Sub(d.told) >= detailEvery
	if news {
		d.reason, d.kind = err.Error(), errorClass(err)
	}
	if d.first {
		d.setStatusLocked(reading.Fault)
	}
	if news && d.status == before {
		d.tellLocked(now)
	}
}

// detailEvery bounds how often a reason is told that changes all the time, with
// the bytes of a disturbed line in it.
const detailEvery = time.Minute

// tellLocked tells what is behind the status, if there is one yet.
func (d *device) tellLocked(now time.Time) {
	if d.status == "" {
		return
	}
	d.told = now
	reason := d.reason
	if reason == "" && (d.status == reading.Stale || d.status == reading.Fault) {
		reason = d.quiet
	}
	d.owner.deps.Detail(d.path, reading.Detail{
		Status: d.status, Since: d.became, Kind: d.kind, Reason: reason, LastGood: d.stats.LastGood, Errors: maps.Clone(d.stats.Errors),
	})
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
		if d.status != reading.Stale && !d.stats.ErrorTime.After(d.since) {
			d.log.Warn("nothing is heard of the sensor: its driver or its bus hangs, or nobody sends", "since", d.since.UTC().Format(time.RFC3339))
		}
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
	now := time.Now()
	d.status, d.became = s, now
	d.stats.Status = s
	d.owner.deps.Status(d.path, s)
	d.tellLocked(now)
}

// outage is a time without readings, as the log tells of it: when it begins,
// when its error changes, every hour, and when it ends with a reading. Of a
// sensor that comes and goes it does not tell each time.
type outage struct {
	began  time.Time // zero while there is none
	logged time.Time
	text   string // of the error logged last
	ticks  int    // failed since it began

	hour  time.Time // when lines began to be counted
	lines int
}

// linesPerHour bounds what the log says about one sensor: a loose contact is
// not to fill an SD card.
const linesPerHour = 20

func (o *outage) goesOn(log *slog.Logger, now time.Time, err error) {
	begins := o.began.IsZero()
	if begins {
		o.began, o.ticks = now, 0
	}
	o.ticks++
	text := err.Error()
	if !begins && text == o.text && now.Sub(o.logged) < time.Hour {
		return
	}
	o.text, o.logged = text, now
	if !o.mayLog(log, now) {
		return
	}
	var p *PanicError
	if errors.As(err, &p) {
		log.Error("sensor cannot be read: a fault in its driver; it is tried again", "error", err, "failures", o.ticks, "stack", string(p.Stack))
		return
	}
	log.Warn("sensor cannot be read; it is tried again", "error", err, "failures", o.ticks)
}

func (o *outage) ended(log *slog.Logger, now time.Time) {
	if o.began.IsZero() {
		return
	}
	if o.mayLog(log, now) {
		log.Info("sensor is read again", "after", now.Sub(o.began).Round(time.Millisecond).String(), "failures", o.ticks)
	}
	o.began = time.Time{}
}

// mayLog counts a line, and tells whether it is not one too many.
func (o *outage) mayLog(log *slog.Logger, now time.Time) bool {
	if now.Sub(o.hour) >= time.Hour {
		o.hour, o.lines = now, 0
	}
	o.lines++
	if o.lines == linesPerHour {
		log.Warn("sensor comes and goes; no more is said of it within this hour")
	}
	return o.lines < linesPerHour
}

package sensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

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
	// Detail is told what is behind a status, when that or the status changes.
	Detail func(reading.Path, reading.Detail)
	// Meta is told what a sensor is and what its values are, when that is known
	// and when it changes.
	Meta func(reading.Path, reading.Meta)
	// What opens buses; nil is what package bus has for this machine.
	OpenI2C    func(name string) (i2c.BusCloser, error)
	OpenSPI    func(name string, hz physic.Frequency, mode spi.Mode) (bus.SPIConn, error)
	OpenSerial func(name string, mode bus.SerialMode) (bus.SerialPort, error)
	OpenModbus func(name string, mode bus.SerialMode) (ModbusCloser, error)
	Lines      bus.GPIOLines
	// Root is the file system from /, with sys and proc; nil is bus.Root().
	Root fs.FS
	// Subscribe subscribes to the topic tree; nil if there is none.
	Subscribe func(filter string) (bus.Feed, error)
	// StateFolder is where sensors keep what outlives a restart; "" keeps it in
	// memory only.
	StateFolder string
	// ClockSynced tells whether the time of day can be believed; nil asks this
	// machine.
	ClockSynced func() bool

	lookup    func(name string) (driver.Driver, bool) // nil is driver.Lookup; tests have chips of their own
	sinceBoot func() time.Duration                    // nil is bus.SinceBoot; tests have a time of their own
}

// Sensors reads the configured sensors.
type Sensors struct {
	deps   Deps
	states *states
	clock  *clock
	poke   chan struct{} // cap 1: a device ages sooner than it did, the watch looks again
	begun  chan struct{} // closed by Run when the lines run

	changing sync.Mutex // held by Change and Try, one of which runs at a time; taken before mu

	mu      sync.Mutex
	buses   []BusConfig
	devices []*device // in the order of the configuration; replaced as a whole
	lines   []*line   // likewise
	runLine func(*line)
	stopped bool // no line is begun any more
}

// New prepares to read the sensors of a configuration, without touching any
// hardware. An error is one that Validate would have found.
func New(cfg Config, deps Deps) (*Sensors, error) {
	deps = deps.withDefaults()
	s := &Sensors{
		deps: deps, buses: cfg.Buses, poke: make(chan struct{}, 1), begun: make(chan struct{}),
		states: newStates(deps.StateFolder, deps.Log),
		clock:  newClock(deps.ClockSynced, deps.sinceBoot, bootID(deps.Root), deps.StateFolder, deps.Log),
	}
	cfg = cfg.WithDefaults(deps.Hostname)
	byPlace := make(map[place]*line)
	byTopic := make(map[string]*device)
	for i, c := range cfg.Sensors {
		d, err := newDevice(s, cfg.Site, c)
		if err != nil {
			return nil, fmt.Errorf("sensors[%d]: %w", i, err)
		}
		s.devices = append(s.devices, d)
		byTopic[d.path.String()] = d
		p := placeOf(d)
		l := byPlace[p]
		if l == nil {
			l = newLine(s, p)
			byPlace[p] = l
			s.lines = append(s.lines, l)
		}
		l.devices = append(l.devices, d)
		d.line = l
	}
	for i, d := range s.devices {
		if from := d.cfg.CompensateFrom; from != "" {
			other := byTopic[absolute(cfg.Site, from)]
			if other == nil {
				return nil, fmt.Errorf("sensors[%d].compensate_from: there is no sensor %s", i, from)
			}
			d.ambient = &ambientSource{other}
		}
	}
	return s, nil
}

// absolute returns the topic of a sensor that is called room/name, or
// site/room/name.
func absolute(site, name string) string {
	if strings.Count(name, "/") == 1 {
		return site + "/" + name
	}
	return name
}

func (d Deps) withDefaults() Deps {
	if d.OpenI2C == nil {
		d.OpenI2C = bus.OpenI2C
	}
	if d.Root == nil {
		d.Root = bus.Root()
	}
	if d.Subscribe == nil {
		d.Subscribe = func(string) (bus.Feed, error) { return nil, errNoTree }
	}
	if d.ClockSynced == nil {
		d.ClockSynced = func() bool {
			synced, _ := ClockSynced(d.Root) // an error is for the doctor
			return synced
		}
	}
	if d.lookup == nil {
		d.lookup = driver.Lookup
	}
	if d.sinceBoot == nil {
		d.sinceBoot = bus.SinceBoot
	}
	if d.Publish == nil {
		d.Publish = func(Report) {}
	}
	if d.Status == nil {
		d.Status = func(reading.Path, reading.Status) {}
	}
	if d.Meta == nil {
		d.Meta = func(reading.Path, reading.Meta) {}
	}
	if d.Detail == nil {
		d.Detail = func(reading.Path, reading.Detail) {}
	}
	if d.OpenSPI == nil {
		d.OpenSPI = bus.OpenSPI
	}
	if d.OpenSerial == nil {
		d.OpenSerial = bus.OpenSerial
	}
	if d.Lines == nil {
		d.Lines = bus.Lines()
	}
	if d.OpenModbus == nil {
		d.OpenModbus = d.openModbus // last: it needs the others
	}
	return d
}

var errNoTree = errors.New("there is no topic tree here; it is a part of the running gateway")

// together is how close ticks may be until they coincide: the processor wakes up
// once for them, which costs more than a reading does.
const together = 20 * time.Millisecond

// Run reads until ctx ends, and returns when all its goroutines have ended,
// every sensor is offline and what they saved is on disk. A driver that hangs,
// in a system call perhaps, keeps it from returning, and nothing else: after
// stopPatience the log says where, and the rest is done. It is called once.
func (s *Sensors) Run(ctx context.Context) error {
	now := time.Now()
	phases := make(map[*line]time.Duration) // of lines whose devices measure together
	for i, d := range s.devices {
		share := d.cfg.Interval * time.Duration(i+1) / time.Duration(len(s.devices))
		if d.driver.Bus == bus.OneWire { // one conversion serves all that are due
			if _, known := phases[d.line]; !known {
				phases[d.line] = share
			}
			share = phases[d.line]
		}
		d.begin(now, share.Truncate(together))
	}
	var lines, watch sync.WaitGroup
	s.mu.Lock()
	s.runLine = func(l *line) { lines.Go(func() { l.run(ctx) }) }
	for _, l := range s.lines {
		s.runLine(l)
	}
	s.mu.Unlock()
	close(s.begun)
	watch.Go(func() { s.watch(ctx) })
	watch.Go(func() { s.keep(ctx) })
	watch.Wait()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.awaitLines()
	s.flush()
	for _, d := range s.all() {
		d.setOffline()
	}
	lines.Wait()
	s.flush() // what those that hung have saved in the end
	return nil
}

// stopPatience is how long a driver may take to notice that it is to end. The
// gateway itself has ten seconds.
const stopPatience = 5 * time.Second

// awaitLines returns when all lines have ended, or have had the time to.
func (s *Sensors) awaitLines() {
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	s.mu.Lock()
	lines := s.lines
	s.mu.Unlock()
	for i, l := range lines {
		select {
		case <-l.ended:
			continue
		case <-patience.C:
		}
		for _, l := range lines[i:] {
			select {
			case <-l.ended:
			default:
				s.deps.Log.Error("a driver hangs and keeps the gateway from stopping", "bus", string(l.place.kind), "at", l.place.name)
			}
		}
		return
	}
}

// all returns the devices, in the order of the configuration. The slice is
// nobody's to write to.
func (s *Sensors) all() []*device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices
}

// keep writes what is to outlive a restart, now and then, until ctx ends.
func (s *Sensors) keep(ctx context.Context) {
	ticks := time.NewTicker(stateEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			s.flush()
		case <-s.clock.changed:
			s.clock.flush()
		}
	}
}

func (s *Sensors) flush() {
	s.states.flush()
	s.clock.flush()
}

// look has the watch look at all devices again. That one ages later than it did,
// as with every good reading, the watch finds out when it looks next.
func (s *Sensors) look() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// watch changes the status of sensors whose last reading has become too old,
// whatever their drivers are doing.
func (s *Sensors) watch(ctx context.Context) {
	for {
		now := time.Now()
		next := now.Add(time.Hour)
		for _, d := range s.all() {
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
	Raw     []reading.Value // what the driver measured, before any filter
	Err     error
}

// ReadOnce opens and reads every sensor once, in place of Run, and tells
// nobody but the caller. Results are in the order of the configuration.
func (s *Sensors) ReadOnce(ctx context.Context) []Result {
	results := make(map[*device]*Result, len(s.devices))
	for _, d := range s.devices {
		results[d] = &Result{Path: d.path, Driver: d.driver, Err: errors.New("not read")}
	}
	for _, compensated := range [...]bool{false, true} { // first those by which others are
		var wg sync.WaitGroup
		for _, l := range s.lines {
			wg.Go(func() {
				for _, d := range l.devices {
					if (d.ambient != nil) == compensated {
						l.readOnce(ctx, d, results[d])
					}
				}
			})
		}
		wg.Wait()
	}
	for _, l := range s.lines {
		l.close()
	}
	ordered := make([]Result, len(s.devices))
	for i, d := range s.devices {
		ordered[i] = *results[d]
	}
	return ordered
}

// readOnce reads d into r. A sensor that has nothing new yet is asked again as
// long as ctx lasts: a chip that measures every few seconds has just begun.
func (l *line) readOnce(ctx context.Context, d *device, r *Result) {
	const again = 200 * time.Millisecond
	m, err := l.read(ctx, d)
	for errors.Is(err, driver.ErrNothingNew) && bus.Wait(ctx, again) == nil {
		m, err = l.read(ctx, d)
	}
	if r.Err = err; err != nil {
		return
	}
	for i, c := range d.channels {
		r.Raw = append(r.Raw, reading.Value{Quantity: c.Quantity, Number: m.raw[i]})
	}
	r.Reading = d.reading(m, d.pipeline.run(m.raw, m.time))
	if len(r.Reading.Values) == 0 {
		r.Err = errNothingLeft
		return
	}
	d.mu.Lock()
	d.first, d.since, d.air = false, m.time, d.pipeline.own
	d.mu.Unlock()
}

package sensors

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// chip is a driver made for a test. Its functions run on the goroutine of
// the bus.
type chip struct {
	kind      bus.Kind
	minPeriod time.Duration
	channels  []driver.Channel // of the driver; default one temperature
	has       []driver.Channel // of the open sensor; default channels
	open      func(ctx context.Context, slot *bus.Slot) error
	measure   func(ctx context.Context, out []float64) error
	close     func() error
}

var temperature = driver.Channel{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2}

func (c *chip) driver(name string) driver.Driver {
	if c.channels == nil {
		c.channels = []driver.Channel{temperature}
	}
	if c.has == nil {
		c.has = c.channels
	}
	if c.kind == "" {
		c.kind = bus.None
	}
	return driver.Driver{
		Name: name, Title: name, Bus: c.kind, MinPeriod: c.minPeriod, Channels: c.channels, Addrs: []uint16{0x76, 0x77},
		Options: []driver.Option{{Name: "mode", Default: "normal"}},
		Open: func(ctx context.Context, slot *bus.Slot) (driver.Sensor, error) {
			if c.open != nil {
				if err := c.open(ctx, slot); err != nil {
					return nil, err
				}
			}
			return openChip{c}, nil
		},
	}
}

type openChip struct{ c *chip }

func (o openChip) Channels() []driver.Channel { return o.c.has }

func (o openChip) Measure(ctx context.Context, out []float64) error { return o.c.measure(ctx, out) }

func (o openChip) Close() error {
	if o.c.close == nil {
		return nil
	}
	return o.c.close()
}

// become makes the chip of a device a sensor that can do more.
func (d *device) become(more func(openChip) driver.Sensor) {
	open := d.driver.Open
	d.driver.Open = func(ctx context.Context, slot *bus.Slot) (driver.Sensor, error) {
		s, err := open(ctx, slot)
		if err != nil {
			return nil, err
		}
		return more(s.(openChip)), nil
	}
}

// value measures x always.
func value(x float64) func(context.Context, []float64) error {
	return func(_ context.Context, out []float64) error {
		for i := range out {
			out[i] = x
		}
		return nil
	}
}

// event is something that Sensors told, and when.
type event struct {
	at     time.Duration // since the start of the house
	path   string
	status reading.Status // of a change of status
	report *Report        // of a reading
}

func (e event) String() string {
	what := string(e.status)
	if e.report != nil {
		what = fmt.Sprint(e.report.Reading.Values[0].Number)
	}
	return fmt.Sprintf("%v %s", e.at, what)
}

// house is Sensors under test and what it told.
type house struct {
	t       *testing.T
	sensors *Sensors
	start   time.Time
	end     context.CancelFunc
	ended   chan struct{}
	log     *lockedLog

	mu     sync.Mutex
	events []event
}

// lockedLog keeps the log lines.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) lines(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// build prepares sensors with the chips of a test, named as in the
// configuration.
func build(t *testing.T, chips map[string]*chip, cfg ...SensorConfig) *house {
	t.Helper()
	return buildWith(t, Deps{}, chips, cfg...)
}

func buildWith(t *testing.T, deps Deps, chips map[string]*chip, cfg ...SensorConfig) *house {
	t.Helper()
	h := &house{t: t, ended: make(chan struct{}), log: &lockedLog{}}
	if began := time.Now(); deps.sinceBoot == nil {
		deps.sinceBoot = func() time.Duration { return time.Since(began) }
	}
	deps.Log = slog.New(slog.NewTextHandler(h.log, nil))
	deps.Publish = func(r Report) { h.add(event{path: r.Reading.Path.String(), report: &r}) }
	deps.Status = func(p reading.Path, s reading.Status) { h.add(event{path: p.String(), status: s}) }
	deps.lookup = func(name string) (driver.Driver, bool) {
		c, ok := chips[name]
		if !ok {
			return driver.Lookup(name)
		}
		return c.driver(name), true
	}
	for i := range cfg {
		if cfg[i].Room == "" {
			cfg[i].Room = "room"
		}
	}
	s, err := New(Config{Site: "site", Sensors: cfg}, deps)
	if err != nil {
		t.Fatal(err)
	}
	h.sensors = s
	return h
}

// run starts the sensors; stop ends them.
func (h *house) run() *house {
	ctx, cancel := context.WithCancel(context.Background())
	h.start, h.end = time.Now(), cancel
	go func() {
		defer close(h.ended)
		if err := h.sensors.Run(ctx); err != nil {
			h.t.Errorf("Run: %v", err)
		}
	}()
	return h
}

func (h *house) stop() {
	h.end()
	<-h.ended
}

func (h *house) add(e event) {
	e.at = time.Since(h.start)
	h.mu.Lock()
	h.events = append(h.events, e)
	h.mu.Unlock()
}

// told returns what was told of one sensor.
func (h *house) told(sensor string) []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []event
	for _, e := range h.events {
		if e.path == "site/room/"+sensor {
			all = append(all, e)
		}
	}
	return all
}

func (h *house) readings(sensor string) (all []event) {
	for _, e := range h.told(sensor) {
		if e.report != nil {
			all = append(all, e)
		}
	}
	return all
}

func (h *house) statuses(sensor string) string {
	var all []string
	for _, e := range h.told(sensor) {
		if e.report == nil {
			all = append(all, e.String())
		}
	}
	return strings.Join(all, ", ")
}

// fakeI2C is a bus that only counts.
type fakeI2C struct {
	name   string
	closed func()
}

func (f *fakeI2C) String() string                  { return f.name }
func (f *fakeI2C) Tx(uint16, []byte, []byte) error { return io.ErrUnexpectedEOF }
func (f *fakeI2C) SetSpeed(physic.Frequency) error { return nil }
func (f *fakeI2C) Close() error                    { f.closed(); return nil }

var _ i2c.BusCloser = (*fakeI2C)(nil)

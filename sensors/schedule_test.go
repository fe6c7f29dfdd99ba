package sensors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// cell is a variable that a test changes while chips look at it.
type cell[T any] struct {
	mu sync.Mutex
	v  T
}

func newCell[T any](v T) *cell[T] { return &cell[T]{v: v} }

func (c *cell[T]) set(v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v = v
}

func (c *cell[T]) get() T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.v
}

// fakeBuses are I²C buses that do nothing.
var fakeBuses = Deps{OpenI2C: func(name string) (i2c.BusCloser, error) {
	return &fakeI2C{name: name, closed: func() {}}, nil
}}

// Ten chips that convert for 750 ms are all read every second on one bus: while
// one converts the others are read.
func TestConversionsOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, out []float64) error {
			out[0] = 20
			return bus.Wait(ctx, 750*time.Millisecond)
		}
		chips := make(map[string]*chip)
		var cfg []SensorConfig
		for i := range 10 {
			name := fmt.Sprintf("s%d", i)
			chips[name] = &chip{kind: bus.I2C, measure: slow}
			cfg = append(cfg, SensorConfig{Driver: name, Interval: time.Second})
		}
		h := buildWith(t, fakeBuses, chips, cfg...).run()
		time.Sleep(time.Minute)
		h.stop()
		for name := range chips {
			if n := len(h.readings(name)); n < 59 {
				t.Errorf("%s: %d readings in a minute", name, n)
			}
		}
	})
}

// A sensor that hangs in its conversion ends with the gateway, and no goroutine
// is left: synctest waits for them.
func TestStopsInAConversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := false
		deaf := &chip{kind: bus.I2C, measure: func(ctx context.Context, out []float64) error {
			for range 3 { // does not look at the error
				bus.Wait(ctx, time.Hour)
			}
			out[0] = 1
			return nil
		}, close: func() error { closed = true; return nil }}
		h := buildWith(t, fakeBuses, map[string]*chip{"a": deaf}, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Minute)
		h.stop()
		if took := time.Since(h.start); took != time.Minute || !closed {
			t.Errorf("stopped after %v, closed %v", took, closed)
		}
		if stats := h.sensors.Stats()[0]; len(h.readings("a")) != 0 || len(stats.Errors) != 0 {
			t.Errorf("a measurement that was broken off was published, or counted: %+v", stats)
		}
	})
}

func TestSamplesBetweenTwoReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measured := 0
		c := &chip{measure: func(_ context.Context, out []float64) error {
			out[0] = float64(measured % 10)
			measured++
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{
			Driver: "a", Interval: 10 * time.Second, Sample: time.Second,
			Filters: map[string]FilterConfig{"temperature": {SlidingWindowMovingAverage: &WindowConfig{WindowSize: 10}}},
		}).run()
		time.Sleep(35*time.Second + time.Millisecond)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 0 10s 4.5 20s 4.5 30s 4.5]" || measured != 36 {
			t.Errorf("measured %d times, readings %s", measured, got)
		}
	})
}

func TestPublishOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, broken := newCell(20.0), newCell(false)
		c := &chip{measure: func(_ context.Context, out []float64) error {
			if broken.get() {
				return syscall.ENXIO
			}
			out[0] = x.get()
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{
			Driver: "a", Interval: 10 * time.Second, Publish: PublishOnChange, Heartbeat: time.Minute,
			Filters: map[string]FilterConfig{"temperature": {Delta: 0.5}},
		}).run()
		time.Sleep(15 * time.Second)
		x.set(20.4) // less than delta
		time.Sleep(10 * time.Second)
		x.set(20.5)
		time.Sleep(54 * time.Second) // at 79 s
		broken.set(true)
		time.Sleep(40 * time.Second) // no heartbeat of a value that was not read again
		statuses := h.statuses("a")
		broken.set(false)
		time.Sleep(time.Minute)
		h.stop()
		if got := fmt.Sprint(h.readings("a")[:2]); got != "[0s 20 30s 20.5]" || h.readings("a")[2].at < 119*time.Second {
			t.Errorf("readings %s", h.readings("a"))
		}
		if statuses != "0s online, 1m40s stale" {
			t.Errorf("statuses %s", statuses)
		}
		for _, e := range h.readings("a") {
			if e.report.StaleAfter != time.Minute+30*time.Second {
				t.Errorf("it is current for %v, which is not heartbeat and stale_after", e.report.StaleAfter)
			}
		}
		if m := h.sensors.all()[0].meta(); m.Heartbeat != 60 || m.StaleAfter != 30 {
			t.Errorf("others are told %+v", m)
		}
	})
}

// noticer is a chip with an Awaiter and times of its own.
type noticer struct {
	openChip
	events chan time.Time
	at     time.Time
	broken atomic.Bool
}

func (n *noticer) Await(ctx context.Context) error {
	if n.broken.Load() {
		return errors.New("the line is gone")
	}
	select {
	case n.at = <-n.events:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *noticer) Measured() time.Time { return n.at }

func TestEventsArePublishedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &noticer{events: make(chan time.Time)}
		x := newCell(0.0)
		c := &chip{kind: bus.GPIO, measure: func(_ context.Context, out []float64) error { out[0] = x.get(); return nil }}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a", Interval: time.Minute})
		h.sensors.devices[0].become(func(o openChip) driver.Sensor { n.openChip = o; return n })
		h.run()
		time.Sleep(10 * time.Second)
		x.set(1)
		happened := time.Now()
		time.Sleep(time.Millisecond) // the kernel took it, we are late
		n.events <- happened
		time.Sleep(20*time.Second - time.Millisecond)
		h.sensors.Set(t.Context(), h.sensors.devices[0].path, SetRead, 0)
		time.Sleep(20 * time.Second)
		n.broken.Store(true)
		n.events <- time.Now()
		time.Sleep(time.Second)
		stats := h.sensors.Stats()[0]
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 0 10.001s 1 30s 1 50s 1]" {
			t.Errorf("readings %s", got)
		}
		if r := h.readings("a")[1].report.Reading; !r.Time.Equal(happened) {
			t.Errorf("the event is of %v, want 10s", r.Time.Sub(h.start))
		}
		if stats.LastError != "the line is gone" || stats.Errors["other"] == 0 {
			t.Errorf("an Await that failed: %+v", stats)
		}
	})
}

// A chip whose clock is ahead of ours measures nothing in the future: its
// reading would be current for longer than it is.
func TestNoReadingOfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := newCell(false)
		c := &chip{kind: bus.Serial, measure: func(_ context.Context, out []float64) error {
			if broken.get() {
				return syscall.EIO
			}
			out[0] = 1
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"})
		h.sensors.devices[0].become(func(o openChip) driver.Sensor { return &ahead{o} })
		h.run()
		time.Sleep(time.Second)
		broken.set(true)
		time.Sleep(2 * time.Minute)
		h.stop()
		if got := h.statuses("a"); !strings.HasPrefix(got, "0s online, 30s stale, 1m0s fault") {
			t.Errorf("statuses %s", got)
		}
		if r := h.readings("a")[0].report.Reading; !r.Time.Equal(h.start) {
			t.Errorf("it was measured at %v, want 0s", r.Time.Sub(h.start))
		}
	})
}

// ahead is a chip whose clock is an hour ahead.
type ahead struct{ openChip }

func (*ahead) Measured() time.Time { return time.Now().Add(time.Hour) }

// Messages that say nothing new, of a device that sends every second, are not
// published with on_change.
func TestEventsWithoutAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &noticer{events: make(chan time.Time)}
		x := newCell(0.2)
		c := &chip{kind: bus.Topic, measure: func(_ context.Context, out []float64) error { out[0] = x.get(); return nil }}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{
			Driver: "a", Interval: time.Minute, Publish: PublishOnChange, Heartbeat: time.Minute,
			Filters: map[string]FilterConfig{"temperature": {Delta: 0.1}},
		})
		h.sensors.devices[0].become(func(o openChip) driver.Sensor { n.openChip = o; return n })
		h.run()
		for i := range 100 {
			time.Sleep(time.Second)
			if i == 29 {
				x.set(0.3)
			}
			n.events <- time.Now()
		}
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 0.2 30s 0.3 1m30s 0.3]" {
			t.Errorf("readings %s", got)
		}
	})
}

func TestDiffers(t *testing.T) {
	for _, tt := range []struct {
		a, b, delta float64
		want        bool
	}{
		{0.3, 0.2, 0.1, true}, {21.2, 21.1, 0.1, true}, {-0.3, -0.2, 0.1, true}, {1013.4, 1013.3, 0.1, true},
		{0.29, 0.2, 0.1, false}, {5, 5, 0, false}, {5, 5.001, 0, true}, {0, 1e-9, 0, true},
	} {
		if differs(tt.a, tt.b, tt.delta) != tt.want || differs(tt.b, tt.a, tt.delta) != tt.want {
			t.Errorf("%v and %v differ by %v: not %v", tt.a, tt.b, tt.delta, tt.want)
		}
	}
}

// Nobody awaits anything of a sensor that is in the middle of a measurement.
func TestNoAwaitWithinAMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &noticer{events: make(chan time.Time)}
		c := &chip{kind: bus.GPIO, measure: func(ctx context.Context, out []float64) error {
			n.broken.Store(true) // Await fails
			defer n.broken.Store(false)
			out[0] = 1
			return bus.Wait(ctx, time.Second)
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"})
		h.sensors.devices[0].become(func(o openChip) driver.Sensor { n.openChip = o; return n })
		h.run()
		time.Sleep(30 * time.Second)
		stats := h.sensors.Stats()[0]
		h.stop()
		if stats.LastError != "" || len(h.readings("a")) != 3 {
			t.Errorf("readings %v, stats %+v", h.readings("a"), stats)
		}
	})
}

func TestNothingNewIsNoFailureAndNoReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &chip{measure: func(_ context.Context, out []float64) error {
			if calls++; calls > 2 {
				return fmt.Errorf("message: %w", driver.ErrNothingNew)
			}
			out[0] = 1
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(99 * time.Second)
		stats := h.sensors.Stats()[0]
		h.stop()
		if got := fmt.Sprint(h.told("a")); got != "[0s 1 0s online 10s 1 40s stale 1m10s fault 1m39s offline]" {
			t.Errorf("told %s", got)
		}
		if calls != 10 || len(stats.Errors) != 0 || stats.LastError != "" {
			t.Errorf("%d calls, stats %+v", calls, stats)
		}
	})
}

// After a gap a filter does not mix what was before with what is now.
func TestFiltersForgetOverAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, broken := newCell(20.0), newCell(false)
		c := &chip{measure: func(_ context.Context, out []float64) error {
			if broken.get() {
				return syscall.ENXIO
			}
			out[0] = x.get()
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a", Filters: map[string]FilterConfig{
			"temperature": {Median: &WindowConfig{WindowSize: 5}},
		}}).run()
		time.Sleep(55 * time.Second)
		broken.set(true)
		time.Sleep(5 * time.Minute)
		x.set(5)
		broken.set(false)
		time.Sleep(2 * time.Minute)
		h.stop()
		all := h.readings("a")
		if i := slices.IndexFunc(all, func(e event) bool { return e.at > time.Minute }); all[i].report.Reading.Values[0].Number != 5 {
			t.Errorf("the first reading after the gap is %v", all[i])
		}
	})
}

// A gap is one of a value, too: the others of its sensor may have been good.
func TestFiltersForgetOverAGapOfOneValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newCell(20.0)
		c := &chip{measure: func(_ context.Context, out []float64) error { out[0], out[1] = x.get(), 50; return nil },
			channels: []driver.Channel{temperature, {Quantity: reading.Humidity, Max: 100}}}
		most := 50.0
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a", Filters: map[string]FilterConfig{"temperature": {
			Clamp: &ClampConfig{MaxValue: &most, IgnoreOutOfRange: true}, Median: &WindowConfig{WindowSize: 5}, ExponentialMovingAverage: &AverageConfig{Alpha: 0.1},
		}}}).run()
		time.Sleep(55 * time.Second)
		x.set(80) // in the sun
		time.Sleep(5 * time.Minute)
		x.set(5)
		time.Sleep(9 * time.Second)
		h.stop()
		all := h.readings("a")
		if got := fmt.Sprint(all[len(all)-1].report.Reading.Values); got != "[{temperature 5} {humidity 50}]" {
			t.Errorf("the first reading after the gap is %s", got)
		}
	})
}

// One whose values are all dropped by its clamp is in fault, and says why.
func TestAllValuesDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		least := 10.0
		h := build(t, map[string]*chip{"a": {measure: value(5)}}, SensorConfig{Driver: "a", Filters: map[string]FilterConfig{
			"temperature": {Clamp: &ClampConfig{MinValue: &least, IgnoreOutOfRange: true}},
		}}).run()
		time.Sleep(time.Second)
		stats := h.sensors.Stats()[0]
		h.stop()
		if h.statuses("a") != "0s fault, 1s offline" || !strings.Contains(stats.LastError, "clamp") || stats.Errors["implausible"] == 0 {
			t.Errorf("statuses %s, stats %+v", h.statuses("a"), stats)
		}
	})
}

// settable is a chip of which something can be set.
type settable struct {
	openChip
	set func(name string, value float64) error
}

func (s settable) Set(_ context.Context, name string, value float64) error { return s.set(name, value) }

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		total := 5.0
		c := &chip{kind: bus.I2C, measure: func(ctx context.Context, out []float64) error {
			x := total
			defer func() { out[0] = x }()
			return bus.Wait(ctx, 2*time.Second)
		}}
		h := buildWith(t, fakeBuses, map[string]*chip{"a": c}, SensorConfig{Driver: "a", Interval: time.Minute})
		d := h.sensors.devices[0]
		d.driver.Settings = []driver.Setting{{Name: "total", Min: 0, Max: 80}}
		d.become(func(o openChip) driver.Sensor {
			return settable{o, func(name string, value float64) error {
				if value == 13 {
					return errors.New("bad luck")
				}
				total = value
				return nil
			}}
		})
		h.run()
		set := func(sensor, name string, value float64) string {
			path, _ := reading.NewPath("site", "room", sensor)
			if err := h.sensors.Set(t.Context(), path, name, value); err != nil {
				return err.Error()
			}
			return ""
		}
		time.Sleep(time.Second)
		if got := set("a", "total", 42); got != "" { // waits until the measurement has ended
			t.Error(got)
		}
		if at := time.Since(h.start); at != 2*time.Second {
			t.Errorf("set after %v", at)
		}
		for _, tt := range []struct{ sensor, name, want string }{
			{"b", "total", "there is no sensor site/room/b"},
			{"a", "colour", "no such thing; it has read, total"},
		} {
			if got := set(tt.sensor, tt.name, 1); !strings.Contains(got, tt.want) {
				t.Errorf("%s %s: %q, want %q in it", tt.sensor, tt.name, got, tt.want)
			}
		}
		for x, want := range map[float64]string{81: "out of range", math.NaN(): "out of range", 13: "bad luck"} {
			if got := set("a", "total", x); !strings.Contains(got, want) {
				t.Errorf("%v: %q, want %q in it", x, got, want)
			}
		}
		time.Sleep(10 * time.Second)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); !strings.HasPrefix(got, "[2s 5 4s 42") {
			t.Errorf("readings %s", got)
		}
	})
}

// However often somebody wants to have a sensor read now, its chip is not asked
// more often than it can take.
func TestReadNowKeepsMinPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, map[string]*chip{"a": {measure: value(1), minPeriod: 8 * time.Second}}, SensorConfig{Driver: "a", Interval: time.Hour}).run()
		for range 40 {
			time.Sleep(500 * time.Millisecond)
			h.sensors.Set(t.Context(), h.sensors.devices[0].path, SetRead, 0)
		}
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 1 8s 1 16s 1]" {
			t.Errorf("readings %s", got)
		}
	})
}

// What was to be set while a driver hung is not set after all when it comes
// back: whoever asked was told that it failed. And when nothing is read any more
// nobody waits.
func TestSetOfASensorThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, total := make(chan struct{}), newCell(0.0)
		h := build(t, map[string]*chip{"a": {measure: func(_ context.Context, out []float64) error {
			out[0] = 1
			<-release
			return nil
		}}}, SensorConfig{Driver: "a"})
		d := h.sensors.devices[0]
		d.driver.Settings = []driver.Setting{{Name: "total", Max: 80}}
		d.become(func(o openChip) driver.Sensor {
			return settable{o, func(_ string, x float64) error { total.set(x); return nil }}
		})
		h.run()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := h.sensors.Set(ctx, d.path, "total", 5); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("set of a sensor that hangs: %v", err)
		}
		close(release)
		time.Sleep(time.Minute)
		if x := total.get(); x != 0 {
			t.Errorf("total was set to %v, long after", x)
		}
		h.stop()
		if err := h.sensors.Set(context.Background(), d.path, "total", 5); err == nil || !strings.Contains(err.Error(), "not read any more") {
			t.Errorf("set of a sensor that is not read any more: %v", err)
		}
	})
}

// Whoever sets something is told when it cannot be written, each time.
func TestSetSaysWhatCannotBeWritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file in the place of the folder
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h := buildWith(t, Deps{StateFolder: folder}, map[string]*chip{"a": {measure: value(1)}}, SensorConfig{Driver: "a"})
		d := h.sensors.devices[0]
		d.driver.Settings = []driver.Setting{{Name: "total", Max: 80}}
		d.become(func(o openChip) driver.Sensor {
			return settable{o, func(_ string, x float64) error { return d.state.Save(x) }}
		})
		h.run()
		time.Sleep(time.Second)
		for range 2 {
			if err := h.sensors.Set(t.Context(), d.path, "total", 5); err == nil || !strings.Contains(err.Error(), "would not outlive a power cut") {
				t.Errorf("set: %v", err)
			}
		}
		h.stop()
	})
}

func TestCompensation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []driver.Ambient
		broken := newCell(false)
		chips := map[string]*chip{
			"climate": {measure: func(_ context.Context, out []float64) error {
				if broken.get() {
					return syscall.ENXIO
				}
				out[0], out[1] = 22, 64
				return nil
			}, channels: []driver.Channel{temperature, {Quantity: reading.Humidity, Max: 100, Decimals: 1}}},
			"gas": {measure: value(7), channels: []driver.Channel{{Quantity: reading.VOCIndex, Max: 500}}},
		}
		h := build(t, chips,
			SensorConfig{Driver: "climate", Derive: []string{"dew_point"}, Filters: map[string]FilterConfig{"temperature": {Unit: "°F"}}},
			SensorConfig{Driver: "gas", CompensateFrom: "room/climate", Derive: []string{"absolute_humidity"}})
		h.sensors.devices[1].become(func(o openChip) driver.Sensor {
			return compensated{o, func(a driver.Ambient) { told = append(told, a) }}
		})
		h.run()
		time.Sleep(35 * time.Second)
		broken.set(true)
		time.Sleep(2 * time.Minute)
		h.stop()
		if a := told[1]; a.Temperature != 22 || a.Humidity != 64 || !math.IsNaN(a.Pressure) {
			t.Errorf("it was told %+v", a)
		}
		if a := told[len(told)-1]; !math.IsNaN(a.Temperature) || !math.IsNaN(a.Humidity) {
			t.Errorf("it was told %+v by a sensor that has been silent for long", a)
		}
		climate := h.readings("climate")[1].report.Reading.Values
		if fmt.Sprint(climate) != "[{temperature_fahrenheit 71.6} {humidity 64} {dew_point 14.9}]" {
			t.Errorf("climate %v", climate)
		}
		gas := h.readings("gas")[1].report.Reading.Values
		if fmt.Sprint(gas) != "[{voc_index 7} {absolute_humidity 12.4}]" {
			t.Errorf("gas %v", gas)
		}
		last := h.readings("gas")
		if v := last[len(last)-1].report.Reading.Values; len(v) != 1 {
			t.Errorf("a derived value of air that nobody knows: %v", v)
		}
	})
}

type compensated struct {
	openChip
	told func(driver.Ambient)
}

func (c compensated) Compensate(a driver.Ambient) { c.told(a) }

// strange is a chip whose lesser methods panic.
type strange struct {
	openChip
	channels, compensate, measured bool
}

func (s strange) Channels() []driver.Channel {
	if s.channels {
		panic("no channels")
	}
	return s.openChip.Channels()
}

func (s strange) Compensate(driver.Ambient) {
	if s.compensate {
		panic("no air")
	}
}

func (s strange) Measured() time.Time {
	if s.measured {
		panic("no time")
	}
	return time.Time{}
}

func TestPanicOfAnyMethodIsContained(t *testing.T) {
	for want, s := range map[string]strange{
		"driver a panicked: no channels": {channels: true},
		"driver a panicked: no air":      {compensate: true},
		"driver a panicked: no time":     {measured: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := build(t, map[string]*chip{"a": {measure: value(1)}, "b": {measure: value(2)}},
				SensorConfig{Driver: "a", CompensateFrom: "room/b"}, SensorConfig{Driver: "b"})
			h.sensors.devices[0].become(func(o openChip) driver.Sensor { s.openChip = o; return s })
			h.run()
			time.Sleep(59 * time.Second)
			stats := h.sensors.Stats()[0]
			h.stop()
			if stats.LastError != want || stats.Status != reading.Fault || len(h.readings("b")) != 6 {
				t.Errorf("stats %+v, %d readings of the other sensor", stats, len(h.readings("b")))
			}
		})
	}
}

// A bus on which nothing answers loses its power for a moment, if it has a
// switch.
func TestPowerOfADeadBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pin := &fakePin{}
		dead := true
		measure := func(_ context.Context, out []float64) error {
			if pin.was("off") {
				t.Error("a chip was asked while it had no power")
			}
			if dead && !pin.was("off 2s on") {
				return syscall.ETIMEDOUT
			}
			out[0] = 1
			return nil
		}
		deps := fakeBuses
		deps.Lines = pin
		chips := map[string]*chip{"a": {kind: bus.I2C, measure: measure}, "b": {kind: bus.I2C, measure: measure}}
		h := buildWith(t, deps, chips, SensorConfig{Driver: "a", Bus: "i2c-1"}, SensorConfig{Driver: "b", Bus: "i2c-1", Address: 0x77})
		h.sensors.buses = []BusConfig{{Name: "/dev/i2c-1", PowerPin: "GPIO4", PowerActiveLow: true}}
		h.run()
		for range 5 * 60 { // nor by a person
			time.Sleep(time.Second)
			h.sensors.Set(t.Context(), h.sensors.devices[0].path, SetRead, 0)
		}
		h.stop()
		if len(h.readings("a")) == 0 || len(h.readings("b")) == 0 || !pin.was("off 2s on") {
			t.Errorf("%d and %d readings, pin %v", len(h.readings("a")), len(h.readings("b")), pin.log)
		}
		if h.log.lines("without power") != 1 || h.log.lines("no sensor of the bus") != 1 || h.log.lines("works again") != 1 {
			t.Errorf("the log says: %s", h.log.text.String())
		}
	})
}

// fakePin is a switch that is on while its line is low.
type fakePin struct {
	log  []string
	last time.Time
}

func (p *fakePin) Input(string, bus.InputOptions) (bus.Input, error) {
	return nil, errors.New("no input")
}

func (p *fakePin) Output(_ string, high bool) (bus.Output, error) { return p, p.Set(high) }

func (p *fakePin) Set(high bool) error {
	if !high {
		p.log = append(p.log, time.Since(p.last).String(), "on")
		return nil
	}
	p.log, p.last = append(p.log, "off"), time.Now()
	return nil
}

func (p *fakePin) Close() error { return nil }

func (p *fakePin) was(log string) bool { return strings.Join(p.log, " ") == log }

// Thermometers of one 1-Wire bus are due together, so that one conversion
// serves them all.
func TestOneWireIsDueTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips := map[string]*chip{
			"a": {kind: bus.OneWire, measure: value(1)}, "b": {kind: bus.None, measure: value(2)}, "c": {kind: bus.OneWire, measure: value(3)},
		}
		h := build(t, chips, SensorConfig{Driver: "a", Bus: "w1"}, SensorConfig{Driver: "b"}, SensorConfig{Driver: "c", Bus: "w1"}).run()
		time.Sleep(21 * time.Second)
		h.stop()
		var at [2][]time.Duration
		for i, name := range []string{"a", "c"} {
			for _, e := range h.readings(name) {
				at[i] = append(at[i], e.at)
			}
		}
		if !slices.Equal(at[0], at[1]) || len(at[0]) < 3 {
			t.Errorf("read at %v and at %v", at[0], at[1])
		}
	})
}

// A sensor that answers again, but has nothing new, is not said to be read
// again before it is.
func TestReadAgainIsSaidOfAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &chip{measure: func(_ context.Context, out []float64) error {
			calls++
			switch {
			case calls < 4:
				return syscall.ENXIO
			case calls < 6:
				return driver.ErrNothingNew
			}
			out[0] = 1
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(12 * time.Second)
		if n := h.log.lines("is read again"); n != 0 {
			t.Errorf("said %d times of a sensor that had nothing new", n)
		}
		time.Sleep(20 * time.Second)
		h.stop()
		if n := h.log.lines("is read again"); n != 1 {
			t.Errorf("said %d times: %s", n, h.log.text.String())
		}
	})
}

// What is behind a status is told when it changes, not again and again, and
// not with every byte of a disturbed line.
func TestDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type told struct {
			at time.Duration
			reading.Detail
		}
		var all []told
		start := time.Now()
		calls := 0
		c := &chip{measure: func(_ context.Context, out []float64) error {
			calls++
			if at := time.Since(start); at > 25*time.Second && at < 3*time.Minute {
				return fmt.Errorf("garbage %d: %w", calls, syscall.ENXIO)
			}
			out[0] = 1
			return nil
		}}
		h := buildWith(t, Deps{Detail: func(_ reading.Path, d reading.Detail) { all = append(all, told{time.Since(start), d}) }},
			map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(5 * time.Minute)
		h.stop()
		var lines []string
		for _, d := range all {
			lines = append(lines, fmt.Sprintf("%v %s %v", d.at.Round(time.Second), d.Status, d.Reason != ""))
		}
		want := "0s online false, 30s online true, 50s stale true, 1m20s fault true, "
		if got := strings.Join(lines, ", "); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "online false, 5m0s offline false") || len(all) > 8 {
			t.Errorf("told %s", got)
		}
		last := all[len(all)-3]
		if last.Since.Sub(start) != 80*time.Second || last.LastGood.Sub(start) != 20*time.Second || last.Errors["nack"] < 3 {
			t.Errorf("detail %+v", last)
		}
	})
}

// Why there is nothing new is told when a sensor becomes stale of it, and not
// before.
func TestDetailOfSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []string
		silent := newCell(false)
		c := &chip{measure: func(_ context.Context, out []float64) error {
			if silent.get() {
				return fmt.Errorf("%w: passed over a message", driver.ErrNothingNew)
			}
			out[0] = 1
			return nil
		}}
		h := buildWith(t, Deps{Detail: func(_ reading.Path, d reading.Detail) { all = append(all, string(d.Status)+" "+d.Reason) }},
			map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(5 * time.Second)
		silent.set(true)
		time.Sleep(2 * time.Minute)
		silent.set(false)
		time.Sleep(time.Minute)
		h.stop()
		const why = "nothing new was measured: passed over a message"
		if got := strings.Join(all, ", "); got != "online , stale "+why+", fault "+why+", online , offline " {
			t.Errorf("told %s", got)
		}
	})
}

// What a sensor is is told once it is known, and again when it has become
// another.
func TestMeta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []reading.Meta
		broken := newCell(true)
		c := &chip{
			channels: []driver.Channel{temperature, {Quantity: reading.Humidity, Max: 100, Decimals: 1}},
			open: func(context.Context, *bus.Slot) error {
				if broken.get() {
					return syscall.ENXIO
				}
				return nil
			},
			measure: value(1),
		}
		h := buildWith(t, Deps{Meta: func(_ reading.Path, m reading.Meta) { all = append(all, m) }}, map[string]*chip{"a": c},
			SensorConfig{Driver: "a", Derive: []string{"dew_point"}, Filters: map[string]FilterConfig{"temperature": {Unit: "°F", Round: digits(0)}}}).run()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(all) != 0 {
			t.Errorf("told before it was open: %+v", all)
		}
		broken.set(false)
		time.Sleep(time.Minute)
		h.stop()
		if len(all) != 1 {
			t.Fatalf("told %d times", len(all))
		}
		m := all[0]
		f, rh, dew := m.Values["temperature_fahrenheit"], m.Values["humidity"], m.Values["dew_point"]
		if m.Driver != "a" || m.Interval != 10 || m.StaleAfter != 30 || len(m.Values) != 3 {
			t.Errorf("%+v", m)
		}
		if f.Unit != "°F" || f.Decimals != 0 || f.Min != nil || f.Class != "temperature" || *rh.Max != 100 || rh.Decimals != 1 || dew.Unit != "°C" || dew.Min != nil {
			t.Errorf("%+v", m.Values)
		}
	})
}

// Two hundred sensors are spread over their interval, and still wake the
// processor up only every 20 ms.
func TestTicksFallTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips := map[string]*chip{"x": {measure: value(20)}}
		var cfg []SensorConfig
		for i := range 200 {
			cfg = append(cfg, SensorConfig{Driver: "x", Name: fmt.Sprintf("s%d", i), Interval: time.Second})
		}
		h := build(t, chips, cfg...).run()
		time.Sleep(time.Second + time.Millisecond) // the first of all come at once
		synctest.Wait()
		h.mu.Lock()
		h.events = nil
		h.mu.Unlock()
		time.Sleep(time.Second)
		h.stop()
		at := make(map[time.Duration]int)
		for i := range 200 {
			readings := h.readings(fmt.Sprintf("s%d", i))
			if len(readings) != 1 {
				t.Errorf("%d readings of s%d in a second", len(readings), i)
			}
			for _, e := range readings {
				at[e.at]++
			}
		}
		if len(at) != 50 {
			t.Errorf("readings at %d moments of a second, want 50", len(at))
		}
		for when, n := range at {
			if n > 5 {
				t.Errorf("%d readings at %v", n, when)
			}
		}
	})
}

// When a dead bus works again, its sensors do not sit out their backoff.
func TestBusThatWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := newCell(false)
		c := &chip{kind: bus.I2C, measure: func(_ context.Context, out []float64) error {
			if dead.get() {
				return syscall.ETIMEDOUT
			}
			out[0] = 1
			return nil
		}}
		chips := map[string]*chip{"a": c, "b": c, "c": c}
		h := buildWith(t, fakeBuses, chips, SensorConfig{Driver: "a", Interval: 7 * time.Second}, SensorConfig{Driver: "b", Interval: 11 * time.Second}, SensorConfig{Driver: "c", Interval: 13 * time.Second}).run()
		time.Sleep(time.Minute)
		dead.set(true)
		time.Sleep(10 * time.Minute)
		dead.set(false)
		time.Sleep(2 * time.Minute)
		h.stop()
		var first []time.Duration
		for name := range chips {
			for _, e := range h.readings(name) {
				if e.at > 11*time.Minute {
					first = append(first, e.at)
					break
				}
			}
		}
		if len(first) != 3 || slices.Max(first)-slices.Min(first) > time.Second {
			t.Errorf("read again at %v", first)
		}
	})
}

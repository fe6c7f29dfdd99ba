package sensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

func TestFirstReadingAtOnceThenOnTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, map[string]*chip{"a": {measure: value(21.456)}},
			SensorConfig{Driver: "a", Interval: 10 * time.Second, Values: true}).run()
		time.Sleep(35 * time.Second)
		h.stop()
		if got := fmt.Sprint(h.told("a")); got != "[0s 21.46 0s online 10s 21.46 20s 21.46 30s 21.46 35s offline]" {
			t.Errorf("told %s", got)
		}
		r := h.readings("a")[0].report
		if r.StaleAfter != 30*time.Second || !r.Values || r.Reading.Path.String() != "site/room/a" || r.Reading.Simulated {
			t.Errorf("report %+v", r)
		}
	})
}

func TestTicksAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips := map[string]*chip{"a": {measure: value(1)}, "b": {measure: value(2)}}
		h := build(t, chips, SensorConfig{Driver: "a"}, SensorConfig{Driver: "b"}).run()
		time.Sleep(21 * time.Second)
		h.stop()
		if a, b := fmt.Sprint(h.readings("a")), fmt.Sprint(h.readings("b")); a != "[0s 1 5s 1 15s 1]" || b != "[0s 2 10s 2 20s 2]" {
			t.Errorf("a %s, b %s", a, b)
		}
	})
}

func TestMinPeriodIsKeptAfterTheFirstReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips := map[string]*chip{"a": {measure: value(1), minPeriod: 8 * time.Second}, "b": {measure: value(1)}}
		h := build(t, chips, SensorConfig{Driver: "a"}, SensorConfig{Driver: "b"}).run()
		time.Sleep(16 * time.Second)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 1 15s 1]" {
			t.Errorf("told %s", got)
		}
	})
}

// A chip that is read as often as it can be misses no tick, although each
// measurement begins a little late.
func TestMinPeriodOfTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &chip{minPeriod: 5 * time.Second, measure: func(_ context.Context, out []float64) error {
			calls++
			time.Sleep(time.Duration(calls%3) * 100 * time.Millisecond) // the bus is busy
			if calls%4 == 0 {
				return driver.ErrNothingNew
			}
			out[0] = 1
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a", Interval: 5 * time.Second}).run()
		time.Sleep(time.Minute + time.Second)
		h.stop()
		if calls != 13 {
			t.Errorf("%d measurements in a minute, want 13", calls)
		}
	})
}

// A measurement that takes longer than the interval skips ticks instead of
// queueing them, and stays on the grid.
func TestSlowMeasurementSkipsTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, out []float64) error {
			out[0] = 1
			return bus.Wait(ctx, 12*time.Second)
		}
		h := build(t, map[string]*chip{"a": {measure: slow}}, SensorConfig{Driver: "a", StaleAfter: time.Hour}).run()
		time.Sleep(65 * time.Second)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[12s 1 32s 1 52s 1]" {
			t.Errorf("told %s", got)
		}
		if r := h.readings("a")[1].report.Reading; r.Time.Sub(h.start) != 20*time.Second {
			t.Errorf("the time of the reading is %v, want that of its beginning", r.Time.Sub(h.start))
		}
	})
}

func TestRetriesWithinATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &chip{measure: func(_ context.Context, out []float64) error {
			if calls++; calls < 3 {
				return fmt.Errorf("read register 0xf7: %w", syscall.ENXIO)
			}
			out[0] = 20
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Second)
		stats := h.sensors.Stats()[0]
		h.stop()
		if got := fmt.Sprint(h.told("a")); got != "[100ms 20 100ms online 1s offline]" {
			t.Errorf("told %s", got)
		}
		if stats.Reads != 1 || stats.Errors["nack"] != 2 || stats.Status != reading.Online || stats.LastError != "" {
			t.Errorf("stats %+v", stats)
		}
		if n := h.log.lines("cannot be read"); n != 0 {
			t.Errorf("%d log lines about an error that went away", n)
		}
	})
}

func TestTimeoutIsNotRetriedWithinATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &chip{measure: func(ctx context.Context, _ []float64) error {
			calls++
			bus.Wait(ctx, 3*time.Second)
			return syscall.ETIMEDOUT
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(3500 * time.Millisecond)
		h.stop()
		if calls != 1 {
			t.Errorf("%d attempts, want 1: others wait for the bus", calls)
		}
	})
}

// A sensor that is pulled goes stale, then in fault; it is tried again for
// ever and opened anew when it is back.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		opens, tries := 0, []time.Duration{}
		start := time.Now()
		c := &chip{
			open: func(context.Context, *bus.Slot) error {
				opens++
				if gone.Load() {
					tries = append(tries, time.Since(start))
					return fmt.Errorf("no acknowledgement: %w", syscall.ENXIO)
				}
				return nil
			},
			measure: func(_ context.Context, out []float64) error {
				if gone.Load() {
					return fmt.Errorf("no acknowledgement: %w", syscall.ENXIO)
				}
				out[0] = 20
				return nil
			},
		}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(95 * time.Second)
		gone.Store(true)
		time.Sleep(5*time.Hour + 5*time.Second) // until 5:01:40
		gone.Store(false)
		time.Sleep(time.Minute)
		h.stop()

		if got := h.statuses("a"); !strings.HasPrefix(got, "0s online, 2m0s stale, 2m30s fault, 5h1m4") || strings.Count(got, ",") != 4 {
			t.Errorf("statuses %s", got)
		}
		for i := 1; i < len(tries); i++ {
			if d := tries[i] - tries[i-1]; d > maxBackoff+time.Second {
				t.Errorf("no attempt for %v", d)
			}
		}
		for _, e := range h.readings("a") {
			if age := h.start.Add(e.at).Sub(e.report.Reading.Time); age != 0 {
				t.Errorf("a reading was published %v after its time", age)
			}
			if e.at > 90*time.Second && e.at < 5*time.Hour {
				t.Errorf("a reading at %v, during the outage", e.at)
			}
		}
		if h.log.lines("nothing is heard") != 0 {
			t.Error("the log says twice what is wrong")
		}
		if n := h.log.lines("cannot be read"); n != 5 {
			t.Errorf("%d log lines in an outage of five hours, want one and one per full hour", n)
		}
		if h.log.lines("is read again") != 1 {
			t.Error("the log does not say that the sensor is back")
		}
		last := h.readings("a")
		if at := last[len(last)-1].at; at%(10*time.Second) != 0 {
			t.Errorf("after the outage it is read at %v, off its grid", at)
		}
	})
}

// A loose contact does not fill the log, and what becomes of it is said all the
// same.
func TestLooseContactIsNotLoggedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, mended := 0, newCell(false)
		c := &chip{measure: func(_ context.Context, out []float64) error {
			out[0] = 20
			if calls++; calls%5 < 3 && !mended.get() { // all attempts of a tick, and not of the next two
				return fmt.Errorf("byte %d: %w", calls, syscall.EIO)
			}
			return nil
		}}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a", Interval: time.Second}).run()
		time.Sleep(3*time.Hour - time.Second)
		if n := h.log.lines("sensor=site/room/a"); n != 3*linesPerHour {
			t.Errorf("%d lines in three hours, want %d", n, 3*linesPerHour)
		}
		time.Sleep(time.Hour)
		mended.set(true)
		time.Sleep(time.Hour)
		n := h.log.lines("sensor=site/room/a")
		h.stop()
		if h.log.lines("comes and goes") < 3 || n > 5*linesPerHour {
			t.Errorf("%d lines in five hours", n)
		}
	})
}

func TestAbsentFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chip{open: func(context.Context, *bus.Slot) error { return errors.New("chip id 0x58: this is another chip") }}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(10 * time.Minute)
		stats := h.sensors.Stats()[0]
		h.stop()
		if got := h.statuses("a"); got != "0s fault, 10m0s offline" {
			t.Errorf("statuses %s", got)
		}
		if !strings.Contains(stats.LastError, "0x58") || stats.Errors["other"] == 0 || !stats.LastGood.IsZero() {
			t.Errorf("stats %+v", stats)
		}
	})
}

// While a driver hangs its sensor's status is still right, other buses go on,
// and what it returns in the end is as old as it is.
func TestHangingDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		first := true
		hanging := &chip{measure: func(_ context.Context, out []float64) error {
			if !first {
				<-release // deaf to the context, as a system call is
			}
			first = false
			out[0] = 1
			return nil
		}}
		h := build(t, map[string]*chip{"a": hanging, "b": {measure: value(2)}},
			SensorConfig{Driver: "a"}, SensorConfig{Driver: "b"}).run()
		time.Sleep(2 * time.Minute)
		close(release)
		time.Sleep(9 * time.Second)
		h.stop()
		if got := h.statuses("a"); got != "0s online, 30s stale, 1m0s fault, 2m5s online, 2m9s offline" {
			t.Errorf("statuses of the hanging one: %s", got)
		}
		if h.log.lines("nothing is heard of the sensor") != 1 {
			t.Errorf("the log does not say that it hangs: %s", h.log.text.String())
		}
		if got := len(h.readings("b")); got != 13 {
			t.Errorf("%d readings of the other one, want 13", got)
		}
		late := h.readings("a")[1]
		if age := h.start.Add(late.at).Sub(late.report.Reading.Time); age != 115*time.Second {
			t.Errorf("the late reading says it is %v old, want 1m55s", age)
		}
	})
}

func TestHangingFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := &chip{open: func(context.Context, *bus.Slot) error { <-release; return nil }, measure: value(1)}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(90 * time.Second)
		h.end()
		synctest.Wait()
		select {
		case <-h.ended:
			t.Error("Run returned before its goroutine ended")
		default:
		}
		close(release)
		<-h.ended
		if got := h.statuses("a"); got != "30s stale, 1m0s fault, 1m30s offline" {
			t.Errorf("statuses %s", got)
		}
	})
}

// A driver that hangs when the gateway is to stop does not keep the others from
// being offline, nor what they saved from being written.
func TestHangingWhenItIsToStop(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := &chip{measure: func(context.Context, []float64) error { <-release; return nil }}
		deps := Deps{StateFolder: folder, ClockSynced: func() bool { return true }}
		h := buildWith(t, deps, map[string]*chip{"a": c, "b": {measure: value(1)}}, SensorConfig{Driver: "a"}, SensorConfig{Driver: "b"}).run()
		time.Sleep(10 * time.Second)
		h.sensors.devices[1].state.Save("total")
		h.end()
		time.Sleep(9 * time.Second)
		if a, b := h.statuses("a"), h.statuses("b"); a != "15s offline" || b != "0s online, 15s offline" {
			t.Errorf("a: %s; b: %s", a, b)
		}
		if files, _ := os.ReadDir(folder); len(files) != 1 {
			t.Errorf("%d files are written, want 1", len(files))
		}
		if h.log.lines("a driver hangs") != 1 || h.log.lines("at=site/room/a") != 1 {
			t.Errorf("the log does not say what hangs: %s", h.log.text.String())
		}
		close(release)
		<-h.ended
	})
}

func TestPanicIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &chip{measure: func(_ context.Context, out []float64) error { out[len(out)] = 1; return nil }}
		opens := &chip{open: func(context.Context, *bus.Slot) error { panic("no luck") }}
		closes := &chip{measure: func(context.Context, []float64) error { return errors.New("bad") }, close: func() error { panic("closing") }}
		h := build(t, map[string]*chip{"a": broken, "b": {measure: value(2)}, "c": opens, "d": closes},
			SensorConfig{Driver: "a"}, SensorConfig{Driver: "b"}, SensorConfig{Driver: "c"}, SensorConfig{Driver: "d"}).run()
		time.Sleep(time.Minute)
		stats := h.sensors.Stats()
		h.stop()
		if len(h.readings("b")) != 7 {
			t.Errorf("%d readings of the other sensor, want 7", len(h.readings("b")))
		}
		if stats[0].Errors["panic"] == 0 || !strings.Contains(stats[0].LastError, "driver a panicked: runtime error: index out of range") {
			t.Errorf("stats %+v", stats[0])
		}
		if stats[2].LastError != "driver c panicked: no luck" || stats[3].LastError != "bad" {
			t.Errorf("errors %q and %q", stats[2].LastError, stats[3].LastError)
		}
		if h.log.lines("stack=") != 2 {
			t.Error("the log does not have the stack of both panics, once")
		}
	})
}

func TestImplausibleIsAFault(t *testing.T) {
	for _, x := range []float64{-144.1, 85.01, math.NaN(), math.Inf(1), math.Inf(-1)} {
		synctest.Test(t, func(t *testing.T) {
			h := build(t, map[string]*chip{"a": {measure: value(x)}}, SensorConfig{Driver: "a"}).run()
			time.Sleep(time.Second)
			stats := h.sensors.Stats()[0]
			h.stop()
			if len(h.readings("a")) != 0 {
				t.Errorf("%v was published", x)
			}
			if stats.Status != reading.Fault || stats.Errors["implausible"] == 0 || !strings.Contains(stats.LastError, "temperature is") {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestForgottenChannelIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		c := &chip{
			channels: []driver.Channel{temperature, {Quantity: reading.Humidity, Max: 100}},
			measure: func(_ context.Context, out []float64) error {
				out[0] = 20
				if first {
					out[1] = 50
				}
				first = false
				return nil
			},
		}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Minute)
		h.stop()
		if n := len(h.readings("a")); n != 1 {
			t.Errorf("%d readings, want 1: the second has no humidity of its own", n)
		}
	})
}

func TestChannelsOfTheOpenSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chip{
			channels: []driver.Channel{temperature, {Quantity: reading.Load, Max: 100, Decimals: 1}},
			has:      []driver.Channel{{Quantity: reading.Load, Max: 100, Decimals: 1}},
			measure: func(_ context.Context, out []float64) error {
				if len(out) != 1 {
					return fmt.Errorf("out has %d places", len(out))
				}
				out[0] = 0.25
				return nil
			},
		}
		h := build(t, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Second)
		h.stop()
		got := h.readings("a")
		if len(got) != 1 || len(got[0].report.Reading.Values) != 1 || got[0].report.Reading.Values[0] != (reading.Value{Quantity: reading.Load, Number: 0.3}) {
			t.Errorf("readings %v", got)
		}
	})
}

// Sensors of one bus never use it at the same time, and a bus that cannot be
// opened is tried again without stopping another.
func TestBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Int32
		exclusive := func(ctx context.Context, out []float64) error {
			if busy.Add(1) != 1 {
				t.Error("two transactions on one bus at a time")
			}
			out[0] = 20
			busy.Add(-1)
			return bus.Wait(ctx, 100*time.Millisecond)
		}
		opened := map[string]int{}
		var mu sync.Mutex // of opened
		var isOpen atomic.Int32
		deps := Deps{OpenI2C: func(name string) (i2c.BusCloser, error) {
			mu.Lock()
			defer mu.Unlock()
			opened[name]++
			if name == "i2c-2" && opened[name] < 3 {
				return nil, fmt.Errorf("open /dev/%s: %w", name, fs.ErrNotExist)
			}
			isOpen.Add(1)
			return &fakeI2C{name: name, closed: func() { isOpen.Add(-1) }}, nil
		}}
		var slot *bus.Slot
		chips := map[string]*chip{
			"a": {kind: bus.I2C, measure: exclusive, open: func(_ context.Context, s *bus.Slot) error { slot = s; return nil }},
			"b": {kind: bus.I2C, measure: exclusive},
			"c": {kind: bus.I2C, measure: value(3)},
		}
		h := buildWith(t, deps, chips,
			SensorConfig{Driver: "a", Bus: "i2c-1", Address: 0x77, Options: map[string]string{"mode": "fast"}},
			SensorConfig{Driver: "b", Bus: "i2c-1"},
			SensorConfig{Driver: "c", Bus: "i2c-2"}).run()
		time.Sleep(time.Minute)
		stats := h.sensors.Stats()
		h.stop()
		if len(h.readings("a")) < 6 || len(h.readings("b")) < 6 || len(h.readings("c")) < 5 {
			t.Errorf("readings: %d, %d and %d", len(h.readings("a")), len(h.readings("b")), len(h.readings("c")))
		}
		if got := h.statuses("c"); got != "0s fault, 3s online, 1m0s offline" {
			t.Errorf("statuses on the bus that was absent: %s", got)
		}
		if stats[2].Errors["absent"] != 2 {
			t.Errorf("stats %+v", stats[2])
		}
		if opened["i2c-1"] != 1 || isOpen.Load() != 0 {
			t.Errorf("i2c-1 was opened %d times, %d buses are still open", opened["i2c-1"], isOpen.Load())
		}
		if slot.Name != "i2c-1" || slot.Addr != 0x77 || slot.I2C == nil || slot.Options["mode"] != "fast" {
			t.Errorf("slot %+v", slot)
		}
	})
}

// When nothing on a bus answers, the adapter itself is opened anew.
func TestDeadBusIsReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		deps := Deps{OpenI2C: func(name string) (i2c.BusCloser, error) {
			opened++
			return &fakeI2C{name: name, closed: func() {}}, nil
		}}
		wedged := func(context.Context, []float64) error {
			if opened < 2 {
				return syscall.ETIMEDOUT
			}
			return nil
		}
		measure := func(ctx context.Context, out []float64) error { out[0] = 1; return wedged(ctx, out) }
		chips := map[string]*chip{"a": {kind: bus.I2C, measure: measure}, "b": {kind: bus.I2C, measure: measure}}
		h := buildWith(t, deps, chips, SensorConfig{Driver: "a", Bus: "i2c-1"}, SensorConfig{Driver: "b", Bus: "i2c-1"}).run()
		time.Sleep(20 * time.Second)
		h.stop()
		if len(h.readings("a")) == 0 || len(h.readings("b")) == 0 || opened != 2 {
			t.Errorf("opened %d times, %d and %d readings", opened, len(h.readings("a")), len(h.readings("b")))
		}
	})
}

func TestRootAndIDReachTheDriver(t *testing.T) {
	root := fstest.MapFS{"proc/uptime": {Data: []byte("1 1\n")}}
	var slots []*bus.Slot
	see := func(_ context.Context, s *bus.Slot) error { slots = append(slots, s); return nil }
	h := buildWith(t, Deps{Root: root}, map[string]*chip{
		"w": {kind: bus.OneWire, open: see, measure: value(1)},
		"h": {kind: bus.Sysfs, open: func(context.Context, *bus.Slot) error { return nil }, measure: value(1)},
	}, SensorConfig{Driver: "w", ID: "28-1", Bus: "w1"}, SensorConfig{Driver: "h"})
	for _, r := range h.sensors.ReadOnce(t.Context()) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Path, r.Err)
		}
	}
	if len(slots) != 1 || slots[0].ID != "28-1" || slots[0].Root == nil || slots[0].Name != "w1" || slots[0].Options["mode"] != "normal" {
		t.Errorf("slots %+v", slots)
	}
}

func TestReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Int32
		chips := map[string]*chip{
			"a": {measure: value(20), close: func() error { closed.Add(1); return nil }},
			"b": {open: func(context.Context, *bus.Slot) error { return errors.New("not there") }},
		}
		h := build(t, chips, SensorConfig{Driver: "a"}, SensorConfig{Driver: "b"}, SensorConfig{Driver: "a", Name: "second"})
		results := h.sensors.ReadOnce(t.Context())
		if len(results) != 3 || results[0].Err != nil || results[2].Err != nil || results[1].Err == nil {
			t.Fatalf("results %+v", results)
		}
		if results[0].Reading.Values[0].Number != 20 || results[2].Path.String() != "site/room/second" || results[1].Err.Error() != "not there" {
			t.Errorf("results %+v", results)
		}
		if n := closed.Load(); n != 2 {
			t.Errorf("%d sensors closed, want 2", n)
		}
		if len(h.told("a")) != 0 {
			t.Error("reading once told others")
		}
	})
}

func TestNewRefusesWhatValidateWould(t *testing.T) {
	for _, cfg := range []Config{
		{Site: "s", Sensors: []SensorConfig{{Driver: "nothing", Room: "r"}}},
		{Site: "s", Sensors: []SensorConfig{{Driver: "sim", Room: "a/b"}}},
	} {
		if _, err := New(cfg, Deps{Log: build(t, nil).sensors.deps.Log}); err == nil || !strings.HasPrefix(err.Error(), "sensors[0]: ") {
			t.Errorf("New(%+v): %v", cfg, err)
		}
	}
}

package sensors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
)

// change makes the sensors those of a configuration.
func (h *house) change(cfg ...SensorConfig) Changes {
	h.t.Helper()
	for i := range cfg {
		cfg[i].Room = "room"
	}
	c, err := h.sensors.Change(context.Background(), Config{Site: "site", Sensors: cfg})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// twoOnABus are two chips of a bus, of which each takes half a second to
// measure, and how often the bus was opened.
func twoOnABus() (chips map[string]*chip, deps Deps, opened *int) {
	opened = new(int)
	slow := func(x float64) *chip {
		return &chip{kind: bus.I2C, measure: func(ctx context.Context, out []float64) error {
			out[0] = x
			return bus.Wait(ctx, 500*time.Millisecond)
		}}
	}
	deps.OpenI2C = func(name string) (i2c.BusCloser, error) {
		*opened++
		return &fakeI2C{name, func() {}}, nil
	}
	return map[string]*chip{"a": slow(1), "b": slow(2)}, deps, opened
}

func TestChangeLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips, deps, opened := twoOnABus()
		a, b := SensorConfig{Driver: "a", Address: 0x76}, SensorConfig{Driver: "b", Address: 0x77}
		h := buildWith(t, deps, chips, a).run()
		time.Sleep(10*time.Second + 100*time.Millisecond) // a measures
		c := h.change(a, b)
		if fmt.Sprint(c.Added) != "[site/room/b]" || c.Changed != nil || c.Removed != nil {
			t.Errorf("changes %+v", c)
		}
		time.Sleep(10 * time.Second)
		c = h.change(a)
		if fmt.Sprint(c.Removed) != "[site/room/b]" || c.Changed != nil || c.Added != nil {
			t.Errorf("changes %+v", c)
		}
		time.Sleep(10 * time.Second)
		if got := fmt.Sprint(h.told("a")); got != "[500ms 1 500ms online 10.5s 1 20.5s 1 30.5s 1]" {
			t.Errorf("the one that stays told %s", got)
		}
		if got := fmt.Sprint(h.told("b")); got != "[10.6s 2 10.6s online 20.6s 2 20.6s offline]" {
			t.Errorf("the one that came and went told %s", got)
		}
		h.stop()
		if *opened != 1 {
			t.Errorf("the bus was opened %d times", *opened)
		}
	})
}

// A line ends with its last sensor, and another one begins at its place.
func TestChangeOfTheOnlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips, deps, opened := twoOnABus()
		a := SensorConfig{Driver: "a", Address: 0x76}
		h := buildWith(t, deps, chips, a).run()
		time.Sleep(time.Second)
		a.Interval = time.Minute
		if c := h.change(a); fmt.Sprint(c.Changed) != "[site/room/a]" || c.Added != nil || c.Removed != nil {
			t.Errorf("changes %+v", c)
		}
		time.Sleep(time.Minute + time.Second)
		if got := fmt.Sprint(h.told("a")); got != "[500ms 1 500ms online 1.5s 1 1.5s online 1m1.5s 1]" {
			t.Errorf("told %s", got)
		}
		if c := h.change(); fmt.Sprint(c.Removed) != "[site/room/a]" {
			t.Errorf("changes %+v", c)
		}
		time.Sleep(time.Minute)
		h.change(a)
		time.Sleep(time.Second)
		if got := h.statuses("a"); !strings.HasSuffix(got, "1m2s offline, 2m2.5s online") {
			t.Errorf("statuses %s", got)
		}
		if stats := h.sensors.Stats(); len(stats) != 1 || stats[0].Reads != 1 {
			t.Errorf("stats %+v", stats)
		}
		h.stop()
		if *opened != 3 {
			t.Errorf("the bus was opened %d times", *opened)
		}
	})
}

func TestChangeKeepsWhatWasSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		total := 0.
		c := &chip{measure: func(_ context.Context, out []float64) error { out[0] = total; return nil }}
		c.open = func(_ context.Context, slot *bus.Slot) error {
			total = 0
			if _, err := slot.State.Load(&total); err != nil {
				return err
			}
			total++
			return slot.State.Save(total)
		}
		h := buildWith(t, Deps{StateFolder: t.TempDir()}, map[string]*chip{"a": c}, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Second)
		h.change(SensorConfig{Driver: "a", Interval: time.Minute})
		time.Sleep(time.Second)
		h.change()
		h.change(SensorConfig{Driver: "a"})
		time.Sleep(time.Second)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 1 1s 2 2s 3]" {
			t.Errorf("told %s", got)
		}
	})
}

// Who is compensated by a sensor that is changed begins anew, too.
func TestChangeOfASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips := map[string]*chip{"a": {measure: value(1)}, "b": {measure: value(2)}}
		a, b := SensorConfig{Driver: "a"}, SensorConfig{Driver: "b", CompensateFrom: "room/a"}
		h := build(t, chips, a, b).run()
		time.Sleep(time.Second)
		a.Interval = 20 * time.Second
		if c := h.change(a, b); fmt.Sprint(c.Changed) != "[site/room/a site/room/b]" {
			t.Errorf("changes %+v", c)
		}
		if c := h.change(a, b); c.Changed != nil || c.Added != nil || c.Removed != nil {
			t.Errorf("changes %+v", c)
		}
		h.stop()
		if _, err := h.sensors.Change(context.Background(), Config{Site: "site", Sensors: []SensorConfig{{Driver: "a", Room: "room"}}}); !errors.Is(err, errStopped) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestChangeRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, map[string]*chip{"a": {measure: value(1)}}, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Second)
		if _, err := h.sensors.Change(context.Background(), Config{Site: "site", Sensors: []SensorConfig{{Driver: "none", Room: "room"}}}); err == nil {
			t.Error("a driver that there is not")
		}
		time.Sleep(10 * time.Second)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[0s 1 10s 1]" {
			t.Errorf("told %s", got)
		}
		before := build(t, map[string]*chip{"a": {measure: value(1)}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := before.sensors.Change(ctx, Config{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before Run: %v", err)
		}
	})
}

// A driver that hangs keeps nobody from changing the others.
func TestChangeOfOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		chips := map[string]*chip{"a": {measure: func(context.Context, []float64) error { <-free; return nil }}, "b": {measure: value(2)}}
		h := build(t, chips, SensorConfig{Driver: "a"}).run()
		time.Sleep(time.Second)
		h.change(SensorConfig{Driver: "b"})
		if at := time.Since(h.start); at != time.Second+leavePatience {
			t.Errorf("it took %v", at)
		}
		time.Sleep(time.Second)
		close(free)
		h.stop()
		if got := fmt.Sprint(h.readings("b")); got != "[11s 2]" {
			t.Errorf("told %s", got)
		}
	})
}

func TestTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips, deps, opened := twoOnABus()
		h := buildWith(t, deps, chips, SensorConfig{Driver: "a", Address: 0x76}).run()
		time.Sleep(9900 * time.Millisecond)
		r := h.sensors.Try(t.Context(), "site", SensorConfig{Driver: "b", Room: "room", Address: 0x77})
		if r.Err != nil || len(r.Reading.Values) != 1 || r.Reading.Values[0].Number != 2 || time.Since(h.start) != 10400*time.Millisecond {
			t.Errorf("%+v after %v", r, time.Since(h.start))
		}
		time.Sleep(10200 * time.Millisecond)
		h.stop()
		if got := fmt.Sprint(h.readings("a")); got != "[500ms 1 10.5s 1 20.5s 1]" {
			t.Errorf("the other one told %s", got)
		}
		if got := h.told("b"); got != nil {
			t.Errorf("of a trial was told %v", got)
		}
		if *opened != 1 {
			t.Errorf("the bus was opened %d times", *opened)
		}
	})
}

// A place where nothing is read is opened for the trial, and closed.
func TestTryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips, deps, opened := twoOnABus()
		closed := 0
		chips["b"].close = func() error { closed++; return nil }
		h := buildWith(t, deps, chips).run()
		r := h.sensors.Try(t.Context(), "site", SensorConfig{Driver: "b", Room: "room"})
		if r.Err != nil || r.Reading.Values[0].Number != 2 || *opened != 1 || closed != 1 {
			t.Errorf("%+v, opened %d, closed %d", r, *opened, closed)
		}
		chips["b"].measure = func(context.Context, []float64) error { return errors.New("no answer") }
		if r := h.sensors.Try(t.Context(), "site", SensorConfig{Driver: "b", Room: "room"}); r.Err == nil || !strings.Contains(r.Err.Error(), "no answer") {
			t.Errorf("%+v", r)
		}
		h.stop()
	})
}

// Who asks for a trial and goes away does not keep the chip of it open.
func TestTryThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips, deps, _ := twoOnABus()
		closed := 0
		chips["b"].close = func() error { closed++; return nil }
		h := buildWith(t, deps, chips, SensorConfig{Driver: "a", Address: 0x76}).run()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if r := h.sensors.Try(ctx, "site", SensorConfig{Driver: "b", Room: "room", Address: 0x77}); !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if closed != 1 {
			t.Errorf("closed %d times", closed)
		}
		h.stop()
	})
}

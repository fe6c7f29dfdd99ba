package history

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
)

// testHistory is a history that runs in a bubble, with its broker.
type testHistory struct {
	*History
	t    *testing.T
	stop func()
}

// begin runs a history; stop ends it, and the test does.
func begin(t *testing.T, with ...func(*Config, *Deps)) *testHistory {
	t.Helper()
	cfg, deps := Default(), Deps{Broker: broker.New(broker.Default(), slog.New(slog.DiscardHandler)), Log: slog.New(slog.DiscardHandler)}
	for _, f := range with {
		f(&cfg, &deps)
	}
	h, err := Open(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop := sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &testHistory{h, t, stop}
}

// bubble runs f with a history in a bubble, whose time begins in 2000 and is put
// to what clocks show that are set.
func bubble(t *testing.T, f func(t *testing.T, h *testHistory), with ...func(*Config, *Deps)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)))
		h := begin(t, with...)
		defer h.stop()
		f(t, h)
	})
}

func (h *testHistory) publish(topic, payload string, with ...func(*broker.Message)) {
	h.t.Helper()
	m := &broker.Message{Topic: topic, Payload: []byte(payload), QoS: 1}
	for _, f := range with {
		f(m)
	}
	if err := h.b.Publish(m); err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
}

func retained(m *broker.Message) { m.Retain = true }

// samples returns what there is of a series, "11:00:00=21.5 …".
func (h *History) samples(t *testing.T, series string) string {
	t.Helper()
	var all []string
	for s, err := range h.db.Samples(series, firstTime, lastTime) {
		if err != nil {
			return err.Error()
		}
		all = append(all, fmt.Sprintf("%s=%v", time.UnixMilli(s.Time).UTC().Format("15:04:05.999"), s.Value))
	}
	return strings.Join(all, " ")
}

func TestRecords(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		h.publish("home/kitchen/climate", `{"time":"2026-11-28T10:59:58Z","temperature":21.5,"humidity":40}`, retained)
		h.publish("home/kitchen/climate/temperature", "21.5", func(m *broker.Message) { m.Origin = Repeats })
		h.publish("home/kitchen/climate/status", "online", retained)
		h.publish("home/kitchen/climate/meta", `{"interval":5}`, retained)
		h.publish("home/kitchen/climate/set/read", "1")
		h.publish("zigbee2mqtt/bridge/info", `{"x":1}`)
		h.publish("$SYS/broker/uptime", "5")
		time.Sleep(time.Second)
		h.publish("shellies/plug/relay/0", "on")
		h.publish("node/sensor/attic/state", "19.25")
		h.publish("home/kitchen/climate", "", retained)
		want := []string{"home/kitchen/climate#humidity", "home/kitchen/climate#temperature", "node/sensor/attic/state", "shellies/plug/relay/0"}
		if got := h.Names(); !slices.Equal(got, want) {
			t.Errorf("series %q, want %q", got, want)
		}
		for series, want := range map[string]string{
			"home/kitchen/climate#temperature": "10:59:58=21.5",
			"shellies/plug/relay/0":            "11:00:01=1",
			"node/sensor/attic/state":          "11:00:01=19.25",
		} {
			if got := h.samples(t, series); got != want {
				t.Errorf("%s: %s, want %s", series, got, want)
			}
		}
		if f := h.Figures(); f.Recorded != 4 || f.Rejected+f.Overrun+f.TooOld+f.Unknown != 0 {
			t.Errorf("%+v", f)
		}
		if m := h.describe("shellies/plug/relay/0"); !m.Binary {
			t.Errorf("on and off are %+v", m)
		}
	})
}

// What is late lands in its place, and what comes twice is there once.
func TestLateAndTwice(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		for _, at := range []string{"10:30", "10:10", "10:20", "10:10"} {
			h.publish("a/b/c", fmt.Sprintf(`{"time":"2026-11-28T%s:00Z","x":%s}`, at, at[3:]))
		}
		if got, want := h.samples(t, "a/b/c#x"), "10:10:00=10 10:20:00=20 10:30:00=30"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		h.publish("a/b/c", `{"time":"2020-06-01T00:00:00Z","x":1}`) // fits six_hours, which is for ever
		if f := h.Figures(); f.TooOld != 0 {
			t.Errorf("%+v", f)
		}
	})
	bubble(t, func(t *testing.T, h *testHistory) {
		h.publish("a/b/c", `{"time":"2026-11-20T00:00:00Z","x":1,"y":2}`)
		if f := h.Figures(); f.TooOld != 2 || len(h.Names()) != 0 {
			t.Errorf("%+v, %q", f, h.Names())
		}
	}, func(c *Config, _ *Deps) {
		c.Raw, c.Minute, c.Quarter, c.SixHours = Retention{day, 0}, Retention{2 * day, 0}, Retention{day, 0}, Retention{day, 0}
	})
}

// What was retained before we looked is recorded if it says of when it is.
func TestRetained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)))
		b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
		for topic, payload := range map[string]string{"a/b/c": `{"time":"2026-11-28T07:00:00Z","x":1}`, "d/e/f": `{"x":1}`, "g": "5"} {
			if err := b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), Retain: true}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		h := begin(t, func(_ *Config, d *Deps) { d.Broker = b })
		defer h.stop()
		synctest.Wait()
		if got := h.Names(); !slices.Equal(got, []string{"a/b/c#x"}) || h.samples(t, "a/b/c#x") != "07:00:00=1" {
			t.Errorf("%q %s", got, h.samples(t, "a/b/c#x"))
		}
		if f := h.Figures(); f.Unknown != 2 {
			t.Errorf("%+v", f)
		}
	})
}

func TestFilters(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		for _, topic := range []string{"home/a", "home/b", "work/a", "$SYS/broker/load"} {
			h.publish(topic, "1")
		}
		if got, want := h.Names(), []string{"$SYS/broker/load", "home/a"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}, func(c *Config, _ *Deps) {
		c.Include, c.Exclude = []string{"home/#", "$SYS/#"}, []string{"+/b"}
	})
}

// What another part's configuration has left out may change at any time.
func TestLeaveOut(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		for _, filters := range [][]string{{"a/+", "b/#"}, {"c/#"}, nil} {
			h.LeaveOut(filters)
			for _, topic := range []string{"a/x", "b/x", "c/x", "d/x"} {
				h.publish(topic, fmt.Sprintf(`{"n%d":1}`, len(filters)))
			}
		}
		want := []string{"a/x#n0", "a/x#n1", "b/x#n0", "b/x#n1", "c/x#n0", "c/x#n2", "d/x#n0", "d/x#n1", "d/x#n2"}
		if got := h.Names(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestChangeTriesAgain: topics that could not be subscribed to are no part of what
// holds, so that the same configuration tries them again.
func TestChangeTriesAgain(t *testing.T) {
	h := begin(t)
	cfg := *h.cfg()
	cfg.Include = []string{"a/#/b"}
	for range 2 {
		if err := h.Change(cfg); err == nil || !strings.Contains(err.Error(), "history.include: ") {
			t.Errorf("%v", err)
		}
	}
}

func TestTooManySeries(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		for i := range 5 {
			h.publish(fmt.Sprint("t", i), "1")
		}
		if f := h.Figures(); f.Series != 3 || f.Rejected != 2 {
			t.Errorf("%+v", f)
		}
		if a := h.Alarms(); len(a) != 1 || !strings.Contains(a[0].Error(), "history.max_series") {
			t.Errorf("%q", a)
		}
	}, func(c *Config, _ *Deps) { c.MaxSeries = 3 })
}

// What comes faster than it can be recorded is counted, and said.
func TestOverrun(t *testing.T) {
	b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
	h, err := Open(Default(), Deps{Broker: b, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range maxWaiting + 10 { // nobody records
		if err := b.Publish(&broker.Message{Topic: "a", Payload: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if f := h.Figures(); f.Overrun != 10 {
		t.Errorf("%+v", f)
	}
	if a := h.Alarms(); len(a) != 1 || !strings.Contains(a[0].Error(), "10 messages") {
		t.Errorf("%q", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); err != nil { // what waits is recorded when it ends
		t.Fatal(err)
	}
	if f := h.Figures(); f.Recorded != maxWaiting {
		t.Errorf("%+v", f)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOutlivesARestart: samples, what series are, and nothing is there twice.
func TestOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	folders := func(_ *Config, d *Deps) {
		d.Folder, d.StateFolder = filepath.Join(dir, "history"), filepath.Join(dir, "recorder")
	}
	for range 2 {
		bubble(t, func(t *testing.T, h *testHistory) {
			h.publish("a/b/c", `{"time":"2026-11-28T10:00:00Z","Temperature":70,"TempUnit":"F"}`)
			h.publish("z", `{"linkquality":5,"voltage":3000}`)
			h.publish("plug", "OFF")
		}, folders)
	}
	bubble(t, func(t *testing.T, h *testHistory) {
		if got := h.samples(t, "a/b/c#Temperature"); got != "10:00:00=70" {
			t.Error(got)
		}
		if f, v, p := h.describe("a/b/c#Temperature"), h.describe("z#voltage"), h.describe("plug"); f.Unit != "°F" || v.Unit != "mV" || !p.Binary {
			t.Errorf("%+v %+v %+v", f, v, p)
		}
	}, folders)
}

// A switch that speaks in words and then in numbers is none.
func TestWordsAndNumbers(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		for payload, binary := range map[string]bool{"ON": true, "0": true, "1": true, "off": true} {
			h.publish("x", payload)
			h.publish("x", "on")
			if got := h.describe("x").Binary; got != binary {
				t.Errorf("after %s: %v", payload, got)
			}
		}
		h.publish("x", "20")
		if h.describe("x").Binary {
			t.Error("20 is one of two states")
		}
	})
}

// TestPoints is what the page begins with.
func TestPoints(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		for i := range 60 {
			h.publish("a/b/c", fmt.Sprintf(`{"x":%d}`, i))
			time.Sleep(time.Minute)
		}
		points := h.Points("a/b/c", "x", time.Now().Add(-30*time.Minute), 10*time.Minute)
		if len(points) != 3 || points[0].Low != 30 || points[2].High != 59 || points[1].N != 10 || points[1].Sum != 445 {
			t.Errorf("%+v", points)
		}
		if p := h.Points("a/b/c", "y", time.Now().Add(-time.Hour), time.Minute); len(p) != 0 {
			t.Errorf("%+v", p)
		}
	})
}

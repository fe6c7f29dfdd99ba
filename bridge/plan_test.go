package bridge

import (
	"strings"
	"testing"
	"time"
)

// A bubble begins at midnight, UTC.
func localUTC(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

func TestWindows(t *testing.T) {
	localUTC(t)
	cfg := testConfig()
	cfg.Windows = []string{"02:00-03:00"}
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		r.sleep(time.Hour)
		s := r.bridge.State()
		if _, n := f.numbers(); n != 0 || s.Paused != "outside of windows" || s.PausedUntil.Hour() != 2 {
			t.Errorf("outside of the window: %+v", s)
		}
		if m := r.broker.Retained("$SYS/broker/connection/cloud/paused"); m == nil || string(m.Payload) != "outside of windows" {
			t.Errorf("the tree does not say why there is no connection: %v", m)
		}
		r.sleep(62 * time.Minute)
		if f.text() != "pi1/home/x=1" || r.bridge.State().Paused != "" {
			t.Errorf("in the window upstream got %s, %+v", f.text(), r.bridge.State())
		}
		r.sleep(time.Hour)
		r.publish("home/x", 2)
		r.sleep(time.Minute)
		if s := r.bridge.State(); s.Connected || s.Forwarded != 1 || s.LastError != "" {
			t.Errorf("after the window: %+v", s)
		}
		r.sleep(24 * time.Hour)
		if m, n := f.numbers(); m != 2 || n != 2 {
			t.Errorf("a day later upstream has %s, over %d connections", f.text(), n)
		}
	})
}

// What is under way when a window closes is waited for, and does not come twice.
func TestWindowClosesWithoutDoubles(t *testing.T) {
	localUTC(t)
	cfg := testConfig()
	cfg.Windows = []string{"00:00-01:00"}
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		r.sleep(time.Hour - 500*time.Millisecond)
		f.hold(true)
		r.publish("home/x", 1)
		r.sleep(2 * time.Second)
		r.publish("home/x", 2)
		f.hold(false)
		r.sleep(25 * time.Hour)
		if got := f.text(); got != "pi1/home/x=1 pi1/home/x=2" {
			t.Errorf("upstream got %s", got)
		}
	})
}

func TestLazy(t *testing.T) {
	cfg := testConfig()
	cfg.Start, cfg.LazyMessages, cfg.IdleTimeout = Lazy, 3, time.Minute
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		r.publish("home/x", 2)
		r.sleep(time.Hour)
		if _, n := f.numbers(); n != 0 {
			t.Error("it connects for two messages")
		}
		r.publish("home/x", 3)
		r.sleep(2 * time.Second)
		if m, _ := f.numbers(); m != 3 {
			t.Errorf("upstream got %s", f.text())
		}
		r.sleep(2 * time.Minute)
		if r.bridge.State().Connected {
			t.Error("it stays connected")
		}
		if log := r.log.String(); strings.Contains(log, "WARN") || strings.Contains(log, "ERROR") {
			t.Errorf("the log says\n%s", log)
		}
	})
}

func TestRate(t *testing.T) {
	cfg := testConfig()
	cfg.Budget.MaxRate = 10
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		for i := range 100 {
			r.publish("home/x", i)
		}
		r.sleep(5 * time.Second)
		if n := len(f.take()); n < 50 || n > 61 { // a second's worth at once
			t.Errorf("%d messages in 5 s", n)
		}
		r.sleep(10 * time.Second)
		if n := len(f.take()); n < 39 || n > 50 {
			t.Errorf("%d messages in the next 10 s", n)
		}
	})
}

// When the day's bytes are used up the line is closed until midnight.
func TestDailyBytes(t *testing.T) {
	localUTC(t)
	cfg := testConfig()
	cfg.Budget.DailyBytes = 10_000
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		big := strings.Repeat("x", 6000)
		for range 4 {
			r.publish("home/x", big)
		}
		r.sleep(4 * time.Second)
		s := r.bridge.State()
		if s.Connected || s.Paused != "daily_bytes is used up" || s.PausedUntil.Day() != 2 {
			t.Errorf("after 12 kB: %+v", s)
		}
		r.sleep(12 * time.Hour)
		if m, _ := f.numbers(); m != 2 {
			t.Errorf("upstream got %d messages", m)
		}
		r.sleep(13 * time.Hour)
		if m, _ := f.numbers(); m != 4 {
			t.Errorf("the next day upstream got %d messages, %+v", m, r.bridge.State())
		}
	})
}

// AWS IoT Core takes 100 messages a second, and does not acknowledge the others.
func TestAWSGetsNoMoreThan100MessagesInASecond(t *testing.T) {
	cfg := testConfig()
	cfg.Preset, cfg.Address, cfg.ClientID = "aws-iot", "mqtts://far", "gw"
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		r.sleep(time.Minute) // a pause lets more go at once
		for i := range 500 {
			r.publish("home/x", i)
		}
		for range 15 {
			r.sleep(time.Second)
			if n := len(f.take()); n > 100 {
				t.Errorf("%d messages in a second", n)
			}
		}
		if s := r.bridge.State(); s.Queue.Waiting+s.Queue.Unacked != 0 {
			t.Errorf("%+v", s)
		}
	})
}

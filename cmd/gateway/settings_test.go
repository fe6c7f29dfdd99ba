package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
	"gateway/broker/packet"
	"gateway/sensors"
	"gateway/sensors/reading"
)

func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
		var log strings.Builder
		pub := newPublisher(b, slog.New(slog.DiscardHandler))
		all, err := sensors.New(sensors.Config{Site: "home", Sensors: []sensors.SensorConfig{{Driver: "sim", Room: "hall", Interval: time.Hour}}},
			sensors.Deps{Log: slog.New(slog.DiscardHandler), Publish: pub.report, Status: pub.status})
		if err != nil {
			t.Fatal(err)
		}
		retained := &broker.Message{Topic: "home/hall/sim/set/read", Retain: true}
		if err := b.Publish(retained); err != nil { // a command of another time
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- all.Run(ctx) }()
		set := settings{b, []*sensors.Sensors{all}, slog.New(slog.NewTextHandler(&log, nil))}
		go func() { ended <- set.Run(ctx) }()
		answers, err := b.Subscribe(broker.SubscribeOptions{}, "answer", "home/hall/sim")
		if err != nil {
			t.Fatal(err)
		}
		defer answers.Close()
		next := func() string {
			t.Helper()
			synctest.Wait()
			d, err := answers.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			text := d.Topic + " " + string(d.Payload)
			if d.Properties != nil {
				text += fmt.Sprintf(" %s", d.Properties.CorrelationData)
			}
			return text
		}
		if got := next(); !strings.HasPrefix(got, "home/hall/sim {") {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Second)
		ask := func(topic, payload string) {
			m := &broker.Message{Topic: topic, Payload: []byte(payload), Properties: &packet.Properties{
				ResponseTopic: packet.Some("answer"), CorrelationData: []byte("7"),
			}}
			if err := b.Publish(m); err != nil {
				t.Fatal(err)
			}
		}
		ask("home/hall/other/set/total", "1") // no sensor of ours: no answer
		ask("home/hall/sim/set/read", "")
		got := next() + "\n" + next()
		if !strings.Contains(got, "answer ok 7") || !strings.Contains(got, "home/hall/sim {") {
			t.Errorf("got %s", got)
		}
		for payload, want := range map[string]string{
			"many": `answer set total of home/hall/sim: "many" is not a number 7`,
			"NaN":  `answer set total of home/hall/sim: "NaN" is not a number 7`,
			"5":    "answer set total of home/hall/sim: sim has no such thing; it has read 7",
		} {
			ask("home/hall/sim/set/total", payload)
			if got := next(); got != want {
				t.Errorf("%s: got %q, want %q", payload, got, want)
			}
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if n := strings.Count(log.String(), "nothing set"); n != 3 {
			t.Errorf("the log has %d lines about wrong settings: %s", n, &log)
		}
	})
}

// A reading of before the clock was set is forwarded as it was as long as it is
// not known what its time was, and everything else is never touched.
func TestCorrectedLeavesTheRestAlone(t *testing.T) {
	all, err := sensors.New(sensors.Config{}, sensors.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f := corrected([]*sensors.Sensors{all})
	for _, m := range []*broker.Message{
		{Topic: "a/b/c", Payload: []byte(`{"temperature":1}`)},
		{Topic: "a/b/c", Payload: []byte(`{"time":"2026-01-01T00:00:00.000Z","clock":"unsynced","boot":"x","temperature":1}`)},
		{Topic: "a/b", Payload: []byte(`"unsynced"`)},
		{Topic: "a/b/c", Payload: []byte(`{"unsynced"`)},
	} {
		if got := string(f(m)); got != string(m.Payload) {
			t.Errorf("%s became %s", m.Payload, got)
		}
	}
}

// TestUnsyncedReadingIsForwardedCorrected has a boot without a clock, an
// upstream that is away, and the clock set before it is back.
func TestUnsyncedReadingIsForwardedCorrected(t *testing.T) {
	synced := false
	folder := t.TempDir()
	all, err := sensors.New(sensors.Config{}, sensors.Deps{
		Log: slog.New(slog.DiscardHandler), StateFolder: folder, ClockSynced: func() bool { return synced },
	})
	if err != nil {
		t.Fatal(err)
	}
	path, err := reading.NewPath("home", "cellar", "meter")
	if err != nil {
		t.Fatal(err)
	}
	r := reading.Reading{Path: path, Time: time.Now(), Unsynced: true, Boot: all.Boot(), Values: []reading.Value{{Quantity: "energy", Number: 5}}}
	payload, err := r.AppendPayload(nil)
	if err != nil || !strings.Contains(string(payload), `"clock":"unsynced","boot":"`) {
		t.Fatalf("%s, %v", payload, err)
	}
	f := corrected([]*sensors.Sensors{all})
	m := &broker.Message{Topic: "home/cellar/meter", Payload: payload}
	if got := f(m); string(got) != string(payload) {
		t.Errorf("before the clock is set: %s", got)
	}
	synced = true
	deadline := time.Now().Add(patience)
	for string(f(m)) == string(payload) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
		all.ClockSynced()
	}
	if got := string(f(m)); strings.Contains(got, "unsynced") || !strings.Contains(got, `"energy":5`) || !strings.HasPrefix(got, `{"time":"`+r.Time.UTC().Format("2006-01-02T15:")) {
		t.Errorf("afterwards: %s", got)
	}
}

package main

import (
	"log/slog"
	"testing"

	"gateway/broker"
	"gateway/sensors"
)

// A sensor that is renamed leaves nothing behind in the tree, and takes nothing
// of anybody else with it.
func TestForgetRemoved(t *testing.T) {
	b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
	folder := t.TempDir()
	life := func(names ...string) {
		t.Helper()
		var cfg []sensors.SensorConfig
		for _, n := range names {
			cfg = append(cfg, sensors.SensorConfig{Driver: "sim", Room: "hall", Name: n})
		}
		s, err := sensors.New(sensors.Config{Site: "home", Sensors: cfg}, sensors.Deps{Log: slog.New(slog.DiscardHandler), StateFolder: folder})
		if err != nil {
			t.Fatal(err)
		}
		if err := forgetRemoved(b, s); err != nil {
			t.Fatal(err)
		}
	}
	put := func(topic, payload string) {
		t.Helper()
		if err := b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	life("old", "stays")
	meta := `{"values":{"temperature":{}}}`
	for _, sensor := range []string{"old", "stays", "foreign"} {
		for topic, payload := range map[string]string{"": "{}", "/status": "offline", "/status/detail": "{}", "/meta": meta, "/temperature": "21", "/other": "x"} {
			put("home/hall/"+sensor+topic, payload)
		}
	}
	life("new", "stays")
	for _, topic := range []string{"", "/status", "/status/detail", "/meta", "/temperature"} {
		if m := b.Retained("home/hall/old" + topic); m != nil {
			t.Errorf("%s is still there: %s", m.Topic, m.Payload)
		}
		for _, sensor := range []string{"stays", "foreign"} {
			if b.Retained("home/hall/"+sensor+topic) == nil {
				t.Errorf("home/hall/%s%s is gone", sensor, topic)
			}
		}
	}
	if b.Retained("home/hall/old/other") == nil {
		t.Error("a topic that the gateway never published on is gone")
	}
	put("home/hall/old", "somebody else's now")
	life("new", "stays") // it was forgotten already
	if b.Retained("home/hall/old") == nil {
		t.Error("it was cleared twice")
	}
}

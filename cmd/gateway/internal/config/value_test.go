package config

import (
	"testing"
	"time"
)

// What Value says, Set takes, and then it is the same.
func TestValue(t *testing.T) {
	cfg := Default()
	cfg.Sensors.Site = "home"
	cfg.Persistence.Interval = 30 * time.Minute
	for path, want := range map[string]string{
		"site": "home", "log.level": "info", "persistence.interval": "30m", "persistence.enabled": "true", "persistence.max_bytes": "1073741824",
		"broker.max_qos": "2",
	} {
		got, typ, err := Value(cfg, path)
		if err != nil || got != want || typ == nil {
			t.Errorf("%s: %q, %v, %v; want %q", path, got, typ, err, want)
		}
		text, err := Set("f", nil, path, got)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		again, err := Parse("f", text)
		if err != nil {
			t.Fatal(err)
		}
		if now, _, _ := Value(again, path); now != want {
			t.Errorf("%s: %q became %q", path, want, now)
		}
	}
	for _, path := range []string{"sites", "log", "sensors", "sensors[0].room"} {
		if got, _, err := Value(cfg, path); err == nil {
			t.Errorf("%s: %q", path, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 10 * time.Second: "10s", time.Hour: "1h", 720 * time.Hour: "720h", 90 * time.Second: "1m30s", 10 * time.Minute: "10m"} {
		if got := durationText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

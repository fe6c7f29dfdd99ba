package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestEmptyIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "sensors:\nbroker:\nbridges:\n", "\ufeff# with a byte order mark\n"} {
		if got := parse(t, text); !reflect.DeepEqual(got, Default()) {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestDefaultIsValid(t *testing.T) {
	f := newFile("default", nil)
	f.validate(Default())
	if err := f.err(); err != nil {
		t.Error(err)
	}
}

func TestValues(t *testing.T) {
	cfg := parse(t, `
site: home
sensors:
  - driver: bme280
    room: kitchen
    address: 0x77
    interval: 1m30s
    values: true
  - {driver: bme280, room: 12, address: 118}
  - driver: sim
    room: "living room"
    options: {seed: 7, profile: co2, fail: never}
broker:
  max_packet_size: 1_000_000
  listeners: []
bridges:
  - name: cloud
    address: mqtt://h
    topics: [{filter: a/#}, {filter: b, qos: 0}]
    queue: {max_messages: 5}
dashboard: {address: ""}
log: {level: debug}
`)
	s := cfg.Sensors.Sensors
	if cfg.Sensors.Site != "home" || len(s) != 3 || s[0].Address != 0x77 || s[0].Interval != 90*time.Second || !s[0].Values ||
		s[1].Room != "12" || s[1].Address != 0x76 || s[2].Room != "living room" {
		t.Errorf("sensors %+v", s)
	}
	if !reflect.DeepEqual(s[2].Options, map[string]string{"seed": "7", "profile": "co2", "fail": "never"}) {
		t.Errorf("options %v", s[2].Options)
	}
	if cfg.Broker.MaxPacketSize != 1_000_000 || len(cfg.Broker.Listeners) != 0 || cfg.Broker.MaxInflight != Default().Broker.MaxInflight {
		t.Errorf("broker %+v", cfg.Broker)
	}
	b := cfg.Bridges[0]
	if b.KeepAlive != time.Minute || b.Topics[0].QoS != 1 || b.Topics[1].QoS != 0 || b.Queue.MaxMessages != 5 || b.Queue.MaxBytes == 0 {
		t.Errorf("bridge %+v", b)
	}
	if cfg.Dashboard.Address != "" || cfg.Log != (Log{"debug", "text"}) {
		t.Errorf("dashboard %+v, log %+v", cfg.Dashboard, cfg.Log)
	}
}

func TestAnchors(t *testing.T) {
	cfg := parse(t, "sensors:\n  - &a {driver: sim, room: r, name: n, interval: &i 20s}\n  - {driver: host, room: q, interval: *i}\n")
	if cfg.Sensors.Sensors[1].Interval != 20*time.Second {
		t.Errorf("%+v", cfg.Sensors.Sensors)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.yaml")
	if err := os.WriteFile(good, []byte("site: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err := Load(good); err != nil || cfg.Sensors.Site != "here" {
		t.Errorf("%+v, %v", cfg, err)
	}
	if _, err := Load(filepath.Join(dir, "absent.yaml")); err == nil || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("an absent file: %v", err)
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, []byte(strings.Repeat("#", maxSize+10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("a file that is too large: %v", err)
	}
}

func TestNearest(t *testing.T) {
	allowed := []string{"address", "interval", "driver", "bme280", "tcp", "ws"}
	for word, want := range map[string]string{
		"adress": "address", "Address": "address", "intervall": "interval", "drvier": "driver", "bme208": "bme280", "tpc": "tcp",
		"colour": "", "": "", "x": "", strings.Repeat("x", 1000): "", "wss": "ws",
	} {
		if got := Nearest(word, allowed); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
}

// Whatever the bytes, Parse returns, and what it accepts is valid.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/wrong/*.yaml")
	for _, file := range append(files, exampleFile) {
		if b, err := os.ReadFile(file); err == nil {
			f.Add(b)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? {x: [1, 2]}\n: y"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("fuzz.yaml", data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		again := newFile("again", nil)
		again.validate(cfg)
		if err := again.err(); err != nil {
			t.Errorf("accepted, and not valid: %v", err)
		}
	})
}

// 010 is ten, not eight: nobody but programmers means octal numbers.
func TestNumbersWithLeadingZeros(t *testing.T) {
	for text, want := range map[string]int{"010": 10, "0010": 10, "0": 0, "00": 0, "10": 10, "0x10": 16, "1_000": 1000} {
		if cfg := parse(t, "broker: {max_inflight_bytes: "+text+"}"); int(cfg.Broker.MaxInflightBytes) != want {
			t.Errorf("%s is %d, want %d", text, cfg.Broker.MaxInflightBytes, want)
		}
	}
}

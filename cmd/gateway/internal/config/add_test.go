package config

import (
	"os"
	"strings"
	"testing"
)

const simItem = "# A note.\n- driver: sim\n  room: new\n  name: added\n"

func TestAddSensors(t *testing.T) {
	for _, tt := range []struct{ name, before, after string }{
		{"empty", "", "sensors:\n  # A note.\n  - driver: sim\n    room: new\n    name: added\n"},
		{"only comments", "# mine\n", "# mine\n\nsensors:\n  # A note.\n  - driver: sim\n    room: new\n    name: added\n"},
		{"without the key", "site: home\n", "site: home\n\nsensors:\n  # A note.\n  - driver: sim\n    room: new\n    name: added\n"},
		{"empty list", "sensors: []  # none yet\nsite: home\n", "sensors: # none yet\n  # A note.\n  - driver: sim\n    room: new\n    name: added\nsite: home\n"},
		{"key without a value", "sensors:\nsite: home\n", "sensors:\n  # A note.\n  - driver: sim\n    room: new\n    name: added\nsite: home\n"},
		{"in between", "sensors:\n- driver: host # this one\n  room: a\n  # the end of it\n\n# The site.\nsite: home\n",
			"sensors:\n- driver: host # this one\n  room: a\n  # the end of it\n# A note.\n- driver: sim\n  room: new\n  name: added\n\n# The site.\nsite: home\n"},
		{"at the end, without a newline", "site: home\nsensors:\n    - driver: host\n      room: a", "site: home\nsensors:\n    - driver: host\n      room: a\n    # A note.\n    - driver: sim\n      room: new\n      name: added\n"},
		{"Windows", "sensors:\r\n  - driver: host\r\n    room: a\r\n", "sensors:\n  - driver: host\n    room: a\n  # A note.\n  - driver: sim\n    room: new\n    name: added\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AddSensors("f", []byte(tt.before), simItem)
			if err != nil || string(got) != tt.after {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, tt.after)
			}
		})
	}
}

// Every other line of the example, which has comments everywhere, stays.
func TestAddSensorsToTheExample(t *testing.T) {
	before, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	after, err := AddSensors("gateway.example.yaml", before, simItem)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse("after", after)
	if err != nil || len(cfg.Sensors.Sensors) != 2 {
		t.Fatalf("%v, %+v", err, cfg)
	}
	for i, line := range strings.Split(string(before), "\n") {
		if !strings.Contains(string(after), line) {
			t.Errorf("line %d is gone: %s", i+1, line)
		}
	}
}

func TestAddSensorsRefuses(t *testing.T) {
	for before, want := range map[string]string{
		"sensors: [{driver: host, room: a}]\n": "in brackets",
		"sensors: warm\n":                      "is not a list",
		"sensors: [\n":                         "f:",
		"sensors:\n- {driver: sim, room: new, name: added}\n": "publishes to <site>/new/added already",
	} {
		if got, err := AddSensors("f", []byte(before), simItem); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want %q", before, got, err, want)
		}
	}
}

func FuzzAddSensors(f *testing.F) {
	f.Add("sensors:\n- driver: host\n  room: a\n# c\nsite: x\n")
	f.Add("a: &x [1]\nsensors: []")
	f.Fuzz(func(t *testing.T, before string) {
		after, err := AddSensors("f", []byte(before), simItem)
		if err != nil {
			return
		}
		old, err := Parse("f", []byte(before))
		if err != nil {
			return // it was wrong, and what was added made it right
		}
		cfg, err := Parse("f", after)
		if err != nil {
			t.Fatal(err)
		}
		n := len(old.Sensors.Sensors)
		if !strings.Contains(before, "sensors") {
			n = 0 // the built-in ones
		}
		if len(cfg.Sensors.Sensors) != n+1 && len(cfg.Sensors.Sensors) != 1 {
			t.Errorf("%q: %d sensors became %d", before, n, len(cfg.Sensors.Sensors))
		}
	})
}

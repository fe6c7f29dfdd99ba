package config

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	for _, tt := range []struct{ name, before, path, value, after string }{
		{"a value", "log:\n  level: info # quiet\n", "log.level", "debug", "log:\n  level: debug # quiet\n"},
		{"at the root", "# mine\nsite: home\n", "site", "garden", "# mine\nsite: garden\n"},
		{"in quotes", "site: \"home\" # x\n", "site", "two words", "site: \"two words\" # x\n"},
		{"text that looks like a number", "site: home\n", "site", "12", "site: \"12\"\n"},
		{"text that looks like a truth", "site: home\n", "site", "true", "site: \"true\"\n"},
		{"Korean", "site: home\n", "site", "집", "site: \"집\"\n"},
		{"single quotes", "site: 'it''s' # x\n", "site", "a", "site: a # x\n"},
		{"nothing yet", "", "log.level", "debug", "log:\n  level: debug\n"},
		{"nothing but comments", "# mine\n", "site", "a", "# mine\n\nsite: a\n"},
		{"a key without a value", "log: # what it says\nsite: home\n", "log.level", "warn", "log: # what it says\n  level: warn\nsite: home\n"},
		{"a key beside others", "log:\n    # how\n    format: json\nsite: home\n", "log.level", "warn", "log:\n    level: warn\n    # how\n    format: json\nsite: home\n"},
		{"no value at all", "site: # unknown\n", "site", "a", "site: a # unknown\n"},
		{"braces", "log: {format: json} # x\n", "log.level", "warn", "log: {level: warn, format: json} # x\n"},
		{"in braces", "log: {level: info, format: json} # x\n", "log.level", "warn", "log: {level: warn, format: json} # x\n"},
		{"empty braces", "log: {}\n", "log.level", "warn", "log: {level: warn}\n"},
		{"a sensor", "sensors:\n- driver: host # this\n  room: a\n- driver: sim\n  room: b # two\n", "sensors[1].room", "c", "sensors:\n- driver: host # this\n  room: a\n- driver: sim\n  room: c # two\n"},
		{"a key of a sensor", "sensors:\n  - driver: host # this\n    room: a\n    # the end\n", "sensors[0].interval", "30s", "sensors:\n  - driver: host # this\n    room: a\n    interval: 30s\n    # the end\n"},
		{"an option of a sensor", "sensors:\n  - driver: sim\n    room: a\n    options:\n      # big\n      seed: 1\n", "sensors[0].options.seed", "7", "sensors:\n  - driver: sim\n    room: a\n    options:\n      # big\n      seed: 7\n"},
		{"a time", "persistence: {interval: 5s}\n", "persistence.interval", "1m", "persistence: {interval: 1m}\n"},
		{"a bool", "persistence:\n  enabled: true\n", "persistence.enabled", "false", "persistence:\n  enabled: false\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Set("f", []byte(tt.before), tt.path, tt.value)
			if err != nil || string(got) != tt.after {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, tt.after)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	for _, tt := range []struct{ before, path, value, want string }{
		{"site: home\n", "sites", "a", "there is no such key"},
		{"site: home\n", "log", "a", "is not one value"},
		{"log:\n  level: info\n", "log.level", "loud", "f:2:10: log.level"},
		{"log:\n  level: info\n", "persistence.interval", "1", "has no unit"},
		{"site: &x home\nlog:\n  level: info\n", "site", "a", "change it in the file"},
		{"site: |\n  home\n", "site", "a", "change it in the file"},
		{"sensors: []\n", "sensors[0].room", "a", "no item 0"},
		{"log: &l {level: info}\n", "log.level", "a\nb", "log.level"},
		{"site: [\n", "site", "a", "f:"},
	} {
		if got, err := Set("f", []byte(tt.before), tt.path, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %s=%s: %q, %v; want %q", tt.before, tt.path, tt.value, got, err, tt.want)
		}
	}
}

// settable are keys, and values that each may have.
var settable = map[string][]string{
	"site":                  {"home", "집", "a b", "12", "no", `q"q`},
	"log.level":             {"debug", "info", "warn", "error"},
	"log.format":            {"text", "json"},
	"persistence.interval":  {"1s", "5m", "0s"},
	"persistence.enabled":   {"true", "false"},
	"persistence.max_bytes": {"1073741824", "536870912"},
	"dashboard.address":     {"127.0.0.1:8081", "localhost:80"},
	"broker.max_inflight":   {"20", "100"},
	"broker.max_qos":        {"0", "1", "2"},
	"broker.queue_full":     {"drop_oldest", "refuse"},
	"sensors[0].room":       {"kitchen", "방", "a-b_c"},
	"sensors[0].name":       {"one", "true", "it's"},
	"sensors[0].interval":   {"10s", "1m30s"},
	"sensors[0].values":     {"true", "false"},
}

// Whatever is set, in whatever order: the result says that and nothing else
// new, and every comment is still there, in its order.
func TestSetKeepsTheRest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	paths := slices.Sorted(maps.Keys(settable))
	for _, start := range []string{readExample(t), "sensors:\n- driver: host\n  room: a # one\n", "# c1\nsensors:\n    # c2\n    - driver: host # c3\n      room: a\n# c4\nlog: {level: info} # c5\n# c6\n"} {
		text := start
		for range 60 {
			path := paths[r.IntN(len(paths))]
			value := settable[path][r.IntN(len(settable[path]))]
			after, err := Set("f", []byte(text), path, value)
			if err != nil {
				t.Fatalf("%s = %s: %v\n%s", path, value, err, text)
			}
			if a, b := comments(text), comments(string(after)); !slices.Equal(a, b) {
				t.Fatalf("%s = %s: comments were %q, are %q", path, value, a, b)
			}
			if _, err := Parse("f", after); err != nil {
				t.Fatal(err)
			}
			want := flatten(newFile("f", []byte(text)).parse([]byte(text)))
			want[path] = value
			if got := flatten(newFile("f", after).parse(after)); !maps.Equal(got, want) {
				t.Fatalf("%s = %s: says %v, want %v", path, value, got, want)
			}
			text = string(after)
		}
	}
}

// comments are those of a text in which no value has " #".
func comments(text string) (all []string) {
	for line := range strings.Lines(text) {
		if i := strings.Index(" "+line, " #"); i >= 0 {
			all = append(all, strings.TrimSpace(line[i:]))
		}
	}
	return all
}

func TestRemoveSensor(t *testing.T) {
	const two = "# top\nsensors:\n  # about the first\n  - driver: host\n    room: a # in it\n\n  # about the second\n  - driver: sim\n    room: b\n    # in it\n\n# the log\nlog:\n  level: info\n"
	for _, tt := range []struct {
		before string
		index  int
		after  string
	}{
		{two, 0, "# top\nsensors:\n\n  # about the second\n  - driver: sim\n    room: b\n    # in it\n\n# the log\nlog:\n  level: info\n"},
		{two, 1, "# top\nsensors:\n  # about the first\n  - driver: host\n    room: a # in it\n\n\n# the log\nlog:\n  level: info\n"},
		{"sensors: # mine\n- driver: host\n  room: a\nsite: home\n", 0, "sensors: [] # mine\nsite: home\n"},
	} {
		got, err := RemoveSensor("f", []byte(tt.before), tt.index)
		if err != nil || string(got) != tt.after {
			t.Errorf("%v, got\n%s\nwant\n%s", err, got, tt.after)
		}
	}
	for before, want := range map[string]string{
		"site: a\n":                            "no item 0",
		"sensors: [{driver: host, room: a}]\n": "in brackets",
		"sensors:\n- &x {driver: host, room: a}\n- {driver: sim, room: b}\nbuses: []\n":              "",
		"sensors:\n- driver: host\n  room: a\n- driver: sim\n  room: b\n  compensate_from: a/host\n": "compensate_from",
	} {
		_, err := RemoveSensor("f", []byte(before), 0)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", before, err, want)
		}
	}
}

func TestHasSensors(t *testing.T) {
	for text, want := range map[string]bool{"": false, "site: a\n": false, "sensors: []\n": true, "sensors:\n": false, "sensors:\n- driver: host\n  room: a\n": true} {
		if got := HasSensors([]byte(text)); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

func FuzzSet(f *testing.F) {
	f.Add("log:\n  level: info # x\n", uint8(1), uint8(0))
	f.Add("a: &x [1]\nsensors: []", uint8(3), uint8(1))
	f.Add("sensors:\n- {driver: host, room: a}\n", uint8(12), uint8(1))
	f.Add("site: 'a\n  b' # c\n", uint8(13), uint8(2))
	paths := slices.Sorted(maps.Keys(settable))
	f.Fuzz(func(t *testing.T, before string, p, v uint8) {
		path := paths[int(p)%len(paths)]
		value := settable[path][int(v)%len(settable[path])]
		after, err := Set("f", []byte(before), path, value)
		if err != nil {
			return
		}
		if _, err := Parse("f", after); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if removed, err := RemoveSensor("f", after, i); err == nil {
				if _, err := Parse("f", removed); err != nil {
					t.Fatal(fmt.Errorf("without sensor %d: %w", i, err))
				}
			}
		}
	})
}

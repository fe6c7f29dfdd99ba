package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

const exampleFile = "../../../../gateway.example.yaml"

func readExample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestExampleIsTheDefault holds gateway.example.yaml equal to what applies
// without a file.
func TestExampleIsTheDefault(t *testing.T) {
	got, err := Parse("gateway.example.yaml", []byte(readExample(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the example says\n%+v\nand the default is\n%+v", got, want)
	}
}

// uncommented is the example with its commented examples made part of it.
func uncommented(t *testing.T) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(readExample(t)) {
		line = strings.TrimRight(line, "\n")
		line = strings.Replace(line, ": []", ":", 1)
		if before, after, ok := strings.Cut(line, "#: "); ok && strings.TrimSpace(before) == "" {
			line = before + after
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// TestExamplesAreRight reads the commented examples as a person would use
// them. What they show as default is the default.
func TestExamplesAreRight(t *testing.T) {
	cfg, err := Parse("gateway.example.yaml", []byte(uncommented(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Sensors.Sensors) != 9 || len(cfg.Bridges) != 2 || len(cfg.Alerts) != 1 {
		t.Fatalf("%d sensors, %d bridges and %d alerts, want 9, 2 and 1", len(cfg.Sensors.Sensors), len(cfg.Bridges), len(cfg.Alerts))
	}
	short, err := Parse("short", []byte("bridges:\n  - {name: cloud, address: 'mqtts://broker.example.org', username: pi, topics: [{filter: home/#, remote_prefix: pi1/}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	shownBridge := cfg.Bridges[0]
	shownBridge.Addresses, shownBridge.Windows, shownBridge.Line.TLS.ALPN = nil, nil, nil // it shows empty lists
	if !reflect.DeepEqual(shownBridge, short.Bridges[0]) {
		t.Errorf("the bridge of the example is\n%+v\nwith its defaults left out\n%+v", shownBridge, short.Bridges[0])
	}
	full := cfg.Sensors.WithDefaults("pi").Sensors[1]
	shown := cfg.Sensors.Sensors[1]
	shown.Options = full.Options
	if !reflect.DeepEqual(shown, full) {
		t.Errorf("the bme280 of the example is\n%+v\nwith defaults\n%+v", shown, full)
	}
}

// TestExampleHasEveryKey finds each key of each Config in the example, with a
// comment before it or before the keys that it stands with.
func TestExampleHasEveryKey(t *testing.T) {
	text := uncommented(t)
	for _, key := range keysOf(reflect.TypeFor[Config]()) {
		if !regexp.MustCompile(`(?m)^ *(- )?` + regexp.QuoteMeta(key) + `:`).MatchString(text) {
			t.Errorf("the key %s is not in gateway.example.yaml", key)
		}
	}
}

// keysOf returns the yaml keys of a struct and of all structs in it.
func keysOf(typ reflect.Type) []string {
	switch {
	case typ.Kind() == reflect.Slice, typ.Kind() == reflect.Pointer, typ.Kind() == reflect.Map:
		return keysOf(typ.Elem())
	case typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]():
		return nil
	}
	var keys []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" {
			keys = append(keys, name)
		}
		keys = append(keys, keysOf(f.Type)...)
	}
	return keys
}

func TestEveryFieldHasAKey(t *testing.T) {
	var check func(typ reflect.Type)
	check = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Tag.Get("yaml") == "" {
				t.Errorf("%v.%s has no yaml key", typ, f.Name)
			}
			check(f.Type)
		}
	}
	check(reflect.TypeFor[Config]())
}

package config

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// marshalled writes a configuration and reads it again.
func marshalled(t *testing.T, cfg *Config) string {
	t.Helper()
	data, err := Marshal(cfg, Comments{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again", data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if !reflect.DeepEqual(emptied(again), emptied(cfg)) {
		t.Errorf("%v\n%s", Diff(cfg, again), data)
	}
	return string(data)
}

// The default says nothing, and the example with all that is in it is the same
// when it is read again.
func TestMarshal(t *testing.T) {
	if got := marshalled(t, Default()); got != "" {
		t.Errorf("%q", got)
	}
	cfg, err := Parse("example", []byte(uncommented(t)))
	if err != nil {
		t.Fatal(err)
	}
	text := marshalled(t, cfg)
	for _, want := range []string{"\n  - driver: bme280\n    room: kitchen\n", "address: 0x76", "heartbeat: 1h\n", `"2.8 -> 0"`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "max_packet_size: 2000000") {
		t.Errorf("a default is written:\n%s", text)
	}
}

func TestMarshalComments(t *testing.T) {
	cfg := Default()
	cfg.Broker.Listeners = cfg.Broker.Listeners[:1]
	cfg.Log.Level = "debug"
	data, err := Marshal(cfg, Comments{
		Top:    []string{"one", "two\nhalves"},
		Above:  map[string][]string{"broker.listeners[0]": {"the door"}, "broker.listeners[0].protocol": {"how"}, "site": {"not written"}},
		Beside: map[string]string{"log.level": "loud"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `# one
# two halves

broker:
  listeners:
    # the door
    # how
    - protocol: tcp
      address: "127.0.0.1:1883"

log:
  level: debug  # loud
`
	if string(data) != want {
		t.Errorf("%s", data)
	}
}

func TestMarshalRefuses(t *testing.T) {
	cfg := Default()
	cfg.Broker.ClientIDPrefix = "caf\xe9"
	_, err := Marshal(cfg, Comments{})
	if err == nil || !strings.Contains(err.Error(), `broker.client_id_prefix: "caf\xe9" is not UTF-8`) {
		t.Error(err)
	}
}

// Whatever is right in the files of wrong ones, and whatever numbers and texts
// are changed at random, what is valid comes back as it was.
func TestMarshalAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	example, err := Parse("example", []byte(uncommented(t)))
	if err != nil {
		t.Fatal(err)
	}
	valid := 0
	for range 400 {
		cfg := emptied(example)
		for range 3 {
			disturb(r, reflect.ValueOf(cfg).Elem())
		}
		f := newFile("", nil)
		if f.validate(cfg); f.err() != nil {
			continue
		}
		valid++
		marshalled(t, cfg)
	}
	if valid < 40 {
		t.Errorf("%d valid ones, which say little", valid)
	}
}

// disturb changes something.
func disturb(r *rand.Rand, v reflect.Value) {
	texts := []string{"", "true", "1.0", "a: b", "# no", "x # y", `q"uo\te`, "käse", "- a", "[", "{}", "null", "~", " led", "a\tb", "0x10", "1e3", "on", "%u", "&a", "*", "|", "'"}
	switch {
	case v.Type() == durationType:
		v.SetInt(int64(time.Duration(r.IntN(100000)) * time.Millisecond))
	case v.Kind() == reflect.Struct:
		all := fields(v)
		disturb(r, all[r.IntN(len(all))].value)
	case v.Kind() == reflect.Pointer && v.IsNil():
		v.Set(reflect.New(v.Type().Elem()))
	case v.Kind() == reflect.Pointer:
		disturb(r, v.Elem())
	case v.Kind() == reflect.Slice && v.Len() > 0:
		if disturb(r, v.Index(r.IntN(v.Len()))); r.IntN(4) == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.String:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(texts[r.IntN(len(texts))]), reflect.ValueOf(texts[r.IntN(len(texts))]))
	case v.Kind() == reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.CanInt():
		v.SetInt(int64(r.IntN(100)))
	case v.CanFloat():
		v.SetFloat(r.NormFloat64() * 100)
	}
}

package reading

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	kitchen, _ = NewPath("home", "kitchen", "climate")
	at         = time.Date(2026, 11, 23, 4, 5, 6, 789_000_000, time.UTC)
)

// payloads are readings and exactly what is published for them.
var payloads = []struct {
	name    string
	reading Reading
	want    string
}{
	{"two values", Reading{Path: kitchen, Time: at, Values: []Value{{Temperature, 21.53}, {Humidity, 43.7}}},
		`{"time":"2026-11-23T04:05:06.789Z","temperature":21.53,"humidity":43.7}`},
	{"another zone", Reading{Path: kitchen, Time: at.In(time.FixedZone("KST", 9*3600)), Values: []Value{{Temperature, 1}}},
		`{"time":"2026-11-23T04:05:06.789Z","temperature":1}`},
	{"a whole second", Reading{Path: kitchen, Time: at.Truncate(time.Second), Values: []Value{{Temperature, -0.5}}},
		`{"time":"2026-11-23T04:05:06.000Z","temperature":-0.5}`},
	{"no time", Reading{Path: kitchen, Values: []Value{{Pressure, 1009.43}}},
		`{"pressure":1009.43}`},
	{"simulated", Reading{Path: kitchen, Time: at, Values: []Value{{Motion, 1}}, Simulated: true},
		`{"time":"2026-11-23T04:05:06.789Z","motion":1,"simulated":true}`},
	{"clock not set", Reading{Path: kitchen, Time: at, Values: []Value{{Motion, 0}}, Unsynced: true},
		`{"time":"2026-11-23T04:05:06.789Z","clock":"unsynced","motion":0}`},
	{"large and small", Reading{Path: kitchen, Values: []Value{{Energy, 1e15}, {Current, 0.000001}}},
		`{"energy":1000000000000000,"current":0.000001}`},
	{"a quantity that needs quoting", Reading{Path: kitchen, Values: []Value{{Quantity("a\"b\x01ü"), 1}}},
		`{"a\"b\u0001ü":1}`},
}

func TestPayload(t *testing.T) {
	for _, test := range payloads {
		t.Run(test.name, func(t *testing.T) {
			b, err := test.reading.AppendPayload([]byte("before"))
			if err != nil || string(b) != "before"+test.want {
				t.Fatalf("%s, %v; want %s", b, err, test.want)
			}
			if !json.Valid(b[6:]) {
				t.Errorf("%s is not JSON", b[6:])
			}
			got, err := ParsePayload(kitchen, b[6:])
			if err != nil {
				t.Fatal(err)
			}
			want := test.reading
			if !got.Time.Equal(want.Time) {
				t.Errorf("time %v, want %v", got.Time, want.Time)
			}
			got.Time, want.Time = time.Time{}, time.Time{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("parsed %+v, want %+v", got, want)
			}
		})
	}
}

func TestPayloadRefusesWhatJSONCannotHold(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		b, err := Reading{Path: kitchen, Values: []Value{{Humidity, 1}, {Temperature, x}}}.AppendPayload([]byte("before"))
		if err == nil || string(b) != "before" || !strings.Contains(err.Error(), "home/kitchen/climate: temperature") {
			t.Errorf("%v: %q, %v", x, b, err)
		}
	}
}

func TestAppendNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 21.53: "21.53", -40: "-40", math.Nextafter(0.3, 1): "0.30000000000000004", 1e21: "1000000000000000000000", 1e-7: "0.0000001", 100: "100",
	} {
		if got := string(AppendNumber(nil, x)); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
}

// TestParseForeign reads what others publish.
func TestParseForeign(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		want          []Value
		time          time.Time
	}{
		{"zigbee2mqtt", `{"battery":100,"humidity":55.1,"linkquality":120,"temperature":21.2,"last_seen":"2026-11-23T04:05:06Z"}`,
			[]Value{{"battery", 100}, {Humidity, 55.1}, {"linkquality", 120}, {Temperature, 21.2}}, time.Time{}},
		{"truth values", `{"motion":true,"door":false}`, []Value{{Motion, 1}, {Door, 0}}, time.Time{}},
		{"text, null and nesting are passed over", `{"name":"x","none":null,"list":[1,2],"object":{"temperature":9},"temperature":1}`, []Value{{Temperature, 1}}, time.Time{}},
		{"white space", " {\n\t\"temperature\" : 1.50 } \n", []Value{{Temperature, 1.5}}, time.Time{}},
		{"exponents", `{"a":1e3,"b":-2.5E-2}`, []Value{{"a", 1000}, {"b", -0.025}}, time.Time{}},
		{"time with an offset", `{"time":"2026-11-23T13:05:06.789+09:00","temperature":1}`, []Value{{Temperature, 1}}, at},
		{"time of its own kind", `{"time":1763870706,"temperature":1}`, []Value{{Temperature, 1}}, time.Time{}},
		{"time that is none", `{"time":"yesterday","temperature":1}`, []Value{{Temperature, 1}}, time.Time{}},
		{"another clock", `{"clock":"wall","temperature":1}`, []Value{{Temperature, 1}}, time.Time{}},
		{"escapes", `{"temper\u0061ture":1}`, []Value{{Temperature, 1}}, time.Time{}},
		{"the same twice", `{"temperature":1,"temperature":2}`, []Value{{Temperature, 2}}, time.Time{}},
	} {
		r, err := ParsePayload(kitchen, []byte(test.payload))
		if err != nil || !slices.Equal(r.Values, test.want) || !r.Time.Equal(test.time) || r.Path != kitchen {
			t.Errorf("%s: %+v, %v; want %v at %v", test.name, r, err, test.want, test.time)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":            "",
		"a number":           "21.5",
		"a word":             "online",
		"a list":             "[1,2]",
		"an empty object":    "{}",
		"no numbers":         `{"name":"x"}`,
		"cut":                `{"temperature":21.5`,
		"cut in a string":    `{"temper`,
		"more behind it":     `{"temperature":1} {"temperature":2}`,
		"garbage behind it":  `{"temperature":1}}`,
		"two commas":         `{"temperature":1,,"humidity":2}`,
		"a comma at the end": `{"temperature":1,}`,
		"no quotes":          `{temperature:1}`,
		"NaN":                `{"temperature":NaN}`,
		"too large":          `{"temperature":1e999}`,
		"hexadecimal":        `{"temperature":0x10}`,
		"a leading zero":     `{"temperature":01}`,
		"deep":               `{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,"temperature":1}`,
		"binary":             "\x00\x01\x02",
	} {
		r, err := ParsePayload(kitchen, []byte(payload))
		if err == nil || !strings.HasPrefix(err.Error(), `payload of "home/kitchen/climate": `) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if !reflect.DeepEqual(r, Reading{}) {
			t.Errorf("%s: failed and returned %+v", name, r)
		}
	}
}

// TestParseLarge: a megabyte of values is a matter of a moment.
func TestParseLarge(t *testing.T) {
	var b strings.Builder
	b.WriteByte('{')
	for i := range 50_000 {
		fmt.Fprintf(&b, `"value_%d":%d,`, i, i)
	}
	b.WriteString(`"last":1}`)
	r, err := ParsePayload(kitchen, []byte(b.String()))
	if err != nil || len(r.Values) != 50_001 {
		t.Errorf("%d values, %v", len(r.Values), err)
	}
}

func TestQuantities(t *testing.T) {
	for q, info := range infos {
		if info.Title == "" || info.Decimals < 0 || info.Counter && info.Binary {
			t.Errorf("%s: %+v", q, info)
		}
		if q == keyTime || q == keyClock || q == keySimulated {
			t.Errorf("%s is another key of the payload", q)
		}
		if err := CheckLevel(string(q)); err != nil {
			t.Errorf("%s cannot be a level of a topic: %v", q, err)
		}
		if string(appendKey(nil, q)) != `"`+string(q)+`"` {
			t.Errorf("%s needs quoting", q)
		}
	}
	if info, ok := Temperature.Info(); !ok || info.Unit != "°C" || Temperature.Unit() != "°C" {
		t.Errorf("temperature: %+v", info)
	}
	for _, foreign := range []Quantity{"linkquality", "power_on_count", "temperature_", "temperature_1000", "x", "_x", ""} {
		if info, ok := foreign.Info(); ok || info.Title != string(foreign) || info.Decimals != -1 || foreign.Unit() != "" || foreign.Base() != foreign {
			t.Errorf("a quantity from elsewhere: %+v, %v", info, ok)
		}
	}
}

func TestQuantityParts(t *testing.T) {
	for q, want := range map[Quantity]struct {
		base        Quantity
		title, unit string
	}{
		Voltage.Of("l1"):                   {Voltage, "Voltage L1", "V"},
		Temperature.Of("2"):                {Temperature, "Temperature 2", "°C"},
		Acceleration.Of("rms_x"):           {Acceleration, "Acceleration RMS X", "m/s²"},
		Energy.Of("import_t1"):             {Energy, "Energy import, tariff 1", "kWh"},
		VOCParts.Of("1"):                   {VOCParts, "VOC 1", "ppb"},
		PowerFactor:                        {PowerFactor, "Power factor", ""},
		PowerFactor.Of("l2"):               {PowerFactor, "Power factor L2", ""},
		Particles.Of("0_3um"):              {Particles, "Particles ≥ 0.3 µm", "/dL"},
		Quantity("carbon_dioxide"):         {CarbonDioxide, "CO₂", "ppm"},
		Quantity("temperature_probe"):      {Temperature, "Temperature probe", "°C"},
		Quantity("sea_level_pressure_min"): {SeaLevelPressure, "Sea-level pressure least", "hPa"},
	} {
		info, ok := q.Info()
		if !ok || q.Base() != want.base || info.Title != want.title || q.Unit() != want.unit {
			t.Errorf("%s: base %s, %+v, %v; want %+v", q, q.Base(), info, ok, want)
		}
	}
	for part := range parts {
		if err := CheckLevel(part); err != nil || string(appendKey(nil, Quantity(part))) != `"`+part+`"` {
			t.Errorf("part %q cannot be in a key or topic: %v", part, err)
		}
	}
	all := Quantities()
	if len(all) != len(infos) || !slices.IsSorted(all) {
		t.Errorf("Quantities: %v", all)
	}
}

// FuzzParsePayload: whatever the bytes, it returns, and what it accepts can
// be published and read again.
func FuzzParsePayload(f *testing.F) {
	for _, p := range payloads {
		f.Add([]byte(p.want))
	}
	f.Add([]byte(`{"a":[{"b":null}],"temperature":-0.0}`))
	f.Add([]byte("{\"\xff\":1}"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := ParsePayload(kitchen, payload)
		if err != nil {
			return
		}
		b, err := r.AppendPayload(nil)
		if err != nil {
			t.Fatalf("%q is %+v, which cannot be published: %v", payload, r, err)
		}
		again, err := ParsePayload(kitchen, b)
		if err != nil || !slices.Equal(again.Values, r.Values) || again.Simulated != r.Simulated || again.Unsynced != r.Unsynced {
			t.Fatalf("%q has become %s: %+v, %v", payload, b, again, err)
		}
	})
}

func BenchmarkAppendPayload(b *testing.B) {
	r := Reading{Path: kitchen, Time: at, Values: []Value{{Temperature, 21.53}, {Humidity, 43.7}}}
	buf := make([]byte, 0, 200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.AppendPayload(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func TestCheckQuantity(t *testing.T) {
	for _, q := range Quantities() {
		if err := CheckQuantity(string(q)); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	for _, name := range []string{"", "a/b", "time", "clock", "boot", "simulated", "status", "set"} {
		if CheckQuantity(name) == nil {
			t.Errorf("%q is a quantity", name)
		}
	}
}

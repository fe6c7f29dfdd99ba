package alerts

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseValue(t *testing.T) {
	for text, want := range map[string]Value{
		"home/kitchen/climate#temperature": {"home/kitchen/climate", "temperature"},
		"tele/plug/SENSOR#ENERGY.Power":    {"tele/plug/SENSOR", "ENERGY.Power"},
		"home/kitchen/climate/temperature": {"home/kitchen/climate/temperature", ""},
		"home/+/freezer#temperature":       {"home/+/freezer", "temperature"},
		"home/##temperature":               {"home/#", "temperature"},
		"home/#":                           {"home/#", ""},
		"#":                                {"#", ""},
		"##temperature":                    {"#", "temperature"},
		"$SYS/broker/clients/connected":    {"$SYS/broker/clients/connected", ""},
		"집/부엌/온도#온도":                       {"집/부엌/온도", "온도"},
		"a#b#c":                            {"a", "b#c"},
	} {
		got, err := ParseValue(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"": "is empty", "#/x": "", "home/+x/y": "'+'", "home/kitchen#": "no key", "$share/g/home/#": "shared", strings.Repeat("x", 501): "at most 500", "a\x00b": "",
	} {
		if got, err := ParseValue(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %+v, %v; want %q in it", text, got, err, says)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, tt := range []struct {
		payload, key string
		want         float64
		ok           bool
	}{
		{"21.5", "", 21.5, true}, {" -3 \n", "", -3, true}, {"ON", "", 1, true}, {"off", "", 0, true}, {"true", "", 1, true},
		{"NaN", "", 0, false}, {"inf", "", 0, false}, {"1e999", "", 0, false}, {"", "", 0, false}, {"online", "", 0, false}, {"21.5 °C", "", 0, false},
		{`{"temperature":21.5}`, "temperature", 21.5, true}, {`{"temperature":21.5}`, "humidity", 0, false}, {`{"temperature":21.5}`, "", 0, false},
		{`{"temperature":"21.5"}`, "temperature", 0, false}, {`{"temperature":null}`, "temperature", 0, false},
		{`{"leak":true}`, "leak", 1, true}, {`{"POWER":"ON"}`, "POWER", 1, true}, {`"open"`, "", 1, true}, {"closed", "", 0, true}, {`{"state":"idle"}`, "state", 0, false}, {`{"ENERGY":{"Power":12,"a.b":{"c":3}}}`, "ENERGY.Power", 12, true}, {`{"ENERGY":{"a.b":{"c":3}}}`, "ENERGY.a.b.c", 3, true},
		{`{"a.b":1}`, "a.b", 1, true}, {`{"a":[1,{"b":2}]}`, "a.0", 1, true}, {`{"a":[1,{"b":2}]}`, "a.1.b", 2, true}, {`{"a":[1]}`, "a.1", 0, false}, {`{"a":[1]}`, "a.-1", 0, false},
		{`{"a":1} {"a":2}`, "a", 0, false}, {`{"a":1`, "a", 0, false}, {"21.5", "a", 0, false},
		{`{"a":"` + strings.Repeat("x", maxPayload) + `","b":1}`, "b", 0, false},
	} {
		if got, ok := readPayload([]byte(tt.payload)).at(tt.key); got != tt.want || ok != tt.ok {
			t.Errorf("%.50s at %q: %v, %v; want %v, %v", tt.payload, tt.key, got, ok, tt.want, tt.ok)
		}
	}
	now := at(time.Hour)
	for text, want := range map[string]time.Time{
		`{"time":"2026-11-23T04:30:00.000Z","x":1}`:                    epoch.Add(30 * time.Minute),
		`{"time":"2026-11-23T13:30:00+09:00","x":1}`:                   epoch.Add(30 * time.Minute),
		`{"time":"2026-11-23T04:30:00.000Z","clock":"unsynced","x":1}`: {},
		`{"time":"2026-11-23T05:00:03.000Z","x":1}`:                    {}, // ahead of us
		`{"time":1763870706,"x":1}`:                                    {},
		`{"time":"yesterday","x":1}`:                                   {},
		`5`:                                                            {},
	} {
		if got := readPayload([]byte(text)).believed(now); !got.Equal(want) {
			t.Errorf("%s was measured at %v, want %v", text, got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	r := ruleOf("freezer", "home/+/freezer#temperature", above(-15), message("{name}: {sensor} in the {room} of {site} is {value} {unit}, more than {limit}; {topic} {reason} {{x}"))
	got := says{rule: r, topic: "home/cellar/freezer", title: "Temperature", unit: "°C", reason: Above, value: limit(-12.34567), limit: limit(-15)}.text()
	if want := "freezer: freezer in the cellar of home is -12.346 °C, more than -15; home/cellar/freezer above {x}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r.Message = ""
	for want, s := range map[string]says{
		"t: Temperature is -12 °C, above -15 °C": {reason: Above, value: limit(-12), limit: limit(-15), unit: "°C", title: "Temperature"},
		"t: x is 1, below 2":                     {reason: Below, value: limit(1), limit: limit(2), title: "x"},
		"t: no reading for 1h30m":                {reason: Missing},
		"t: the sensor is stale":                 {reason: Fault, status: "stale"},
		"t: ok":                                  {},
	} {
		s.rule, s.topic = r, "t"
		s.rule.Missing = 90 * time.Minute
		if got := s.text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for bad, says := range map[string]string{
		"{vlue}": "{vlue} is unknown", "a { b": "no }", "{": "no }", strings.Repeat("x", 201): "at most 200", "a\nb": "control", "\xff": "UTF-8",
	} {
		if err := checkMessage(bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q in it", bad, err, says)
		}
	}
	for d, want := range map[time.Duration]string{10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Second: "1m30s", 0: "0s", 744 * time.Hour: "744h", 20 * time.Minute: "20m"} {
		if got := durationText(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
	for x, want := range map[float64]string{1: "1", -0.5: "-0.5", 1.23456: "1.235", 1e20: "1e+20", 0.00012: "0.00012", 1013.25: "1013.25"} {
		if got := numberText(&x); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := ruleOf("x", "a/b/c#d", above(30))
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Rule){
		"name: is empty":             func(r *Rule) { r.Name = "" },
		"name: contains '/'":         func(r *Rule) { r.Name = "a/b" },
		`name: ".."`:                 func(r *Rule) { r.Name = ".." },
		`name: " x"`:                 func(r *Rule) { r.Name = " x" },
		"value: is empty":            func(r *Rule) { r.Value = "" },
		"above: the rule never":      func(r *Rule) { r.Above = nil },
		"above: is no number":        func(r *Rule) { r.Above = limit(math.NaN()) },
		"above: every value":         func(r *Rule) { r.Below = limit(30) },
		"hysteresis: -1":             hysteresis(-1),
		"hysteresis: between 20":     func(r *Rule) { r.Below, r.Hysteresis = limit(20), 6 },
		"for: 169h":                  lasting(169 * time.Hour),
		"for: -1s":                   lasting(-time.Second),
		"for: is how long a limit":   func(r *Rule) { r.Above, r.Missing, r.For = nil, time.Hour, time.Second },
		"hysteresis: is for a limit": func(r *Rule) { r.Above, r.Missing, r.Hysteresis = nil, time.Hour, 1 },
		"missing: 1ms is less":       missing(time.Millisecond),
		`severity: "loud" is none`:   severity("loud"),
		"message: {x} is unknown":    message("{x}"),
	} {
		r := good
		change(&r)
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%v, want it to begin with %q", err, says)
		}
	}
	var choice interface{ Choices() (string, []string) }
	r := good
	r.Severity = "critcal"
	if !errors.As(r.Validate(), &choice) {
		t.Error("nobody can tell what was meant")
	}
	if err := Validate([]Rule{good, good}); err == nil || err.Error() != "[1].name: [0] is called x already" {
		t.Error(err)
	}
	if err := Validate(make([]Rule, maxRules+1)); err == nil || !strings.HasPrefix(err.Error(), "[200].name: there are at most") {
		t.Error(err)
	}
}

// TestRuleForms: what the page is given and gives back is the same rule.
func TestRuleForms(t *testing.T) {
	r := ruleOf("x", "a#b", above(1), hysteresis(0.5), lasting(time.Minute), missing(time.Hour), message("m"), severity(Info), status)
	r.Below, r.ClearFor = limit(-1), time.Second
	got := formOf(r).rule()
	if *got.Above != 1 || *got.Below != -1 {
		t.Errorf("%+v", got)
	}
	got.Above, got.Below = r.Above, r.Below
	if got != r {
		t.Errorf("%+v, want %+v", got, r)
	}
	for _, n := range []int64{math.MaxInt64, math.MinInt64, -1} {
		f := formOf(r)
		f.ForMS = n
		if f.rule().Validate() == nil {
			t.Errorf("for_ms %d is valid", n)
		}
	}
}

// FuzzMessage: whatever the text is, what is valid can be filled, and what comes
// out is text of a bounded length.
func FuzzMessage(f *testing.F) {
	f.Add("{name} {value}", "한국어")
	f.Add("{{", "}")
	f.Add("{", "")
	f.Fuzz(func(t *testing.T, text, inner string) {
		r := ruleOf("x", "t", above(1), message(text))
		got := says{rule: r, topic: inner, unit: inner, reason: Above, value: limit(2)}.text()
		if len(got) > maxText+len("…") {
			t.Errorf("%d bytes", len(got))
		}
		if utf8.ValidString(text) && utf8.ValidString(inner) && !utf8.ValidString(got) {
			t.Errorf("%q and %q make %q", text, inner, got)
		}
	})
}

// FuzzValue: what is accepted names topics and keys that make a text which is
// accepted as the same.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"home/+/x#a.b", "##", "#", "a#", "a/b", "a/##", "/##x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseValue(text)
		if err != nil {
			return
		}
		again, err := ParseValue(v.series(v.Filter))
		if err != nil || again != v {
			t.Errorf("%q is %+v, which is %+v, %v", text, v, again, err)
		}
	})
}

// FuzzPayload: no bytes are too odd, and no number is none.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,2,{"c":true}]}}`), "a.b.2.c")
	f.Add([]byte("1e400"), "")
	f.Fuzz(func(t *testing.T, b []byte, key string) {
		x, ok := readPayload(b).at(key)
		if math.IsNaN(x) || math.IsInf(x, 0) || !ok && x != 0 {
			t.Errorf("%q at %q is %v, %v", b, key, x, ok)
		}
	})
}

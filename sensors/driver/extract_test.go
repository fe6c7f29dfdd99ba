package driver

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"gateway/sensors/reading"
)

// extractText is the values of a document, by the option values; discovered if
// that is empty.
func extractText(values, document string) ([]float64, error) {
	d, err := parseDocument([]byte(document))
	if err != nil {
		return nil, err
	}
	var m mapping
	if values == "" {
		m, err = discover(d)
	} else {
		m, err = parseMapping(values)
	}
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(m))
	return out, m.extract(d, out)
}

// extractVector is a vector's text: the option values, a line's end, the
// document.
func extractVector(in string) ([]float64, error) {
	values, document, _ := strings.Cut(in, "\n")
	return extractText(values, document)
}

func TestExtract(t *testing.T) {
	const nested = `{"a":{"b":[1,{"c":"2.5"}],"b.c":3},"x.y":{"z":4},"on":true,"off":"OFF","big":1e300,"null":null,"neg":-1.5e-3,"s":" 7 "}`
	for _, test := range []struct {
		values, document string
		want             []float64
	}{
		{"temperature", "21.5\n", []float64{21.5}},
		{"anything=temperature*0.001", "21500", []float64{21.5}},
		{"temperature", `"21.5"`, []float64{21.5}},
		{"temperature,humidity", `{"humidity":40,"temperature":21}`, []float64{21, 40}},
		{"temp=temperature, rh = humidity", `{"temp":21,"rh":40}`, []float64{21, 40}},
		{"a.b.0=temperature", nested, []float64{1}},
		{"a.b.1.c=temperature", nested, []float64{2.5}},
		{"a.b.c=temperature", nested, []float64{3}},
		{"x.y.z=temperature", nested, []float64{4}},
		{"on=state, !on=problem, off=motion, !off=door", nested, []float64{1, 0, 0, 1}},
		{"neg=raw*-2,s=raw_1", nested, []float64{3e-3, 7}},
		{"0=temperature,1=humidity", "[21,40]", []float64{21, 40}},
		{"temp=temperature,rh=humidity", "# a comment\ntemp: 21.5 °C\nrh=40%\nrh 41 %\nnothing\n", []float64{21.5, 41}},
		{"0=load,2=raw", "0.12 0.20 0.30 1/123 4567\n", []float64{0.12, 0.3}},
		{"1=humidity,0=temperature", "21.5;40, 7", []float64{40, 21.5}},
		{"a*b=temperature", `{"a*b":5}`, []float64{5}},
		{"", `{"temperature":21,"humidity":"40","time":"2026","other":1,"power_l1":3,"pressure":null}`, []float64{40, 3, 21}},
		{"", "42", []float64{42}},
		{"", "\uFEFF{\"temperature\":1}", []float64{1}},
	} {
		got, err := extractText(test.values, test.document)
		if err != nil || !near(got, test.want, 1e-12) {
			t.Errorf("%q of %q: %v, %v; want %v", test.values, test.document, got, err, test.want)
		}
	}
}

func TestExtractRefuses(t *testing.T) {
	const doc = `{"a":{"b":1},"n":null,"s":"warm","l":[1,2],"big":1e300,"huge":1e999,"nan":"NaN","inf":"-Inf","hex":"0x10","comma":"21,5","two":2}`
	for _, test := range []struct{ values, document, want string }{
		{"a=temperature", doc, `"a" is no number: name one of its members (b)`},
		{"l=temperature", doc, "an array of 2"},
		{"l.2=temperature", doc, `no "l.2"`},
		{"l.-1=temperature", doc, `no "l.-1"`},
		{"l.0.x=temperature", doc, `no "l.0.x"`},
		{"a.c=temperature", doc, `temperature: there is no "a.c" in it, but a, big, comma,`},
		{"n=temperature", doc, `"n" is null`},
		{"s=temperature", doc, `"warm", which is no number`},
		{"big=temperature*1e300", doc, "too large"},
		{"huge=temperature", doc, "no number"},
		{"nan=temperature", doc, "no number"},
		{"inf=temperature", doc, "no number"},
		{"hex=temperature", doc, "no number"},
		{"comma=temperature", doc, "no number"},
		{"!two=door", doc, "neither true nor false"},
		{"temperature,humidity", "21", "asks for several"},
		{"temperature", "{}", "but nothing"},
		{"temperature", "", "is empty"},
		{"temperature", " \n", "is empty"},
		{"temperature", `{"temperature":21`, "ends too early"},
		{"temperature", `{"temperature":21} x`, "more behind its JSON"},
		{"temperature", "{temperature:21}", "no JSON"},
		{"temperature", "<html>", "neither JSON"},
		{"temperature=warmth", "1", `"warmth" is no quantity`},
		{"temperature*x", "1", "is not a factor"},
		{"temperature*0", "1", "is not a factor"},
		{"temperature*NaN", "1", "is not a factor"},
		{"a=temperature,b=temperature", "1", "temperature_1 and temperature_2"},
		{" , ", "1", "names nothing"},
		{strings.Repeat("a=raw_1,", 1) + "=", "1", `"" is no quantity`},
		{"", `{"temp":21,"rh":40}`, `there is rh, temp; say which is what`},
		{"3=raw", "0.12 0.20 0.30 1/123 4567", "no number"},
		{"temperature", "21,5", "an array of 2"},
		{"", `["a"]`, "an array of 1"},
		{"", "warm", "neither JSON"},
		{"", `"warm"`, "no number"},
		{"", "null x", "called like a quantity"},
	} {
		got, err := extractText(test.values, test.document)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q of %q: %v, error %v; want %q in it", test.values, test.document, got, err, test.want)
		}
	}
	var many []string
	for i := range maxMapping + 1 {
		many = append(many, string(reading.Raw.Of(string(rune('0'+i/10))+string(rune('0'+i%10)))))
	}
	if _, err := parseMapping(strings.Join(many, ",")); err == nil || !strings.Contains(err.Error(), "more than the 64") {
		t.Errorf("too many values: %v", err)
	}
}

func TestExtractWritesAllOrNothing(t *testing.T) {
	m, err := parseMapping("a=temperature,b=humidity")
	if err != nil {
		t.Fatal(err)
	}
	out := []float64{-1, -1}
	if err := m.extract(map[string]any{"a": json.Number("1"), "b": nil}, out); err == nil || !slices.Equal(out, []float64{-1, -1}) {
		t.Errorf("%v, %v", out, err)
	}
}

// What can be told without opening anything is told of a configuration.
func TestChecksOptions(t *testing.T) {
	good := map[string]map[string]string{
		"exec":   {"command": "date +%s"},
		"file":   {"path": "/run/t"},
		"http":   {"url": "http://a/"},
		"mqtt":   {"topic": "a", "values": "temperature"},
		"replay": {"file": "/r.csv"},
		"hwmon":  {},
		"iio":    {},
	}
	for name, set := range good {
		d, _ := Lookup(name)
		if !d.Dynamic {
			t.Errorf("%s is not dynamic", name)
		}
		if err := d.Check(d.WithDefaults(set)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, o := range d.Options {
			if o.Required && o.Name != "values" {
				if err := d.Check(d.WithDefaults(map[string]string{"values": "temperature"})); err == nil || !strings.Contains(err.Error(), "option "+o.Name+": ") {
					t.Errorf("%s without %s: %v", name, o.Name, err)
				}
			}
		}
		bad := d.WithDefaults(set)
		bad["values"] = "t=warmth"
		if err := d.Check(bad); err == nil || !strings.Contains(err.Error(), `option values: "t=warmth": "warmth" is no quantity`) {
			t.Errorf("%s with bad values: %v", name, err)
		}
	}
}

func TestChannelOf(t *testing.T) {
	for q, want := range map[reading.Quantity]Channel{
		"temperature_1":  {"temperature_1", -273.15, 3000, 3},
		"humidity":       {"humidity", 0, 100, 3},
		"door":           {"door", 0, 1, 0},
		"count":          {"count", 0, 1e15, 2},
		"raw_7":          {"raw_7", -1e15, 1e15, 6},
		"carbon_dioxide": {"carbon_dioxide", 0, 1e6, 2},
	} {
		if got := channelOf(q); got != want {
			t.Errorf("%s: %v, want %v", q, got, want)
		}
	}
	for q, r := range quantityRanges {
		if _, known := q.Info(); !known || r.min >= r.max {
			t.Errorf("%s: %v", q, r)
		}
	}
	if len(anyChannels()) != len(reading.Quantities()) {
		t.Error("not every quantity is a channel")
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("a.b.0=temperature*0.001, !c=door", `{"a":{"b":[1]},"c":true}`)
	f.Add("", "temperature: 21\n")
	f.Add("raw", "1e308")
	f.Add("a.a.a=raw", `{"a":{"a":{"a":1}},"a.a":{"a":2}}`)
	f.Fuzz(func(t *testing.T, values, document string) {
		got, err := extractText(values, document)
		for _, x := range got {
			if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
				t.Errorf("%q of %q is %v", values, document, got)
			}
		}
	})
}

package reading

import (
	"strings"
	"testing"
)

func TestNewPath(t *testing.T) {
	long := strings.Repeat("x", maxLevel)
	for _, test := range []struct {
		site, room, sensor string
		want               string // part of the error, "" for none
	}{
		{"home", "kitchen", "climate", ""},
		{"Zuhause", "Küche", "Klima 1", ""},
		{"집", "부엌", "온도", ""},
		{"home", "$room", "$sensor", ""}, // '$' matters at the beginning of a topic only
		{long, long, long, ""},
		{"", "kitchen", "climate", `site "": is empty`},
		{"home", "", "climate", `room "": is empty`},
		{"home", "kitchen", "", `sensor "": is empty`},
		{"home", "a/b", "climate", `room "a/b": contains '/'`},
		{"home+", "kitchen", "climate", `site "home+": contains '+'`},
		{"home", "kitchen", "#", `sensor "#": contains '#'`},
		{"$SYS", "kitchen", "climate", "begins with '$'"},
		{"home", "kit\x00chen", "climate", "control character U+0000"},
		{"home", "kit\nchen", "climate", "control character U+000A"},
		{"home", "kit\u0085chen", "climate", "control character U+0085"},
		{"home", "\xff", "climate", "is not valid UTF-8"},
		{"home", "\xed\xa0\x80", "climate", "is not valid UTF-8"}, // a surrogate
		{long + "x", "kitchen", "climate", "has 65 bytes, at most 64 are allowed"},
	} {
		p, err := NewPath(test.site, test.room, test.sensor)
		switch {
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("NewPath(%q, %q, %q): %v, want %q in it", test.site, test.room, test.sensor, err, test.want)
		case test.want != "" && !p.IsZero():
			t.Errorf("NewPath(%q, %q, %q) failed and returned %v", test.site, test.room, test.sensor, p)
		case test.want == "" && err != nil:
			t.Error(err)
		case test.want == "" && (p.Site() != test.site || p.Room() != test.room || p.Sensor() != test.sensor):
			t.Errorf("%v is not what went in", p)
		}
	}
}

func TestPathTopics(t *testing.T) {
	p, err := NewPath("home", "kitchen", "climate")
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		p.String():                "home/kitchen/climate",
		p.StatusTopic():           "home/kitchen/climate/status",
		p.ValueTopic(Temperature): "home/kitchen/climate/temperature",
		Path{}.String():           "",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if none := (Path{}); none.Site()+none.Room()+none.Sensor() != "" {
		t.Error("the zero Path has levels")
	}
	if p.IsZero() || !(Path{}).IsZero() {
		t.Error("IsZero")
	}
	same, _ := NewPath("home", "kitchen", "climate")
	if p != same {
		t.Error("equal paths are not ==")
	}
}

func TestParsePath(t *testing.T) {
	for topic, ok := range map[string]bool{
		"home/kitchen/climate": true, "a/b/c": true,
		"": false, "a": false, "a/b": false, "a/b/c/d": false, "/b/c": false, "a//c": false, "a/b/": false, "/test/1": false,
		"$SYS/broker/uptime": false, "a/+/c": false, "a/b/#": false,
	} {
		p, err := ParsePath(topic)
		if (err == nil) != ok {
			t.Errorf("ParsePath(%q): %v", topic, err)
		}
		if ok && p.String() != topic {
			t.Errorf("ParsePath(%q) is %v", topic, p)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("home/kitchen/climate")
	f.Add("/test/1")
	f.Fuzz(func(t *testing.T, topic string) {
		p, err := ParsePath(topic)
		if err == nil && p.String() != topic || err != nil && !p.IsZero() {
			t.Errorf("ParsePath(%q) is %v, %v", topic, p, err)
		}
	})
}

package dashboard

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"gateway/broker"
	"gateway/sensors/reading"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// msg is a message as the tree delivers it.
func msg(topic, payload string, with ...func(*broker.Delivery)) broker.Delivery {
	d := broker.Delivery{Message: &broker.Message{Topic: topic, Payload: []byte(payload)}}
	for _, f := range with {
		f(&d)
	}
	return d
}

func replayed(d *broker.Delivery) { d.Replay, d.Retain = true, true }
func kept(d *broker.Delivery)     { d.Retain = true }
func until(t time.Time) func(*broker.Delivery) {
	return func(d *broker.Delivery) { d.Expires = t }
}

// one returns the only sensor of a model.
func one(t *testing.T, m *model, now time.Time) Sensor {
	t.Helper()
	all, _ := m.snapshot(now)
	if len(all) != 1 {
		t.Fatalf("%d sensors, want 1: %+v", len(all), all)
	}
	return all[0]
}

func TestModelReading(t *testing.T) {
	m := newModel()
	m.take(msg("home/kitchen/climate", `{"time":"2026-11-23T11:59:50Z","temperature":21.46,"humidity":43.7,"simulated":true}`, until(noon.Add(20*time.Second))), noon)
	s := one(t, m, noon)
	if s.Path != "home/kitchen/climate" || s.Site != "home" || s.Room != "kitchen" || s.Sensor != "climate" {
		t.Errorf("%+v", s)
	}
	if s.State != Live || *s.AgeMS != 10_000 || s.StaleAfterMS != 30_000 || !s.Simulated || s.Unsynced {
		t.Errorf("%+v, age %v ms", s, *s.AgeMS)
	}
	if len(s.Values) != 2 || s.Values[0].Title != "Temperature" || s.Values[0].Unit != "°C" || s.Values[0].Number != 21.46 || s.Values[0].Decimals != 1 {
		t.Errorf("%+v", s.Values)
	}
	if h := s.Values[0].History; len(h) != 1 || h[0] != [3]float64{0, 21.46, 21.46} {
		t.Errorf("history %v", h)
	}
}

func TestModelStates(t *testing.T) {
	for _, test := range []struct {
		name string
		take func(m *model)
		at   time.Duration
		want State
		age  int64 // ms, -1 unknown
	}{
		{"fresh", func(m *model) { m.take(msg("a/b/c", `{"temperature":1}`, until(noon.Add(30*time.Second))), noon) }, time.Second, Live, 1000},
		{"half of its time", func(m *model) { m.take(msg("a/b/c", `{"temperature":1}`, until(noon.Add(30*time.Second))), noon) }, 15 * time.Second, Late, 15000},
		{"all of its time", func(m *model) { m.take(msg("a/b/c", `{"temperature":1}`, until(noon.Add(30*time.Second))), noon) }, 30 * time.Second, Stale, 30000},
		{"an old measurement that arrives late", func(m *model) {
			m.take(msg("a/b/c", `{"time":"2026-11-23T11:00:00Z","temperature":1}`, until(noon.Add(-time.Minute))), noon)
		}, 0, Stale, 3600_000},
		{"retained, without a time", func(m *model) { m.take(msg("a/b/c", `{"temperature":1}`, replayed), noon) }, 0, Unknown, -1},
		{"retained, with a time", func(m *model) {
			m.take(msg("a/b/c", `{"time":"2026-11-23T11:59:00Z","temperature":1}`, replayed, until(noon.Add(time.Hour))), noon)
		}, 0, Live, 60_000},
		{"a clock that is ahead", func(m *model) {
			m.take(msg("a/b/c", `{"time":"2026-11-23T15:00:00Z","temperature":1}`, until(noon.Add(time.Minute))), noon)
		}, 40 * time.Second, Late, 40_000},
		{"retained, by a clock that is ahead", func(m *model) {
			m.take(msg("a/b/c", `{"time":"2026-11-23T15:00:00Z","temperature":1}`, replayed, until(noon.Add(time.Minute))), noon)
		}, 0, Unknown, -1},
		{"a clock that was not set", func(m *model) {
			m.take(msg("a/b/c", `{"time":"1970-01-01T00:00:09Z","temperature":1,"clock":"unsynced"}`, until(noon.Add(time.Minute))), noon)
		}, time.Second, Live, 1000},
		{"retained, by a clock that was not set", func(m *model) {
			m.take(msg("a/b/c", `{"time":"2026-11-23T11:59:59Z","temperature":1,"clock":"unsynced"}`, replayed), noon)
		}, time.Second, Unknown, -1},
		{"fault", func(m *model) {
			m.take(msg("a/b/c", `{"temperature":1}`), noon)
			m.take(msg("a/b/c/status", "fault"), noon)
		}, 0, Fault, 0},
		{"offline", func(m *model) { m.take(msg("a/b/c/status", "offline"), noon) }, 0, Offline, -1},
		{"stale by its status", func(m *model) {
			m.take(msg("a/b/c", `{"temperature":1}`), noon)
			m.take(msg("a/b/c/status", "stale"), noon)
		}, 0, Stale, 0},
		{"online again", func(m *model) {
			m.take(msg("a/b/c/status", "fault"), noon)
			m.take(msg("a/b/c", `{"temperature":1}`), noon)
			m.take(msg("a/b/c/status", "online"), noon)
		}, 0, Live, 0},
		{"three of its usual intervals", func(m *model) {
			for i := range 6 {
				m.take(msg("a/b/c", `{"temperature":1}`), noon.Add(time.Duration(i-5)*20*time.Second))
			}
		}, time.Minute, Stale, 60_000},
		{"the time since the gateway began is no interval", func(m *model) {
			m.take(msg("a/b/c", `{"temperature":1}`, replayed), noon.Add(-7*time.Second))
			m.take(msg("a/b/c", `{"temperature":1}`), noon)
		}, 6 * time.Minute, Live, 360_000},
		{"three messages at a time are one", func(m *model) {
			for i := range 6 {
				for j := range 3 {
					m.take(msg("a/b/c", `{"temperature":1}`), noon.Add(time.Duration(i-5)*time.Minute+time.Duration(j-2)*time.Millisecond))
				}
			}
		}, 2 * time.Minute, Late, 120_000},
		{"a text says nothing until the next", func(m *model) { m.take(msg("a/b/c", "hello"), noon) }, 240 * time.Hour, Live, 240 * 3600_000},
		{"a door says nothing until it moves", func(m *model) { m.take(msg("a/b/c", `{"door":1}`), noon) }, 240 * time.Hour, Live, 240 * 3600_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newModel()
			test.take(m)
			s := one(t, m, noon.Add(test.at))
			age := int64(-1)
			if s.AgeMS != nil {
				age = *s.AgeMS
			}
			if s.State != test.want || age != test.age {
				t.Errorf("%s, %d ms old; want %s and %d", s.State, age, test.want, test.age)
			}
		})
	}
}

func TestModelForeignPayloads(t *testing.T) {
	for _, test := range []struct{ topic, payload, quantity, text string }{
		{"home/hall/humidity", "55.5", "humidity", ""},
		{"home/hall/unknown", " -1e3\n", "unknown", ""},
		{"home/hall/note", "hello", "", "hello"},
		{"home/hall/note", "NaN", "", "NaN"},
		{"home/hall/note", "+Inf", "", "+Inf"},
		{"home/hall/note", "\xff\x00", "", "\uFFFD\x00"},
		{"home/hall/note", strings.Repeat("ä", 1000), "", strings.Repeat("ä", maxText) + "…"},
		{"home/hall/note", `{"name":"x"}`, "", `{"name":"x"}`},
	} {
		m := newModel()
		m.take(msg(test.topic, test.payload), noon)
		s := one(t, m, noon)
		if s.Text != test.text || (test.quantity != "") != (len(s.Values) == 1) {
			t.Errorf("%q: %+v", test.payload, s)
		}
		if test.quantity != "" && s.Values[0].Quantity != test.quantity {
			t.Errorf("%q: %+v", test.payload, s.Values)
		}
	}
	m := newModel()
	for _, topic := range []string{"/test/1", "a/b/", "a//c", "x/y/\x01"} {
		m.take(msg(topic, "1"), noon)
	}
	if all, _ := m.snapshot(noon); len(all) != 0 {
		t.Errorf("topics that are none of ours: %+v", all)
	}
}

func TestModelStatusTopics(t *testing.T) {
	m := newModel()
	m.take(msg("home/hall/status", "7"), noon) // a sensor of that name
	if s := one(t, m, noon); s.Path != "home/hall/status" || s.Values[0].Number != 7 {
		t.Errorf("%+v", s)
	}
	for _, payload := range []string{"", "ONLINE", `{"on":true}`, strings.Repeat("x", 1<<20)} {
		m := newModel()
		m.take(msg("home/hall/lamp/status", payload, kept), noon)
		if all, _ := m.snapshot(noon); len(all) != 0 {
			t.Errorf("status %.20q makes a sensor", payload)
		}
		m.take(msg("home/hall/lamp", "1"), noon)
		m.take(msg("home/hall/lamp/status", "fault", kept), noon)
		m.take(msg("home/hall/lamp/status", payload, kept), noon)
		if s := one(t, m, noon); s.State != Live {
			t.Errorf("after status %.20q it is %s", payload, s.State)
		}
	}
}

// TestModelClearedStatus: who clears the tree with mosquitto_sub
// --remove-retained clears readings and statuses in any order.
func TestModelClearedStatus(t *testing.T) {
	reading, status := msg("a/b/c", "", kept), msg("a/b/c/status", "", kept)
	for _, order := range [][]broker.Delivery{{reading, status}, {status, reading}} {
		m := newModel()
		m.take(msg("a/b/c", "1", kept), noon)
		m.take(msg("a/b/c/status", "online", kept), noon)
		_, version := m.snapshot(noon)
		for _, d := range order {
			m.take(d, noon)
		}
		if u, _, _ := m.since(version, noon); len(u.Sensors) != 0 || len(u.Removed) != 1 {
			t.Errorf("after %s first: %+v", order[0].Topic, u)
		}
	}
	m := newModel()
	m.take(msg("a/b/c/status", "offline", kept), noon)
	m.take(status, noon)
	if all, _ := m.snapshot(noon); len(all) != 0 {
		t.Errorf("a sensor of which nothing is known: %+v", all)
	}
	for i := range maxSensors {
		m.take(msg(fmt.Sprintf("x/y/%d", i), "1"), noon)
	}
	if m.take(msg("a/b/c/status", "offline", kept), noon) {
		t.Error("a status has room where no sensor has")
	}
}

func TestModelRemoval(t *testing.T) {
	m := newModel()
	m.take(msg("a/b/c", "1", kept), noon)
	m.take(msg("a/b/d", "1", kept), noon)
	_, version := m.snapshot(noon)
	m.take(msg("a/b/c", "", kept), noon)
	m.take(msg("a/b/x", "", kept), noon) // was never there
	u, newest, ok := m.since(version, noon)
	if !ok || len(u.Sensors) != 0 || len(u.Removed) != 1 || u.Removed[0] != "a/b/c" {
		t.Errorf("%+v, %v", u, ok)
	}
	m.take(msg("a/b/c", "2", kept), noon)
	u, _, _ = m.since(newest, noon)
	if len(u.Sensors) != 1 || len(u.Removed) != 0 {
		t.Errorf("back again: %+v", u)
	}
	if u, _, _ = m.since(version, noon); len(u.Removed) != 0 || len(u.Sensors) != 1 {
		t.Errorf("for who saw nothing of it: %+v", u)
	}
}

func TestModelForgetsTombstones(t *testing.T) {
	m := newModel()
	m.take(msg("a/b/first", "1", kept), noon)
	_, version := m.snapshot(noon)
	for i := range maxTombstones + 1 {
		topic := fmt.Sprintf("a/b/%d", i)
		m.take(msg(topic, "1", kept), noon)
		m.take(msg(topic, "", kept), noon)
	}
	if _, _, ok := m.since(version, noon); ok {
		t.Error("it claims to know what it has forgotten")
	}
	if len(m.removed) > maxTombstones {
		t.Errorf("%d tombstones", len(m.removed))
	}
}

func TestModelIsBounded(t *testing.T) {
	m := newModel()
	for i := range maxSensors + 100 {
		if room := m.take(msg(fmt.Sprintf("a/b/%d", i), "1"), noon); room != (i < maxSensors) {
			t.Fatalf("sensor %d: room %v", i, room)
		}
	}
	if all, _ := m.snapshot(noon); len(all) != maxSensors {
		t.Errorf("%d sensors", len(all))
	}
	if !m.take(msg("a/b/0", "2"), noon) {
		t.Error("a sensor that is known is refused")
	}
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, `,"v%d":1`, i)
	}
	m = newModel()
	m.take(msg("a/b/c", "{"+b.String()[1:]+"}"), noon)
	if s := one(t, m, noon); len(s.Values) != maxValues {
		t.Errorf("%d values", len(s.Values))
	}
	m.take(msg("a/b/c", `{"`+strings.Repeat("v", maxName+1)+`":1,"temperature":2}`), noon)
	if s := one(t, m, noon); len(s.Values) != 1 || s.Values[0].Quantity != "temperature" {
		t.Errorf("a name too long: %+v", s.Values)
	}
}

// TestModelHistoriesAreBounded: values beyond the bound are shown without a
// history, and one that goes makes room for another.
func TestModelHistoriesAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range maxValues {
		fmt.Fprintf(&b, `,"v%d":1`, i)
	}
	full := "{" + b.String()[1:] + "}"
	m := newModel()
	check := func(want int) {
		t.Helper()
		n := 0
		all, _ := m.snapshot(noon)
		for _, s := range all {
			for _, v := range s.Values {
				n += len(v.History)
			}
		}
		if n != want || m.histories != want {
			t.Errorf("%d histories, counted %d, want %d", n, m.histories, want)
		}
	}
	const sensors = maxHistories/maxValues + 10
	for range 2 { // again, to see that nothing is counted twice
		for i := range sensors {
			m.take(msg(fmt.Sprintf("a/b/%d", i), full), noon)
		}
		check(maxHistories)
	}
	m.take(msg("a/b/0", "", kept), noon)
	check(maxHistories - maxValues)
	m.take(msg("a/b/1", "no reading"), noon)
	check(maxHistories - 2*maxValues)
	m.take(msg(fmt.Sprintf("a/b/%d", sensors-1), full), noon)
	check(maxHistories - maxValues)
}

func TestModelOrder(t *testing.T) {
	m := newModel()
	for _, topic := range []string{"b/a/a", "a/b/b", "a/b/a", "a/a/z"} {
		m.take(msg(topic, "1"), noon)
	}
	all, _ := m.snapshot(noon)
	var got []string
	for _, s := range all {
		got = append(got, s.Path)
	}
	if fmt.Sprint(got) != "[a/a/z a/b/a a/b/b b/a/a]" {
		t.Errorf("order %v", got)
	}
}

func TestHistory(t *testing.T) {
	var h history
	for i := range 3 * 3600 { // a value a second for three hours
		h.add(noon.Add(time.Duration(i)*time.Second), math.Sin(float64(i)/100))
	}
	now := noon.Add(3 * time.Hour)
	points := h.since(now)
	if len(h.points) > maxPoints || h.width != maxWidth {
		t.Errorf("%d points of %v", len(h.points), h.width)
	}
	if first := now.Sub(points[0].start); first > historyLength || first < historyLength-2*maxWidth {
		t.Errorf("the history begins %v ago", first)
	}
	for i := 1; i < len(points); i++ {
		if d := points[i].start.Sub(points[i-1].start); d < maxWidth || d > 2*maxWidth {
			t.Fatalf("two points are %v apart", d)
		}
	}
	// A spike of one second is not averaged away.
	h.add(now, 100)
	h.add(now.Add(time.Second), 0)
	if last := h.points[len(h.points)-1]; last.high != 100 {
		t.Errorf("the last point is %+v", last)
	}
	if h.since(now.Add(5*time.Hour)) != nil {
		t.Error("old points are shown")
	}
}

func TestHistoryContinues(t *testing.T) {
	m := newModel()
	for i := range 10 {
		m.take(msg("a/b/c", fmt.Sprintf(`{"temperature":%d}`, i)), noon.Add(time.Duration(i)*10*time.Second))
	}
	m.take(msg("a/b/c", `{"humidity":1}`), noon.Add(100*time.Second))
	m.take(msg("a/b/c", `{"humidity":2,"temperature":1}`), noon.Add(110*time.Second))
	s := one(t, m, noon.Add(110*time.Second))
	if len(s.Values) != 2 || s.Values[0].Quantity != string(reading.Humidity) || len(s.Values[0].History) != 2 {
		t.Errorf("%+v", s.Values)
	}
}

func TestGapsMedian(t *testing.T) {
	var g gaps
	if g.median() != 0 {
		t.Error("a median of nothing")
	}
	for _, d := range []time.Duration{10, 10, 3600, 10, 10} { // one outage
		g.add(d * time.Second)
	}
	if g.median() != 10*time.Second {
		t.Errorf("median %v", g.median())
	}
	for range 3 {
		g.add(time.Minute)
	}
	if g.median() != time.Minute {
		t.Errorf("after three longer ones %v", g.median())
	}
}

// Why a sensor cannot be read is shown until it can; of a sensor that is not
// there it is nothing.
func TestModelReason(t *testing.T) {
	m := newModel()
	m.take(msg("a/b/c/status/detail", `{"status":"fault","reason":"too early"}`), noon)
	if all, _ := m.snapshot(noon); len(all) != 0 {
		t.Errorf("a detail made a sensor: %+v", all)
	}
	m.take(msg("a/b/c/status", "fault"), noon)
	for payload, want := range map[string]string{
		`{"status":"fault","reason":"no answer"}`:        "no answer",
		`{"status":"online"}`:                            "",
		"no JSON":                                        "",
		`{"reason":"` + strings.Repeat("x", 1000) + `"}`: strings.Repeat("x", maxReason) + "…",
	} {
		m.take(msg("a/b/c/status/detail", payload), noon)
		if s := one(t, m, noon); s.Reason != want || s.State != Fault {
			t.Errorf("%.40s: %+v", payload, s)
		}
	}
}

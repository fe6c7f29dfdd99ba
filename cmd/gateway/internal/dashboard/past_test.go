package dashboard

import (
	"math"
	"testing"
	"time"

	recorded "gateway/cmd/gateway/internal/history"
)

// TestPast begins with what was recorded: a restart leaves the small picture and
// the hour's figures as they were.
func TestPast(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	m := newModel()
	asked := map[string]string{}
	m.past = func(topic, key string, since time.Time, width time.Duration) (points []recorded.Point) {
		asked[topic] = key
		if !since.Equal(now.Add(-historyLength)) || width != maxWidth {
			t.Errorf("asked since %v, %v", since, width)
		}
		for i := range 100 {
			at := now.Add(-50*time.Minute + time.Duration(i)*width/2)
			points = append(points, recorded.Point{Start: at, Low: 10, High: 30, Sum: 80, N: 4})
		}
		return points
	}
	retained := msg("home/kitchen/climate", `{"time":"2026-11-23T04:05:00Z","temperature":22}`)
	retained.Replay = true
	m.take(retained, now)
	m.take(msg("home/kitchen/co2", "700"), now)
	if asked["home/kitchen/climate"] != "temperature" || asked["home/kitchen/co2"] != "" || len(asked) != 2 {
		t.Errorf("asked for %q", asked)
	}
	all, _ := m.snapshot(now)
	v := all[0].Values[0]
	if v.Hour == nil || v.Hour.Low != 10 || v.Hour.High != 30 || math.Abs(v.Hour.Mean-(100*80+22)/401.0) > 1e-9 {
		t.Errorf("%+v", v.Hour)
	}
	if n := len(v.History); n != 101 || v.History[0] != [3]float64{3000, 10, 30} || v.History[100] != [3]float64{6, 22, 22} {
		t.Errorf("%d points, %v", n, v.History[len(v.History)-1])
	}
	later := now.Add(time.Minute)
	m.take(msg("home/kitchen/climate", `{"time":"2026-11-23T04:06:06Z","temperature":50}`), later)
	if u, _, _ := m.since(0, later); u.Sensors[0].Values[0].Hour.High != 50 {
		t.Errorf("%+v", u.Sensors[0].Values[0].Hour)
	}
}

// What was retained hours ago did not come now: it is in no picture of this hour.
func TestPastOfAnOldReading(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	m := newModel()
	for topic, payload := range map[string]string{"a/b/c": `{"time":"2026-11-23T01:00:00Z","x":1}`, "a/b/d": `{"x":1}`} {
		old := msg(topic, payload)
		old.Replay = true
		m.take(old, now)
	}
	all, _ := m.snapshot(now)
	for _, s := range all {
		if v := s.Values[0]; len(v.History) != 0 || v.Hour != nil {
			t.Errorf("%s: %+v", s.Path, v)
		}
	}
}

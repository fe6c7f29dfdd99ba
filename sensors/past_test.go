package sensors

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPast: what would have been read is what is read.
func TestPast(t *testing.T) {
	for _, c := range Demo().Sensors {
		synctest.Test(t, func(t *testing.T) {
			from := time.Now()
			var live []float64
			out, _ := measureDemo(t, c)
			at := time.Now()
			live = append(live, out...)
			past, err := Past("demo", c, from, at.Add(time.Second), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			var last []float64
			n := 0
			for r := range past {
				n++
				last = nil
				for _, v := range r.Values {
					last = append(last, v.Number)
				}
				if !r.Simulated || r.Time.Before(from) || !r.Time.Before(at.Add(time.Second)) {
					t.Fatalf("%+v", r)
				}
			}
			if n == 0 || len(last) != len(live) {
				t.Fatalf("%s: %d readings, the last one %v", c.Name, n, last)
			}
			for i := range live {
				if d := last[i] - live[i]; d > 0.51 || d < -0.51 { // it is rounded
					t.Errorf("%s: %v, and %v was read", c.Name, last, live)
				}
			}
		})
	}
}

// One that is not heard for long is stale, and again heard before it is a fault.
func TestPastOfASilentOne(t *testing.T) {
	c := demoSilent(demoSensor(14, "garden", "weather", 10*time.Second, "outdoor"))
	from := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	past, err := Past("demo", c, from, from.Add(24*time.Hour), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	before, stale := from, 0
	for r := range past {
		gap := r.Time.Sub(before)
		if gap > c.StaleAfter {
			stale++
		}
		if gap > 2*c.StaleAfter+20*time.Second {
			t.Errorf("nothing for %v", gap)
		}
		before = r.Time
	}
	if stale < 140 {
		t.Errorf("stale %d times in a day", stale)
	}
}

func TestPastOfWhatIsReal(t *testing.T) {
	for _, c := range []SensorConfig{{Driver: "bme280", Room: "x", Name: "y"}, {Driver: "nothing", Room: "x", Name: "y"}, {Driver: "sim", Room: "x/y", Name: "y"}} {
		if _, err := Past("home", c, time.Now(), time.Now(), time.Second); err == nil {
			t.Errorf("%+v has a past", c)
		}
	}
}

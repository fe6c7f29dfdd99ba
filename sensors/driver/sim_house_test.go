package driver

import (
	"math"
	"testing"
	"time"
)

// houseDay is midnight of a day in UTC, in a house that stands there.
func houseDay(t *testing.T, date string) simMoment {
	t.Helper()
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return simAt(3, d, 0)
}

func TestSimCalendar(t *testing.T) {
	for date, weekend := range map[string]bool{
		"1999-12-31": false, "2000-01-01": true, "2000-01-02": true, "2000-01-03": false,
		"1970-01-01": false, "1969-12-28": true, "2026-11-21": true, "2026-11-22": true, "2026-11-23": false,
	} {
		m := houseDay(t, date)
		if m.hour() != 0 || m.add(-1).hour() < 23.9 || m.add(6*3600).hour() != 6 {
			t.Errorf("%s begins at hour %v", date, m.hour())
		}
		if m.weekend() != weekend || m.add(simDay-1).weekend() != weekend {
			t.Errorf("%s: weekend %v, want %v", date, m.weekend(), weekend)
		}
	}
}

func TestSimSeasons(t *testing.T) {
	tests := []struct {
		date           string
		summer         float64
		dayMin, dayMax float64 // hours of sun at 50° north, without refraction
	}{
		{"2026-01-20", -1, 8.3, 8.9},
		{"2026-03-20", -0.5, 11.8, 12.2},
		{"2026-06-21", 0.87, 16, 16.4},
		{"2026-07-21", 1, 15.3, 15.8},
		{"2026-12-21", -0.87, 7.7, 8.1},
	}
	for _, tt := range tests {
		m := houseDay(t, tt.date)
		if got := m.summer(); math.Abs(got-tt.summer) > 0.05 {
			t.Errorf("%s: summer %.2f, want %.2f", tt.date, got, tt.summer)
		}
		minutes := 0.0
		for i := range 24 * 60 {
			if m.add(float64(60*i)).sun() > 0 {
				minutes++
			}
		}
		if h := minutes / 60; h < tt.dayMin || h > tt.dayMax {
			t.Errorf("%s: %.1f h of sun, want %v to %v", tt.date, h, tt.dayMin, tt.dayMax)
		}
		if noon, night := m.add(12*3600).sun(), m.sun(); noon < 0.2 || night > -0.2 {
			t.Errorf("%s: sun %.2f at noon, %.2f at midnight", tt.date, noon, night)
		}
	}
}

func TestSimPeople(t *testing.T) {
	tests := []struct {
		at          string
		awake, away float64
	}{
		{"2026-11-23 03:00", 0, 0}, // Monday
		{"2026-11-23 07:30", 1, 0},
		{"2026-11-23 12:00", 1, 1},
		{"2026-11-23 20:00", 1, 0},
		{"2026-11-23 23:30", 0, 0},
		{"2026-11-22 07:30", 0, 0}, // Sunday
		{"2026-11-22 11:15", 1, 1},
		{"2026-11-22 14:00", 1, 0},
	}
	for _, tt := range tests {
		at, err := time.Parse("2006-01-02 15:04", tt.at)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range simSeed(50) {
			m := simAt(seed, at, 0)
			if m.awake() != tt.awake || m.away() != tt.away {
				t.Errorf("%s, seed %d: awake %.2f, away %.2f, want %v, %v",
					tt.at, seed, m.awake(), m.away(), tt.awake, tt.away)
			}
		}
	}
}

func TestSimUnitIsEven(t *testing.T) {
	const n = 20_000
	for _, next := range []struct {
		name string
		at   func(i int64) float64
	}{
		{"index", func(i int64) float64 { return simSeed(1).unit(simBed, i) }},
		{"seed", func(i int64) float64 { return simSeed(i).unit(simBed, 1) }},
		{"negative index", func(i int64) float64 { return simSeed(1).unit(simBed, -i) }},
	} {
		var tenths [10]int
		sum := 0.0
		for i := range int64(n) {
			u := next.at(i)
			if u < 0 || u >= 1 {
				t.Fatalf("%s %d: %v is outside [0, 1)", next.name, i, u)
			}
			tenths[int(10*u)]++
			sum += u
		}
		if mean := sum / n; math.Abs(mean-0.5) > 0.01 {
			t.Errorf("by %s: mean %.3f", next.name, mean)
		}
		for i, count := range tenths {
			if math.Abs(float64(count)-n/10) > n/100 {
				t.Errorf("by %s: %d of %d in tenth %d", next.name, count, n, i)
			}
		}
	}
}

// A jump would look like a fault of the chip.
func TestSimNoiseIsSmooth(t *testing.T) {
	const step, period = 1.0, 600.0
	m := houseDay(t, "2026-11-23")
	low, high := 0.0, 0.0
	for i := range 200_000 {
		now := m.add(float64(i) * step)
		v, next := now.drift(simPressure, period), now.add(step).drift(simPressure, period)
		if math.Abs(v) > 1 || math.Abs(next-v) > 0.015 {
			t.Fatalf("after %d s: %v, then %v", i, v, next)
		}
		low, high = min(low, v), max(high, v)
	}
	if low > -0.6 || high < 0.6 {
		t.Errorf("within %.2f to %.2f in %v", low, high, 200_000*time.Second)
	}
}

func TestSimPuffs(t *testing.T) {
	hours := []float64{7, 23.8}
	for day := range 30 {
		m := houseDay(t, "2026-11-01").add(float64(day) * simDay)
		if v := m.add(6.7*3600).puffs(1500, hours); v > 0.01 {
			t.Errorf("day %d: %.3f before the first", day, v)
		}
		peak := 0.0
		for s := 6.7 * 3600; s < 8*3600; s += 60 {
			peak = max(peak, m.add(s).puffs(1500, hours))
		}
		if peak < 0.4 || peak > 1 {
			t.Errorf("day %d: peak %.2f", day, peak)
		}
		before, after := m.add(-0.5).puffs(1500, hours), m.add(0.5).puffs(1500, hours)
		if math.Abs(before-after) > 0.01 {
			t.Errorf("day %d: %.3f before midnight, %.3f after", day, before, after)
		}
	}
	if v := houseDay(t, "2026-11-01").puffs(1500, nil); v != 0 {
		t.Errorf("%v without any event", v)
	}
}

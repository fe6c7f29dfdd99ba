package driver

import (
	"math"
	"testing"
	"time"

	"gateway/sensors/reading"
)

// believable is what a person who looks at the page for a year takes for a
// house. It is much narrower than the range of the chip.
var believable = map[string][]struct{ least, most float64 }{
	"climate":          {{17, 25}, {22, 68}},
	"climate_bedroom":  {{13.5, 24}, {25, 72}},
	"climate_kitchen":  {{16.5, 26}, {22, 85}},
	"climate_bathroom": {{18, 27}, {30, 99}},
	"climate_cellar":   {{9, 17}, {50, 85}},
	"outdoor":          {{-16, 33}, {30, 100}, {985, 1045}},
	"co2":              {{400, 1700}},
	"co2_bedroom":      {{400, 2000}},
	"air":              {{0, 50}},
	"light":            {{0, 1300}},
	"daylight":         {{0, 102_000}},
	"motion":           {{0, 1}},
	"door":             {{0, 1}},
	"power":            {{60, 11_000}, {100, 100_000}, {218, 236}, {0.2, 50}},
}

func TestSimProfilesAreBelievable(t *testing.T) {
	for _, p := range simProfiles {
		t.Run(p.name, func(t *testing.T) {
			want := believable[p.name]
			if len(want) != len(p.channels) {
				t.Fatalf("%d channels, believable ones of %d", len(p.channels), len(want))
			}
			for _, week := range []string{"2000-01-17", "2000-07-17"} {
				inBubble(t, week, func(t *testing.T) {
					s := openTestSim(t, "profile="+p.name, "seed=5")
					for range 7 * 24 * 60 * 2 {
						for i, v := range measureSim(t, s) {
							c := p.channels[i]
							if math.IsNaN(v) || v < c.Min || v > c.Max {
								t.Fatalf("%v: %s is %v, the chip measures %v to %v",
									time.Now(), c.Quantity, v, c.Min, c.Max)
							}
							if v < want[i].least || v > want[i].most {
								t.Fatalf("%v: %s is %v, believable is %v to %v",
									time.Now(), c.Quantity, v, want[i].least, want[i].most)
							}
							if info, _ := c.Quantity.Info(); info.Binary && v != 0 && v != 1 {
								t.Fatalf("%v: %s is %v", time.Now(), c.Quantity, v)
							}
						}
						time.Sleep(30 * time.Second)
					}
				})
			}
		})
	}
}

// Someone who looks at the page for two minutes sees that it lives.
func TestSimLooksAlive(t *testing.T) {
	// A door mostly is as it was, and a meter counts one Wh in half a minute.
	still := map[reading.Quantity]bool{reading.Motion: true, reading.Door: true, reading.Energy: true}
	for _, p := range simProfiles {
		t.Run(p.name, func(t *testing.T) {
			inBubble(t, "2000-03-21", func(t *testing.T) {
				s := openTestSim(t, "profile="+p.name)
				time.Sleep(12 * time.Hour)
				const n = 60
				changes := make([]int, len(p.channels))
				before := make([]float64, len(p.channels))
				for range n {
					for i, v := range measureSim(t, s) {
						scale := math.Pow10(p.channels[i].Decimals)
						v = math.Round(v*scale) / scale
						if v != before[i] {
							changes[i]++
						}
						before[i] = v
					}
					time.Sleep(2 * time.Second)
				}
				for i, c := range p.channels {
					if !still[c.Quantity] && changes[i] < n/4 {
						t.Errorf("%s changed %d times in %d readings", c.Quantity, changes[i], n)
					}
				}
			})
		})
	}
}

// means returns the means of channel over the hours [from, to) of a week that
// begins now, read once a minute.
func means(t *testing.T, s *sim, channel int, hours ...[2]float64) []float64 {
	t.Helper()
	sum, n := make([]float64, len(hours)), make([]float64, len(hours))
	for range 7 * 24 * 60 {
		v, h := measureSim(t, s)[channel], s.simNow().hour()
		for i, r := range hours {
			if r[0] <= h && h < r[1] {
				sum[i] += v
				n[i]++
			}
		}
		time.Sleep(time.Minute)
	}
	for i := range sum {
		sum[i] /= n[i]
	}
	return sum
}

func TestSimDays(t *testing.T) {
	tests := []struct {
		profile    string
		channel    int
		low, high  [2]float64 // hours
		difference float64    // at least, of the means
	}{
		{"climate", 0, [2]float64{4, 8}, [2]float64{17, 21}, 0.8},
		{"climate_bedroom", 0, [2]float64{4, 7}, [2]float64{16, 20}, 1.6},
		{"climate_bathroom", 1, [2]float64{2, 6}, [2]float64{7, 8}, 8},
		{"climate_kitchen", 0, [2]float64{3, 6}, [2]float64{18.5, 19.5}, 1.5},
		{"outdoor", 0, [2]float64{2, 5}, [2]float64{13, 17}, 4},
		{"outdoor", 1, [2]float64{13, 17}, [2]float64{2, 5}, 8},
		{"co2", 0, [2]float64{3, 6}, [2]float64{20, 22}, 300},
		{"co2_bedroom", 0, [2]float64{16, 21}, [2]float64{3, 6}, 400},
		{"air", 0, [2]float64{3, 6}, [2]float64{18.6, 19.6}, 5},
		{"light", 0, [2]float64{1, 5}, [2]float64{11, 13}, 100},
		{"daylight", 0, [2]float64{1, 3}, [2]float64{11, 13}, 10_000},
		{"motion", 0, [2]float64{0, 6}, [2]float64{18, 22}, 0.05},
		{"power", 0, [2]float64{1, 6}, [2]float64{18, 22}, 300},
	}
	for _, tt := range tests {
		t.Run(tt.profile, func(t *testing.T) {
			inBubble(t, "2000-03-13", func(t *testing.T) {
				m := means(t, openTestSim(t, "profile="+tt.profile), tt.channel, tt.low, tt.high)
				if m[1]-m[0] < tt.difference {
					t.Errorf("mean %.2f from %v h to %v h and %.2f from %v h to %v h, want %v more",
						m[0], tt.low[0], tt.low[1], m[1], tt.high[0], tt.high[1], tt.difference)
				}
			})
		})
	}
}

func TestSimSummerIsWarm(t *testing.T) {
	for profile, difference := range map[string]float64{"outdoor": 10, "climate": 2, "climate_cellar": 4} {
		var mean [2]float64
		for i, date := range []string{"2000-01-17", "2000-07-17"} {
			inBubble(t, date, func(t *testing.T) {
				mean[i] = means(t, openTestSim(t, "profile="+profile), 0, [2]float64{0, 24})[0]
			})
		}
		if mean[1]-mean[0] < difference {
			t.Errorf("profile %s: %.1f °C in January, %.1f °C in July", profile, mean[0], mean[1])
		}
	}
}

func TestSimNightIsDarkAndLampsBurn(t *testing.T) {
	inBubble(t, "2000-12-04", func(t *testing.T) {
		room, garden := openTestSim(t, "profile=light"), openTestSim(t, "profile=daylight")
		for _, tt := range []struct {
			hour         time.Duration
			room, garden [2]float64
		}{
			{2, [2]float64{0, 0}, [2]float64{0, 0}},
			{12, [2]float64{20, 600}, [2]float64{2000, 30_000}},
			{20, [2]float64{178, 182}, [2]float64{0, 0}},
		} {
			m := room.simNow()
			time.Sleep(tt.hour*time.Hour - time.Duration(m.hour()*float64(time.Hour)))
			if v := measureSim(t, room)[0]; v < tt.room[0] || v > tt.room[1] {
				t.Errorf("%d h: %v lx in the room, want %v", tt.hour, v, tt.room)
			}
			if v := measureSim(t, garden)[0]; v < tt.garden[0] || v > tt.garden[1] {
				t.Errorf("%d h: %v lx in the garden, want %v", tt.hour, v, tt.garden)
			}
		}
	})
}

// A motion detector and a door contact are 1 for a while, then 0 again.
func TestSimEvents(t *testing.T) {
	tests := []struct {
		profile           string
		perDay            [2]int
		share             [2]float64
		shortest, longest time.Duration
	}{
		{"motion", [2]int{60, 400}, [2]float64{0.02, 0.15}, 6 * time.Second, 100 * time.Second},
		{"door", [2]int{5, 30}, [2]float64{0.0005, 0.01}, 4 * time.Second, 32 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.profile, func(t *testing.T) {
			inBubble(t, "2000-02-07", func(t *testing.T) {
				s := openTestSim(t, "profile="+tt.profile)
				const step, days = 2 * time.Second, 7
				events, on := 0, 0
				var lasted time.Duration
				for range int(days * 24 * time.Hour / step) {
					if measureSim(t, s)[0] == 1 {
						on++
						lasted += step
					} else if lasted > 0 {
						events++
						if lasted < tt.shortest || lasted > tt.longest {
							t.Errorf("on for %v", lasted)
						}
						lasted = 0
					}
					time.Sleep(step)
				}
				share := float64(on) * step.Hours() / (days * 24)
				if share < tt.share[0] || share > tt.share[1] {
					t.Errorf("on %.4f of the time, want %v", share, tt.share)
				}
				if n := events / days; n < tt.perDay[0] || n > tt.perDay[1] {
					t.Errorf("%d times a day, want %v", n, tt.perDay)
				}
			})
		})
	}
}

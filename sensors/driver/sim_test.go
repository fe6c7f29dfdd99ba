package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // for a zone that has summer time, wherever the test runs

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// openTestSim opens a sim with the defaults of its options and the given ones,
// "name=value".
func openTestSim(t *testing.T, options ...string) *sim {
	t.Helper()
	d, ok := Lookup("sim")
	if !ok {
		t.Fatal("sim is not in the driver table")
	}
	slot := &bus.Slot{Name: "none", Options: map[string]string{}}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		slot.Options[name] = value
	}
	s, err := d.Open(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*sim)
}

// measureSim returns the values of one measurement that must succeed.
func measureSim(t *testing.T, s *sim) []float64 {
	t.Helper()
	out := make([]float64, len(s.Channels()))
	if err := s.Measure(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// inBubble runs test on synctest's clock, which begins in 2000, at the midnight
// of house time that ends date.
func inBubble(t *testing.T, date string, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		// Its end, because the zone may put its beginning before the bubble's.
		begin = begin.Add(24*time.Hour - time.Duration(simOffset(time.Local))*time.Second)
		time.Sleep(time.Until(begin))
		test(t)
	})
}

// simNow is the moment the sensor would measure.
func (s *sim) simNow() simMoment { return simAt(s.seed, time.Now(), s.offset) }

func TestSimIsDeclaredAsItMeasures(t *testing.T) {
	d, _ := Lookup("sim")
	if d.Bus != bus.None || !d.Simulated || d.MinPeriod != 0 || len(d.Addrs) != 0 {
		t.Errorf("bus %q, simulated %v, period %v, addresses %v", d.Bus, d.Simulated, d.MinPeriod, d.Addrs)
	}
	for _, o := range d.Options {
		if o.Doc == "" || o.Allowed != nil && !slices.Contains(o.Allowed, o.Default) {
			t.Errorf("option %s: doc %q, default %q of %v", o.Name, o.Doc, o.Default, o.Allowed)
		}
	}
	all := map[reading.Quantity]Channel{}
	for _, c := range d.Channels {
		if _, known := c.Quantity.Info(); !known {
			t.Errorf("%q is not a quantity", c.Quantity)
		}
		if _, twice := all[c.Quantity]; twice {
			t.Errorf("%s is listed twice", c.Quantity)
		}
		all[c.Quantity] = c
	}
	for _, p := range simProfiles {
		for _, c := range openTestSim(t, "profile="+p.name).Channels() {
			a, ok := all[c.Quantity]
			if !ok || a.Min > c.Min || a.Max < c.Max || a.Decimals < c.Decimals || c.Min >= c.Max {
				t.Errorf("profile %s has %+v, the driver %+v", p.name, c, a)
			}
		}
	}
}

func TestSimChannelsMergesRanges(t *testing.T) {
	got := simChannels([]simProfile{
		{channels: []Channel{{reading.Power, 0, 10, 1}, {reading.Energy, 0, 5, 3}}},
		{channels: []Channel{{reading.Power, -3, 4, 2}}},
	})
	want := []Channel{{reading.Power, -3, 10, 2}, {reading.Energy, 0, 5, 3}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSimRefusesOptions(t *testing.T) {
	tests := []struct {
		profile, seed, fail string
		want                string
	}{
		{"climat", "0", "never", `option profile "climat": not one of climate, `},
		{"", "0", "never", `option profile "": `},
		{"co2", "-1", "never", `option seed "-1": not a whole number from 0`},
		{"co2", "1.5", "never", `option seed "1.5"`},
		{"co2", "18446744073709551616", "never", `option seed "18446744073709551616"`},
		{"co2", "", "never", `option seed ""`},
		{"co2", "0", "often", `option fail "often": not one of never, sometimes, always`},
		{"co2", "18446744073709551615", "", `option fail ""`},
	}
	for _, tt := range tests {
		s, err := openSim(t.Context(), &bus.Slot{Options: map[string]string{
			"profile": tt.profile, "seed": tt.seed, "fail": tt.fail,
		}})
		if err == nil || s != nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, %v", tt, s, err)
		}
	}
}

func TestSimIsAFunctionOfTimeAndSeed(t *testing.T) {
	for _, p := range simProfiles {
		t.Run(p.name, func(t *testing.T) {
			inBubble(t, "2000-03-06", func(t *testing.T) {
				one := openTestSim(t, "profile="+p.name, "seed=7")
				other := openTestSim(t, "profile="+p.name, "seed=8")
				differ := false
				for range 3 * 24 * 60 {
					a := measureSim(t, one)
					// A sensor opened later has no memory of what was before.
					b := measureSim(t, openTestSim(t, "profile="+p.name, "seed=7"))
					if !slices.Equal(a, b) {
						t.Fatalf("%v: seed 7 gave %v and %v", time.Now(), a, b)
					}
					differ = differ || !slices.Equal(a, measureSim(t, other))
					time.Sleep(time.Minute)
				}
				if !differ {
					t.Error("seeds 7 and 8 give the same values for three days")
				}
			})
		})
	}
}

func TestSimFails(t *testing.T) {
	tests := []struct {
		fail              string
		least, most       float64       // share of the time
		shortest, longest time.Duration // of an episode
	}{
		{"never", 0, 0, 0, 0},
		{"sometimes", 0.13, 0.17, 58 * time.Second, 122 * time.Second},
		{"always", 1, 1, 24 * time.Hour, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.fail, func(t *testing.T) {
			inBubble(t, "2000-01-01", func(t *testing.T) {
				s := openTestSim(t, "fail="+tt.fail)
				out := make([]float64, len(s.Channels()))
				const step = 2 * time.Second
				failed, steps := 0, int(24*time.Hour/step)
				var episode time.Duration
				for i := range steps {
					copy(out, []float64{-1, -2})
					err := s.Measure(t.Context(), out)
					if err != nil {
						failed++
						episode += step
						if out[0] != -1 || out[1] != -2 {
							t.Fatalf("failed and wrote %v", out)
						}
						if !strings.Contains(err.Error(), "(simulated)") {
							t.Fatalf("error %q does not say that it is made up", err)
						}
					}
					if episode > 0 && (err == nil || i == steps-1) {
						if episode < tt.shortest || episode > tt.longest {
							t.Errorf("failed for %v", episode)
						}
						episode = 0
					}
					time.Sleep(step)
				}
				if share := float64(failed) / float64(steps); share < tt.least || share > tt.most {
					t.Errorf("failed %.3f of the time, want %v to %v", share, tt.least, tt.most)
				}
			})
		})
	}
}

func TestSimFailuresDifferBySeed(t *testing.T) {
	inBubble(t, "2000-01-01", func(t *testing.T) {
		one, other := openTestSim(t, "seed=1").simNow(), openTestSim(t, "seed=2").simNow()
		apart := 0
		for i := range 3600 {
			if one.add(float64(i)).within(60, 120) != other.add(float64(i)).within(60, 120) {
				apart++
			}
		}
		if apart < 300 {
			t.Errorf("seeds 1 and 2 fail at the same time but for %d s in an hour", apart)
		}
	})
}

// Measure is called for years, on a Pi, from the goroutine of a bus.
func TestSimMeasureDoesNotAllocate(t *testing.T) {
	for _, p := range simProfiles {
		s := openTestSim(t, "profile="+p.name)
		out := make([]float64, len(s.Channels()))
		ctx := context.Background()
		if n := testing.AllocsPerRun(20, func() {
			if err := s.Measure(ctx, out); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("profile %s: %v allocations", p.name, n)
		}
	}
}

func TestSimOffsetKnowsNoSummerTime(t *testing.T) {
	for zone, want := range map[string]float64{
		"UTC": 0, "Europe/Berlin": 3600, "America/St_Johns": -12600, "Asia/Kathmandu": 20700,
	} {
		l, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := simOffset(l); got != want {
			t.Errorf("%s: %v s, want %v", zone, got, want)
		}
	}
}

// Clocks of boards without a battery begin anywhere.
func TestSimAtAnyTime(t *testing.T) {
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(simEpoch-1, 0), time.Unix(simEpoch, 0),
		time.Date(2106, 2, 7, 6, 28, 16, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		for _, p := range simProfiles {
			m := simAt(math.MaxUint64, at, -12*3600)
			if h := m.hour(); h < 0 || h > 24 {
				t.Errorf("%v is hour %v", at, h)
			}
			out := make([]float64, len(p.channels))
			p.measure(m, out)
			for i, v := range out {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%v: profile %s: %s is %v", at, p.name, p.channels[i].Quantity, v)
				}
			}
		}
	}
}

// A vector is a moment of the house with its defaults; what it shows then must
// never change, because two gateways have to agree.
var _ = vectors("sim", 1e-5, func(in string) ([]float64, error) {
	profile, at, _ := strings.Cut(in, " ")
	moment, err := time.Parse(time.RFC3339, at)
	p, ok := simLookup(profile)
	if err != nil || !ok {
		return nil, fmt.Errorf("%q is no profile and time", in)
	}
	out := make([]float64, len(p.channels))
	p.measure(simAt(0, moment, 0), out)
	return out, nil
},
	vector{in: "climate 2026-11-23T04:05:06Z", want: []float64{19.444003, 38.368527}, source: "this program, its first version"},
	vector{in: "power 2026-11-23T12:00:00Z", want: []float64{81.607900, 70945.219267, 229.822686, 0.355090}, source: "this program, its first version"},
	vector{in: "nonsense 2026-11-23T12:00:00Z", source: "a profile that does not exist"},
)

// TestSimIsHeardFirst: one that fails or falls silent at times is there from the
// beginning, whenever that is, and then has nothing for a while in every ten minutes.
func TestSimIsHeardFirst(t *testing.T) {
	for _, tt := range []struct {
		fail        string
		least, most int // times 10 s without a reading, of 10 minutes
	}{{"silent", 17, 25}, {"sometimes", 5, 13}} {
		t.Run(tt.fail, func(t *testing.T) {
			inBubble(t, "2000-01-01", func(t *testing.T) {
				without := 0
				for range 60 {
					s := openTestSim(t, "fail="+tt.fail)
					out := make([]float64, len(s.Channels()))
					if err := s.Measure(t.Context(), out); err != nil {
						t.Fatal(err)
					}
					if err := s.Measure(t.Context(), out); err != nil {
						if errors.Is(err, ErrNothingNew) != (tt.fail == "silent") {
							t.Fatal(err)
						}
						without++
					}
					time.Sleep(10 * time.Second)
				}
				if without < tt.least || without > tt.most {
					t.Errorf("without a reading for %d0 s of 10 minutes", without)
				}
			})
		})
	}
}

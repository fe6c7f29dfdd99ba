package driver

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestSimLoadsFitTheirSlots(t *testing.T) {
	for i, l := range simLoads {
		if l.power <= 0 || l.run <= 0 || l.earliest < 0 || l.latest < l.earliest || l.latest+l.run > l.period {
			t.Errorf("load %d does not fit: %+v", i, l)
		}
	}
}

func TestSimMeterOnlyGrows(t *testing.T) {
	for seed := range 3 {
		inBubble(t, "2000-03-24", func(t *testing.T) { // over the change to summer time
			before := 0.0
			for range 7 * 24 * 60 * 6 {
				// Every reading is the first after a restart.
				s := openTestSim(t, "profile=power", fmt.Sprintf("seed=%d", seed))
				v := measureSim(t, s)[1]
				if v <= before {
					t.Fatalf("seed %d, %v: %v kWh after %v kWh", seed, time.Now(), v, before)
				}
				before = v
				time.Sleep(10 * time.Second)
			}
		})
	}
}

func TestSimMeterIsTheIntegralOfPower(t *testing.T) {
	inBubble(t, "2000-05-01", func(t *testing.T) {
		s := openTestSim(t, "profile=power", "seed=4")
		for day := range 4 {
			begin := measureSim(t, s)[1]
			const step = 5 * time.Second
			sum := 0.0
			for range int(24 * time.Hour / step) {
				sum += measureSim(t, s)[0] * step.Hours() / 1000
				time.Sleep(step)
			}
			metered := measureSim(t, s)[1] - begin
			if math.Abs(metered-sum) > 0.01*sum {
				t.Errorf("day %d: the meter counts %.3f kWh, power adds up to %.3f kWh", day, metered, sum)
			}
			if metered < 5 || metered > 12 {
				t.Errorf("day %d: %.3f kWh is not a small household", day, metered)
			}
		}
	})
}

func TestSimMainsIsOhmic(t *testing.T) {
	inBubble(t, "2000-05-01", func(t *testing.T) {
		s := openTestSim(t, "profile=power")
		for range 24 * 60 {
			v := measureSim(t, s)
			if power, voltage, current := v[0], v[2], v[3]; math.Abs(power-voltage*current) > 1e-6 {
				t.Fatalf("%v W at %v V and %v A", power, voltage, current)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestSimMeterOfAnyYear(t *testing.T) {
	for _, tt := range []struct {
		at          time.Time
		least, most float64
	}{
		{time.Unix(0, 0), 0, 0},
		{time.Unix(simEpoch, 0), 60, 1000},
		{time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), 50_000, 100_000},
		{time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC), 150_000, 400_000},
	} {
		for _, offset := range []float64{-12 * 3600, 0, 14 * 3600} {
			if v := simAt(9, tt.at, offset).meter(); v < tt.least || v > tt.most {
				t.Errorf("%v: %v kWh, want %v to %v", tt.at, v, tt.least, tt.most)
			}
		}
	}
}

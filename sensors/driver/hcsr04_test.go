package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

var hcsr04Test = gpioTest{driver: "hcsr04", pins: map[string]string{"trigger": "GPIO23", "echo": "GPIO24"}}

func TestHCSR04Lines(t *testing.T) { hcsr04Test.testLines(t, 1) }

// A vector is how long ECHO was high, and the temperature of the air.
var _ = vectors("hcsr04", 0.05, func(in string) ([]float64, error) {
	var took string
	var air float64
	if _, err := fmt.Sscan(in, &took, &air); err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(took)
	return []float64{hcsr04Distance(d, air)}, err
},
	vector{in: "5831us 20", want: []float64{1000.6}, source: "formula: sound at 20 °C has 343.2 m/s"},
	vector{in: "5831us 0", want: []float64{965.9}, source: "formula: sound at 0 °C has 331.3 m/s"},
	vector{in: "58us 20", want: []float64{10}, source: "datasheet: µs / 58 = cm", within: 0.1},
	vector{in: "23200us 20", want: []float64{4000}, source: "datasheet: µs / 58 = cm", within: 25},
)

// echoes are what an HC-SR04 hears, in turn.
func echoes(all ...time.Duration) func(int) time.Duration {
	return func(n int) time.Duration { return all[n%len(all)] }
}

func TestHCSR04(t *testing.T) {
	near, far, nothing := 1166*time.Microsecond, 23300*time.Microsecond, 38*time.Millisecond
	for _, test := range []struct {
		name    string
		samples string
		echoes  []time.Duration
		want    float64
		err     string
	}{
		{"near", "5", []time.Duration{near}, 200.1, ""},
		{"far", "5", []time.Duration{far}, 3998.4, ""},
		{"once", "1", []time.Duration{near}, 200.1, ""},
		{"an outlier", "5", []time.Duration{near, near, 466 * time.Microsecond, near, near}, 200.1, ""}, // 8 cm in between, google/periph conn#37
		{"two of them", "5", []time.Duration{466 * time.Microsecond, near, far, near, near}, 200.1, ""},
		{"some without an echo", "5", []time.Duration{near, nothing, near, 0, near}, 200.1, ""},
		{"even", "4", []time.Duration{near, near, near, nothing}, 200.1, ""},
		{"out of range", "5", []time.Duration{nothing}, 0, "nothing is in its range"},
		{"too near", "5", []time.Duration{60 * time.Microsecond}, 0, "nothing is in its range"},
		{"mostly nothing", "5", []time.Duration{near, nothing, nothing, nothing, near}, 0, "3 of 5 measurements failed"},
		{"half of them", "2", []time.Duration{near, nothing}, 0, "1 of 2 measurements failed"},
		{"no module", "5", []time.Duration{0}, 0, "ECHO does not go high"},
		{"waits long for an echo", "5", []time.Duration{near, 200 * time.Millisecond, near, 200 * time.Millisecond, near}, 200.1, ""},
		{"stays high", "3", []time.Duration{time.Minute}, 0, "ECHO"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := bustest.NewLines()
				chip := bustest.NewHCSR04(l, "GPIO23", "GPIO24", echoes(test.echoes...))
				c := hcsr04Test
				c.options = map[string]string{"samples": test.samples}
				s := c.open(t, l, nil)
				out := []float64{untouched}
				err := s.Measure(t.Context(), out)
				if test.err == "" && (err != nil || math.Abs(out[0]-test.want) > 0.1) {
					t.Errorf("%v, %v; want %v", out, err, test.want)
				}
				if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || !strings.HasPrefix(err.Error(), "hcsr04: ") || out[0] != untouched) {
					t.Errorf("%v, %v; want an error with %q", out, err, test.err)
				}
				if fmt.Sprint(chip.Pulses()) != test.samples && test.name != "stays high" {
					t.Errorf("%d pulses, want %s", chip.Pulses(), test.samples)
				}
			})
		})
	}
}

func TestHCSR04Temperature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		bustest.NewHCSR04(l, "GPIO23", "GPIO24", echoes(5831*time.Microsecond))
		c := hcsr04Test
		c.options = map[string]string{"temperature": "0"}
		s := c.open(t, l, nil)
		for _, test := range []struct{ air, want float64 }{{math.NaN(), 965.9}, {20, 1000.6}, {math.NaN(), 965.9}} {
			s.(Compensated).Compensate(Ambient{Temperature: test.air})
			if got := values(t, s, 1)[0]; math.Abs(got-test.want) > 0.1 {
				t.Errorf("in air of %v °C %v mm, want %v", test.air, got, test.want)
			}
		}
	})
}

// An echo of before, or a line that was shaken while nobody looked, is not
// that of this pulse.
func TestHCSR04OldEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		bustest.NewHCSR04(l, "GPIO23", "GPIO24", echoes(1166*time.Microsecond))
		s := hcsr04Test.open(t, l, nil)
		for i := range 50 {
			l.SetLevel("GPIO24", i%2 == 0, time.Now().Add(time.Duration(i)*time.Millisecond))
		}
		time.Sleep(time.Second)
		if got := values(t, s, 1)[0]; math.Abs(got-200.1) > 0.1 {
			t.Errorf("%v mm", got)
		}
	})
}

func TestHCSR04Context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		bustest.NewHCSR04(l, "GPIO23", "GPIO24", echoes(0))
		s := hcsr04Test.open(t, l, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := s.Measure(ctx, []float64{0})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 70*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

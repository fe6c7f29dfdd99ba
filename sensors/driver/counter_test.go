package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

var counterTest = gpioTest{driver: "counter", pins: map[string]string{"pin": "GPIO27"}}

func TestCounterLines(t *testing.T) { counterTest.testLines(t, 3) }

// counterOf is a counter of a kind.
func counterOf(kind, perUnit string) gpioTest {
	c := counterTest
	c.options = map[string]string{"kind": kind, "pulses_per_unit": perUnit}
	return c
}

// pulse pulls the line, which is pulled up, to ground for 50 ms.
func pulse(l *bustest.Lines, at time.Time) {
	if at.IsZero() {
		at = time.Now()
	}
	l.SetLevel("GPIO27", false, at)
	l.SetLevel("GPIO27", true, at.Add(50*time.Millisecond))
}

// A vector is min_pulse, min_gap, and how long the line is high and low in
// turn, high first: how many pulses that is.
var _ = vectors("counter", 0, func(in string) ([]float64, error) {
	var times []time.Duration
	for _, f := range strings.Fields(in) {
		d, err := time.ParseDuration(f)
		if err != nil {
			return nil, err
		}
		times = append(times, d)
	}
	p := pulseShape{width: times[0], gap: times[1]}
	n := 0.0
	at, high := time.Unix(1e9, 0), true
	for _, d := range times[2:] {
		if p.edge(bus.Edge{Time: at, High: high}) {
			n++
		}
		at, high = at.Add(d), !high
	}
	return []float64{n}, nil
},
	vector{in: "0s 0s 30ms 1s 30ms 1s", want: []float64{2}, source: "IEC 62053-31: a pulse of 30 ms"},
	vector{in: "0s 0s 30ms", want: []float64{0}, source: "IEC 62053-31: it counts when it has ended"},
	vector{in: "20ms 0s 30ms 1s 10ms 1s 30ms 1s", want: []float64{2}, source: "Tasmota #7488: a disturbance between pulses"},
	vector{in: "0s 200ms 2ms 1ms 500ms 3ms 2ms 2s 2ms 1ms 500ms 2s", want: []float64{2}, source: "Tasmota #516: bouncing at both ends"},
	vector{in: "50ms 200ms 2ms 1ms 500ms 3ms 2ms 2s 2ms 1ms 500ms 2s", want: []float64{2}, source: "Tasmota #516: bouncing at both ends"},
	vector{in: "50ms 200ms 2ms 300ms 500ms 2s", want: []float64{1}, source: "Tasmota PR #8021: short, long"},
	vector{in: "0s 200ms 30ms 100ms 30ms 100ms 30ms 1s", want: []float64{1}, source: "esphome/issues#493: too fast to be true"},
)

func TestCounterKinds(t *testing.T) {
	for _, test := range []struct {
		kind, perUnit string
		every         time.Duration
		total, rate   float64
	}{
		{"energy", "1000", 3600 * time.Millisecond, 0.01, 1000}, // W
		{"energy", "800", 45 * time.Second, 0.0125, 100},
		{"water", "1000", 6 * time.Second, 0.01, 10}, // L/min
		{"gas", "100", 36 * time.Second, 0.1, 1000.0 / 60},
		{"rain", "3.5795", 60 * time.Second, 2.7937, 16.7621}, // 0.2794 mm a tip
		{"count", "", 2 * time.Second, 10, 30},
		{"count", "10", 2 * time.Second, 1, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := bustest.NewLines()
			s := counterOf(test.kind, test.perUnit).open(t, l, nil)
			began := time.Now()
			if got := values(t, s, 3); got[0] != 0 || got[1] != 0 {
				t.Errorf("%s: at first %v", test.kind, got)
			}
			for i := range 10 {
				pulse(l, began.Add(time.Duration(i+1)*test.every))
			}
			time.Sleep(10*test.every + time.Second)
			got := values(t, s, 3)
			if math.Abs(got[0]-test.total) > 1e-4 || math.Abs(got[1]-test.rate) > 1e-3 || got[2] != 0 {
				t.Errorf("%s: %v, want %v and %v", test.kind, got, test.total, test.rate)
			}
			// Without pulses the rate can be no more than one in that time.
			time.Sleep(100 * test.every)
			if got := values(t, s, 3); got[1] > test.rate/99 || got[1] < test.rate/101 {
				t.Errorf("%s: %v without pulses for 100 times as long, it was %v", test.kind, got[1], test.rate)
			}
		})
	}
}

// No pulse is lost in rounding.
func TestCounterDecimals(t *testing.T) {
	for _, test := range []struct {
		kind, perUnit string
		want          int
	}{{"count", "", 0}, {"count", "10", 1}, {"count", "0.1", 0}, {"energy", "1000", 3}, {"energy", "800", 4}, {"energy", "10000", 4}, {"gas", "100", 3}, {"rain", "3.5795", 2}, {"water", "1e9", 6}} {
		synctest.Test(t, func(t *testing.T) {
			if got := counterOf(test.kind, test.perUnit).open(t, bustest.NewLines(), nil).(Channeler).Channels()[0].Decimals; got != test.want {
				t.Errorf("%s, %s pulses: %d decimals, want %d", test.kind, test.perUnit, got, test.want)
			}
		})
	}
}

func TestCounterOptions(t *testing.T) {
	for kind := range counterKinds {
		synctest.Test(t, func(t *testing.T) {
			c := counterOf(kind, "")
			d, slot := c.slot(bustest.NewLines(), new(bustest.State))
			s, err := d.Open(t.Context(), slot)
			if kind == "count" {
				if err != nil {
					t.Error(err)
				}
				s.(io.Closer).Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), "counter: option pulses_per_unit: ") {
				t.Errorf("%s without pulses_per_unit: %v", kind, err)
			}
		})
	}
}

// The total goes on where it was, whatever happens in between.
func TestCounterRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		state := new(bustest.State)
		random := rand.New(rand.NewPCG(1, 2))
		want, last := 0, 0.0
		for range 50 {
			c := counterOf("energy", "1000")
			d, slot := c.slot(l, state)
			s, err := d.Open(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			for range random.IntN(20) {
				pulse(l, time.Time{})
				want++
				time.Sleep(time.Second)
				if random.IntN(3) == 0 {
					got := values(t, s, 3)[0]
					if got < last {
						t.Fatalf("the total goes back from %v to %v", last, got)
					}
					last = got
				}
			}
			s.(io.Closer).Close() // what was not measured is counted, too
		}
		if got := values(t, counterOf("energy", "1000").open(t, l, state), 3)[0]; got != float64(want)/1000 {
			t.Errorf("total %v, want %v", got, float64(want)/1000)
		}
	})
}

// After a power cut nothing is missing but what was not yet saved: at most a
// second of it.
func TestCounterPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		state := new(bustest.State)
		s := counterOf("water", "1000").open(t, l, state)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := range 590 {
			pulse(l, time.Now().Add(time.Duration(i)*100*time.Millisecond))
		}
		if err := s.(Awaiter).Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		var saved counterState
		if _, err := state.Load(&saved); err != nil || saved.Pulses < 580 || state.Saves > 62 {
			t.Errorf("%d of 590 pulses are saved, %d times (%v)", saved.Pulses, state.Saves, err)
		}
	})
}

func TestCounterTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		state := new(bustest.State)
		c := counterOf("gas", "100")
		s := c.open(t, l, state)
		pulse(l, time.Time{})
		time.Sleep(time.Second)
		if err := s.(Setter).Set(t.Context(), "total", 4711.23); err != nil {
			t.Fatal(err)
		}
		if got := values(t, s, 3)[0]; got != 4711.23 {
			t.Errorf("total %v", got)
		}
		pulse(l, time.Time{})
		time.Sleep(time.Second)
		s.(io.Closer).Close()
		s = c.open(t, l, state)
		if got := values(t, s, 3)[0]; got != 4711.24 {
			t.Errorf("total %v after a restart", got)
		}
		s.(io.Closer).Close()
		// A correction of pulses_per_unit is for what comes.
		s = counterOf("gas", "10").open(t, l, state)
		pulse(l, time.Time{})
		time.Sleep(time.Second)
		if got := values(t, s, 3)[0]; math.Abs(got-4711.34) > 1e-9 {
			t.Errorf("total %v with other pulses_per_unit", got)
		}
	})
}

func TestCounterDamagedState(t *testing.T) {
	d, slot := counterTest.slot(bustest.NewLines(), &bustest.State{Saved: `{"base":`})
	if _, err := d.Open(t.Context(), slot); err == nil || !strings.HasPrefix(err.Error(), "counter: ") {
		t.Errorf("a state that cannot be read: %v", err)
	}
	for _, saved := range []string{`{}`, `{"base":5,"pulses":3,"per_unit":0}`, `{"base":5,"pulses":3,"per_unit":-1}`} {
		d, slot := counterTest.slot(bustest.NewLines(), &bustest.State{Saved: saved})
		s, err := d.Open(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		if got := values(t, s, 3)[0]; got != 0 && got != 5 {
			t.Errorf("%s: total %v", saved, got)
		}
	}
}

// A pulse that lasts over a restart is one pulse.
func TestCounterPulseOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		state := new(bustest.State)
		s := counterTest.open(t, l, state)
		l.SetLevel("GPIO27", false, time.Time{})
		time.Sleep(time.Second)
		s.(io.Closer).Close()
		time.Sleep(time.Second)
		s = counterTest.open(t, l, state)
		time.Sleep(time.Second)
		l.SetLevel("GPIO27", true, time.Time{})
		time.Sleep(time.Second)
		if got := values(t, s, 3)[0]; got != 1 {
			t.Errorf("%v pulses, want 1", got)
		}
	})
}

// The kernel keeps few edges; it says how many it had no room for, and they
// are pulses all the same.
func TestCounterLostEdges(t *testing.T) {
	for _, pulses := range []int{20, 21, 22, 23} {
		for _, phase := range []int{0, 1} {
			for _, buffer := range []int{1, 2, 3, 4, 5} {
				synctest.Test(t, func(t *testing.T) {
					l := bustest.NewLines()
					l.Buffer(buffer)
					l.SetLevel("GPIO27", phase == 0, time.Time{})
					s := counterTest.open(t, l, nil)
					values(t, s, 3)
					for i := range 2*pulses + phase {
						l.SetLevel("GPIO27", i%2 != phase, time.Now().Add(time.Duration(i+1)*50*time.Millisecond))
					}
					time.Sleep(time.Minute)
					want := fmt.Sprint([]float64{float64(pulses + phase), float64(2*pulses + phase - buffer)})
					if got := values(t, s, 3); fmt.Sprint([]float64{got[0], got[2]}) != want {
						t.Errorf("%d pulses, phase %d, room for %d: pulses and lost edges %v, want %s", pulses, phase, buffer, got, want)
					}
				})
			}
		}
	}
}

// A YF-S201 with 30 L a minute through it: the pulses are shorter than a tick
// of the kernel, by which it would debounce.
func TestCounterFlowSensor(t *testing.T) {
	for _, debounce := range []string{"0s", "200us", "2ms"} {
		synctest.Test(t, func(t *testing.T) {
			c := counterTest
			c.options = map[string]string{"debounce": debounce, "invert": "false", "pull": "none"}
			l := bustest.NewLines()
			l.SetLevel("GPIO27", false, time.Time{})
			s := c.open(t, l, nil)
			for i := range 500 {
				at := time.Now().Add(time.Duration(i+1) * 4444 * time.Microsecond)
				l.SetLevel("GPIO27", true, at)
				l.SetLevel("GPIO27", false, at.Add(2222*time.Microsecond))
			}
			l.Buffer(1000)
			time.Sleep(time.Minute)
			if got := values(t, s, 3); got[0] != 500 || got[2] != 0 {
				t.Errorf("debounce %s: %v, want 500 pulses", debounce, got)
			}
		})
	}
}

// Bouncing is not counted, whether the kernel is asked to keep it to itself or
// not, and a pulse of three times debounce is.
func TestCounterDebounce(t *testing.T) {
	for _, debounce := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 60 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := counterTest
			c.options = map[string]string{"debounce": debounce.String()}
			l := bustest.NewLines()
			s := c.open(t, l, nil)
			began := time.Now()
			for i := range 10 {
				at := began.Add(time.Duration(i+1) * 6 * debounce)
				for _, edge := range []time.Duration{0, 3 * debounce} { // to ground, and back
					for j := range 6 {
						l.SetLevel("GPIO27", (j%2 == 1) == (edge == 0), at.Add(edge+time.Duration(j)*debounce/20))
					}
					l.SetLevel("GPIO27", edge > 0, at.Add(edge+6*debounce/20))
				}
			}
			time.Sleep(time.Hour)
			if got := values(t, s, 3); got[0] != 10 || got[2] != 0 {
				t.Errorf("debounce %v: %v, want 10 pulses", debounce, got)
			}
		})
	}
}

func FuzzPulseShape(f *testing.F) {
	f.Add([]byte{1, 30, 200, 3, 5, 1}, uint8(20), uint8(100))
	f.Fuzz(func(t *testing.T, steps []byte, width, gap uint8) {
		p := pulseShape{width: time.Duration(width), gap: time.Duration(gap)}
		at, high, n := time.Unix(1e9, 0), true, 0
		for _, d := range steps {
			at = at.Add(time.Duration(d))
			if p.edge(bus.Edge{Time: at, High: high}) {
				n++
			}
			high = !high
		}
		if n > len(steps)/2 {
			t.Errorf("%d pulses of %d edges", n, len(steps))
		}
	})
}

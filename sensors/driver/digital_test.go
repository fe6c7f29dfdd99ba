package driver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

var digitalTest = gpioTest{driver: "digital", pins: map[string]string{"pin": "GPIO17"}}

func TestDigitalLines(t *testing.T) { digitalTest.testLines(t, 2) }

// A vector is pull, invert and the voltage of the line.
var _ = vectors("digital", 0, func(in string) ([]float64, error) {
	l := bustest.NewLines()
	var pull, invert, line string
	if _, err := fmt.Sscan(in, &pull, &invert, &line); err != nil {
		return nil, err
	}
	if line != "open" {
		l.SetLevel("GPIO17", line == "high", time.Time{})
	}
	c := digitalTest
	c.options = map[string]string{"pull": pull, "invert": invert}
	d, slot := c.slot(l, new(bustest.State))
	s, err := d.Open(context.Background(), slot)
	if err != nil {
		return nil, err
	}
	out := make([]float64, 2)
	return out, s.Measure(context.Background(), out)
},
	vector{in: "none false high", want: []float64{1, 0}, source: "Linux gpio/chardev.rst"},
	vector{in: "none false low", want: []float64{0, 0}, source: "Linux gpio/chardev.rst"},
	vector{in: "none true low", want: []float64{1, 0}, source: "Linux gpio/chardev.rst, GPIO_V2_LINE_FLAG_ACTIVE_LOW"},
	vector{in: "up false open", want: []float64{1, 0}, source: "Linux gpio/chardev.rst, GPIO_V2_LINE_FLAG_BIAS_PULL_UP"},
	vector{in: "up true open", want: []float64{0, 0}, source: "Linux gpio/chardev.rst, GPIO_V2_LINE_FLAG_BIAS_PULL_UP"},
	vector{in: "down false open", want: []float64{0, 0}, source: "Linux gpio/chardev.rst, GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN"},
)

// An edge is noticed at once and has the kernel's time; several are measured
// one by one.
func TestDigitalEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		l.SetLevel("GPIO17", false, time.Time{})
		s := digitalTest.open(t, l, nil)
		if got := values(t, s, 2); got[0] != 0 || !s.(Timed).Measured().IsZero() {
			t.Errorf("the level: %v at %v", got, s.(Timed).Measured())
		}
		began := time.Now()
		for i, at := range []time.Duration{3 * time.Minute, 4 * time.Minute, 4*time.Minute + time.Second} {
			l.SetLevel("GPIO17", i%2 == 0, began.Add(at))
		}
		if err := s.(Awaiter).Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 3*time.Minute+50*time.Millisecond {
			t.Errorf("noticed after %v", took)
		}
		time.Sleep(5 * time.Minute) // something keeps the gateway
		for i, at := range []time.Duration{3 * time.Minute, 4 * time.Minute, 4*time.Minute + time.Second} {
			if err := s.(Awaiter).Await(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := values(t, s, 2)
			if want := began.Add(at + 50*time.Millisecond); got[0] != float64(1-i%2) || !s.(Timed).Measured().Equal(want) {
				t.Errorf("edge %d: %v at %v, want %v", i, got, s.(Timed).Measured(), want)
			}
		}
		if got := values(t, s, 2); got[0] != 1 || !s.(Timed).Measured().IsZero() {
			t.Errorf("the level again: %v at %v", got, s.(Timed).Measured())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.(Awaiter).Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("awaited nothing: %v", err)
		}
	})
}

func TestDigitalBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		l.SetLevel("GPIO17", false, time.Time{})
		s := digitalTest.open(t, l, nil)
		for i := range 11 { // 10 ms apart
			l.SetLevel("GPIO17", i%2 == 0, time.Now().Add(time.Duration(i)*10*time.Millisecond))
		}
		began := time.Now()
		if err := s.(Awaiter).Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := values(t, s, 2); got[0] != 1 || time.Since(began) != 150*time.Millisecond {
			t.Errorf("after bouncing %v, in %v", got, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.(Awaiter).Await(ctx); err == nil {
			t.Error("bouncing is more than one edge")
		}
	})
}

func TestDigitalLostEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		l.Buffer(4)
		l.SetLevel("GPIO17", false, time.Time{})
		s := digitalTest.open(t, l, nil)
		for i := range 11 {
			l.SetLevel("GPIO17", i%2 == 0, time.Now().Add(time.Duration(i)*time.Second))
		}
		time.Sleep(time.Minute)
		var states []string
		for range 4 {
			got := values(t, s, 2)
			states = append(states, fmt.Sprint(got[0]))
			if got[1] != 7 {
				t.Errorf("%v edges lost, want 7", got[1])
			}
		}
		if got := strings.Join(states, " "); got != "0 1 0 1" {
			t.Errorf("states %s", got)
		}
	})
}

func TestDigitalKinds(t *testing.T) {
	for kind, q := range digitalKinds {
		synctest.Test(t, func(t *testing.T) {
			c := digitalTest
			c.options = map[string]string{"kind": kind}
			channels := c.open(t, bustest.NewLines(), nil).(Channeler).Channels()
			if channels[0].Quantity != q || len(channels) != 2 {
				t.Errorf("%s: %v", kind, channels)
			}
			if info, _ := q.Info(); !info.Binary {
				t.Errorf("%s has more than two states", q)
			}
		})
	}
}

package driver

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// gpioTest is a driver on fake GPIO lines.
type gpioTest struct {
	driver  string
	pins    map[string]string
	options map[string]string // other than the defaults
}

// slot is what the driver is told.
func (c gpioTest) slot(l *bustest.Lines, state bus.State) (Driver, *bus.Slot) {
	d, _ := Lookup(c.driver)
	slot := &bus.Slot{Name: "gpio", Lines: l, Pins: c.pins, Options: make(map[string]string), State: state}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	maps.Copy(slot.Options, c.options)
	return d, slot
}

// open opens the driver, by its table. state may be nil.
func (c gpioTest) open(t *testing.T, l *bustest.Lines, state *bustest.State) Sensor {
	t.Helper()
	if state == nil {
		state = new(bustest.State)
	}
	d, slot := c.slot(l, state)
	s, err := d.Open(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.(io.Closer).Close() })
	return s
}

// values measures, without an error.
func values(t *testing.T, s Sensor, n int) []float64 {
	t.Helper()
	out := slices.Repeat([]float64{untouched}, n)
	if err := s.Measure(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// testLines has every line of the driver be somebody else's, and fail while it
// is open.
func (c gpioTest) testLines(t *testing.T, n int) {
	for name, line := range c.pins {
		synctest.Test(t, func(t *testing.T) {
			l := bustest.NewLines()
			l.Take(line, "other")
			d, slot := c.slot(l, new(bustest.State))
			if _, err := d.Open(t.Context(), slot); !errors.Is(err, syscall.EBUSY) || !strings.HasPrefix(err.Error(), c.driver+": ") || !strings.Contains(err.Error(), line) {
				t.Errorf("pin %s is taken: %v", name, err)
			}
			if open := l.Open(); len(open) > 0 {
				t.Errorf("pin %s is taken: %v stay open", name, open)
			}
			l.Take(line, "")
			s := c.open(t, l, nil)
			l.Fail(line, syscall.EIO)
			out := slices.Repeat([]float64{untouched}, n)
			err := s.Measure(t.Context(), out)
			if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), c.driver+": ") {
				t.Errorf("pin %s fails: %v", name, err)
			}
			if fmt.Sprint(out) != fmt.Sprint(slices.Repeat([]float64{untouched}, n)) {
				t.Errorf("pin %s fails: %v is written", name, out)
			}
			l.Fail(line, nil)
			s.(io.Closer).Close()
			if open := l.Open(); len(open) > 0 {
				t.Errorf("closed, and %v stay open", open)
			}
		})
	}
}

package sensors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// shaky is a chip on a bad cable: now and then it does not answer for a
// while, hangs, lies or panics.
type shaky struct {
	random   *rand.Rand
	bus      *wedging // nil if it is on none
	badUntil time.Time
	fault    int
	measured []time.Time // good ones, when they began
	outages  int
}

const faults = 5

// wedging is an adapter that gets stuck a few times a day, until it is opened
// anew. It belongs to the goroutine of its bus.
type wedging struct {
	random *rand.Rand
	stuck  bool
	next   time.Time
	times  int
}

func (w *wedging) wedged(now time.Time) bool {
	if !w.stuck && now.After(w.next) {
		w.stuck = !w.next.IsZero()
		w.next = now.Add(time.Duration(2+w.random.IntN(6)) * time.Hour)
		if w.stuck {
			w.times++
		}
	}
	return w.stuck
}

func (s *shaky) measure(ctx context.Context, out []float64) error {
	now := time.Now()
	if now.After(s.badUntil) && s.random.IntN(200) == 0 {
		s.badUntil = now.Add(time.Duration(s.random.IntN(600)) * time.Second)
		s.fault = s.random.IntN(faults)
		s.outages++
	}
	if s.bus != nil && s.bus.wedged(now) {
		return fmt.Errorf("the bus hangs: %w", syscall.ETIMEDOUT)
	}
	if bus.Wait(ctx, 20*time.Millisecond) != nil {
		return ctx.Err()
	}
	if now.Before(s.badUntil) {
		switch s.fault {
		case 0:
			return fmt.Errorf("no acknowledgement: %w", syscall.ENXIO)
		case 1:
			time.Sleep(5 * time.Second) // deaf to the context
			return syscall.ETIMEDOUT
		case 2:
			out[0] = -144.1
			return nil
		case 3:
			panic("index out of range")
		case 4:
			time.Sleep(time.Until(s.badUntil)) // hangs, and comes back with what it measured then
		}
	}
	s.measured = append(s.measured, now)
	out[0] = float64(len(s.measured)%5000) / 100
	return nil
}

// TestDay runs two hundred sensors on thirteen buses and fifty places of their
// own for a simulated day with faults injected, buses that hang among them.
// Every reading must be new and carry the time of its measurement, every sensor
// must come back after every outage, on its grid, and its status must be right
// all the time. That no goroutine is left synctest sees. Under the race detector
// it is fifty sensors.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := 200
		if raceEnabled {
			count = 50
		}
		chips := make(map[string]*chip)
		shakies := make(map[string]*shaky)
		buses := make(map[string]*wedging)
		for i := range 13 {
			buses[fmt.Sprintf("i2c-%d", i)] = &wedging{random: rand.New(rand.NewPCG(2, uint64(i)))}
		}
		var cfg []SensorConfig
		for i := range count {
			name := fmt.Sprintf("s%03d", i)
			s := &shaky{random: rand.New(rand.NewPCG(1, uint64(i)))}
			shakies[name] = s
			c := &chip{kind: bus.None, measure: s.measure}
			sc := SensorConfig{Driver: name, Interval: time.Duration(5+i%7*5) * time.Second}
			if i%4 != 0 { // three of four share one of a few buses
				c.kind, sc.Bus, sc.Address = bus.I2C, fmt.Sprintf("i2c-%d", i%13), 0x76
				s.bus = buses[sc.Bus]
			}
			chips[name] = c
			cfg = append(cfg, sc)
		}
		deps := Deps{OpenI2C: func(name string) (i2c.BusCloser, error) {
			buses[name].stuck = false
			return &fakeI2C{name: name, closed: func() {}}, nil
		}}
		h := buildWith(t, deps, chips, cfg...).run()
		time.Sleep(24 * time.Hour)
		h.stop()

		told := make(map[string][]event)
		for _, e := range h.events {
			told[e.path] = append(told[e.path], e)
		}
		for i := range count {
			name := fmt.Sprintf("s%03d", i)
			checkDay(t, h, told["site/room/"+name], name, shakies[name], h.sensors.devices[i])
		}
		for name, w := range buses {
			if w.times == 0 {
				t.Errorf("%s never hung", name)
			}
		}
	})
}

func checkDay(t *testing.T, h *house, told []event, name string, s *shaky, d *device) {
	t.Helper()
	if s.outages < 3 {
		t.Errorf("%s had %d outages, too few for this test to mean much", name, s.outages)
	}
	measured := make(map[time.Time]bool)
	for _, m := range s.measured {
		measured[m] = true
	}
	var previous, last event
	for _, e := range told {
		if e.report == nil {
			if e.status != reading.Offline {
				checkStatus(t, h, e, last, d.cfg.StaleAfter)
			}
			continue
		}
		previous, last = last, e
		r := e.report.Reading
		if !measured[r.Time] {
			t.Fatalf("%s: reading at %v says it was measured at %v, when nothing was", name, e.at, r.Time.Sub(h.start))
		}
		if previous.report != nil && !r.Time.After(previous.report.Reading.Time) {
			t.Fatalf("%s: two readings with the time %v", name, r.Time.Sub(h.start))
		}
		if x := r.Values[0].Number; x < -40 || x > 85 {
			t.Fatalf("%s: %v was published", name, x)
		}
	}
	// The last hour has at least some readings unless an outage is longest.
	if back := 24*time.Hour - last.at; back > 20*time.Minute {
		t.Errorf("%s: the last reading was %v before the end: it did not come back", name, back)
	}
	// Had the ticks drifted, the device would not be due on its first grid.
	if off := d.next.Sub(d.grid.origin) % d.cfg.Interval; d.failures == 0 && off != 0 {
		t.Errorf("%s: after a day it is due %v off its grid", name, off)
	}
	if want := int(24 * time.Hour / d.cfg.Interval / 2); len(s.measured) < want {
		t.Errorf("%s: %d readings in a day, want at least %d", name, len(s.measured), want)
	}
}

// checkStatus checks a status against the last reading that came before it.
func checkStatus(t *testing.T, h *house, e, last event, staleAfter time.Duration) {
	t.Helper()
	if last.report == nil {
		return // before the first reading
	}
	age := h.start.Add(e.at).Sub(last.report.Reading.Time)
	ok := map[reading.Status]bool{
		reading.Online: age < staleAfter,
		reading.Stale:  age >= staleAfter && age < 2*staleAfter,
		reading.Fault:  age >= 2*staleAfter,
	}
	if !ok[e.status] {
		t.Errorf("%s: %s at %v, when the last reading was %v old and stale_after is %v", e.path, e.status, e.at, age, staleAfter)
	}
}

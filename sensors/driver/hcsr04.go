// HC-SR04 and its relatives: distance by ultrasound.
//
//	chip       HC-SR04, HC-SR04P, RCWL-1601, US-015, JSN-SR04T in mode 0
//	bus        GPIO: an output to TRIG, an input from ECHO
//	datasheet  Elec Freaks, Ultrasonic Ranging Module HC-SR04
//	checksum   none
//
// After a pulse of 10 µs on TRIG the module sends 8 cycles of 40 kHz, and holds
// ECHO high until they come back. How long that was the kernel tells, by the
// times of its interrupts: the few µs that they are late are the same for both
// edges, nearly. A gateway that was busy in between does not matter.

package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

const (
	hcsr04Trigger = 10 * time.Microsecond
	hcsr04Begin   = 20 * time.Millisecond  // ECHO goes high after 0.5 ms, of a JSN-SR04T after 10
	hcsr04End     = 250 * time.Millisecond // without an echo ECHO falls after 38 ms, of some after 200
	hcsr04Cycle   = 60 * time.Millisecond  // between two measurements, for echoes to die away
	hcsr04Least   = 20.0                   // mm
	hcsr04Most    = 4500.0                 // mm; the datasheet says 4000, of others 4500
)

var _ = register(Driver{
	Name:      "hcsr04",
	Aliases:   []string{"hc-sr04", "jsn-sr04t"},
	Title:     "HC-SR04 ultrasonic distance",
	Datasheet: "Elec Freaks, Ultrasonic Ranging Module HC-SR04",
	Bus:       bus.GPIO,
	Pins: []Pin{
		{Name: "trigger", Doc: "Output to the module's TRIG."},
		{Name: "echo", Doc: "Input from the module's ECHO, through a divider if it runs at 5 V."},
	},
	MinPeriod: hcsr04Cycle,
	Channels:  []Channel{{Quantity: reading.Distance, Min: hcsr04Least, Max: hcsr04Most}},
	Options: []Option{
		{Name: "samples", Doc: "Measurements of which the median is taken; each takes 60 ms.", Default: "5", Type: Whole, Min: 1, Max: 15},
		{Name: "temperature", Doc: "Temperature of the air in °C, unless a sensor to compensate by says it: 10 °C more make 1.7 % of the distance.", Default: "20", Type: Number, Min: -40, Max: 80},
	},
	Wiring: "VCC to 5 V, GND to GND, TRIG to the line trigger. ECHO gives 5 V, which destroys the line: 1 kΩ from ECHO to the line echo, 2 kΩ from there to GND.\n" +
		"HC-SR04P and RCWL-1601 run at 3.3 V and need no divider.",
	Notes: "Sees hard surfaces across its axis, from 2 cm to 4 m, 15° wide; clothes, foam and slanting walls give no echo, which is an error and no distance. " +
		"Two modules in one room hear each other.",
	Open: openHCSR04,
})

type hcsr04 struct {
	trigger bus.Output
	echo    bus.Input
	samples int
	fixed   float64 // °C, if nobody knows better
	air     float64 // °C
}

// openHCSR04 requests both lines. The module cannot be asked whether it is
// there but by measuring.
func openHCSR04(_ context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	trigger, err := slot.Lines.Output(slot.Pins["trigger"], false)
	if err != nil {
		return nil, fmt.Errorf("hcsr04: trigger: %w", err) // names the line
	}
	echo, err := slot.Lines.Input(slot.Pins["echo"], bus.InputOptions{Rising: true, Falling: true})
	if err != nil {
		trigger.Close()
		return nil, fmt.Errorf("hcsr04: echo: %w", err)
	}
	s := &hcsr04{trigger: trigger, echo: echo, samples: o.whole("samples"), fixed: o.number("temperature")}
	s.air = s.fixed
	return s, nil
}

// Close gives the lines back.
func (s *hcsr04) Close() error { return errors.Join(s.trigger.Close(), s.echo.Close()) }

// Compensate implements [Compensated]: sound is faster in warm air.
func (s *hcsr04) Compensate(a Ambient) {
	s.air = s.fixed
	if !math.IsNaN(a.Temperature) {
		s.air = a.Temperature
	}
}

// Measure implements [Sensor]: out is the distance in mm, the median of
// several. Some may fail, a minority.
func (s *hcsr04) Measure(ctx context.Context, out []float64) error {
	var all []float64
	var why error
	for i := range s.samples {
		if i > 0 {
			if err := bus.Wait(ctx, hcsr04Cycle); err != nil {
				return fmt.Errorf("hcsr04: %w", err)
			}
		}
		took, err := s.ping(ctx)
		var bad *echoError
		switch {
		case errors.As(err, &bad):
			why = err
		case err != nil:
			return fmt.Errorf("hcsr04: %w", err) // the lines do not work
		default:
			all = append(all, hcsr04Distance(took, s.air))
		}
	}
	if 2*len(all) <= s.samples {
		return fmt.Errorf("hcsr04: %d of %d measurements failed: %w", s.samples-len(all), s.samples, why)
	}
	out[0] = median(all)
	return nil
}

// median returns the middle of all, which it sorts.
func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// echoError is the error about one echo; another one may be good.
type echoError struct{ text string }

func (e *echoError) Error() string { return e.text }

// ping sends once, and returns how long ECHO was high.
func (s *hcsr04) ping(ctx context.Context) (time.Duration, error) {
	if err := s.quiet(ctx); err != nil {
		return 0, err
	}
	if err := s.pulse(); err != nil {
		return 0, err
	}
	begin, err := s.edge(ctx, hcsr04Begin, "ECHO does not go high after TRIG: check supply and wiring")
	if err != nil {
		return 0, err
	}
	if !begin.High {
		return 0, &echoError{"an edge of ECHO was missed"}
	}
	end, err := s.edge(ctx, hcsr04End, "ECHO stays high: check the wiring, and that the module has 5 V")
	if err != nil {
		return 0, err
	}
	if end.High || end.Lost > 0 {
		return 0, &echoError{"an edge of ECHO was missed"}
	}
	took := end.Time.Sub(begin.Time)
	if d := hcsr04Distance(took, s.air); d < hcsr04Least || d > hcsr04Most {
		return 0, &echoError{fmt.Sprintf("ECHO was high for %v, %.0f mm: nothing is in its range, %v to %v mm", took, d, hcsr04Least, hcsr04Most)}
	}
	return took, nil
}

// quiet forgets edges of before, and sees to it that ECHO is low.
func (s *hcsr04) quiet(ctx context.Context) error {
	for range 100 {
		if _, err := s.echo.Edge(ctx, 0); errors.Is(err, bus.ErrNoEdge) {
			break
		} else if err != nil {
			return err
		}
	}
	high, err := s.echo.High()
	if err != nil {
		return err
	}
	if high { // the echo of before, of which some wait long
		if _, err := s.edge(ctx, hcsr04End, "ECHO is high all the time: check the wiring"); err != nil {
			return err
		}
	}
	return nil
}

// pulse triggers the module. A longer pulse does no harm.
func (s *hcsr04) pulse() error {
	if err := s.trigger.Set(true); err != nil {
		return fmt.Errorf("trigger: %w", err)
	}
	time.Sleep(hcsr04Trigger)
	if err := s.trigger.Set(false); err != nil {
		return fmt.Errorf("trigger: %w", err)
	}
	return nil
}

func (s *hcsr04) edge(ctx context.Context, timeout time.Duration, otherwise string) (bus.Edge, error) {
	e, err := s.echo.Edge(ctx, timeout)
	if errors.Is(err, bus.ErrNoEdge) {
		return e, &echoError{otherwise}
	}
	if err != nil {
		return e, fmt.Errorf("echo: %w", err)
	}
	return e, nil
}

// hcsr04Distance returns the distance in mm of an echo that took so long, in
// air of t °C: there and back with the speed of sound in dry air,
// 331.3 m/s × √(1 + t/273.15).
func hcsr04Distance(took time.Duration, t float64) float64 {
	return 331.3 * math.Sqrt(1+t/273.15) * took.Seconds() / 2 * 1000
}

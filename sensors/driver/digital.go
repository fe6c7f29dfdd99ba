// Something with two states on a GPIO line: a motion detector, a reed contact,
// a button, a leak detector.
//
//	chip       none, or whatever drives the line
//	bus        GPIO, one input
//	datasheet  Linux, Documentation/userspace-api/gpio/chardev.rst
//	checksum   none
//
// Debouncing and the time of an edge are the kernel's: what happens while
// other sensors are read is neither lost nor late.

package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// digitalKinds are the values of the option kind.
var digitalKinds = map[string]reading.Quantity{
	"motion": reading.Motion, "door": reading.Door, "window": reading.Window, "leak": reading.Leak,
	"smoke": reading.Smoke, "vibration": reading.Vibration, "problem": reading.Problem, "state": reading.State,
}

// edgeWait bounds one wait for an edge; it is begun again.
const edgeWait = time.Minute

var _ = register(Driver{
	Name:      "digital",
	Title:     "Motion detector, contact, button or leak detector on a GPIO line",
	Datasheet: "Linux, Documentation/userspace-api/gpio/chardev.rst",
	Bus:       bus.GPIO,
	Pins:      []Pin{{Name: "pin", Doc: "Input from the sensor's output, at most 3.3 V."}},
	Channels:  digitalExamples(),
	Dynamic:   true, // kind says what it is
	Options: []Option{
		{Name: "kind", Doc: "What it senses, which decides how it is shown.", Default: "state", Allowed: slices.Sorted(maps.Keys(digitalKinds))},
		pullOption("none"),
		{Name: "invert", Doc: "Whether a low line means 1: motion, open, wet.", Default: "false", Type: Truth},
		{Name: "debounce", Doc: "How long a level lasts before it counts.", Default: "50ms", Type: Duration, Min: 0, Max: 60},
	},
	Wiring: "A contact (reed, button): one side to the line, the other to GND, with pull: up.\n" +
		"A door with a reed contact is closed when the contact is: high, 1, is open. A button that is pressed is low: invert: \"true\".\n" +
		"A PIR (HC-SR501, AM312): OUT to the line. An output of 5 V needs a divider: 10 kΩ from it, 20 kΩ to GND.",
	Notes: "Each change is published at once, with the time at which it happened. A PIR holds its output for some seconds, and reports " +
		"motion that is none in its first minute. A line of more than a few metres needs a resistor of its own, 4.7 kΩ to 3.3 V, and a longer debounce.",
	Open: openDigital,
})

// pullOption is the resistor of an input, of a counter, too.
func pullOption(usual string) Option {
	return Option{Name: "pull", Default: usual, Allowed: []string{"none", "up", "down"},
		Doc: "Resistor inside the chip: up for a contact to ground, down for one to 3.3 V, none for an output that drives the line."}
}

// bothEdges is an input of which each edge counts, by the options pull, invert
// and debounce.
func bothEdges(o options) bus.InputOptions {
	return bus.InputOptions{
		PullUp: o["pull"] == "up", PullDown: o["pull"] == "down", ActiveLow: o.truth("invert"),
		Rising: true, Falling: true, Debounce: o.duration("debounce"),
	}
}

type digital struct {
	in      bus.Input
	kind    reading.Quantity
	pending *bus.Edge // seen and not yet measured
	lost    float64
	at      time.Time // of the edge that was measured, zero if it was the level
}

// openDigital requests the line.
func openDigital(_ context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	in, err := slot.Lines.Input(slot.Pins["pin"], bothEdges(o))
	if err != nil {
		return nil, fmt.Errorf("digital: %w", err) // names the line
	}
	return &digital{in: in, kind: digitalKinds[o["kind"]]}, nil
}

// Close gives the line back.
func (d *digital) Close() error { return d.in.Close() }

// Channels implements [Channeler].
func (d *digital) Channels() []Channel { return digitalChannels(d.kind) }

// Measured implements [Timed].
func (d *digital) Measured() time.Time { return d.at }

// Await implements [Awaiter]: it waits for an edge.
func (d *digital) Await(ctx context.Context) error {
	for d.pending == nil {
		if err := d.edge(ctx, edgeWait); err != nil && !errors.Is(err, bus.ErrNoEdge) {
			return err
		}
	}
	return nil
}

// edge notes the next edge.
func (d *digital) edge(ctx context.Context, timeout time.Duration) error {
	e, err := d.in.Edge(ctx, timeout)
	if err != nil {
		return fmt.Errorf("digital: %w", err)
	}
	d.lost += float64(e.Lost)
	d.pending = &e
	return nil
}

// Measure implements [Sensor]: out is 1 or 0, and how many edges were lost
// since it was opened. Edges that have come are measured one by one, in order;
// without any it is the level now.
func (d *digital) Measure(ctx context.Context, out []float64) error {
	high, err := d.in.High() // before looking for edges: those of later belong to the next
	if err != nil {
		return fmt.Errorf("digital: %w", err)
	}
	if d.pending == nil {
		if err := d.edge(ctx, 0); err != nil && !errors.Is(err, bus.ErrNoEdge) {
			return err
		}
	}
	d.at = time.Time{}
	if e := d.pending; e != nil {
		high, d.at, d.pending = e.High, e.Time, nil
	}
	out[0], out[1] = 0, d.lost
	if high {
		out[0] = 1
	}
	return nil
}

func digitalChannels(kind reading.Quantity) []Channel {
	return []Channel{{Quantity: kind, Max: 1}, {Quantity: reading.LostEdges, Max: 1e12}}
}

// digitalExamples are all values there may be.
func digitalExamples() []Channel {
	var all []Channel
	for _, kind := range slices.Sorted(maps.Keys(digitalKinds)) {
		all = append(all, digitalChannels(digitalKinds[kind])[0])
	}
	return append(all, digitalChannels(reading.State)[1])
}

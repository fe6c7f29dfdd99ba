// Pulses on a GPIO line, counted: the S0 output of an electricity meter, the
// reed contact of a gas or water meter, a flow sensor, a rain gauge.
//
//	chip       none; S0 outputs as in IEC 62053-31
//	bus        GPIO, one input
//	datasheet  IEC 62053-31, section 4.1.3: a pulse and a pause last at least 30 ms, contacts bounce for less than 5;
//	           Linux, Documentation/userspace-api/gpio/chardev.rst
//	checksum   none
//
// A pulse counts when it has ended, having lasted for min_pulse; one that
// begins within min_gap of the end of another is the same, bouncing. The two
// differ on purpose: a magnet that comes to rest under a reed contact makes
// it bounce for long, and still one pulse is one litre. Both, and debounce, go
// by the kernel's times of the edges. Its own debouncing counts in ticks of
// the scheduler, 4 ms each on a Raspberry Pi: asked for 0.2 ms it takes 4 to 8,
// and a flow sensor has no pulse that lasts as long.
//
// The total is kept over restarts: base + pulses/pulses_per_unit, so that no
// rounding adds up.

package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// counterKinds are the values of the option kind: what is counted, what its
// rate is, and what one unit a second is in the unit of that.
var counterKinds = map[string]struct {
	total, rate reading.Quantity
	perSecond   float64
	most        float64 // of the rate
}{
	"count":  {reading.Count, reading.Rate, 60, 1e9},
	"energy": {reading.Energy, reading.Power, 3.6e6, 1e9}, // kWh/s → W
	"water":  {reading.Water, reading.Flow, 60e3, 1e9},    // m³/s → L/min
	"gas":    {reading.Gas, reading.Flow, 60e3, 1e9},
	"rain":   {reading.Rain, reading.RainRate, 3600, 1e6}, // mm/s → mm/h
}

// counterSave is how often a total that changes is handed to the state.
const counterSave = time.Second

var _ = register(Driver{
	Name:      "counter",
	Title:     "Pulse counter on a GPIO line: energy, water, gas, rain",
	Datasheet: "IEC 62053-31; Linux, Documentation/userspace-api/gpio/chardev.rst",
	Bus:       bus.GPIO,
	Pins:      []Pin{{Name: "pin", Doc: "Input from the meter's output, at most 3.3 V."}},
	Channels:  counterExamples(),
	Dynamic:   true, // kind says what it is
	Options: []Option{
		{Name: "kind", Doc: "What is counted: energy in kWh, water and gas in m³, rain in mm, or just pulses (count).", Default: "count", Allowed: slices.Sorted(maps.Keys(counterKinds))},
		{Name: "pulses_per_unit", Doc: "Pulses per kWh, m³ or mm, as printed on the meter; needed unless kind is count.", Type: Number, Min: 1e-6, Max: 1e9},
		pullOption("up"),
		{Name: "invert", Doc: "Whether a pulse is low, as a contact to ground is with pull: up.", Default: "true", Type: Truth},
		{Name: "debounce", Doc: "How long a level lasts before it counts; at most a third of the shortest pulse.", Default: "5ms", Type: Duration, Min: 0, Max: 10},
		{Name: "min_pulse", Doc: "How long a pulse lasts at least; shorter ones are disturbances.", Default: "0s", Type: Duration, Min: 0, Max: 60},
		{Name: "min_gap", Doc: "How long the pause between two pulses lasts at least; after a shorter one it is the same pulse, bouncing.", Default: "0s", Type: Duration, Min: 0, Max: 600},
	},
	Settings: []Setting{
		{Name: "total", Doc: "What the meter shows now, in kWh, m³, mm or pulses.", Min: 0, Max: 1e9},
	},
	Wiring: "A contact or S0 output: one side (S0+) to the line, the other (S0-) to GND, with pull: up and invert: \"true\".\n" +
		"A flow sensor (YF-S201): its output is 5 V, so it needs a divider, 10 kΩ from it and 20 kΩ to GND; pull: none, invert: \"false\", debounce: 200us.",
	Notes: "The total is kept over restarts and never goes back; a power cut may cost the pulses of the last minutes, those that were not " +
		"yet on the SD card, and pulses while the gateway is off are not counted: set total to what the meter shows. " +
		"The rate is from the time between pulses, and 0 until there were two. For a gas or water meter with a reed contact take min_pulse: 50ms, min_gap: 200ms.",
	Open: openCounter,
})

// counterState is what outlives a restart.
type counterState struct {
	Base    float64 `json:"base"`     // total when Pulses was 0
	Pulses  uint64  `json:"pulses"`   // since then
	PerUnit float64 `json:"per_unit"` // pulses_per_unit, then
}

func (s counterState) total() float64 { return s.Base + float64(s.Pulses)/s.PerUnit }

type counter struct {
	in    bus.Input
	state bus.State
	kind  string

	counterState
	shape pulseShape
	rate  pulseRate
	lost  float64 // edges
	dirty bool    // counted and not yet saved
	saved time.Time
}

// openCounter requests the line, and goes on from the total that was saved.
func openCounter(_ context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	c := &counter{state: slot.State, kind: o["kind"]}
	debounce := o.duration("debounce")
	c.shape = pulseShape{width: max(o.duration("min_pulse"), debounce), gap: max(o.duration("min_gap"), debounce)}
	perUnit := o.number("pulses_per_unit")
	if perUnit == 0 {
		if c.kind != "count" {
			return nil, fmt.Errorf("counter: option pulses_per_unit: say how many pulses make a %s; it is printed on the meter", counterKinds[c.kind].total.Unit())
		}
		perUnit = 1
	}
	if err := c.load(perUnit); err != nil {
		return nil, fmt.Errorf("counter: %w", err)
	}
	lineOptions := bothEdges(o)
	lineOptions.Debounce = kernelDebounce(debounce)
	in, err := slot.Lines.Input(slot.Pins["pin"], lineOptions)
	if err != nil {
		return nil, fmt.Errorf("counter: %w", err) // names the line
	}
	high, err := in.High()
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("counter: %w", err)
	}
	if high { // in the middle of a pulse, which counts when it ends
		c.shape.rise, c.shape.open, c.shape.high = time.Now(), true, true
	}
	c.in = in
	return c, nil
}

// kernelDebounce is what of debounce the kernel is asked for: with bounces
// that long it may keep them to itself, a tick more or less.
func kernelDebounce(debounce time.Duration) time.Duration {
	const ticks = 50 * time.Millisecond // many of them
	if debounce < ticks {
		return 0
	}
	return debounce - ticks/5 // so that what lasts for debounce is never too short for it
}

// load reads what was saved. Another pulses_per_unit than then counts from now
// on, and changes nothing that was counted before.
func (c *counter) load(perUnit float64) error {
	var saved counterState
	ok, err := c.state.Load(&saved)
	if err != nil {
		return err
	}
	c.counterState = counterState{PerUnit: perUnit}
	switch {
	case ok && saved.PerUnit == perUnit:
		c.counterState = saved
	case ok && saved.PerUnit > 0:
		c.Base = saved.total()
	case ok:
		c.Base = saved.Base
	}
	return nil
}

// Close gives the line back, with all that was counted saved.
func (c *counter) Close() error {
	err := c.drain(context.Background())
	return errors.Join(err, c.save(true), c.in.Close())
}

// Channels implements [Channeler].
func (c *counter) Channels() []Channel {
	channels := counterChannels(c.kind)
	channels[0].Decimals = min(max(channels[0].Decimals, pulseDecimals(c.PerUnit)), 6)
	return channels
}

// pulseDecimals returns the digits after the point that a pulse takes: 3 for
// 1000 per unit, and one more if the part is not a round one.
func pulseDecimals(perUnit float64) int {
	if perUnit <= 1 {
		return 0
	}
	n := math.Ceil(math.Log10(perUnit))
	if math.Pow(10, n) != perUnit {
		n++
	}
	return int(n)
}

// Await implements [Awaiter]: it counts, and returns when ctx ends. The
// kernel keeps few edges.
func (c *counter) Await(ctx context.Context) error {
	for {
		e, err := c.in.Edge(ctx, edgeWait)
		if errors.Is(err, bus.ErrNoEdge) {
			continue
		}
		if err != nil {
			return fmt.Errorf("counter: %w", err)
		}
		c.edge(e)
		if err := c.save(false); err != nil {
			return fmt.Errorf("counter: %w", err)
		}
	}
}

// Measure implements [Sensor]: out is the total, the rate, and how many edges
// were lost since it was opened.
func (c *counter) Measure(ctx context.Context, out []float64) error {
	if err := c.drain(ctx); err != nil {
		return err
	}
	if _, err := c.in.High(); err != nil { // a line that is gone has no edges either
		return fmt.Errorf("counter: %w", err)
	}
	if err := c.save(true); err != nil {
		return fmt.Errorf("counter: %w", err)
	}
	kind := counterKinds[c.kind]
	out[0] = c.total()
	out[1] = min(c.rate.perSecond(time.Now())/c.PerUnit*kind.perSecond, kind.most)
	out[2] = c.lost
	return nil
}

// drain counts the edges that have come. There is an end to it, however fast
// they come.
func (c *counter) drain(ctx context.Context) error {
	for range 100_000 {
		e, err := c.in.Edge(ctx, 0)
		if errors.Is(err, bus.ErrNoEdge) {
			break
		}
		if err != nil {
			return fmt.Errorf("counter: %w", err)
		}
		c.edge(e)
	}
	return nil
}

// edge counts.
func (c *counter) edge(e bus.Edge) {
	n := c.shape.lost(e)
	c.lost += float64(e.Lost)
	if c.shape.edge(e) {
		n++
	}
	if n == 0 {
		return
	}
	c.Pulses += n
	c.rate.pulses(n, e.Time)
	c.dirty = true
}

// save hands what was counted to the state, now or every [counterSave].
func (c *counter) save(now bool) error {
	if !c.dirty || !now && time.Since(c.saved) < counterSave {
		return nil
	}
	c.dirty, c.saved = false, time.Now()
	return c.state.Save(c.counterState)
}

// Set implements [Setter]: it sets the total.
func (c *counter) Set(ctx context.Context, name string, value float64) error {
	if err := c.drain(ctx); err != nil {
		return err
	}
	c.Base, c.Pulses, c.dirty = value, 0, true
	if err := c.save(true); err != nil {
		return fmt.Errorf("counter: %s: %w", name, err)
	}
	return nil
}

// pulseShape makes pulses of edges.
type pulseShape struct {
	width, gap time.Duration // of a pulse, and between two, at least

	rise, fall time.Time // last; of the pulse, without its bouncing
	open       bool      // a pulse has begun and is not counted
	high       bool      // since the last edge
}

// lost returns the pulses that ended with the edges lost before e: they were
// up and down in turn.
func (p *pulseShape) lost(e bus.Edge) uint64 {
	n := uint64(e.Lost)
	if n == 0 {
		return 0
	}
	switch {
	case p.high && p.open: // the first of them ended what had begun
		n++
	case p.high: // the first of them ended what was counted
		n--
	}
	p.rise, p.fall, p.open = time.Time{}, time.Time{}, !e.High
	return n / 2
}

// edge tells whether a pulse has ended with this edge that counts.
func (p *pulseShape) edge(e bus.Edge) bool {
	p.high = e.High
	if e.High {
		if p.fall.IsZero() || e.Time.Sub(p.fall) >= p.gap {
			p.rise, p.open = e.Time, true
		}
		return false
	}
	p.fall = e.Time
	if !p.open || e.Time.Sub(p.rise) < p.width {
		return false
	}
	p.open = false
	return true
}

// pulseRate knows how often pulses come, from their times.
type pulseRate struct {
	last  time.Time // of the last pulse
	from  time.Time // of the last pulse when it was asked last
	n     uint64    // pulses since then
	value float64   // pulses a second, as it was answered last
}

func (r *pulseRate) pulses(n uint64, at time.Time) {
	if r.from.IsZero() {
		r.from, n = at, 0
	}
	r.last = at
	r.n += n
}

// perSecond returns the pulses a second since it was asked last. While none
// come it can be no more than one in the time that has passed.
func (r *pulseRate) perSecond(now time.Time) float64 {
	took := r.last.Sub(r.from).Seconds()
	switch {
	case r.n > 0 && took > 0:
		r.value = float64(r.n) / took
		r.from, r.n = r.last, 0
	case r.n == 0 && r.value > 0:
		r.value = min(r.value, 1/max(now.Sub(r.last).Seconds(), 1e-9))
	}
	return r.value
}

func counterChannels(kind string) []Channel {
	k := counterKinds[kind]
	total, _ := k.total.Info()
	rate, _ := k.rate.Info()
	return []Channel{
		{Quantity: k.total, Max: 1e12, Decimals: total.Decimals},
		{Quantity: k.rate, Max: k.most, Decimals: rate.Decimals},
		{Quantity: reading.LostEdges, Max: 1e12},
	}
}

// counterExamples are all values there may be.
func counterExamples() []Channel {
	var all []Channel
	for _, kind := range slices.Sorted(maps.Keys(counterKinds)) {
		for _, c := range counterChannels(kind) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// untouched is what out holds before a Measure of a test.
const untouched = -12345.678

// i2cTest is a chip on a fake bus, for what must hold of every driver.
type i2cTest struct {
	driver string
	chip   func() bustest.Chip
	want   []float64 // what a healthy chip measures
	within float64   // how far a value may be off; default 5e-4

	options map[string]string // other than the defaults
	ambient *Ambient          // what a Compensated is told before it measures
	state   *bustest.State    // what was saved before; default nothing
	// patience is how long after Open there may be nothing new.
	patience time.Duration

	// polled are reads that a driver repeats until it likes the answer: if one
	// is spoiled it may find that out, or measure right all the same.
	polled func(bustest.Tx) bool
	// unchecked are reads of which the chip lets nobody know that they were
	// spoiled: no checksum, and not worth asking twice. If one is spoiled, what
	// is measured may be wrong, but nothing panics and nothing is half written.
	unchecked func(bustest.Tx) bool
	// unnoticed are transactions before which a loss of power cannot be found
	// out: the chip has nothing to know it by.
	unnoticed func(bustest.Tx) bool
	// command is how an error names the register or command of a transaction;
	// default its first byte as 0xF7.
	command func(bustest.Tx) string
}

// command16 names commands of two bytes, as Sensirion's chips have them.
func command16(tx bustest.Tx) string {
	if len(tx.W) < 2 {
		return ""
	}
	return fmt.Sprintf("0x%02X%02X", tx.W[0], tx.W[1])
}

// open opens the driver, by its table, with the chip at its usual address.
func (c i2cTest) open(ctx context.Context, b *bustest.Bus) (Sensor, error) {
	d, ok := Lookup(c.driver)
	if !ok {
		return nil, fmt.Errorf("%s is not in the driver table", c.driver)
	}
	slot := &bus.Slot{Name: "i2c-1", I2C: b, Addr: d.Addrs[0], Options: make(map[string]string)}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	maps.Copy(slot.Options, c.options)
	slot.State = new(bustest.State)
	if c.state != nil {
		slot.State = c.state
	}
	s, err := d.Open(ctx, slot)
	if err != nil {
		return nil, err
	}
	if a, ok := s.(Compensated); ok && c.ambient != nil {
		a.Compensate(*c.ambient)
	}
	return s, nil
}

// bus returns a bus with a new chip.
func (c i2cTest) bus() *bustest.Bus {
	d, _ := Lookup(c.driver)
	return bustest.New(map[uint16]bustest.Chip{d.Addrs[0]: c.chip()})
}

// run opens the driver on b and measures once.
func (c i2cTest) run(ctx context.Context, b *bustest.Bus) (out []float64, err error) {
	out = make([]float64, len(c.want))
	for i := range out {
		out[i] = untouched
	}
	s, err := c.open(ctx, b)
	if err != nil {
		return out, err
	}
	return out, c.measure(ctx, s, out)
}

// measure measures once there is something new.
func (c i2cTest) measure(ctx context.Context, s Sensor, out []float64) error {
	err := s.Measure(ctx, out)
	for end := time.Now().Add(c.patience); errors.Is(err, ErrNothingNew) && time.Now().Before(end); {
		if ctx.Err() == nil {
			time.Sleep(time.Second)
		}
		err = s.Measure(ctx, out)
	}
	return err
}

// healthy runs on b and checks the result, which must be the same every time.
func (c i2cTest) healthy(t *testing.T, b *bustest.Bus) {
	t.Helper()
	out, err := c.run(t.Context(), b)
	if err != nil {
		t.Fatalf("on a healthy bus: %v", err)
	}
	for i, want := range c.want {
		if math.Abs(out[i]-want) > cmp.Or(c.within, 5e-4) {
			t.Fatalf("measured %v, want %v", out, c.want)
		}
	}
}

// failed checks an error and that nothing was measured with it.
func (c i2cTest) failed(t *testing.T, tx bustest.Tx, out []float64, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Fatalf("measured %v without an error", out)
	case !strings.HasPrefix(err.Error(), c.driver+": "):
		t.Errorf("the error does not begin with the chip: %v", err)
	case len(tx.W) > 0 && !strings.Contains(err.Error(), c.named(tx)):
		t.Errorf("the error does not name register or command %s: %v", c.named(tx), err)
	case !strings.Contains(err.Error(), "0x"):
		t.Errorf("the error names no register or command: %v", err)
	}
	for _, v := range out {
		if v != untouched {
			t.Errorf("with an error it wrote %v", out)
			break
		}
	}
}

func (c i2cTest) named(tx bustest.Tx) string {
	if c.command != nil {
		return c.command(tx)
	}
	return fmt.Sprintf("0x%02X", tx.W[0])
}

// transactions returns those of one Open and one Measure.
func (c i2cTest) transactions(t *testing.T) []bustest.Tx {
	t.Helper()
	b := c.bus()
	c.healthy(t, b)
	return b.Log()
}

// test runs everything below, inside a bubble so that waiting costs nothing.
func (c i2cTest) test(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"unanswered":   func(t *testing.T) { c.testErrors(t, bustest.NACK, syscall.ENXIO) },
		"hanging":      func(t *testing.T) { c.testErrors(t, bustest.Timeout, syscall.ETIMEDOUT) },
		"spoiled":      c.testSpoiled,
		"context":      c.testContext,
		"again":        c.testAgain,
		"unplugged":    c.testUnplugged,
		"power lost":   c.testPowerLoss,
		"in its range": c.testRange,
		"probed":       c.testProbe,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}
}

// testErrors has every single transaction fail, and every one from then on.
func (c i2cTest) testErrors(t *testing.T, fault func(func(bustest.Tx) bool) bustest.Fault, errno error) {
	for n, tx := range c.transactions(t) {
		for _, when := range []func(bustest.Tx) bool{bustest.Nth(n), bustest.From(n)} {
			b := c.bus()
			b.Inject(fault(when))
			out, err := c.run(t.Context(), b)
			c.failed(t, tx, out, err)
			if !errors.Is(err, errno) {
				t.Errorf("transaction %v: %v is lost in %v", tx, errno, err)
			}
			b.Heal()
			c.healthy(t, b)
		}
	}
}

// testSpoiled has every single read come out wrong: all bits 1, all bits 0,
// and each bit on its own.
func (c i2cTest) testSpoiled(t *testing.T) {
	for n, tx := range c.transactions(t) {
		if len(tx.R) == 0 {
			continue
		}
		faults := []bustest.Fault{bustest.Fill(bustest.Nth(n), 0xFF), bustest.Fill(bustest.Nth(n), 0x00)}
		for bit := range 8 * len(tx.R) {
			faults = append(faults, bustest.Flip(bustest.Nth(n), bit))
		}
		for i, fault := range faults {
			spoilt := slices.Clone(tx.R)
			fault.Spoil(spoilt)
			b := c.bus()
			b.Inject(fault)
			out, err := c.run(t.Context(), b)
			if c.unchecked != nil && c.unchecked(tx) {
				if err != nil {
					c.failed(t, bustest.Tx{}, out, err)
				} else if slices.Contains(out, untouched) {
					t.Errorf("fault %d of transaction %v: half of it is written: %v", i, tx, out)
				}
				continue
			}
			if slices.Equal(spoilt, tx.R) || c.polled != nil && c.polled(tx) && err == nil {
				b.Heal()
				c.healthy(t, b)
				continue
			}
			if err == nil {
				t.Errorf("fault %d of transaction %v is believed: %v", i, tx, out)
				continue
			}
			c.failed(t, bustest.Tx{}, out, err)
		}
	}
}

// testContext ends the context at every transaction, and before the first.
func (c i2cTest) testContext(t *testing.T) {
	for n, tx := range append(c.transactions(t), bustest.Tx{N: -1}) {
		ctx, cancel := context.WithCancel(t.Context())
		var ended time.Time
		b := c.bus()
		b.Inject(bustest.Fault{When: func(now bustest.Tx) bool {
			if now.N == n || tx.N < 0 {
				cancel()
				ended = time.Now()
			}
			return false
		}})
		if tx.N < 0 {
			cancel()
		}
		out, err := c.run(ctx, b)
		if took := time.Since(ended); took != 0 {
			t.Errorf("ended at %v: returned after %v", tx, took)
		}
		if err != nil { // without a wait after it there may be none
			c.failed(t, bustest.Tx{}, out, err)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended at %v: %v", tx, err)
			}
		} else if tx.N < 0 {
			t.Error("measured with a context that had ended")
		}
		cancel()
	}
}

// testAgain opens and measures more than once on one chip.
func (c i2cTest) testAgain(t *testing.T) {
	b := c.bus()
	c.healthy(t, b)
	c.healthy(t, b)
	s, err := c.open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		out := make([]float64, len(c.want))
		if err := c.measure(t.Context(), s, out); err != nil {
			t.Fatal(err)
		}
	}
}

// testUnplugged takes the chip away between two measurements and puts
// another one there.
func (c i2cTest) testUnplugged(t *testing.T) {
	b := c.bus()
	s, err := c.open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := Lookup(c.driver)
	b.Unplug(d.Addrs[0])
	out := slices.Repeat([]float64{untouched}, len(c.want))
	err = s.Measure(t.Context(), out)
	c.failed(t, bustest.Tx{}, out, err)
	if !errors.Is(err, syscall.ENXIO) {
		t.Errorf("unplugged: %v", err)
	}
	b.Plug(d.Addrs[0], c.chip())
	c.healthy(t, b)
}

// testPowerLoss has the chip lose its power and get it back before every
// transaction of a measurement, as a loose wire does: it holds its defaults
// then, and no result, which must not be taken for one.
func (c i2cTest) testPowerLoss(t *testing.T) {
	if _, ok := c.chip().(interface{ PowerOn() }); !ok {
		t.Skip("the model cannot lose its power")
	}
	opened := func() (Sensor, *bustest.Bus, bustest.Chip) {
		d, _ := Lookup(c.driver)
		chip := c.chip()
		b := bustest.New(map[uint16]bustest.Chip{d.Addrs[0]: chip})
		s, err := c.open(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.measure(t.Context(), s, make([]float64, len(c.want))); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		return s, b, chip
	}
	s, b, _ := opened()
	if err := c.measure(t.Context(), s, make([]float64, len(c.want))); err != nil {
		t.Fatal(err)
	}
	for n, tx := range b.Log() {
		s, b, chip := opened()
		b.Inject(bustest.Fault{When: func(now bustest.Tx) bool {
			if now.N == n {
				chip.(interface{ PowerOn() }).PowerOn()
			}
			return false
		}})
		out := slices.Repeat([]float64{untouched}, len(c.want))
		err := c.measure(t.Context(), s, out)
		if err != nil && !errors.Is(err, ErrNothingNew) {
			c.failed(t, bustest.Tx{}, out, err)
		}
		if err != nil || c.unnoticed != nil && c.unnoticed(tx) {
			continue
		}
		for i, want := range c.want {
			if math.Abs(out[i]-want) > cmp.Or(c.within, 5e-4) {
				t.Errorf("power lost before transaction %v: measured %v, want %v or an error", tx, out, c.want)
				break
			}
		}
	}
}

// testRange looks at the driver's table.
func (c i2cTest) testRange(t *testing.T) {
	d, _ := Lookup(c.driver)
	s, err := c.open(t.Context(), c.bus())
	if err != nil {
		t.Fatal(err)
	}
	channels := d.Channels
	if h, ok := s.(Channeler); ok {
		channels = h.Channels()
	}
	if d.Bus != bus.I2C || len(channels) != len(c.want) {
		t.Fatalf("%d channels on bus %s, want %d on %s", len(channels), d.Bus, len(c.want), bus.I2C)
	}
	for i, ch := range channels {
		if _, known := ch.Quantity.Info(); !known || ch.Min >= ch.Max || c.want[i] < ch.Min || c.want[i] > ch.Max {
			t.Errorf("channel %+v does not suit %v", ch, c.want[i])
		}
	}
}

// testProbe has gateway scan look at the chip, at nothing, and at a bus held
// high and low; a probe must not write to a register.
func (c i2cTest) testProbe(t *testing.T) {
	d, _ := Lookup(c.driver)
	if d.Probe == nil {
		t.Skip("cannot be told from others")
	}
	probe := func(b *bustest.Bus) (Found, error) {
		return d.Probe(t.Context(), &bus.Slot{Name: "i2c-1", I2C: b, Addr: d.Addrs[0]})
	}
	b := c.bus()
	found, err := probe(b)
	if err != nil || found.Model == "" {
		t.Errorf("the chip is not recognised: %+v, %v", found, err)
	}
	c.healthy(t, b) // it was not disturbed
	for _, fault := range []bustest.Fault{bustest.NACK(nil), bustest.Timeout(nil), bustest.Fill(nil, 0xFF), bustest.Fill(nil, 0)} {
		b := c.bus()
		b.Inject(fault)
		if found, err := probe(b); err == nil {
			t.Errorf("recognised on a bus that does not work: %+v", found)
		}
	}
}

// wantLog compares transactions with want, each as Tx.String has it but for
// the number.
func wantLog(t *testing.T, log []bustest.Tx, want ...string) {
	t.Helper()
	for i := range max(len(log), len(want)) {
		if i >= len(log) || i >= len(want) || log[i].String() != fmt.Sprintf("%d: %s", i, want[i]) {
			t.Fatalf("transactions are\n%v, want\n%q", log, want)
		}
	}
}

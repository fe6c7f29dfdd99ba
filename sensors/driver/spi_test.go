package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// spiTest is a chip on a fake SPI, for what must hold of every driver: what
// i2cTest is for I²C.
type spiTest struct {
	driver string
	chip   func() func(w, r []byte) error // a new chip
	want   []float64                      // what a healthy chip measures
	within float64                        // how far a value may be off; default 5e-4

	hz      physic.Frequency  // the most that the chip can do
	modes   []spi.Mode        // that it understands
	options map[string]string // other than the defaults
}

func (c spiTest) open(ctx context.Context, s *bustest.SPI) (Sensor, error) {
	d, ok := Lookup(c.driver)
	if !ok {
		return nil, fmt.Errorf("%s is not in the driver table", c.driver)
	}
	slot := &bus.Slot{Name: "spi0.0", OpenSPI: s.Open, Options: make(map[string]string)}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	maps.Copy(slot.Options, c.options)
	return d.Open(ctx, slot)
}

// run opens the driver, measures once and closes it.
func (c spiTest) run(t *testing.T, ctx context.Context, s *bustest.SPI) (out []float64, err error) {
	t.Helper()
	out = slices.Repeat([]float64{untouched}, len(c.want))
	sensor, err := c.open(ctx, s)
	if err == nil {
		err = sensor.Measure(ctx, out)
		sensor.(io.Closer).Close()
	}
	if n := s.OpenConns(); n != 0 {
		t.Errorf("%d connections are left open, with error %v", n, err)
	}
	return out, err
}

// right tells whether out is what a healthy chip measures.
func (c spiTest) right(out []float64) bool {
	return near(out, c.want, cmp.Or(c.within, 5e-4))
}

func (c spiTest) healthy(t *testing.T, s *bustest.SPI) {
	t.Helper()
	if out, err := c.run(t, t.Context(), s); err != nil || !c.right(out) {
		t.Fatalf("on a healthy bus: measured %v, %v, want %v", out, err, c.want)
	}
}

func (c spiTest) failed(t *testing.T, what string, out []float64, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: measured %v without an error", what, out)
	}
	if !strings.HasPrefix(err.Error(), c.driver+": ") {
		t.Errorf("%s: the error does not begin with the chip: %v", what, err)
	}
	if slices.ContainsFunc(out, func(v float64) bool { return v != untouched }) {
		t.Errorf("%s: with an error it wrote %v", what, out)
	}
}

// transfers returns those of one Open and one Measure.
func (c spiTest) transfers(t *testing.T) []bustest.Tx {
	t.Helper()
	s := bustest.NewSPI(c.chip())
	c.healthy(t, s)
	return s.Log()
}

// test runs everything below, inside a bubble so that waiting costs nothing.
func (c spiTest) test(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"failing":      c.testErrors,
		"spoiled":      c.testSpoiled,
		"unconnected":  c.testUnconnected,
		"context":      c.testContext,
		"again":        c.testAgain,
		"in its range": c.testRange,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}
}

// testErrors has every single transfer fail, and the connection, too.
func (c spiTest) testErrors(t *testing.T) {
	for n, tx := range c.transfers(t) {
		s := bustest.NewSPI(c.chip())
		s.Inject(bustest.Timeout(bustest.Nth(n)))
		out, err := c.run(t, t.Context(), s)
		c.failed(t, tx.String(), out, err)
		if !errors.Is(err, syscall.ETIMEDOUT) || !strings.Contains(err.Error(), fmt.Sprintf("% X", tx.W)) {
			t.Errorf("transfer %v failed, and the error is %v", tx, err)
		}
		s.Heal()
		c.healthy(t, s)
	}
	d, _ := Lookup(c.driver)
	refuse := func(physic.Frequency, spi.Mode) (bus.SPIConn, error) { return nil, syscall.EACCES }
	slot := &bus.Slot{OpenSPI: refuse, Options: make(map[string]string)}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	_, err := d.Open(t.Context(), slot)
	c.failed(t, "no permission", nil, err)
	if !errors.Is(err, syscall.EACCES) {
		t.Errorf("no permission: %v", err)
	}
}

// testSpoiled has every single transfer come out wrong: all bits 1, all bits
// 0, and each bit on its own. It is found out, or does not matter.
func (c spiTest) testSpoiled(t *testing.T) {
	for n, tx := range c.transfers(t) {
		faults := []bustest.Fault{bustest.Fill(bustest.Nth(n), 0xFF), bustest.Fill(bustest.Nth(n), 0x00)}
		for bit := range 8 * len(tx.R) {
			faults = append(faults, bustest.Flip(bustest.Nth(n), bit))
		}
		for i, fault := range faults {
			s := bustest.NewSPI(c.chip())
			s.Inject(fault)
			out, err := c.run(t, t.Context(), s)
			if err != nil {
				c.failed(t, fmt.Sprintf("fault %d of transfer %v", i, tx), out, err)
			} else if !c.right(out) {
				t.Errorf("fault %d of transfer %v is believed: %v", i, tx, out)
			}
		}
	}
}

// testUnconnected has the wire from the chip high and low, all the time.
func (c spiTest) testUnconnected(t *testing.T) {
	for _, v := range []byte{0x00, 0xFF} {
		s := bustest.NewSPI(c.chip())
		s.Inject(bustest.Fill(nil, v))
		out, err := c.run(t, t.Context(), s)
		c.failed(t, fmt.Sprintf("all 0x%02X", v), out, err)
	}
}

// testContext ends the context at every transfer, and before the first.
func (c spiTest) testContext(t *testing.T) {
	for n, tx := range append(c.transfers(t), bustest.Tx{N: -1}) {
		ctx, cancel := context.WithCancel(t.Context())
		var ended time.Time
		s := bustest.NewSPI(c.chip())
		s.Inject(bustest.Fault{When: func(now bustest.Tx) bool {
			if now.N == n || tx.N < 0 {
				cancel()
				ended = time.Now()
			}
			return false
		}})
		if tx.N < 0 {
			cancel()
			ended = time.Now()
		}
		out, err := c.run(t, ctx, s)
		if took := time.Since(ended); took != 0 {
			t.Errorf("ended at %v: returned after %v", tx, took)
		}
		if err != nil { // without a wait after it there may be none
			c.failed(t, tx.String(), out, err)
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
func (c spiTest) testAgain(t *testing.T) {
	s := bustest.NewSPI(c.chip())
	c.healthy(t, s)
	c.healthy(t, s)
	sensor, err := c.open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		out := make([]float64, len(c.want))
		if err := sensor.Measure(t.Context(), out); err != nil || !c.right(out) {
			t.Fatalf("measured %v, %v", out, err)
		}
	}
}

// testRange looks at the driver's table, and at the connection.
func (c spiTest) testRange(t *testing.T) {
	d, _ := Lookup(c.driver)
	s := bustest.NewSPI(c.chip())
	sensor, err := c.open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if hz, mode := s.Opened(); hz > c.hz || hz < 100*physic.KiloHertz || !slices.Contains(c.modes, mode) {
		t.Errorf("connected with %s in %s, want at most %s in %v", hz, mode, c.hz, c.modes)
	}
	channels := d.Channels
	if h, ok := sensor.(Channeler); ok {
		channels = h.Channels()
	}
	if d.Bus != bus.SPI || len(channels) != len(c.want) {
		t.Fatalf("%d channels on bus %s, want %d on %s", len(channels), d.Bus, len(c.want), bus.SPI)
	}
	for i, ch := range channels {
		if _, known := ch.Quantity.Info(); !known || ch.Min >= ch.Max || c.want[i] < ch.Min || c.want[i] > ch.Max || math.IsNaN(c.want[i]) {
			t.Errorf("channel %+v does not suit %v", ch, c.want[i])
		}
	}
}

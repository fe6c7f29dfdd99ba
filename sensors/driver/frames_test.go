package driver

import (
	"bytes"
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
)

// serialTest is a sensor on a fake serial port, for what must hold of every
// driver of that kind.
type serialTest struct {
	driver  string
	attach  func(*bustest.Serial) (stop func()) // a healthy sensor, until stop
	want    []float64                           // what it measures
	options map[string]string                   // other than the defaults
}

// open opens the driver, by its table, on the port.
func (c serialTest) open(ctx context.Context, p *bustest.Serial) (Sensor, error) {
	d, ok := Lookup(c.driver)
	if !ok {
		return nil, fmt.Errorf("%s is not in the driver table", c.driver)
	}
	slot := &bus.Slot{Name: "/dev/ttyUSB0", OpenSerial: p.Open, Options: make(map[string]string), State: new(bustest.State)}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	maps.Copy(slot.Options, c.options)
	return d.Open(ctx, slot)
}

// mustOpen opens the driver on a port with a healthy sensor.
func (c serialTest) mustOpen(t *testing.T, p *bustest.Serial) Sensor {
	t.Helper()
	s, err := c.open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.(io.Closer).Close() })
	return s
}

// healthy measures and checks the result.
func (c serialTest) healthy(t *testing.T, s Sensor) {
	t.Helper()
	began := time.Now()
	out := slices.Repeat([]float64{untouched}, len(c.want))
	if err := s.Measure(t.Context(), out); err != nil {
		t.Fatalf("a healthy sensor: %v", err)
	}
	for i, want := range c.want {
		if math.Abs(out[i]-want) > 1e-6 {
			t.Fatalf("measured %v, want %v", out, c.want)
		}
	}
	if timed, ok := s.(Timed); ok && !timed.Measured().IsZero() && timed.Measured().Before(began) {
		t.Errorf("measured at %v, before it was asked at %v", timed.Measured(), began)
	}
}

// failed measures and returns the error there has to be.
func (c serialTest) failed(t *testing.T, ctx context.Context, s Sensor) error {
	t.Helper()
	out := slices.Repeat([]float64{untouched}, len(c.want))
	err := s.Measure(ctx, out)
	if err == nil {
		t.Fatalf("measured %v without an error", out)
	}
	if slices.ContainsFunc(out, func(x float64) bool { return x != untouched }) {
		t.Errorf("with an error it wrote %v", out)
	}
	if !strings.HasPrefix(err.Error(), c.driver+": ") {
		t.Errorf("the error does not begin with the driver: %v", err)
	}
	return err
}

func (c serialTest) test(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"healthy":   c.testHealthy,
		"silent":    c.testSilent,
		"garbage":   c.testGarbage,
		"fragments": c.testFragments,
		"context":   c.testContext,
		"unplugged": c.testUnplugged,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}
}

func (c serialTest) testHealthy(t *testing.T) {
	p := bustest.NewSerial()
	c.attach(p)
	s := c.mustOpen(t, p)
	for range 3 {
		c.healthy(t, s)
		time.Sleep(7 * time.Second) // what comes meanwhile is not of later
	}
	d, _ := Lookup(c.driver)
	if mode, _, _ := p.Opened(); mode != d.Serial {
		t.Errorf("opened with %+v, want %+v", mode, d.Serial)
	}
}

// testSilent is a port with nothing on it, and a sensor that falls silent.
func (c serialTest) testSilent(t *testing.T) {
	p := bustest.NewSerial()
	if _, err := c.open(t.Context(), p); !errors.Is(err, bus.ErrSilent) || !strings.Contains(err.Error(), "nothing received in ") || !strings.HasPrefix(err.Error(), c.driver+": ") {
		t.Errorf("without a sensor: %v", err)
	}
	if _, _, open := p.Opened(); open {
		t.Error("the port stays open when there is no sensor")
	}
	stop := c.attach(p)
	s := c.mustOpen(t, p)
	c.healthy(t, s)
	stop()
	began := time.Now()
	if err := c.failed(t, t.Context(), s); !errors.Is(err, bus.ErrSilent) {
		t.Errorf("a sensor that fell silent: %v", err)
	}
	if took := time.Since(began); took > 5*time.Minute {
		t.Errorf("found out after %v", took)
	}
}

// testGarbage has noise between the frames.
func (c serialTest) testGarbage(t *testing.T) {
	p := bustest.NewSerial()
	c.attach(p)
	noise := bytes.Repeat([]byte{0xFF, 0x42, 0x4D, 0xAA, 0x86, 0x00, '/', 0xC0, 0x13}, 7)
	stop := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(37+i%101) * time.Millisecond):
				p.Send(0, noise[:i%len(noise)]...)
			}
		}
	}()
	defer close(stop)
	s := c.mustOpen(t, p)
	for range 5 {
		c.healthy(t, s)
	}
}

// testFragments has frames come in pieces.
func (c serialTest) testFragments(t *testing.T) {
	for _, n := range []int{1, 3, 7} {
		p := bustest.NewSerial()
		p.SplitReads(n)
		c.attach(p)
		c.healthy(t, c.mustOpen(t, p))
	}
}

// testContext ends the context while it waits.
func (c serialTest) testContext(t *testing.T) {
	p := bustest.NewSerial()
	stop := c.attach(p)
	s := c.mustOpen(t, p)
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 70*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := c.failed(t, ctx, s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its context ended: %v", err)
	}
	if took := time.Since(began); took > 200*time.Millisecond {
		t.Errorf("returned after %v", took)
	}
}

// testUnplugged takes the adapter out and puts it in again.
func (c serialTest) testUnplugged(t *testing.T) {
	p := bustest.NewSerial()
	c.attach(p)
	s := c.mustOpen(t, p)
	c.healthy(t, s)
	p.Unplug()
	if err := c.failed(t, t.Context(), s); !errors.Is(err, syscall.EIO) || errors.Is(err, bus.ErrSilent) {
		t.Errorf("unplugged: %v", err)
	}
	s.(io.Closer).Close()
	if _, err := c.open(t.Context(), p); !errors.Is(err, syscall.EIO) {
		t.Errorf("opened while unplugged: %v", err)
	}
	p.Plug()
	c.healthy(t, c.mustOpen(t, p))
}

// refusesFlips has cut see frame with every single bit wrong, and good frames
// behind it: it finds those and nothing else. same tells of a frame that means
// the same all the same.
func refusesFlips(t *testing.T, cut cutter, frame []byte, same func([]byte) bool) {
	t.Helper()
	for bit := range 8 * len(frame) {
		bad := slices.Clone(frame)
		bad[bit/8] ^= 1 << (bit % 8)
		f := &frames{cut: cut, buf: slices.Concat(bad, frame, frame, frame)}
		found := 0
		for {
			got, _ := f.take()
			if got == nil {
				break
			}
			found++
			if !bytes.Equal(got, frame) && (same == nil || !same(got)) {
				t.Fatalf("bit %d flipped: % X is believed", bit, got)
			}
		}
		if found < 2 { // a length that is wrong may cost one
			t.Errorf("bit %d flipped: %d good frames of 3 are found behind it", bit, found)
		}
	}
}

// fuzzFrames feeds b to a cutter, in two parts, and passes on what it finds.
func fuzzFrames(t *testing.T, cut cutter, b []byte, split uint8, see func(frame []byte)) {
	f := &frames{cut: cut}
	at := min(int(split), len(b))
	for _, part := range [][]byte{b[:at], b[at:]} {
		f.buf = append(f.buf, part...)
		for {
			before := len(f.buf)
			frame, _ := f.take()
			if frame == nil {
				break
			}
			if len(f.buf) >= before {
				t.Fatal("a frame was found, and nothing consumed")
			}
			see(frame)
		}
	}
}

func TestFramesForgetEndlessGarbage(t *testing.T) {
	f := &frames{cut: func([]byte) ([]byte, int, error) { return nil, 0, nil }, buf: make([]byte, framesMost+1)}
	f.take()
	if len(f.buf) != 0 {
		t.Errorf("%d bytes are kept", len(f.buf))
	}
}

// onlyFrame returns the one frame in b, or why there is none.
func onlyFrame(cut cutter, b []byte) ([]byte, error) {
	f := &frames{cut: cut, buf: b}
	frame, err := f.take()
	if frame == nil && err == nil {
		err = errors.New("no frame")
	}
	return frame, err
}

package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

var hx711Test = gpioTest{driver: "hx711", pins: map[string]string{"clock": "GPIO5", "data": "GPIO6"}}

// steady is a conversion that is always the same, with input A and gain 128.
func steady(x int32) func(n, gain int) int32 {
	return func(_, gain int) int32 {
		if gain == 128 {
			return x
		}
		return x / 2
	}
}

// hx711On is the driver with a chip.
func hx711On(t *testing.T, options map[string]string, value func(n, gain int) int32) (Sensor, *bustest.HX711) {
	t.Helper()
	l := bustest.NewLines()
	chip := bustest.NewHX711(l, "GPIO5", "GPIO6", value)
	c := hx711Test
	c.options = options
	return c.open(t, l, nil), chip
}

var _ = vectors("hx711", 0, func(in string) ([]float64, error) {
	bits, err := strconv.ParseUint(in, 16, 24)
	if err != nil {
		return nil, err
	}
	x, err := hx711Counts(uint32(bits))
	return []float64{x}, err
},
	vector{in: "000000", want: []float64{0}, source: "datasheet, output data format"},
	vector{in: "000001", want: []float64{1}, source: "datasheet, output data format"},
	vector{in: "FFFFFF", want: []float64{-1}, source: "datasheet, output data format"},
	vector{in: "7FFFFE", want: []float64{8388606}, source: "datasheet, output data format"},
	vector{in: "800001", want: []float64{-8388607}, source: "datasheet, output data format"},
	vector{in: "7FFFFF", source: "datasheet, output data format: saturated"},
	vector{in: "800000", source: "datasheet, output data format: saturated"},
)

func TestHX711(t *testing.T) {
	for _, test := range []struct {
		options map[string]string
		raw     int32
		want    []float64
	}{
		{nil, 12345, []float64{12345}},
		{nil, -12345, []float64{-12345}},
		{map[string]string{"scale": "400", "offset": "8000"}, 208000, []float64{208000, 500}},
		{map[string]string{"scale": "-400", "offset": "-8000"}, -208000, []float64{-208000, 500}},
		{map[string]string{"gain": "64"}, 12346, []float64{6173}},
		{map[string]string{"gain": "32"}, 12346, []float64{6173}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, chip := hx711On(t, test.options, steady(test.raw))
			for range 3 {
				if got := values(t, s, len(test.want)); fmt.Sprint(got) != fmt.Sprint(test.want) {
					t.Errorf("%v: %v, want %v", test.options, got, test.want)
				}
			}
			if got := len(s.(Channeler).Channels()); got != len(test.want) {
				t.Errorf("%v: %d channels", test.options, got)
			}
			if chip.Resets() != 1 {
				t.Errorf("%d resets", chip.Resets())
			}
		})
	}
}

// A pulse that took too long has powered the chip down: it is asked again, and
// what it said is not believed.
func TestHX711SlowPulses(t *testing.T) {
	for _, gain := range []string{"128", "64"} {
		for _, took := range []time.Duration{55 * time.Microsecond, 200 * time.Microsecond} {
			for slow := 1; slow < 120; slow += 3 {
				synctest.Test(t, func(t *testing.T) {
					l := bustest.NewLines()
					chip := bustest.NewHX711(l, "GPIO5", "GPIO6", steady(0x2AAAAA))
					chip.Slow = func(pulse int) {
						if pulse == slow {
							time.Sleep(took)
						}
					}
					c := hx711Test
					c.options = map[string]string{"gain": gain}
					want := float64(0x2AAAAA)
					if gain == "64" {
						want = 0x155555
					}
					if got := values(t, c.open(t, l, nil), 1)[0]; got != want {
						t.Errorf("gain %s, pulse %d of %v: %v counts, want %v", gain, slow, took, got, want)
					}
				})
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s, chip := hx711On(t, nil, steady(1))
		chip.Slow = func(int) { time.Sleep(time.Millisecond) }
		out := []float64{untouched}
		if err := s.Measure(t.Context(), out); !errors.Is(err, errHX711Slow) || out[0] != untouched {
			t.Errorf("always too slow: %v, %v", out, err)
		}
		chip.Slow = nil
		values(t, s, 1)
	})
}

// One conversion of which a bit was disturbed is outvoted; noise is averaged.
func TestHX711Disturbed(t *testing.T) {
	for bit := range 24 {
		for at := range 6 {
			synctest.Test(t, func(t *testing.T) {
				s, _ := hx711On(t, nil, func(n, _ int) int32 {
					if n == at {
						return 100000 ^ 1<<bit
					}
					return 100000
				})
				if got := values(t, s, 1)[0]; math.Abs(got-100000) > hx711Agrees/2 {
					t.Errorf("bit %d of conversion %d is wrong: %v counts", bit, at, got)
				}
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s, _ := hx711On(t, nil, func(n, _ int) int32 { return int32(n) * 20000 })
		if err := s.Measure(t.Context(), []float64{0}); err == nil || !strings.Contains(err.Error(), "do not agree") {
			t.Errorf("a moving load: %v", err)
		}
	})
}

func TestHX711Errors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		l.SetLevel("GPIO6", true, time.Time{})
		d, slot := hx711Test.slot(l, new(bustest.State))
		if _, err := d.Open(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "DOUT stays high") || len(l.Open()) > 0 {
			t.Errorf("no chip: %v; open %v", err, l.Open())
		}
		l.SetLevel("GPIO6", false, time.Time{})
		if _, err := d.Open(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "DOUT is low") || len(l.Open()) > 0 {
			t.Errorf("DOUT shorted: %v; open %v", err, l.Open())
		}
		slot.Options["scale"] = "0"
		if _, err := d.Open(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "option scale") {
			t.Errorf("scale 0: %v", err)
		}
	})
	for _, pin := range []string{"GPIO5", "GPIO6"} {
		synctest.Test(t, func(t *testing.T) {
			l := bustest.NewLines()
			bustest.NewHX711(l, "GPIO5", "GPIO6", steady(1))
			s := hx711Test.open(t, l, nil)
			l.Fail(pin, io.ErrUnexpectedEOF)
			out := []float64{untouched}
			if err := s.Measure(t.Context(), out); !errors.Is(err, io.ErrUnexpectedEOF) || out[0] != untouched || !strings.HasPrefix(err.Error(), "hx711: ") {
				t.Errorf("%s fails: %v, %v", pin, out, err)
			}
			l.Fail(pin, nil)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, chip := hx711On(t, nil, steady(1))
		chip.Dangle()
		if err := s.Measure(t.Context(), []float64{0}); err == nil {
			t.Error("measured with the data wire off")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s, _ := hx711On(t, nil, steady(1))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if err := s.Measure(ctx, []float64{0}); !errors.Is(err, context.Canceled) && err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("its context ended: %v after %v", err, time.Since(began))
		}
	})
}

func TestHX711Tare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewLines()
		load := int32(8000)
		bustest.NewHX711(l, "GPIO5", "GPIO6", func(int, int) int32 { return load })
		state := new(bustest.State)
		c := hx711Test
		c.options = map[string]string{"scale": "400", "offset": "100"}
		weight := func(want float64) {
			t.Helper()
			s := c.open(t, l, state)
			defer s.(io.Closer).Close()
			if got := values(t, s, 2)[1]; got != want {
				t.Errorf("%v g, want %v", got, want)
			}
		}
		tare := func(value float64) error {
			s := c.open(t, l, state)
			defer s.(io.Closer).Close()
			return s.(Setter).Set(t.Context(), "tare", value)
		}
		weight(7900. / 400)
		if err := tare(0); err != nil {
			t.Fatal(err)
		}
		weight(0)
		load = 208000
		weight(500) // after a restart, too
		if err := tare(1000); err != nil {
			t.Fatal(err)
		}
		weight(1000)
		c.options["offset"] = "8000" // somebody knows better
		weight(500)
		c.options = nil
		if err := tare(5); err == nil || !strings.Contains(err.Error(), "option scale") {
			t.Errorf("grams without a scale: %v", err)
		}
	})
}

package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestTSL2591(t *testing.T) {
	i2cTest{
		driver: "tsl2591",
		chip:   func() bustest.Chip { return bustest.NewTSL2591() },
		want:   []float64{261.12, 80, 20},
		polled: bustest.Wrote(tsl2591Status),
	}.test(t)
}

// Gain, integration time and both channels → lx, visible, infrared. ams has no
// example, and Linux has no test of it.
var _ = vectors("tsl2591", 1e-3, func(in string) ([]float64, error) {
	var r tsl2591Range
	var ms, c0, c1 uint16
	if _, err := fmt.Sscanf(strings.ReplaceAll(in, ",", ""), "gain %g %d ms %d %d", &r.times, &ms, &c0, &c1); err != nil {
		return nil, err
	}
	r.steps = byte(ms / 100)
	light := r.light(c0, c1)
	return light[:], nil
},
	vector{in: "gain 1, 100 ms, 100, 20", want: []float64{261.12, 80, 20}, source: "formula, Linux drivers/iio/light/tsl2591.c"},
	vector{in: "gain 25, 100 ms, 2500, 500", want: []float64{261.12, 80, 20}, source: "formula, Linux drivers/iio/light/tsl2591.c"},
	vector{in: "gain 428, 300 ms, 12840, 0", want: []float64{40.8, 10, 0}, source: "formula, Linux drivers/iio/light/tsl2591.c"},
	vector{in: "gain 1, 100 ms, 0, 0", want: []float64{0, 0, 0}, source: "formula: no division by zero"},
	vector{in: "gain 1, 100 ms, 10, 11", want: []float64{0, 0, 11}, source: "formula: more infrared light than light"},
)

func newTSL2591(ctx context.Context, t *testing.T) (Sensor, *bustest.TSL2591, *bustest.Bus) {
	t.Helper()
	chip := bustest.NewTSL2591()
	b := bustest.New(map[uint16]bustest.Chip{0x29: chip})
	s, err := openTSL2591(ctx, &bus.Slot{I2C: b, Addr: 0x29})
	if err != nil {
		t.Fatal(err)
	}
	return s, chip, b
}

func TestTSL2591Autorange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, chip, b := newTSL2591(t.Context(), t)
		out := make([]float64, 3)
		for _, counts := range []float64{0, 0.01, 1, 20, 40, 300, 1000, 1300, 5000, 36000, 0, 36000, 700} {
			chip.Counts = [2]float64{counts, counts / 4}
			want := counts * 0.75 * 0.75 * 4.08
			if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[0]-want) > max(0.005, want/200) {
				t.Errorf("%v counts are %v, %v; want %v lx", counts, out, err, want)
			}
			b.Reset()
			if err := s.Measure(t.Context(), out); err != nil || b.Count() != 10 {
				t.Errorf("%v counts again: %v, %v", counts, err, b.Log())
			}
		}
		chip.Counts, out[0] = [2]float64{37000, 10000}, untouched
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTooBright) || out[0] != untouched {
			t.Errorf("37000 counts are %v, %v", out[0], err)
		}
	})
}

func TestTSL2591Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, b := newTSL2591(t.Context(), t)
		if err := s.Measure(t.Context(), make([]float64, 3)); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(),
			"29 W B2 R 50", "29 W A0 00",
			"29 W A0 00", "29 W A1 10", "29 W A1 R 10", "29 W A0 03", "29 W A0 R 03", "29 W B3 R 01",
			"29 W B4 R C4 09 F4 01", "29 W B4 R C4 09 F4 01", "29 W A0 R 03", "29 W A0 00")
	})
}

func TestTSL2591Stuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, chip, b := newTSL2591(t.Context(), t)
		chip.Stuck = true
		if err := s.Measure(t.Context(), make([]float64, 3)); err == nil || !strings.Contains(err.Error(), "0xB3 (STATUS) is 0x00: no measurement has ended") {
			t.Errorf("%v", err)
		}
		chip.Mem[0x12] = 0x11
		if _, err := openTSL2591(t.Context(), &bus.Slot{I2C: b, Addr: 0x29}); err == nil || !strings.Contains(err.Error(), "another chip") {
			t.Errorf("%v", err)
		}
	})
}

package driver

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestOPT3001(t *testing.T) {
	i2cTest{
		driver: "opt3001",
		chip:   func() bustest.Chip { return bustest.NewOPT3001() },
		want:   []float64{88.8},
		within: 0.01,
		polled: bustest.Wrote(opt3001Config),
	}.test(t)
}

// The result → lx.
var _ = vectors("opt3001", 1e-6, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	return []float64{opt3001Lux(uint16(b[0])<<8 | uint16(b[1]))}, nil
},
	vector{in: "0001", want: []float64{0.01}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "0FFF", want: []float64{40.95}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "3456", want: []float64{88.80}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "789A", want: []float64{2818.56}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "8800", want: []float64{5242.88}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "9400", want: []float64{5242.88}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "A200", want: []float64{5242.88}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "B100", want: []float64{5242.88}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "B001", want: []float64{20.48}, source: memory + "OPT3001 datasheet, table 8"},
	vector{in: "BFFF", want: []float64{83865.60}, source: memory + "OPT3001 datasheet, table 8"},
)

func TestOPT3001Light(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewOPT3001()
		b := bustest.New(map[uint16]bustest.Chip{0x44: chip})
		slot := &bus.Slot{I2C: b, Addr: 0x44}
		s, err := openOPT3001(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 1)
		for _, lux := range []float64{0, 0.01, 40.95, 100, 83000} {
			chip.Lux = lux
			if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[0]-lux) > max(0.006, lux/2000) {
				t.Errorf("%v lx is %v, %v", lux, out[0], err)
			}
		}
		b.Reset()
		began := time.Now()
		if err := s.Measure(t.Context(), out); err != nil || time.Since(began) != opt3001Convert {
			t.Errorf("%v, after %v", err, time.Since(began))
		}
		wantLog(t, b.Log(), "44 W 01 CA 00", "44 W 01 R C8 80", "44 W 00 R BF D5", "44 W 00 R BF D5",
			"44 W 01 R C8 00", "44 W 01 R C8 00")

		chip.Lux, out[0] = 90000, untouched
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTooBright) || out[0] != untouched {
			t.Errorf("90000 lx is %v, %v", out[0], err)
		}
		chip.Stuck = true
		if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), "0x01 (configuration) is 0xCA00: still busy after") {
			t.Errorf("stuck: %v", err)
		}
		chip.Maker = 0x2260
		if _, err := openOPT3001(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "another chip") {
			t.Errorf("another maker: %v", err)
		}
	})
}

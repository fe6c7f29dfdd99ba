package driver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestBH1750(t *testing.T) {
	i2cTest{
		driver: "bh1750",
		chip:   func() bustest.Chip { return bustest.NewBH1750() },
		want:   []float64{1213.33}, // gobot bh1750_driver_test.go
		within: 0.1,
		// MTreg cannot be read: if it is lost before the measurement begins,
		// the result is less than it should be. The next is right.
		unnoticed: func(tx bustest.Tx) bool {
			return len(tx.W) == 1 && (tx.W[0] >= bh1750MTLow || tx.W[0] == bh1750Once || tx.W[0] == bh1750Once2)
		},
	}.test(t)
}

// The result, and MTreg if it is not the usual one → lx.
var _ = vectors("bh1750", 0.05, func(in string) ([]float64, error) {
	var raw uint16
	r := bh1750Range{once: bh1750Once, mtreg: bh1750MTreg}
	if n, err := fmt.Sscanf(in, "%x MTreg %d command %x", &raw, &r.mtreg, &r.once); n != 1 && err != nil {
		return nil, err
	}
	return []float64{r.lux(raw)}, nil
},
	vector{in: "05B0", want: []float64{1213.3}, source: "gobot bh1750_driver_test.go"},
	vector{in: "8390", want: []float64{28066.7}, source: memory + "BH1750FVI datasheet, measurement sequence example"},
	vector{in: "0000", want: []float64{0}, source: "formula, datasheet, measurement sequence example"},
	vector{in: "FFFF MTreg 31 command 20", want: []float64{121556.85}, source: "formula, datasheet, how to change the measurement time"},
	vector{in: "0001 MTreg 254 command 21", want: []float64{0.113}, within: 5e-4, source: "formula, datasheet, how to change the measurement time"},
)

// Light of any brightness is measured to a per cent, or to the step of the
// most sensitive range, and brighter light than the chip can measure is refused.
func TestBH1750Autorange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewBH1750()
		b := bustest.New(map[uint16]bustest.Chip{0x23: chip})
		s, err := openBH1750(t.Context(), &bus.Slot{I2C: b, Addr: 0x23, Options: map[string]string{"mtreg": ""}})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 1)
		for _, lux := range []float64{0, 0.3, 100, 3000, 7000, 10000, 50000, 60000, 121000, 30000, 20, 100000, 0, 121000, 5000} {
			chip.Lux = lux
			if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[0]-lux) > max(0.06, lux/100) {
				t.Errorf("%v lx is %v, %v", lux, out[0], err)
			}
			b.Reset() // in the range it has found by now it needs one measurement
			if err := s.Measure(t.Context(), out); err != nil || b.Count() != 5 {
				t.Errorf("%v lx again: %v, %v", lux, err, b.Log())
			}
		}
		chip.Lux = 130000
		out[0] = untouched
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTooBright) || out[0] != untouched || !strings.Contains(err.Error(), "0x20") {
			t.Errorf("130000 lx is %v, %v", out[0], err)
		}
	})
}

func TestBH1750MTreg(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x23: bustest.NewBH1750()})
		s, err := openBH1750(t.Context(), &bus.Slot{I2C: b, Addr: 0x23, Options: map[string]string{"mtreg": "100"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Measure(t.Context(), make([]float64, 1)); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "23 W 01", "23 W 07", "23 W 43", "23 W 64", "23 W 20", "23 R 08 3E", "23 R 08 3E")
	})
}

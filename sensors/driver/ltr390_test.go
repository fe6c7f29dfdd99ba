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

func TestLTR390(t *testing.T) {
	i2cTest{
		driver: "ltr390",
		chip:   func() bustest.Chip { return bustest.NewLTR390() },
		want:   []float64{3, 5000},
		within: 0.02,
		polled: func(tx bustest.Tx) bool {
			return bustest.Wrote(ltr390Status)(tx) || bustest.Wrote(ltr390PartID)(tx)
		},
	}.test(t)
}

// UVS counts, or gain and ALS counts in 100 ms → UV index, lx.
var _ = vectors("ltr390", 1e-3, func(in string) ([]float64, error) {
	var r ltr390Range
	var counts int
	if _, err := fmt.Sscanf(in, "UVS %d", &counts); err == nil {
		return []float64{ltr390UVI(counts)}, nil
	}
	if _, err := fmt.Sscanf(in, "gain %g ALS %d", &r.times, &counts); err != nil {
		return nil, err
	}
	return []float64{r.lux(counts)}, nil
},
	vector{in: "UVS 2300", want: []float64{1}, source: "Linux drivers/iio/light/ltr390.c"},
	vector{in: "UVS 0", want: []float64{0}, source: "formula, datasheet"},
	vector{in: "gain 3 ALS 1000", want: []float64{200}, source: memory + "LTR-390UV-01 datasheet, ALS lux formula"},
	vector{in: "gain 72 ALS 1000000", want: []float64{8333.333}, source: memory + "LTR-390UV-01 datasheet, ALS lux formula"},
)

func TestLTR390Light(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewLTR390()
		b := bustest.New(map[uint16]bustest.Chip{0x53: chip})
		slot := &bus.Slot{I2C: b, Addr: 0x53, Options: map[string]string{"window": "2"}}
		s, err := openLTR390(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 2)
		for _, lux := range []float64{0, 0.1, 100, 4000, 8500, 20000, 51000, 100000, 0, 150000, 1000} {
			chip.Lux, chip.UVI = lux, lux/10000
			if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[1]-2*lux) > max(0.02, lux/500) || math.Abs(out[0]-2*lux/10000) > 0.001 {
				t.Errorf("%v lx are %v, %v", lux, out, err)
			}
			b.Reset()
			if err := s.Measure(t.Context(), out); err != nil || b.Count() != 26 {
				t.Errorf("%v lx again: %v, %v", lux, err, b.Log())
			}
		}
		chip.Lux, out[0] = 170000, untouched
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTooBright) || out[0] != untouched {
			t.Errorf("170000 lx are %v, %v", out, err)
		}
		chip.Stuck = true
		if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), "0x07 (MAIN_STATUS) is 0x00: no measurement has ended") {
			t.Errorf("stuck: %v", err)
		}
		chip.Mem[0x06] = 0x51
		if _, err := openLTR390(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "another chip") {
			t.Errorf("another chip: %v", err)
		}
	})
}

func TestLTR390Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x53: bustest.NewLTR390()})
		s, err := openLTR390(t.Context(), &bus.Slot{I2C: b, Addr: 0x53, Options: map[string]string{"window": "1"}})
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := s.(*ltr390).Measure(t.Context(), make([]float64, 2)); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log()[:13],
			"53 W 00 00", "53 W 00 R 00", "53 W 04 04", "53 W 04 R 04", "53 W 05 04", "53 W 05 R 04", "53 W 00 0A", "53 W 00 R 0A",
			"53 W 07 R 28", "53 W 10 R F4 1A 00", "53 W 10 R F4 1A 00", "53 W 04 R 04", "53 W 00 00")
	})
}

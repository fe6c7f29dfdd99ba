package driver

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestTH02(t *testing.T) {
	i2cTest{
		driver: "th02",
		chip:   func() bustest.Chip { return bustest.NewTH02() },
		want:   []float64{25, 43.0547},
		polled: bustest.Wrote(th02Status),
	}.test(t)
}

// A value of temperature and one of humidity, as gobot's tests have them: the
// data registers moved to the right, and no linearization.
var _ = vectors("th02", 1e-6, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	v := uint16(b[0])<<8 | uint16(b[1])
	return []float64{th02Temperature(v), th02Humidity(v)}, nil
},
	vector{in: "03C0", want: []float64{-20, math.NaN()}, source: "gobot th02_driver_test.go"},
	vector{in: "0640", want: []float64{0, math.NaN()}, source: "gobot th02_driver_test.go"},
	vector{in: "0F00", want: []float64{70, math.NaN()}, source: "gobot th02_driver_test.go"},
	vector{in: "0220", want: []float64{math.NaN(), 10}, source: "gobot th02_driver_test.go"},
	vector{in: "07C0", want: []float64{math.NaN(), 100}, source: "gobot th02_driver_test.go"},
)

// Linearization, and compensation of 25 °C: worked out by hand.
func TestTH02Linear(t *testing.T) {
	for _, tt := range []struct{ rh, t, want float64 }{
		{50, 30, 50 - (-9.825 + 20.04 - 4.7844)},       // at 30 °C linearization only
		{50, 25, 44.5694 - 5*(44.5694*0.00237+0.1973)}, // less than at 30 °C
		{100, 30, 100 - (-39.3 + 40.08 - 4.7844)},      // above 100 %, and cropped by Measure
		{0, 30, 4.7844}, // the curve's own offset
		{20, 40, 18.3404 + 10*(18.3404*0.00237+0.1973)}, // 20 - (-1.572 + 8.016 - 4.7844)
	} {
		if got := th02Linear(tt.rh, tt.t); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("th02Linear(%v, %v) = %v, want %v", tt.rh, tt.t, got, tt.want)
		}
	}
}

func TestTH02Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x40: bustest.NewTH02()})
		s, err := openTH02(t.Context(), &bus.Slot{I2C: b, Addr: 0x40})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 2))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "40 W 11 R 50",
			"40 W 03 11", "40 W 00 R 00", "40 W 01 R 25 80", "40 W 01 R 25 80",
			"40 W 03 01", "40 W 00 R 00", "40 W 01 R 4A 00", "40 W 01 R 4A 00")
	})
}

func TestTH02NeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewTH02()
		chip.Conversion = -1
		s, err := openTH02(t.Context(), &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x40: chip}), Addr: 0x40})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.Measure(t.Context(), make([]float64, 2)); err == nil || !strings.Contains(err.Error(), "still busy") || time.Since(began) > 100*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

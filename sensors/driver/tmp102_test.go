package driver

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestTMP102(t *testing.T) {
	i2cTest{
		driver: "tmp102",
		chip:   func() bustest.Chip { return bustest.NewTMP102() },
		want:   []float64{-25.0625},
		polled: bustest.Wrote(tmp102Config), // and OS and AL are nothing that was set
	}.test(t)
}

var _ = vectors("tmp102", 0, oneRegister(tmp102Degrees),
	vector{in: "7FF0", want: []float64{127.9375}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "6400", want: []float64{100}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "5000", want: []float64{80}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "4B00", want: []float64{75}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "3200", want: []float64{50}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "1900", want: []float64{25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "0040", want: []float64{0.25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "0000", want: []float64{0}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "FFC0", want: []float64{-0.25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "E700", want: []float64{-25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "C900", want: []float64{-55}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "C000", want: []float64{-64}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "8000", want: []float64{-128}, source: "eldruin/tmp1x2-rs conversion.rs"},
	// Extended mode.
	vector{in: "7FF1", want: []float64{255.875}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "4B01", want: []float64{150}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "4001", want: []float64{128}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "3FF9", want: []float64{127.9375}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "3201", want: []float64{100}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "2801", want: []float64{80}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "2581", want: []float64{75}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "1901", want: []float64{50}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "0C81", want: []float64{25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "0021", want: []float64{0.25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "0001", want: []float64{0}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "FFE1", want: []float64{-0.25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "F381", want: []float64{-25}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "E481", want: []float64{-55}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "8001", want: []float64{-256}, source: "eldruin/tmp1x2-rs conversion.rs"},
	vector{in: "7FF9", want: []float64{255.9375}, source: "formula, datasheet table 10"},
)

// What is on the wire: asleep, one conversion, two reads.
func TestTMP102Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x48: bustest.NewTMP102()})
		s, err := openTMP102(t.Context(), &bus.Slot{I2C: b, Addr: 0x48})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "48 W 01 61 90", "48 W 01 R E1 90", "48 W 01 R E1 90",
			"48 W 01 E1 90", "48 W 01 R E1 B0", "48 W 00 R F3 79", "48 W 00 R F3 79")
	})
}

// Temperatures beyond 128 °C, a chip that is slow, and one that never ends.
func TestTMP102Conversions(t *testing.T) {
	for _, tt := range []struct {
		next int
		took time.Duration
		want float64
	}{{0, 35, 0}, {-1, 35, -0.0625}, {2400, 60, 150}, {400, -1, untouched}} {
		synctest.Test(t, func(t *testing.T) {
			chip := bustest.NewTMP102()
			chip.Next, chip.Conversion = tt.next, tt.took*time.Millisecond
			s, err := openTMP102(t.Context(), &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x48: chip}), Addr: 0x48})
			if err != nil {
				t.Fatal(err)
			}
			out := []float64{untouched}
			err = s.Measure(t.Context(), out)
			if out[0] != tt.want || (err == nil) != (tt.took > 0) {
				t.Errorf("%d/16 °C in %v ms: measured %v, %v", tt.next, int(tt.took), out, err)
			}
			if err != nil && !strings.Contains(err.Error(), "still busy after") {
				t.Error(err)
			}
		})
	}
}

// A chip that loses its power while it measures has no result, or one that is
// not in extended mode.
func TestTMP102PowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewTMP102()
		b := bustest.New(map[uint16]bustest.Chip{0x48: chip})
		s, err := openTMP102(t.Context(), &bus.Slot{I2C: b, Addr: 0x48})
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{4, 5} { // before the wait is over, and after it
			b.Heal()
			b.Reset()
			b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
				if tx.N == at-3 {
					chip.PowerOn()
				}
				return false
			}})
			out := []float64{untouched}
			err = s.Measure(t.Context(), out)
			if err == nil || out[0] != untouched {
				t.Errorf("at %d: measured %v, %v", at, out, err)
			}
		}
		if !errors.Is(err, errTMP102Mode) {
			t.Errorf("power lost after the conversion: %v", err)
		}
	})
}

func TestTMP102RefusesOtherChips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x48: bustest.NewTMP117()}), Addr: 0x48}
		if _, err := openTMP102(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "0x01 (config)") {
			t.Errorf("a TMP117: %v", err)
		}
		if f, err := probeTMP102(t.Context(), slot); err == nil {
			t.Errorf("a TMP117 is taken for %+v", f)
		}
	})
}

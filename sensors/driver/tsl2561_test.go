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

func TestTSL2561(t *testing.T) {
	i2cTest{
		driver: "tsl2561",
		chip:   func() bustest.Chip { return bustest.NewTSL2561() },
		want:   []float64{72.45}, // gobot tsl2561_driver_test.go
		within: 0.01,
		polled: func(tx bustest.Tx) bool { // reserved bits may be wrong
			return bustest.Wrote(tsl2561Control)(tx) || bustest.Wrote(tsl2561Timing)(tx)
		},
	}.test(t)
}

// Package, range and both channels → lx.
var _ = vectors("tsl2561", 0.01, func(in string) ([]float64, error) {
	var kind string
	var r int
	var c0, c1 float64
	if _, err := fmt.Sscanf(in, "%s %d %g %g", &kind, &r, &c0, &c1); err != nil {
		return nil, err
	}
	scale := tsl2561Ranges[r].scale
	return []float64{tsl2561Lux(tsl2561Packages[kind], c0*scale, c1*scale)}, nil
},
	vector{in: "T 1 12365 12365", want: []float64{72}, within: 0.5, source: "gobot tsl2561_driver_test.go"}, // in integers
	vector{in: "T 0 0 0", want: []float64{0}, source: "formula, datasheet, calculating lux"},
	vector{in: "T 0 10000 0", want: []float64{303.96}, source: "formula, datasheet, calculating lux"}, // b of the first segment
	vector{in: "T 0 1000 140", want: []float64{26.31}, source: "formula, datasheet, calculating lux"},
	vector{in: "T 0 1000 500", want: []float64{6.897}, source: "formula, datasheet, calculating lux"},
	vector{in: "T 0 1000 1301", want: []float64{0}, source: "formula, datasheet, calculating lux"},
	vector{in: "T 3 1000 500", want: []float64{6.897 * 16 * 322 / 11}, within: 0.1, source: "formula, datasheet, calculating lux"},
	vector{in: "CS 0 1000 100", want: []float64{28.88}, source: "formula, datasheet, calculating lux"},
	vector{in: "CS 2 1000 700", want: []float64{3.08 * 16 * 322 / 81}, within: 0.5, source: "formula, datasheet, calculating lux"},
)

// The segments of the formula meet: where one ends the next is not far off.
// And they are the datasheet's text, which has fewer digits.
func TestTSL2561Segments(t *testing.T) {
	text := map[string][][3]float64{
		"T": {{0.125, 0.0304, 0.0272}, {0.25, 0.0325, 0.0440}, {0.375, 0.0351, 0.0544}, {0.5, 0.0381, 0.0624},
			{0.61, 0.0224, 0.031}, {0.80, 0.0128, 0.0153}, {1.3, 0.00146, 0.00112}},
		"CS": {{0.13, 0.0315, 0.0262}, {0.26, 0.0337, 0.0430}, {0.39, 0.0363, 0.0529}, {0.52, 0.0392, 0.0605},
			{0.65, 0.0229, 0.0291}, {0.80, 0.0157, 0.0180}, {1.3, 0.00338, 0.00260}},
	}
	for name, formula := range tsl2561Packages {
		for i, f := range formula {
			want := text[name][i]
			if math.Abs(f.k/512-want[0]) > 1.1e-3 || math.Abs(f.b/16384-want[1]) > 6e-5 || math.Abs(f.m/16384-want[2]) > 6e-5 {
				t.Errorf("%s: segment %d is %v, want %v", name, i, f, want)
			}
			at := f.k / 512
			if before, after := tsl2561Lux(formula, 1e6, 1e6*(at-1e-9)), tsl2561Lux(formula, 1e6, 1e6*(at+1e-9)); math.Abs(before-after) > 500 {
				t.Errorf("%s: at a ratio of %v it jumps from %v to %v", name, at, before, after)
			}
		}
	}
}

func TestTSL2561Autorange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewTSL2561()
		b := bustest.New(map[uint16]bustest.Chip{0x39: chip})
		s, err := openTSL2561(t.Context(), &bus.Slot{I2C: b, Addr: 0x39, Options: map[string]string{"package": "T"}})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 1)
		for _, counts := range []float64{0, 10, 1000, 5e4, 5e5, 9.5e5, 2e6, 2.3e6, 0, 2.3e6, 100} {
			chip.Counts = [2]float64{counts, counts / 5}
			want := tsl2561Lux(tsl2561Packages["T"], counts, counts/5)
			if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[0]-want) > max(0.05, want/200) {
				t.Errorf("%v counts are %v, %v; want %v lx", counts, out, err, want)
			}
			b.Reset()
			if err := s.Measure(t.Context(), out); err != nil || b.Count() != 14 {
				t.Errorf("%v counts again: %v, %v", counts, err, b.Log())
			}
		}
		chip.Counts, out[0] = [2]float64{3e6, 1e6}, untouched
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTooBright) || out[0] != untouched {
			t.Errorf("3e6 counts are %v, %v", out[0], err)
		}
	})
}

// A chip that does not turn on is none, and what it might be is not said with
// certainty.
func TestTSL2561RefusesOthers(t *testing.T) {
	b := bustest.New(map[uint16]bustest.Chip{0x39: &bustest.Registers{OnWrite: func(byte, byte) (byte, error) { return 0, nil }}})
	slot := &bus.Slot{I2C: b, Addr: 0x39, Options: map[string]string{"package": "T"}}
	if _, err := openTSL2561(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "another chip") {
		t.Errorf("%v", err)
	}
	b.Plug(0x39, bustest.NewTSL2561())
	if found, err := probeTSL2561(t.Context(), slot); err != nil || found.Certain || found.Note == "" {
		t.Errorf("%+v, %v", found, err)
	}
	b.Plug(0x39, bustest.NewTSL2591())
	if found, err := probeTSL2561(t.Context(), slot); err == nil {
		t.Errorf("a TSL2591 is taken for %+v", found)
	}
}

// Of the settings that are read, a wrong bit is found out unless it is a
// reserved one, and then the result is right.
func TestTSL2561WrongBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n, reserved := range map[int]byte{1: 0xFC, 3: 0xE4, 5: 0xFC, 7: 0xFC, 12: 0xFC} {
			for bit := range 8 {
				b := bustest.New(map[uint16]bustest.Chip{0x39: bustest.NewTSL2561()})
				s, err := openTSL2561(t.Context(), &bus.Slot{I2C: b, Addr: 0x39, Options: map[string]string{"package": "T"}})
				if err != nil {
					t.Fatal(err)
				}
				b.Reset()
				b.Inject(bustest.Flip(bustest.Nth(n), bit))
				out := []float64{untouched}
				err = s.Measure(t.Context(), out)
				if harmless := reserved&(0x80>>bit) != 0; harmless != (err == nil) || harmless && math.Abs(out[0]-72.45) > 0.01 {
					t.Errorf("bit %d of transaction %d: %v, %v", bit, n, out, err)
				}
			}
		}
	})
}

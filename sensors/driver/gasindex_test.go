package driver

import (
	"fmt"
	"math"
	"testing"
)

// Sensirion's own tests, python-wrapper/tests: a constant signal is usual air.
func TestGasIndexConstant(t *testing.T) {
	for _, tt := range []struct {
		kind *gasIndexKind
		want int
	}{{&vocIndex, 100}, {&noxIndex, 1}} {
		g := newGasIndex(tt.kind)
		for range 200 {
			g.next(1337)
		}
		if got := g.next(1337); got != tt.want {
			t.Errorf("index %d, want %d", got, tt.want)
		}
	}
}

// gasIndexDay calls f with a raw signal for every second of 20 hours: noise, a
// slow saw-tooth, ten minutes of bad air every two hours and hours of it.
func gasIndexDay(kind *gasIndexKind, f func(i int, raw uint16)) {
	base, short, long := 30000, -3000, -2500
	if kind == &noxIndex {
		base, short, long = 16000, 1500, 400
	}
	random := uint32(2463534242) // Marsaglia's xorshift, which repeats itself everywhere
	for i := range 20 * 3600 {
		random ^= random << 13
		random ^= random >> 17
		random ^= random << 5
		raw := base + int(random%51) - 25 + i/60%40
		if at := i % 7200; at > 5000 && at < 5600 {
			raw += short
		}
		if i > 36000 && i < 52000 {
			raw += long
		}
		f(i, uint16(raw))
	}
}

// What Sensirion's program, version 3.2.0 in floating point, made of that day:
// at some seconds the index, the mean and the standard deviation.
var gasIndexDays = []struct {
	kind    *gasIndexKind
	restore gasIndexState
	want    map[int][3]float64
}{
	{&vocIndex, gasIndexState{}, map[int][3]float64{
		45: {0, 0.00, 50.00}, 46: {1, 9997.00, 50.00}, 100: {91, 10000.06, 49.97}, 1799: {100, 10033.91, 49.08},
		3599: {98, 10008.93, 41.82}, 5010: {256, 10008.77, 187.04}, 5030: {408, 10008.20, 318.14}, 5100: {494, 10008.20, 497.98},
		5590: {495, 10008.20, 527.78}, 5650: {136, 10008.20, 527.44}, 7199: {95, 10008.84, 517.87}, 10799: {99, 10009.43, 496.79},
		14399: {95, 10009.27, 483.81}, 19799: {497, 10008.97, 460.89}, 28799: {95, 10009.88, 423.84}, 35999: {95, 10010.17, 397.53},
		39599: {495, 10009.00, 401.12}, 43199: {495, 10009.00, 401.12}, 46799: {495, 10005.02, 412.95}, 50399: {422, 9812.57, 895.19},
		53999: {75, 9742.09, 958.00}, 61199: {77, 9780.02, 895.04}, 64799: {76, 9795.00, 868.99}, 71999: {78, 9825.50, 811.40},
	}},
	{&noxIndex, gasIndexState{}, map[int][3]float64{
		45: {0, 0.00, 50.00}, 46: {1, 5997.00, 50.00}, 100: {1, 5997.15, 49.97}, 1799: {1, 6013.31, 49.14},
		3599: {1, 6015.05, 48.28}, 5010: {1, 6033.59, 52.67}, 5030: {1, 6057.90, 61.31}, 5100: {2, 6139.92, 83.43},
		5590: {3, 6598.30, 145.93}, 5650: {3, 6580.54, 147.77}, 7199: {1, 6180.85, 157.95}, 10799: {1, 6024.20, 152.79},
		14399: {1, 6181.92, 210.40}, 19799: {4, 6047.63, 575.48}, 28799: {1, 6066.32, 582.74}, 35999: {1, 6077.92, 562.45},
		39599: {1, 6103.11, 548.29}, 43199: {2, 6144.67, 567.54}, 46799: {1, 6164.88, 550.57}, 50399: {1, 6201.97, 565.72},
		53999: {1, 6201.08, 546.82}, 61199: {1, 6191.97, 528.85}, 64799: {1, 6197.79, 530.83}, 71999: {1, 6190.57, 516.16},
	}},
	{&vocIndex, gasIndexState{Mean: 9800, Deviation: 120, Age: 3 * 3600}, map[int][3]float64{
		46: {48, 9800.00, 120.00}, 100: {48, 9800.25, 120.14}, 1799: {45, 9808.56, 124.92}, 5030: {395, 9822.38, 151.73},
		5590: {500, 9822.38, 181.44}, 7199: {51, 9829.73, 182.16}, 71999: {71, 9772.45, 745.87},
	}},
}

func TestGasIndexDay(t *testing.T) {
	for n, tt := range gasIndexDays {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			g := newGasIndex(tt.kind)
			g.restore(tt.restore)
			gasIndexDay(tt.kind, func(i int, raw uint16) {
				got := g.next(raw)
				want, ok := tt.want[i]
				if !ok {
					return
				}
				// Its 32 bits wander off in their fourth digit.
				if math.Abs(float64(got)-want[0]) > 1 || math.Abs(g.mean-want[1]) > 0.5 || math.Abs(g.std-want[2]) > 0.5 {
					t.Errorf("second %d: index %d, mean %.2f, deviation %.2f; want %v", i, got, g.mean, g.std, want)
				}
			})
		})
	}
}

// With what it had learned, a new one goes on as if nothing had been, but for
// the blackout and the low-pass.
func TestGasIndexRestored(t *testing.T) {
	for _, kind := range []*gasIndexKind{&vocIndex, &noxIndex} {
		old, young := newGasIndex(kind), newGasIndex(kind)
		young.seconds = gasIndexBlackout + 1
		const at = 12590 // in the middle of bad air
		gasIndexDay(kind, func(i int, raw uint16) {
			if a := old.next(raw); i == at {
				s, ok := old.state()
				if !ok {
					t.Fatal("nothing is learned")
				}
				young.restore(s)
				young.index, young.smooth = old.index, old.smooth
			} else if b := 0; i > at {
				if b = young.next(raw); a != b {
					t.Fatalf("second %d: index %d, and %d without an interruption", i, b, a)
				}
			}
		})
	}
}

// A raw signal that cannot be one is passed over, also as the first after an
// interruption.
func TestGasIndexWithoutSignal(t *testing.T) {
	g := newGasIndex(&vocIndex)
	g.restore(gasIndexState{Mean: 10000, Deviation: 50, Age: 3 * 3600})
	for range 200 {
		if got := g.next(65535); got != 0 && got != 100 {
			t.Fatalf("index %d, want 100", got)
		}
	}
	if g.mean != 10000 {
		t.Errorf("mean %v, want 10000", g.mean)
	}
}

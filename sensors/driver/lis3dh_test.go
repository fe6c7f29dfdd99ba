package driver

import (
	"fmt"
	"testing"

	"gateway/sensors/bus/bustest"
)

func TestLIS3DH(t *testing.T) {
	i2cTest{
		driver:  "lis3dh",
		chip:    func() bustest.Chip { return bustest.NewLIS3DH() },
		options: map[string]string{"window": "100ms"},
		want:    shaking,
		polled:  bustest.Wrote(lis3dhSource),
		// The samples: read once, they leave the FIFO.
		unchecked: bustest.Wrote(lis3dhData | lis3dhFurther),
	}.test(t)
}

// Six registers and the range → g.
var _ = vectors("lis3dh", 1e-9, func(in string) ([]float64, error) {
	var rng string
	b, err := unhexed(in[:12])
	if _, scanErr := fmt.Sscanf(in[12:], " @ %s", &rng); err != nil || scanErr != nil {
		return nil, fmt.Errorf("%q has not the registers and a range", in)
	}
	v := appendLIS3DH(nil, b)[0]
	step := lis3dhSteps[rng]
	return []float64{float64(v[0]) * step, float64(v[1]) * step, float64(v[2]) * step}, nil
},
	vector{in: "000000000000 @ 2", want: []float64{0, 0, 0}, source: memory + "LIS3DH datasheet, table 4"},
	vector{in: "E01500000040 @ 2", want: []float64{0.350, 0, 1.024}, source: "ST AN3308, section 4.2.3"},
	vector{in: "10001000F0FF @ 2", want: []float64{0.001, 0.001, -0.001}, source: "formula, datasheet table 4"},
	vector{in: "1000F0FF401F @ 4", want: []float64{0.002, -0.002, 1}, source: "formula, datasheet table 4"},
	vector{in: "1000F0FFA00F @ 8", want: []float64{0.004, -0.004, 1}, source: "formula, datasheet table 4"},
	vector{in: "1000F0FF3005 @ 16", want: []float64{0.012, -0.012, 0.996}, source: "formula, datasheet table 4"},
	vector{in: "F07F00800F00 @ 2", want: []float64{2.047, -2.048, 0}, source: "formula, datasheet table 4: the lowest four bits are void"},
)

// Whatever bytes come, samples are as many as they are whole.
func FuzzLIS3DH(f *testing.F) {
	f.Add([]byte{0xE0, 0x15, 0x20, 0xEA, 0x80, 0x3E})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b)/6*6]
		if got := appendLIS3DH(nil, b); len(got) != len(b)/6 {
			t.Errorf("%d samples of %d bytes", len(got), len(b))
		}
	})
}

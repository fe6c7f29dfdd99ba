package driver

import (
	"fmt"
	"testing"

	"gateway/sensors/bus/bustest"
)

func TestADXL345(t *testing.T) {
	i2cTest{
		driver:  "adxl345",
		chip:    func() bustest.Chip { return bustest.NewADXL345() },
		options: map[string]string{"window": "100ms"},
		want:    shaking,
		within:  0.02, // half a step
		polled: func(tx bustest.Tx) bool {
			return bustest.Wrote(adxl345Status)(tx) || bustest.Wrote(adxl345Source)(tx)
		},
		// A sample: read once, it leaves the FIFO.
		unchecked: bustest.Wrote(adxl345Data),
	}.test(t)
}

// Six registers → g.
var _ = vectors("adxl345", 1e-9, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 6 {
		return nil, fmt.Errorf("%q has not the registers", in)
	}
	v := parseADXL345([6]byte(b))
	return []float64{float64(v[0]) * adxl345Step, float64(v[1]) * adxl345Step, float64(v[2]) * adxl345Step}, nil
},
	vector{in: "0000 0000 0001", want: []float64{0, 0, 1}, source: memory + "ADXL345 datasheet, table 1: 256 to a g"},
	vector{in: "0100 FFFF 00FF", want: []float64{0.00390625, -0.00390625, -1}, source: "formula, datasheet table 1"},
	vector{in: "FF0F 00F0 8000", want: []float64{15.99609375, -16, 0.5}, source: "formula, datasheet table 1, 13 bits"},
)

package driver

import (
	"fmt"
	"slices"
	"testing"

	"gateway/sensors/bus/bustest"
)

func TestMPU6050(t *testing.T) {
	i2cTest{
		driver:  "mpu6050",
		chip:    func() bustest.Chip { return bustest.NewMPU6050() },
		options: map[string]string{"window": "100ms"},
		want:    slices.Concat(shaking, []float64{0, -1, 10, 30}),
		within:  0.005, // half a step
		polled: func(tx bustest.Tx) bool {
			return bustest.Wrote(mpu6050Count)(tx) || bustest.Wrote(mpu6050Status)(tx)
		},
		// The samples: read once, they leave the FIFO.
		unchecked: bustest.Wrote(mpu6050FIFO),
	}.test(t)
}

// A sample of the FIFO, at ±2 g and ±250 °/s → g, °C, °/s.
var _ = vectors("mpu6050", 1e-3, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != mpu6050Sample {
		return nil, fmt.Errorf("%q is no sample", in)
	}
	var m mpu6050Sums
	v := m.add(nil, b)[0]
	return []float64{
		float64(v[0]) * 2 / 32768, float64(v[1]) * 2 / 32768, float64(v[2]) * 2 / 32768,
		mpu6050Temperature(float64(m.temperature)),
		float64(m.gyro[0]) / mpu6050GyroSteps[0], float64(m.gyro[1]) / mpu6050GyroSteps[0], float64(m.gyro[2]) / mpu6050GyroSteps[0],
	}, nil
},
	vector{in: "0000 0000 4000 3264 0000 0000 0083", want: []float64{0, 0, 1, 74.471, 0, 0, 1}, source: "gobot mpu6050_driver.go: temperature; /16384, /131"},
	vector{in: "C000 2000 7FFF 0000 FF7D 8000 7FFF", want: []float64{-1, 0.5, 1.99994, 36.53, -1, -250.137, 250.13}, source: "formula, register map section 4.17 to 4.19"},
	vector{in: "0001 FFFF 8000 F2F0 0000 0000 0000", want: []float64{0.000061, -0.000061, -2, 26.695, 0, 0, 0}, source: "formula, register map section 4.17 to 4.19"},
)

// What other chips are that answer at its address.
func TestMPU6050Others(t *testing.T) {
	chip := bustest.NewMPU6050()
	chip.Mem[0x75] = 0x71
	d, _ := Lookup("mpu6050")
	b := bustest.New(map[uint16]bustest.Chip{0x68: chip})
	slot := i2cSlot(b, d)
	if _, err := d.Open(t.Context(), slot); err == nil || err.Error() !=
		"mpu6050: register 0x75 (WHO_AM_I) is 0x71 in place of 0x68: this is an MPU-9250, which this driver does not know" {
		t.Errorf("an MPU-9250: %v", err)
	}
}

// Whatever bytes come, samples are as many as they are whole.
func FuzzMPU6050(f *testing.F) {
	f.Add(make([]byte, 28))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b)/mpu6050Sample*mpu6050Sample]
		var m mpu6050Sums
		if got := m.add(nil, b); len(got) != len(b)/mpu6050Sample || m.n != len(got) {
			t.Errorf("%d samples of %d bytes", len(got), len(b))
		}
	})
}

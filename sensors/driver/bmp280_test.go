package driver

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestBMP280(t *testing.T) {
	i2cTest{
		driver: "bmp280",
		chip:   func() bustest.Chip { return bustest.NewBMP280() },
		want:   []float64{25.0146, 995.4541}, // gobot bmp280_driver_test.go; datasheet section 8.1
		polled: bustest.Wrote(bmp280Status),
	}.test(t)
}

// The registers of one chip from 0x88 on.
const bmp280Gobot = "7E6D D666 3200 3695 DCD5 D00B 401E A6FF F9FF AC26 0AD8 BD10"

// 0x88 to 0x9F, 0xF7 to 0xFC → °C, hPa.
var _ = vectors("bmp280", 5e-4, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 24+6 {
		return nil, fmt.Errorf("%q has not the registers", in)
	}
	calib := parseBMP280Calib([24]byte(b))
	t, p := calib.compensate(parseBMP280Raw([6]byte(b[24:])))
	return []float64{t, p / 100}, nil
},
	vector{in: "706B 4367 18FC 7D8E 43D6 D00B 270B 8C00 F9FF 8C3C F8C6 7017" + "655AC0 7EED00",
		want: []float64{25.08, 1006.5327}, within: 0.005, source: "datasheet section 3.12, example"},
	vector{in: "706B 4367 18FC 7D8E 43D6 D00B 270B 8C00 F9FF 8C3C F8C6 7017" + "655AC0 7EED00",
		want: []float64{25.08, 1006.56}, within: 0.03, source: "tinygo bmp280_test.go, in 32-bit integers"},
	vector{in: bmp280Gobot + "4D1730 80F300", want: []float64{25.0146, 995.4541}, source: "gobot bmp280_driver_test.go"},
)

// The intermediate value of the datasheet's example, section 3.12.
func TestBMP280FineTemperature(t *testing.T) {
	c := bmp280Calib{t1: 27504, t2: 26435, t3: -1000}
	if tc, fine := c.temperature(519888); math.Trunc(fine) != 128422 || math.Abs(tc-25.08) > 0.005 {
		t.Errorf("temperature(519888) = %v, t_fine %v, want 25.08, 128422", tc, fine)
	}
}

// Every other chip of the family is named, and so are the samples of this one.
func TestBMP280Identities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := Lookup("bmp280")
		for id, says := range map[byte]string{
			0x56: "BMP280 (sample)", 0x57: "BMP280 (sample)", 0x58: "BMP280",
			0x60: "a BME280; its driver is bme280", 0x55: "a BMP180; its driver is bmp180",
			0x61: "BME688; its driver is bme680", 0x42: "another chip than bmp280", 0x00: "power and wires",
		} {
			chip := bustest.NewBMP280()
			chip.Mem[0xD0] = id
			slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x76: chip}), Addr: 0x76}
			found, probed := d.Probe(t.Context(), slot)
			_, opened := d.Open(t.Context(), slot)
			if strings.HasPrefix(says, "BMP280") {
				if probed != nil || opened != nil || found.Model != says || !found.Certain {
					t.Errorf("id 0x%02X: %+v, %v, %v", id, found, probed, opened)
				}
				continue
			}
			for _, err := range []error{probed, opened} {
				if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), fmt.Sprintf("0x%02X", id)) {
					t.Errorf("id 0x%02X: %v, want it to say %q", id, err, says)
				}
			}
		}
	})
}

// A chip that never ends a measurement, calibration without a pressure, and a
// chip that does not measure, are errors.
func TestBMP280Broken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bustest.BMP280)
		says  string
	}{
		{"never ends", func(c *bustest.BMP280) { c.Conversion = -1 }, "still busy after"},
		{"never starts", func(c *bustest.BMP280) { c.Startup = -1 }, "still busy after"},
		{"no dig_P1", func(c *bustest.BMP280) { c.Mem[0x8E], c.Mem[0x8F] = 0, 0 }, "0x88"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewBMP280()
				tt.spoil(chip)
				began := time.Now()
				slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x76: chip}), Addr: 0x76}
				out := []float64{untouched, untouched}
				s, err := openBMP280(t.Context(), slot)
				if err == nil {
					err = s.Measure(t.Context(), out)
				}
				if err == nil || out[0] != untouched || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("measured %v, %v", out, err)
				}
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Whatever a chip says, the temperature is finite, and the pressure is or is
// refused.
func FuzzBMP280Compensate(f *testing.F) {
	f.Add(unhex(f, bmp280Gobot+"4D1730 80F300"))
	f.Add(make([]byte, 30))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 30 {
			return
		}
		calib := parseBMP280Calib([24]byte(b))
		raw := parseBMP280Raw([6]byte(b[24:]))
		tc, p := calib.compensate(raw)
		if math.IsNaN(tc) || math.IsInf(tc, 0) || calib.check(raw, p) == nil && (math.IsNaN(p) || math.IsInf(p, 0)) {
			t.Errorf("%+v with %+v: %v °C, %v Pa", raw, calib, tc, p)
		}
	})
}

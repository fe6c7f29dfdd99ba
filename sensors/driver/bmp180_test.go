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

func TestBMP180(t *testing.T) {
	for _, tt := range []struct{ samples, pressure string }{{"1", "one sample"}, {"8", "eight samples"}} {
		t.Run(tt.pressure, func(t *testing.T) {
			i2cTest{
				driver:  "bmp180",
				chip:    func() bustest.Chip { return bustest.NewBMP180() },
				want:    []float64{15.0, 699.64}, // datasheet section 3.5, example
				within:  0.015,                   // with eight samples B3 is not rounded as with one
				options: map[string]string{"oversampling": tt.samples},
				polled:  func(tx bustest.Tx) bool { return len(tx.W) == 1 && tx.W[0] == bmp180CtrlMeas },
			}.test(t)
		})
	}
}

const (
	bmp180Datasheet = "0198 FFB8 C7D1 7FE5 7FF5 5A71 182E 0004 8000 DDF9 0B34"
	bmp180Periph    = "2388 FB67 C7A9 875B 6289 5016 1973 002E 8000 D1F6 0A7B"
)

// 0xAA to 0xBF, oversampling setting, results of both conversions → °C, Pa.
var _ = vectors("bmp180", 1e-9, decodeBMP180,
	vector{in: bmp180Datasheet + "00" + "6CFA 5D2300", want: []float64{15.0, 69964}, source: "datasheet section 3.5, example"},
	vector{in: bmp180Periph + "00" + "71BF AB9600", want: []float64{25.3, 100570}, source: "gobot bmp180_driver_test.go"},
	vector{in: bmp180Datasheet + "00" + "6CFA 5D23FF", want: []float64{15.0, 69964}, source: "formula: one sample has 16 bits"},
	vector{in: "0000 FFB8 C7D1 7FE5 7FF5 5A71 182E 0004 8000 DDF9 0B34" + "00" + "6CFA 5D2300", source: "datasheet section 3.4: no word is 0"},
	vector{in: "0198 FFB8 C7D1 7FE5 7FF5 5A71 182E 0004 8000 DDF9 FFFF" + "00" + "6CFA 5D2300", source: "datasheet section 3.4: no word is 0xFFFF"},
)

func decodeBMP180(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 22+1+2+3 {
		return nil, fmt.Errorf("%q has not the registers", in)
	}
	calib, err := parseBMP180Calibration([22]byte(b))
	if err != nil {
		return nil, err
	}
	t, p, err := calib.compensate(parseBMP180Raw([3]byte{b[23], b[24]}, [3]byte(b[25:]), int(b[22]&3)))
	return []float64{t, p}, err
}

// More samples are more bits of the same pressure.
func TestBMP180Oversampling(t *testing.T) {
	for oss := range 4 {
		got, err := decodeBMP180(fmt.Sprintf("%s %02X 6CFA 5D2300", bmp180Datasheet, oss))
		if err != nil || math.Abs(got[1]-69964) > 2 {
			t.Errorf("oversampling setting %d: %v, %v", oss, got, err)
		}
	}
}

// What is on the wire, and when.
func TestBMP180Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x77: bustest.NewBMP180()})
		s, err := openBMP180(t.Context(), &bus.Slot{I2C: b, Addr: 0x77, Options: map[string]string{"oversampling": "4"}})
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := s.Measure(t.Context(), make([]float64, 2)); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"77 W F4 2E", "77 W F4 R 0E", "77 W F6 R 6C FA", "77 W F6 R 6C FA",
			"77 W F4 B4", "77 W F4 R 94", "77 W F6 R 5D 23 00", "77 W F6 R 5D 23 00",
		}
		log := b.Log()
		for i := range max(len(log), len(want)) {
			if i >= len(log) || i >= len(want) || log[i].String() != fmt.Sprintf("%d: %s", i, want[i]) {
				t.Fatalf("transactions are %v, want %v", log, want)
			}
		}
		if took := log[5].Time.Sub(log[4].Time); took != 14*time.Millisecond {
			t.Errorf("the pressure is looked at after %v", took)
		}
	})
}

func TestBMP180Broken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bustest.BMP180)
		says  string
	}{
		{"a BMP280", func(c *bustest.BMP180) { c.Mem[0xD0] = 0x58 }, "this is a BMP280; its driver is bmp280"},
		{"a blank word", func(c *bustest.BMP180) { c.Mem[0xB6], c.Mem[0xB7] = 0, 0 }, "0xB6"},
		{"never ends", func(c *bustest.BMP180) { c.Conversion[0] = -1 }, "still busy after"},
		{"divisor 0", func(c *bustest.BMP180) { // X1 is 0 then
			c.Mem[0xB4], c.Mem[0xB5] = 0x6C, 0xFA
			c.Mem[0xBE], c.Mem[0xBF] = 0, 1
			c.Temperature = 27897
		}, "divisor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewBMP180()
				tt.spoil(chip)
				slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x77: chip}), Addr: 0x77, Options: map[string]string{"oversampling": "1"}}
				out := []float64{untouched, untouched}
				s, err := openBMP180(t.Context(), slot)
				if err == nil {
					err = s.Measure(t.Context(), out)
				}
				if err == nil || out[0] != untouched || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("measured %v, %v", out, err)
				}
			})
		})
	}
}

// Whatever a chip says, nothing panics.
func FuzzBMP180Compensate(f *testing.F) {
	f.Add(unhex(f, bmp180Periph+"00"+"71BF AB9600"))
	f.Add(unhex(f, bmp180Datasheet+"03"+"0000 FFFFFF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := decodeBMP180(fmt.Sprintf("%X", b)); err == nil && (math.IsNaN(got[0]) || math.IsNaN(got[1])) {
			t.Errorf("% X: %v", b, got)
		}
	})
}

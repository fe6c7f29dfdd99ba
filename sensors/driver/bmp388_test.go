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

func TestBMP388(t *testing.T) {
	i2cTest{
		driver: "bmp388",
		chip:   func() bustest.Chip { return bustest.NewBMP388() },
		want:   []float64{22.9061, 988.7485}, // gobot bmp388_driver_test.go; datasheet section 9
		polled: func(tx bustest.Tx) bool {
			return tx.W[0] == bmp388Status || tx.W[0] == bmp388Err // of which only some bits count
		},
	}.test(t)
}

const bmp388Gobot = "24 6B 9C 49 F6 68 FF BD F5 23 00 97 65 B8 7A F3 F6 D3 40 0E C4"

// 0x31 to 0x45, 0x04 to 0x09 → °C, Pa.
var _ = vectors("bmp388", 5e-3, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 21+6 {
		return nil, fmt.Errorf("%q has not the registers", in)
	}
	calib := parseBMP388Calibration([21]byte(b))
	ut, up := parseBMP388Raw([6]byte(b[21:]))
	t := calib.temperature(ut)
	return []float64{t, calib.pressure(up, t)}, nil
},
	vector{in: bmp388Gobot + "004271 001C7F", want: []float64{22.9061, 98874.85}, source: "gobot bmp388_driver_test.go"},
)

// The signs and scales of every coefficient, each on its own.
func TestBMP388Calibration(t *testing.T) {
	b := [21]byte{
		0xFF, 0xFF, 0xFF, 0xFF, 0x80,
		0x00, 0x80, 0xFF, 0x7F, 0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0x7F, 0x00, 0x80, 0xFF, 0x80,
	}
	got := parseBMP388Calibration(b)
	want := bmp388Calibration{
		t: [4]float64{0, 65535 * 256, 65535.0 / (1 << 30), -128.0 / (1 << 48)},
		p: [12]float64{
			0, (-32768.0 - 16384) / (1 << 20), (32767.0 - 16384) / (1 << 29), -128.0 / (1 << 32), -1.0 / (1 << 37),
			65535 * 8, 65535.0 / 64, -128.0 / 256, 127.0 / 32768, -32768.0 / (1 << 48), -1.0 / (1 << 48), math.Ldexp(-128, -65),
		},
	}
	if got != want {
		t.Errorf("calibration is\n%v, want\n%v", got, want)
	}
}

func TestBMP388Oversampling(t *testing.T) {
	for samples, ctrl := range map[string]string{"1": "00", "2": "01", "4": "02", "8": "03", "16": "04", "32": "05"} {
		t.Run(samples, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bustest.New(map[uint16]bustest.Chip{0x77: bustest.NewBMP388()})
				s, err := openBMP388(t.Context(), &bus.Slot{I2C: b, Addr: 0x77, Options: map[string]string{"oversampling": samples}})
				if err != nil {
					t.Fatal(err)
				}
				b.Reset()
				if err := s.Measure(t.Context(), make([]float64, 2)); err != nil {
					t.Fatal(err)
				}
				want := []string{"77 W 1C " + ctrl, "77 W 1B 13", "77 W 03 R 70", "77 W 04 R 00 42 71 00 1C 7F", "77 W 04 R 00 42 71 00 1C 7F"}
				log := b.Log()
				for i := range max(len(log), len(want)) { // one look at the status is enough
					if i >= len(log) || i >= len(want) || log[i].String() != fmt.Sprintf("%d: %s", i, want[i]) {
						t.Fatalf("transactions are %v, want %v", log, want)
					}
				}
			})
		})
	}
}

func TestBMP388Identities(t *testing.T) {
	d, _ := Lookup("bmp390")
	for _, tt := range []struct {
		id, older byte
		model     string
		says      string
	}{
		{id: 0x50, model: "BMP388 or BMP384"},
		{id: 0x60, model: "BMP390"},
		{id: 0x50, older: 0x61, says: "this is a BME680 or BME688; its driver is bme680"},
		{id: 0x60, older: 0x60, says: "this is a BME280; its driver is bme280"},
		{id: 0x51, says: "another chip"},
		{id: 0x00, says: "power and wires"},
		{id: 0xFF, older: 0xFF, says: "power and wires"},
	} {
		chip := bustest.NewBMP388()
		chip.Mem[0x00], chip.Mem[0xD0] = tt.id, tt.older
		b := bustest.New(map[uint16]bustest.Chip{0x76: chip})
		found, err := d.Probe(t.Context(), &bus.Slot{I2C: b, Addr: 0x76})
		if found.Model != tt.model || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %+v, %v", tt, found, err)
		}
	}
}

func TestBMP388Broken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bustest.BMP388)
		says  string
	}{
		{"fatal error", func(c *bustest.BMP388) { c.Mem[0x02] = 1 }, "0x02 (err_reg)"},
		{"never starts", func(c *bustest.BMP388) { c.Startup = -1 }, "still busy after"},
		{"never ends", func(c *bustest.BMP388) { c.Sample = -1 }, "still busy after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewBMP388()
				tt.spoil(chip)
				began := time.Now()
				slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x77: chip}), Addr: 0x77, Options: map[string]string{"oversampling": "1"}}
				out := []float64{untouched, untouched}
				s, err := openBMP388(t.Context(), slot)
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

// Whatever a chip says, what comes out is a number.
func FuzzBMP388Compensate(f *testing.F) {
	f.Add(unhex(f, bmp388Gobot+"004271 001C7F"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 27 {
			return
		}
		calib := parseBMP388Calibration([21]byte(b))
		ut, up := parseBMP388Raw([6]byte(b[21:]))
		tc := calib.temperature(ut)
		if p := calib.pressure(up, tc); math.IsNaN(p) || math.IsInf(p, 0) || math.IsNaN(tc) || math.IsInf(tc, 0) {
			t.Errorf("% X: %v °C, %v Pa", b, tc, p)
		}
	})
}

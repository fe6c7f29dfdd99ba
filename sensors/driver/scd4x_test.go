package driver

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestSCD4x(t *testing.T) {
	i2cTest{
		driver:   "scd4x",
		chip:     func() bustest.Chip { return bustest.NewSCD4x() },
		want:     []float64{556, 25.446, 30.091}, // periph.io scd4x_test.go
		within:   1e-3,
		ambient:  &Ambient{Temperature: math.NaN(), Humidity: math.NaN(), Pressure: 987.6},
		patience: 10 * time.Second,
		command:  command16,
	}.test(t)
}

var _ = vectors("scd4x", 2e-3, func(in string) ([]float64, error) {
	w, err := unhexedWords(in, 3)
	if err != nil {
		return nil, err
	}
	return []float64{float64(w[0]), scd4xTemperature(w[1]), scd4xHumidity(w[2])}, nil
},
	vector{in: "022CA3 670D36 4D08F1", want: []float64{556, 25.446, 30.091}, source: "periph.io scd4x_test.go"},
	vector{in: "01F433 6667A2 5EB93C", want: []float64{500, 25, 37}, within: 3e-3, source: "SCD4x datasheet, read_measurement example"},
	vector{in: "FFFFAC 000081 FFFFAC", want: []float64{65535, -45, 100}, source: "formula, datasheet section 3.5.2"},
	vector{in: "022CA3 670D36 4D08F0", source: "periph.io scd4x_test.go, with a wrong CRC"},
	vector{in: "022DA3 670D36 4D08F1", source: "periph.io scd4x_test.go, with a bit flipped"},
)

// scd4xOn opens a chip with options other than the defaults.
func scd4xOn(t *testing.T, chip *bustest.SCD4x, opts map[string]string) (*scd4x, *bustest.Bus) {
	t.Helper()
	b := bustest.New(map[uint16]bustest.Chip{0x62: chip})
	s, err := i2cTest{driver: "scd4x", options: opts}.open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*scd4x), b
}

// What is on the wire: it is stopped before it is configured, and asked
// whether it has measured before it is read.
func TestSCD4xTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD4x()
		chip.Handle(0x21B1, nil) // another program
		s, b := scd4xOn(t, chip, map[string]string{"asc": "false", "altitude": "500", "temperature_offset": "2.5"})
		out := make([]float64, 3)
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) {
			t.Fatalf("at once: %v, %v", out, err)
		}
		time.Sleep(5 * time.Second)
		if err := s.Measure(t.Context(), out); err != nil || out[0] != 556 {
			t.Fatalf("after 5 s: %v, %v", out, err)
		}
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) {
			t.Fatalf("again at once: %v, %v", out, err)
		}
		wantLog(t, b.Log(),
			"62 W 3F 86", "62 W 36 82", "62 R 73 B1 19 EB 07 7A 3B 0C 54",
			"62 W 24 1D 03 A8 E9", "62 W 24 27 01 F4 33", "62 W 24 16 00 00 81", "62 W 21 B1",
			"62 W E4 B8", "62 R 80 00 A2",
			"62 W E4 B8", "62 R 80 06 04", "62 W EC 05", "62 R 02 2C A3 67 0D 36 4D 08 F1",
			"62 W E4 B8", "62 R 80 00 A2")
		if took := b.Log()[1].Time.Sub(b.Log()[0].Time); took != 500*time.Millisecond {
			t.Errorf("it is given %v to stop", took)
		}
		if chip.ASC != 0 || chip.Altitude != 500 || chip.Offset != 936 {
			t.Errorf("settings %+v", chip)
		}
	})
}

// The air pressure is told when it changes, and only then.
func TestSCD4xPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD4x()
		s, b := scd4xOn(t, chip, nil)
		nan := math.NaN()
		for _, tt := range []struct {
			hPa  float64
			sent bool
			want uint16
		}{
			{nan, false, 0}, {1013.25, true, 1013}, {1013.9, false, 1013}, {nan, false, 1013},
			{1014.6, true, 1015}, {100, true, 700}, {100, false, 700},
		} {
			b.Reset()
			s.Compensate(Ambient{Temperature: nan, Humidity: nan, Pressure: tt.hPa})
			if err := s.Measure(t.Context(), make([]float64, 3)); err != nil && !errors.Is(err, ErrNothingNew) {
				t.Fatal(err)
			}
			if sent := b.Log()[0].W[0] == 0xE0; sent != tt.sent || chip.Pressure != tt.want {
				t.Errorf("%v hPa: sent %v, the chip has %v; want %v, %v", tt.hPa, sent, chip.Pressure, tt.sent, tt.want)
			}
			time.Sleep(5 * time.Second)
		}
	})
}

// A chip that lost its power has stopped measuring: that is found out, and
// opening it again helps. So is one that says 0 ppm forever.
func TestSCD4xPowerLoss(t *testing.T) {
	for name, spoil := range map[string]func(*bustest.SCD4x){
		"power": (*bustest.SCD4x).PowerOn,
		"0 ppm": func(c *bustest.SCD4x) { c.Measured[0] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewSCD4x()
				s, b := scd4xOn(t, chip, nil)
				out := make([]float64, 3)
				time.Sleep(5 * time.Second)
				if err := s.Measure(t.Context(), out); err != nil {
					t.Fatal(err)
				}
				spoil(chip)
				out = []float64{untouched, untouched, untouched}
				began := time.Now()
				var err error
				for err = ErrNothingNew; errors.Is(err, ErrNothingNew) && time.Since(began) < time.Minute; {
					time.Sleep(5 * time.Second)
					err = s.Measure(t.Context(), out)
				}
				if err == nil || !strings.Contains(err.Error(), "lost its power") || out[0] != untouched {
					t.Fatalf("measured %v, %v", out, err)
				}
				chip.Measured[0] = 600
				i2cTest{driver: "scd4x", chip: func() bustest.Chip { return chip }, want: []float64{600, 25.446, 30.091},
					within: 1e-3, patience: 10 * time.Second}.healthy(t, b)
			})
		})
	}
}

// Forced recalibration: refused too early, done, refused by the chip. It
// measures again in every case.
func TestSCD4xRecalibrate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD4x()
		s, b := scd4xOn(t, chip, nil)
		if err := s.Set(t.Context(), "reference", 420); err == nil || !strings.Contains(err.Error(), "3m0s") || chip.Reference != 0 {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(3 * time.Minute)
		b.Reset()
		if err := s.Set(t.Context(), "reference", 420); err != nil || chip.Reference != 420 || !chip.Measuring {
			t.Errorf("after 3 min: %v, reference %d, measuring %v", err, chip.Reference, chip.Measuring)
		}
		wantLog(t, b.Log(), "62 W 3F 86", "62 W 36 2F 01 A4 4D", "62 R 7F D6 81", "62 W 21 B1")
		time.Sleep(3 * time.Minute)
		chip.Correction = 0xFFFF
		if err := s.Set(t.Context(), "reference", 420); err == nil || !strings.Contains(err.Error(), "refuses") || !chip.Measuring {
			t.Errorf("refused: %v, measuring %v", err, chip.Measuring)
		}
	})
}

func TestSCD4xProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for variant, model := range map[uint16]string{0x0440: "SCD40", 0x1440: "SCD41", 0x5440: "SCD43", 0x9000: "SCD4x"} {
			chip := bustest.NewSCD4x()
			chip.Variant = variant
			slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x62: chip}), Addr: 0x62}
			found, err := probeSCD4x(t.Context(), slot)
			if err != nil || found.Model != model || found.Serial != "73b1eb073b0c" {
				t.Errorf("variant 0x%04X: %+v, %v", variant, found, err)
			}
			chip.Handle(0x21B1, nil)
			if found, err := probeSCD4x(t.Context(), slot); err != nil || !found.Certain || found.Note == "" || !chip.Measuring {
				t.Errorf("while it measures: %+v, %v, measuring %v", found, err, chip.Measuring)
			}
		}
	})
}

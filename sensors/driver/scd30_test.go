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

func TestSCD30(t *testing.T) {
	i2cTest{
		driver:   "scd30",
		chip:     func() bustest.Chip { return bustest.NewSCD30() },
		want:     []float64{800.5, 23.25, 48.75}, // tinygo scd30_test.go
		ambient:  &Ambient{Temperature: math.NaN(), Humidity: math.NaN(), Pressure: 1001.3},
		patience: 10 * time.Second,
		command:  command16,
	}.test(t)
}

func decodeSCD30(in string) ([]float64, error) {
	w, err := unhexedWords(in, 6)
	if err != nil {
		return nil, err
	}
	co2, t, h, err := scd30Values(w)
	return []float64{co2, t, h}, err
}

var _ = vectors("scd30", 1e-6, decodeSCD30,
	vector{in: "44480F 20005D 41BA98 000081 4243BF 000081", want: []float64{800.5, 23.25, 48.75}, source: "tinygo scd30_test.go"},
	vector{in: "43DBCB 8C2E8F 41D970 E7FFF5 4243BF 3A1B74", want: []float64{439.0949, 27.2382, 48.8068}, within: 1e-3,
		source: memory + "SCD30 interface description, section 1.5"},
	vector{in: "44480F 20005D 41BA98 000081 4243BF 000080", source: "tinygo scd30_test.go, with a wrong CRC"},
	vector{in: "7FC0" + crcHex(0x7FC0) + " 000081 41BA98 000081 4243BF 000081", source: "IEEE 754, NaN"},
	vector{in: "44480F 20005D FF80" + crcHex(0xFF80) + " 000081 4243BF 000081", source: "IEEE 754, -Inf"},
)

// scd30On opens a chip with options other than the defaults.
func scd30On(t *testing.T, chip *bustest.SCD30, opts map[string]string) (*scd30, *bustest.Bus) {
	t.Helper()
	b := bustest.New(map[uint16]bustest.Chip{0x61: chip})
	s, err := i2cTest{driver: "scd30", options: opts}.open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*scd30), b
}

// What is on the wire, the commands of tinygo's test among it: only what
// differs is written.
func TestSCD30Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD30()
		opts := map[string]string{"every": "10s", "temperature_offset": "1.5"}
		s, b := scd30On(t, chip, opts)
		out := make([]float64, 3)
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) {
			t.Fatalf("at once: %v, %v", out, err)
		}
		time.Sleep(10 * time.Second)
		if err := s.Measure(t.Context(), out); err != nil || out[0] != 800.5 {
			t.Fatalf("after 10 s: %v, %v", out, err)
		}
		wantLog(t, b.Log(),
			"61 W D1 00", "61 R 03 42 F3",
			"61 W 46 00", "61 R 00 02 E3", "61 W 46 00 00 0A 5A",
			"61 W 53 06", "61 R 00 00 81", "61 W 53 06 00 01 B0",
			"61 W 51 02", "61 R 00 00 81",
			"61 W 54 03", "61 R 00 00 81", "61 W 54 03 00 96 "+crcHex(150),
			"61 W 00 10 00 00 81",
			"61 W 02 02", "61 R 00 00 81",
			"61 W 02 02", "61 R 00 01 B0", "61 W 03 00", "61 R 44 48 0F 20 00 5D 41 BA 98 00 00 81 42 43 BF 00 00 81")
		written := chip.Written
		scd30On(t, chip, opts)
		if chip.Written != written {
			t.Errorf("opened again, its memory is written %d times more", chip.Written-written)
		}
	})
}

// A chip that stopped, or says 0 ppm forever, is found out.
func TestSCD30Stops(t *testing.T) {
	for name, spoil := range map[string]func(*bustest.SCD30){
		"stopped": func(c *bustest.SCD30) { c.Measuring = false },
		"0 ppm":   func(c *bustest.SCD30) { c.Measured[0] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewSCD30()
				s, _ := scd30On(t, chip, nil)
				spoil(chip)
				out := []float64{untouched, untouched, untouched}
				began, err := time.Now(), ErrNothingNew
				for errors.Is(err, ErrNothingNew) && time.Since(began) < time.Minute {
					time.Sleep(2 * time.Second)
					err = s.Measure(t.Context(), out)
				}
				if err == nil || !strings.Contains(err.Error(), "0x0202") || out[0] != untouched {
					t.Errorf("measured %v, %v", out, err)
				}
			})
		})
	}
}

// NaN is what the chip says when it has not measured: no value, whatever the
// others are.
func TestSCD30NaN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD30()
		chip.Measured[1] = float32(math.NaN())
		s, _ := scd30On(t, chip, nil)
		time.Sleep(2 * time.Second)
		out := []float64{untouched, untouched, untouched}
		if err := s.Measure(t.Context(), out); err == nil || errors.Is(err, ErrNothingNew) || out[0] != untouched {
			t.Errorf("measured %v, %v", out, err)
		}
	})
}

// The air pressure is told when it changes by enough.
func TestSCD30Pressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD30()
		s, _ := scd30On(t, chip, nil)
		nan := math.NaN()
		for _, tt := range []struct {
			hPa  float64
			want uint16
		}{{nan, 0}, {1013.25, 1013}, {1014.9, 1013}, {nan, 1013}, {1015.4, 1015}, {300, 700}} {
			time.Sleep(2 * time.Second)
			s.Compensate(Ambient{Temperature: nan, Humidity: nan, Pressure: tt.hPa})
			if err := s.Measure(t.Context(), make([]float64, 3)); err != nil || chip.Pressure != tt.want {
				t.Errorf("%v hPa: the chip has %v, want %v; %v", tt.hPa, chip.Pressure, tt.want, err)
			}
		}
	})
}

// A chip that was without power for a moment measures on, without the air
// pressure that it was told: it is told again.
func TestSCD30PressureAfterPowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD30()
		s, _ := scd30On(t, chip, nil)
		s.Compensate(Ambient{Pressure: 950})
		time.Sleep(2 * time.Second)
		out := make([]float64, 3)
		if err := s.Measure(t.Context(), out); err != nil || chip.Pressure != 950 {
			t.Fatalf("the chip has %v hPa; %v", chip.Pressure, err)
		}
		chip.PowerOn()
		time.Sleep(2 * time.Second)
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) {
			t.Fatalf("0 ppm is %v, %v", out, err)
		}
		time.Sleep(2 * time.Second)
		if err := s.Measure(t.Context(), out); err != nil || chip.Pressure != 950 {
			t.Errorf("after a power loss the chip has %v hPa; %v", chip.Pressure, err)
		}
	})
}

func TestSCD30Recalibrate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSCD30()
		s, _ := scd30On(t, chip, nil)
		if err := s.Set(t.Context(), "reference", 420); err == nil || !strings.Contains(err.Error(), "2m0s") || chip.Reference != 0 {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := s.Set(t.Context(), "reference", 420); err != nil || chip.Reference != 420 || !chip.Measuring {
			t.Errorf("after 2 min: %v, reference %d", err, chip.Reference)
		}
	})
}

func TestSCD30Probe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x61: bustest.NewSCD30()}), Addr: 0x61}
		if found, err := probeSCD30(t.Context(), slot); err != nil || found.Note != "firmware 3.66" {
			t.Errorf("found %+v, %v", found, err)
		}
	})
}

// What is accepted is three finite numbers.
func FuzzSCD30Values(f *testing.F) {
	f.Add(uint32(0x44482000), uint32(0x41BA0000), uint32(0x42430000))
	f.Add(uint32(0x7FC00000), uint32(0xFF800000), uint32(0))
	f.Fuzz(func(t *testing.T, a, b, c uint32) {
		var w []uint16
		for _, bits := range []uint32{a, b, c} {
			w = append(w, uint16(bits>>16), uint16(bits))
		}
		co2, temp, h, err := scd30Values(w)
		if x := co2 + temp + h; err == nil && math.IsNaN(x) {
			t.Errorf("%04X is %v, %v, %v", w, co2, temp, h)
		}
	})
}

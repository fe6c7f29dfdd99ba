package driver

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestENS160(t *testing.T) {
	i2cTest{
		driver: "ens160",
		chip: func() bustest.Chip {
			c := bustest.NewENS160()
			c.WarmUp = 3 * time.Second // of which there are 180 otherwise
			return c
		},
		want:     []float64{2, 176, 663}, // a recording, github.com/TimHanewich/diagnosing-ens160
		patience: 10 * time.Second,
		polled: func(tx bustest.Tx) bool {
			return bustest.Wrote(ens160Status)(tx) || bustest.Wrote(ens160OpMode)(tx)
		},
	}.test(t)
}

// 0x21 to 0x25 → AQI, ppb, ppm.
var _ = vectors("ens160", 0, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 5 {
		return nil, fmt.Errorf("%q has not the registers", in)
	}
	aqi, tvoc, eco2 := parseENS160([5]byte(b))
	return []float64{aqi, tvoc, eco2}, nil
},
	vector{in: "02 AE00 9402", want: []float64{2, 174, 660}, source: "a recording, github.com/TimHanewich/diagnosing-ens160"},
	vector{in: "01 1800 9001", want: []float64{1, 24, 400}, source: "a recording, github.com/TimHanewich/diagnosing-ens160"},
	vector{in: "02 B000 9702", want: []float64{2, 176, 663}, source: "a recording, github.com/TimHanewich/diagnosing-ens160"},
)

// °C or % → TEMP_IN or RH_IN.
var _ = vectors("ens160", 0, func(in string) ([]float64, error) {
	var x float64
	var unit string
	if _, err := fmt.Sscanf(in, "%g %s", &x, &unit); err != nil {
		return nil, err
	}
	b := ens160Around(Ambient{Temperature: x, Humidity: x})
	if unit == "%" {
		b = b[2:]
	}
	return []float64{float64(b[0]) + 256*float64(b[1])}, nil
},
	vector{in: "25 °C", want: []float64{19082}, source: "datasheet section 16.2.5, and tinygo ens160_test.go"},
	vector{in: "-10.5 °C", want: []float64{16810}, source: "tinygo ens160_test.go"},
	vector{in: "0 °C", want: []float64{17482}, source: "tinygo ens160_test.go"},
	vector{in: "50 %", want: []float64{25600}, source: "datasheet section 16.2.6, and tinygo ens160_test.go"},
	vector{in: "33.3 %", want: []float64{17050}, source: "tinygo ens160_test.go"},
	vector{in: "NaN °C", want: []float64{19082}, source: "datasheet section 16.2.12, default"},
	vector{in: "NaN %", want: []float64{25600}, source: "datasheet section 16.2.13, default"},
	vector{in: "-300 °C", want: []float64{14922}, source: "formula, datasheet section 16.2.5"},
	vector{in: "200 %", want: []float64{51200}, source: "formula, datasheet section 16.2.6"},
)

func ens160On(t *testing.T, chip *bustest.ENS160) (Sensor, *bus.Slot, *bustest.Bus) {
	t.Helper()
	b := bustest.New(map[uint16]bustest.Chip{0x53: chip})
	slot := &bus.Slot{I2C: b, Addr: 0x53}
	s, err := openENS160(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	return s, slot, b
}

func TestENS160Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewENS160()
		chip.WarmUp = 0
		s, _, b := ens160On(t, chip)
		s.(Compensated).Compensate(Ambient{Temperature: -10.5, Humidity: 33.3, Pressure: math.NaN()})
		time.Sleep(time.Second)
		if err := s.Measure(t.Context(), make([]float64, 3)); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(),
			"53 W 00 R 60 01", "53 W 10 R 00", "53 W 20 R 00",
			"53 W 10 F0", "53 W 10 01", "53 W 10 02", "53 W 10 R 02",
			"53 W 13 AA 41 9A 42", "53 W 20 R 83 02 B0 00 97 02", "53 W 20 R 81 02 B0 00 97 02")
	})
}

// What the validity flag says is passed on, and nothing is measured meanwhile.
func TestENS160Validity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewENS160()
		chip.StartUp = time.Hour
		s, slot, _ := ens160On(t, chip)
		measure := func(says string, nothing bool) {
			t.Helper()
			out := []float64{untouched, untouched, untouched}
			err := s.Measure(t.Context(), out)
			if err == nil || !strings.Contains(err.Error(), says) || errors.Is(err, ErrNothingNew) != nothing || out[0] != untouched {
				t.Errorf("%v, %v; want it to say %q", out, err, says)
			}
		}
		measure("it begins to measure", true)
		time.Sleep(time.Minute)
		measure("it warms up, for 3 minutes", true)
		// Opened again: it is not reset, which would begin anew.
		s, err := openENS160(t.Context(), slot)
		if err != nil || chip.Resets != 1 {
			t.Errorf("%d resets, %v", chip.Resets, err)
		}
		time.Sleep(2 * time.Minute)
		measure("it is new and starts up, for an hour", true)
		time.Sleep(time.Hour)
		out := make([]float64, 3)
		if err := s.Measure(t.Context(), out); err != nil || out[2] != 663 {
			t.Errorf("measured %v, %v", out, err)
		}
		measure("a new result every second", true)
		chip.Fault = 3 << 2
		measure("its signals are out of range", false)
		chip.Fault = 1 << 6
		measure("reports an error", false)
		if s, err = openENS160(t.Context(), slot); err != nil || chip.Resets != 2 {
			t.Errorf("with an error it is not reset: %v", err)
		}
		measure("reports an error", false)
		chip.Fault = 0
		chip.PowerOn()
		if s, err = openENS160(t.Context(), slot); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		chip.PowerOn()
		measure("has lost its power", false)
	})
}

func TestENS160RefusesOthers(t *testing.T) {
	for id, says := range map[[2]byte]string{
		{0xE5, 0x00}: "ADXL345",
		{0x61, 0x01}: "ENS161",
		{0xFF, 0xFF}: "check power and wires",
		{0x00, 0x00}: "check power and wires",
		{0x12, 0x34}: "another chip",
	} {
		chip := bustest.NewENS160()
		chip.Mem[0], chip.Mem[1] = id[0], id[1]
		b := bustest.New(map[uint16]bustest.Chip{0x53: chip})
		_, err := openENS160(t.Context(), &bus.Slot{I2C: b, Addr: 0x53})
		if err == nil || !strings.Contains(err.Error(), says) || b.Count() != 1 {
			t.Errorf("%v after %d transactions, want it to say %q", err, b.Count(), says)
		}
	}
}

// A wrong bit is found out or changes nothing, also one of the status, of which
// two bits do not stay as they are.
func TestENS160WrongBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := range 2 {
			for bit := range 6 * 8 {
				chip := bustest.NewENS160()
				chip.WarmUp = 0
				s, _, b := ens160On(t, chip)
				time.Sleep(time.Second)
				b.Reset()
				b.Inject(bustest.Flip(bustest.Nth(1+n), bit))
				out := []float64{untouched, untouched, untouched}
				switch err := s.Measure(t.Context(), out); {
				case err != nil && out[0] != untouched, err == nil && !slices.Equal(out, []float64{2, 176, 663}):
					t.Errorf("bit %d of read %d: %v, %v", bit, n, out, err)
				case bit >= 8 && err == nil:
					t.Errorf("bit %d of read %d is not found out", bit, n)
				}
			}
		}
	})
}

package driver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestVEML7700(t *testing.T) {
	i2cTest{
		driver: "veml7700",
		chip:   func() bustest.Chip { return bustest.NewVEML7700() },
		want:   []float64{300},
		within: 0.1,
	}.test(t)
}

// In a dim room the most sensitive range is right, and no light believed.
func TestVEML7700Dim(t *testing.T) {
	i2cTest{
		driver: "veml7700",
		chip: func() bustest.Chip {
			chip := bustest.NewVEML7700()
			chip.Lux = 42
			return chip
		},
		want: []float64{42.0672},
	}.test(t)
}

// Range and ALS count → lx.
var _ = vectors("veml7700", 0.005, func(in string) ([]float64, error) {
	var r, count int
	if _, err := fmt.Sscanf(in, "range %d count %d", &r, &count); err != nil {
		return nil, err
	}
	return []float64{veml7700Ranges[r].illuminance(uint16(count))}, nil
},
	vector{in: "range 0 count 10000", want: []float64{84}, source: "datasheet rev. 1.7: 0.0042 lx with gain 2 and 800 ms"},
	vector{in: "range 1 count 1000", want: []float64{134.4}, source: "datasheet rev. 1.7: 0.0042 lx with gain 2 and 800 ms"},
	vector{in: "range 2 count 1000", want: []float64{537.6}, source: "datasheet rev. 1.7: 0.0042 lx with gain 2 and 800 ms"},
	vector{in: "range 3 count 465", want: []float64{999.94}, source: "application note 84323, not corrected up to 1000 lx"},
	vector{in: "range 3 count 466", want: []float64{1077.37}, source: "formula, application note 84323"},
)

// The application note's example of the correction.
var _ = vectors("veml7700", 0.6, func(in string) ([]float64, error) {
	var lux float64
	if _, err := fmt.Sscanf(in, "%g lx", &lux); err != nil {
		return nil, err
	}
	return []float64{veml7700Correct(lux)}, nil
},
	vector{in: "1500 lx", want: []float64{1658}, source: "application note 84323, quoted in adafruit/Adafruit_CircuitPython_VEML7700#29"},
)

// Light of any brightness is measured in a range that suits it, and once it
// has found that in one measurement.
func TestVEML7700Autorange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewVEML7700()
		b := bustest.New(map[uint16]bustest.Chip{0x10: chip})
		s, err := openVEML7700(t.Context(), &bus.Slot{I2C: b, Addr: 0x10})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 1)
		for _, lux := range []float64{0, 0.02, 1, 50, 90, 700, 1300, 4000, 5300, 6000, 12000, 0, 23000, 2000} {
			chip.Lux = lux
			want := lux
			if lux > 1000 {
				want = veml7700Correct(lux)
			}
			if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[0]-want) > max(0.006, want/500) {
				t.Errorf("%v lx is %v, %v; want %v", lux, out[0], err, want)
			}
			b.Reset()
			if err := s.Measure(t.Context(), out); err != nil || b.Count() != 6 {
				t.Errorf("%v lx again: %v, %v", lux, err, b.Log())
			}
		}
		chip.Lux, out[0] = 24000, untouched
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTooBright) || out[0] != untouched {
			t.Errorf("24000 lx is %v, %v", out[0], err)
		}
	})
}

func TestVEML7700Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x10: bustest.NewVEML7700()})
		s, err := openVEML7700(t.Context(), &bus.Slot{I2C: b, Addr: 0x10})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Measure(t.Context(), make([]float64, 1)); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(),
			"10 W 03 00 00", "10 W 00 01 10", "10 W 00 R 01 10",
			"10 W 00 00 10", "10 W 00 R 00 10", "10 W 04 R 2E 02", "10 W 04 R 2E 02", "10 W 00 R 00 10", "10 W 00 01 10",
			"10 W 00 40 18", "10 W 00 R 40 18", "10 W 04 R B8 08", "10 W 04 R B8 08", "10 W 00 R 40 18", "10 W 00 41 18")
	})
}

// A chip that does not keep what is written is another one.
func TestVEML7700RefusesOthers(t *testing.T) {
	other := &bustest.Registers{OnWrite: func(_, v byte) (byte, error) { return v | 0x04, nil }}
	b := bustest.New(map[uint16]bustest.Chip{0x10: other})
	if _, err := openVEML7700(t.Context(), &bus.Slot{I2C: b, Addr: 0x10}); err == nil || !strings.Contains(err.Error(), "another chip") {
		t.Errorf("%v", err)
	}
}

// A lower byte alone may be anything.
func TestVEML7700Probe(t *testing.T) {
	for id, certain := range map[string]bool{"\x81\xC4": true, "\x81\xD4": true, "\x81\x81": false} {
		chip := &bustest.Registers{}
		copy(chip.Mem[7:], id)
		found, err := probeVEML7700(t.Context(), &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x48: chip}), Addr: 0x48})
		if err != nil || found.Certain != certain || (found.Note == "") != certain {
			t.Errorf("ID % X: %+v, %v", id, found, err)
		}
	}
}

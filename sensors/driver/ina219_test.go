package driver

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestINA219(t *testing.T) {
	i2cTest{
		driver:  "ina219",
		chip:    func() bustest.Chip { return bustest.NewINA219() },
		options: map[string]string{"shunt": "0.002", "max_current": "15"},
		want:    []float64{11.98, 10, 119.8, 0.02}, // datasheet section 8.5, example
		within:  1e-9,
		polled:  bustest.Wrote(ina219Bus),
	}.test(t)
}

// Shunt and bus → V, A, W, V, with the shunt of 2 mΩ of the datasheet's
// example: a calibration of 5000, with which the chip itself calculates 10 A
// (0x2710) and 119.8 W (0x1766).
var _ = vectors("ina219", 1e-9, func(in string) ([]float64, error) {
	r, err := unhexedRegisters(in, 2)
	if err != nil {
		return nil, err
	}
	s := ina219Scale
	s.ohms = 0.002
	drop, u, err := s.ina219(r[0], r[1])
	if err != nil {
		return nil, err
	}
	i := drop / s.ohms
	return []float64{u, i, u * i, drop}, nil
},
	vector{in: "07D0 5D98", want: []float64{11.98, 10, 119.8, 0.02}, source: memory + "INA219 datasheet, section 8.5, example"},
	vector{in: "F830 5D98", want: []float64{11.98, -10, -119.8, -0.02}, source: "formula, datasheet section 8.6.3"},
	vector{in: "0001 0008", want: []float64{0.004, 0.005, 2e-5, 1e-5}, source: "formula, datasheet section 8.6.3"},
	vector{in: "FFFF 0002", want: []float64{0, -0.005, 0, -1e-5}, source: "formula, datasheet section 8.6.3"},
	vector{in: "7CFF 5D98", want: []float64{11.98, 159.995, 1916.7401, 0.31999}, source: memory + "INA219 datasheet, table 7: 320 mV is 0x7D00"},
	vector{in: "7D00 5D98", source: memory + "INA219 datasheet, table 7: the end of the scale"},
	vector{in: "8300 5D98", source: memory + "INA219 datasheet, table 7: the end of the scale"},
	vector{in: "07D0 0001", source: "periph.io ina219_test.go and tinygo: overflow"},
)

func ina219On(chip bustest.Chip, shunt, most string) (*bus.Slot, *bustest.Bus) {
	b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
	return &bus.Slot{I2C: b, Addr: 0x40, Options: map[string]string{"shunt": shunt, "max_current": most}}, b
}

// What is on the wire.
func TestINA219Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot, b := ina219On(bustest.NewINA219(), "0.1", "")
		s, err := openINA219(t.Context(), slot)
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 4))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "40 W 00 80 00", "40 W 00 R 39 9F", "40 W 00 R 39 9F",
			"40 W 00 3F FB", "40 W 02 R 5D 9A", "40 W 01 R 07 D0", "40 W 01 R 07 D0",
			"40 W 02 R 5D 9A", "40 W 02 R 5D 9A", "40 W 00 R 3F FB", "40 W 00 R 3F FB")
	})
}

// The smallest range with room for the largest current.
func TestINA219Gain(t *testing.T) {
	for _, tt := range []struct {
		shunt, most string
		gain        int
		amps        float64
		decimals    int
	}{
		{"0.1", "", 3, 3.2, 4},
		{"0.1", "3.2", 3, 3.2, 4},
		{"0.1", "1.7", 3, 3.2, 4},
		{"0.1", "1.6", 2, 1.6, 4},
		{"0.1", "0.5", 1, 0.8, 4},
		{"0.1", "0.4", 0, 0.4, 4},
		{"0.1", "0.01", 0, 0.4, 4},
		{"0.01", "1", 0, 4, 3},
		{"10", "", 3, 0.032, 6},
	} {
		s := &ina219{scale: ina219Scale}
		if err := s.choose(options{"shunt": tt.shunt, "max_current": tt.most}); err != nil {
			t.Errorf("%s Ω, %s A: %v", tt.shunt, tt.most, err)
		}
		c := s.Channels()[1]
		if s.gain != tt.gain || math.Abs(c.Max-tt.amps) > 1e-9 || c.Min != -c.Max || c.Decimals != tt.decimals {
			t.Errorf("%s Ω, %s A: gain %d, channel %+v; want %d, %v A, %d decimals", tt.shunt, tt.most, s.gain, c, tt.gain, tt.amps, tt.decimals)
		}
	}
	slot, _ := ina219On(bustest.NewINA219(), "0.1", "5")
	const says = "option max_current: 5 A over 0.1 Ω are 0.5 V"
	if _, err := openINA219(t.Context(), slot); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("more than it can measure: %v", err)
	}
	d, _ := Lookup("ina219")
	if err := d.Check(slot.Options); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("more than it can measure passes the check: %v", err)
	}
}

// A current at the end of the scale is not that current.
func TestINA219Saturation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewINA219()
		slot, _ := ina219On(chip, "0.1", "0.4")
		s, err := openINA219(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		for _, drop := range []float64{0.05, -0.05, 0.04} {
			chip.Shunt = drop
			out := []float64{untouched, untouched, untouched, untouched}
			err := s.Measure(t.Context(), out)
			if err == nil || !strings.Contains(err.Error(), "beyond 0.4 A; use a smaller shunt, or a greater max_current") || out[0] != untouched {
				t.Errorf("%v V: %v, %v", drop, out, err)
			}
		}
	})
}

// A chip that is never ready, one that lost its power meanwhile, one that
// overflows, another chip.
func TestINA219Refuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewINA219()
		slot, b := ina219On(chip, "0.1", "")
		s, err := openINA219(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		measure := func(says string) error {
			t.Helper()
			out := []float64{untouched, untouched, untouched, untouched}
			err := s.Measure(t.Context(), out)
			if err == nil || !strings.Contains(err.Error(), says) || out[0] != untouched {
				t.Errorf("measured %v, %v, want %q", out, err, says)
			}
			return err
		}
		chip.Slow = -1
		measure("still busy after")
		chip.Slow = 1
		b.Reset()
		b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
			if tx.N == 1 {
				chip.PowerOn()
			}
			return false
		}})
		measure(lostSettings)
		b.Heal()
		chip.Mem[5], chip.Shunt = 0xFFFE, 0.03
		if err := measure("0x02"); !errors.Is(err, errINA219Overflow) {
			t.Error(err)
		}
		b.Plug(0x40, bustest.NewINA226())
		if _, err := openINA219(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "0x4127 in place of 0x399F") {
			t.Errorf("an INA226: %v", err)
		}
	})
}

// Why the chip's own current and power are not used: they are these, but for
// steps that are cut off.
func TestINA219AsTheChipCalculates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewINA219()
		slot, _ := ina219On(chip, "0.002", "")
		s, err := openINA219(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		chip.Mem[5] = 0x5000 // calibration: 20480, with 1 mA for 2 mΩ
		for _, drop := range []float64{0, 10e-6, 123.4e-6, 0.02, -0.0123, 0.0317} {
			chip.Shunt = drop
			out := make([]float64, 4)
			if err := s.Measure(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			amps, watts := float64(int16(chip.Mem[4]))*1e-3, float64(chip.Mem[3])*20e-3
			if math.Abs(out[1]-amps) > 1e-3 || math.Abs(math.Abs(out[2])-watts) > 20e-3+12e-3 {
				t.Errorf("%v V: %v A and %v W, the chip says %v and %v", drop, out[1], out[2], amps, watts)
			}
		}
	})
}

func TestDigits(t *testing.T) {
	for _, tt := range []struct {
		step float64
		want int
	}{{10, 0}, {1, 0}, {0.5, 1}, {0.1, 1}, {1e-3, 3}, {1.25e-3, 3}, {187.5e-6, 4}, {62.5e-6, 5}, {1e-5, 5}, {7.8125e-6, 6}, {1e-12, 9}} {
		if got := digits(tt.step); got != tt.want {
			t.Errorf("digits(%v) = %d, want %d", tt.step, got, tt.want)
		}
	}
}

// Whatever the registers hold, the results are finite.
func FuzzINA219(f *testing.F) {
	f.Add(uint16(0x07D0), uint16(0x5D9A))
	f.Fuzz(func(t *testing.T, shunt, volts uint16) {
		drop, u, err := ina219Scale.ina219(shunt, volts)
		if err == nil && (math.Abs(drop) >= 0.32 || u < 0 || u > 32.8) {
			t.Errorf("%04X %04X: %v V, %v V", shunt, volts, drop, u)
		}
	})
}

package driver

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestADS1115(t *testing.T) {
	i2cTest{
		driver: "ads1115",
		chip:   func() bustest.Chip { return bustest.NewADS1115() },
		want:   []float64{3.3, 1.2, 0.1, -0.005},
		within: 63e-6, // half a step at 4.096 V
		polled: bustest.Wrote(ads1115Config),
	}.test(t)
}

func TestADS1115Pairs(t *testing.T) {
	i2cTest{
		driver:  "ads1115",
		chip:    func() bustest.Chip { return bustest.NewADS1115() },
		options: map[string]string{"inputs": "0-1, 2-3,1", "range": "4.096", "rate": "860"},
		want:    []float64{2.1, 0.105, 1.2},
		within:  63e-6,
		polled:  bustest.Wrote(ads1115Config),
	}.test(t)
}

func TestADS1015(t *testing.T) {
	i2cTest{
		driver: "ads1015",
		chip:   func() bustest.Chip { return bustest.NewADS1015() },
		want:   []float64{3.3, 1.2, 0.1, -0.005},
		within: 1e-3, // half a step at 4.096 V
		polled: bustest.Wrote(ads1115Config),
	}.test(t)
}

// A result, and the range behind it → V.
func adsDecode(k adsKind) func(string) ([]float64, error) {
	return func(in string) ([]float64, error) {
		hex, rng, _ := strings.Cut(in, " @ ")
		r, err := unhexedRegisters(hex, 1)
		if err != nil {
			return nil, err
		}
		full, err := strconv.ParseFloat(rng, 64)
		if err != nil {
			return nil, err
		}
		v, _ := k.volts(r[0], full)
		return []float64{v}, nil
	}
}

var _ = vectors("ads1115", 1e-9, adsDecode(ads1115Kind),
	vector{in: "7FFF @ 4.096", want: []float64{4.095875}, source: "eldruin/ads1x1x-rs"},
	vector{in: "8000 @ 2.048", want: []float64{-2.048}, source: "eldruin/ads1x1x-rs"},
	vector{in: "FFFF @ 2.048", want: []float64{-62.5e-6}, source: "eldruin/ads1x1x-rs"},
	vector{in: "0000 @ 6.144", want: []float64{0}, source: "formula, datasheet section 9.5.4"},
	vector{in: "0001 @ 6.144", want: []float64{187.5e-6}, source: "formula, datasheet table 3"},
	vector{in: "0001 @ 4.096", want: []float64{125e-6}, source: "formula, datasheet table 3"},
	vector{in: "0001 @ 1.024", want: []float64{31.25e-6}, source: "formula, datasheet table 3"},
	vector{in: "0001 @ 0.512", want: []float64{15.625e-6}, source: "formula, datasheet table 3"},
	vector{in: "0001 @ 0.256", want: []float64{7.8125e-6}, source: "formula, datasheet table 3"},
	vector{in: "4000 @ 0.256", want: []float64{0.128}, source: "formula, datasheet section 9.5.4"},
)

var _ = vectors("ads1015", 1e-9, adsDecode(ads1015Kind),
	vector{in: "7FFF @ 2.048", want: []float64{2.047}, source: "eldruin/ads1x1x-rs: 2047"},
	vector{in: "8000 @ 2.048", want: []float64{-2.048}, source: "eldruin/ads1x1x-rs: −2048"},
	vector{in: "FF50 @ 6.144", want: []float64{-0.033}, source: "periph.io ads1x15_test.go"},
	vector{in: "0010 @ 6.144", want: []float64{0.003}, source: "formula, datasheet table 3"},
	vector{in: "0010 @ 0.256", want: []float64{125e-6}, source: "formula, datasheet table 3"},
	vector{in: "FFF0 @ 4.096", want: []float64{-0.002}, source: "formula, datasheet table 3"},
)

// adsOn returns a slot with chip and the driver's options, some of them given
// as name, value.
func adsOn(k adsKind, chip bustest.Chip, given ...string) (*bus.Slot, *bustest.Bus) {
	b := bustest.New(map[uint16]bustest.Chip{0x48: chip})
	slot := &bus.Slot{I2C: b, Addr: 0x48, Options: make(map[string]string)}
	for _, o := range k.options() {
		slot.Options[o.Name] = o.Default
	}
	for pair := range slices.Chunk(given, 2) {
		slot.Options[pair[0]] = pair[1]
	}
	return slot, b
}

// What is on the wire.
func TestADS1115Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot, b := adsOn(ads1115Kind, bustest.NewADS1115(), "inputs", "1", "range", "2.048")
		s, err := ads1115Kind.open(t.Context(), slot)
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "48 W 01 55 87", "48 W 01 R D5 87",
			"48 W 01 D5 87", "48 W 01 R D5 87", "48 W 00 R 4B 00", "48 W 00 R 4B 00", "48 W 01 R D5 87")
		log := b.Log()
		if took := log[3].Time.Sub(log[2].Time); took < 8594*time.Microsecond || took > 9*time.Millisecond {
			t.Errorf("a conversion of 128 a second is looked at after %v", took)
		}
	})
}

// Auto takes the smallest range with room: at once, when a voltage rises, and
// without a second conversion when it does not change.
func TestADS1115Auto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewADS1115()
		slot, b := adsOn(ads1115Kind, chip, "inputs", "0")
		s, err := ads1115Kind.open(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			volts float64
			gain  int
			count int // of conversions
		}{
			{3.3, 1, 2}, {3.3, 1, 1}, {3.9, 1, 1}, {0.1, 5, 2}, {0.1, 5, 1}, {0.24, 5, 1}, {0.255, 5, 1}, {0.26, 4, 2},
			{5.2, 0, 5}, {5.2, 0, 1}, {4.0, 0, 1}, {3.6, 1, 2}, {-0.2, 5, 2}, {0, 5, 1}, {-0.3, 4, 2},
		} {
			chip.Inputs[0] = tt.volts
			b.Reset()
			out := []float64{untouched}
			err := s.Measure(t.Context(), out)
			in := s.(*ads).inputs[0]
			if step := ads1115Kind.step(ads1115Ranges[tt.gain]); err != nil || math.Abs(out[0]-tt.volts) > step/2+1e-12 {
				t.Errorf("%v V: measured %v, %v", tt.volts, out, err)
			}
			if in.gain != tt.gain || b.Count() != 5*tt.count {
				t.Errorf("%v V: in range %v V after %d transactions, want %v V, %d", tt.volts,
					ads1115Ranges[in.gain], b.Count(), ads1115Ranges[tt.gain], 5*tt.count)
			}
		}
	})
}

// At the end of a range that is set there is no reading, and the error says
// what to do.
func TestADS1115Saturation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, k := range []adsKind{ads1115Kind, ads1015Kind} {
			chip := bustest.NewADS1115()
			if k.bits == 12 {
				chip = bustest.NewADS1015()
			}
			slot, _ := adsOn(k, chip, "inputs", "0,1", "range", "2.048")
			s, err := k.open(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range []float64{2.5, 2.048, -3} {
				chip.Inputs[1], chip.Inputs[0] = v, 1
				out := []float64{untouched, untouched}
				err := s.Measure(t.Context(), out)
				if err == nil || !strings.Contains(err.Error(), "input 1: register 0x00") || !strings.Contains(err.Error(), "beyond ±2.048 V; choose a greater range") ||
					out[0] != untouched {
					t.Errorf("%s, %v V: %v, %v", k.name, v, out, err)
				}
			}
			chip.Inputs[1] = 2.04
			if err := s.Measure(t.Context(), make([]float64, 2)); err != nil {
				t.Errorf("%s: %v", k.name, err)
			}
		}
	})
}

// Another program left it converting by itself, as slowly as it can.
func TestADS1115Continuous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewADS1115()
		slot, b := adsOn(ads1115Kind, chip, "inputs", "0")
		if err := slot.WriteWord(ads1115Config, 0x0403); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s, err := ads1115Kind.open(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{untouched}
		if err := s.Measure(t.Context(), out); err != nil || math.Abs(out[0]-3.3) > 1e-4 {
			t.Errorf("measured %v, %v", out, err)
		}

		chip.Slow = -1
		if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), "still busy after") {
			t.Errorf("never ready: %v", err)
		}
		chip.Slow = 1
		b.Reset()
		b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
			if tx.N == 1 {
				chip.PowerOn()
			}
			return false
		}})
		if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), lostSettings) {
			t.Errorf("power lost: %v", err)
		}
	})
}

func TestADS1115Options(t *testing.T) {
	for _, tt := range []struct{ inputs, rng, channels, says string }{
		{"0,1,2,3", "auto", "voltage_0 -0.3 5.8 6 voltage_1 -0.3 5.8 6 voltage_2 -0.3 5.8 6 voltage_3 -0.3 5.8 6", ""},
		{"3", "0.256", "voltage_3 -0.256 0.256 6", ""},
		{"0-1,2-3", "2.048", "voltage_0_1 -2.048 2.048 5 voltage_2_3 -2.048 2.048 5", ""},
		{" 1 , 0-3 ", "6.144", "voltage_1 -0.3 5.8 4 voltage_0_3 -5.8 5.8 4", ""},
		{"4", "auto", "", `option inputs: "4" is no input`},
		{"1-0", "auto", "", `option inputs: "1-0" is no input`},
		{"", "auto", "", `option inputs: "" is no input`},
		{"0,1,0", "auto", "", "option inputs: 0 is there twice"},
	} {
		s, o := &ads{kind: ads1115Kind, rng: tt.rng}, options{"inputs": tt.inputs, "range": tt.rng, "rate": "128"}
		err := s.choose(o)
		if checked := ads1115Kind.check(o); fmt.Sprint(checked) != fmt.Sprint(err) {
			t.Errorf("inputs %q: checked %v, opened %v", tt.inputs, checked, err)
		}
		if tt.says != "" {
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("inputs %q: %v, want %q", tt.inputs, err, tt.says)
			}
			continue
		}
		var all []string
		for _, c := range s.Channels() {
			all = append(all, fmt.Sprint(c.Quantity, " ", c.Min, " ", c.Max, " ", c.Decimals))
			if _, known := c.Quantity.Info(); !known {
				t.Errorf("nothing is known of %s", c.Quantity)
			}
		}
		if got := strings.Join(all, " "); err != nil || got != tt.channels {
			t.Errorf("inputs %q: %s, %v; want %s", tt.inputs, got, err, tt.channels)
		}
	}
}

// Chips at the same addresses.
func TestADS1115RefusesOtherChips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, chip := range map[string]bustest.Chip{
			"lm75": bustest.NewLM75(), "tmp102": bustest.NewTMP102(), "tmp117": bustest.NewTMP117(), "ina226": bustest.NewINA226(),
		} {
			slot, _ := adsOn(ads1115Kind, chip)
			if _, err := ads1115Kind.open(t.Context(), slot); err == nil {
				t.Errorf("takes %s", name)
			}
			if f, err := probeADS1115(t.Context(), slot); err == nil {
				t.Errorf("%s is taken for %+v", name, f)
			}
		}
	})
}

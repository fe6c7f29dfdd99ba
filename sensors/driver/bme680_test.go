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

func TestBME680(t *testing.T) {
	for name, c := range map[string]i2cTest{
		"BME680": {
			chip: func() bustest.Chip { return bustest.NewBME680() },
			want: []float64{26.6931, 42.4097, 987.1693, 232709.3276}, // pimoroni's bme680-python; gas by the formula
		},
		"BME688": {
			chip: func() bustest.Chip { return bustest.NewBME688() },
			want: []float64{26.6931, 42.4097, 987.1693, 1878899.0826},
		},
		"without gas": {
			chip:    func() bustest.Chip { return bustest.NewBME680() },
			want:    []float64{26.6931, 42.4097, 987.1693},
			options: map[string]string{"heater_temperature": "0"},
		},
	} {
		c.driver = "bme680"
		c.polled = bustest.Wrote(bme680Status)
		t.Run(name, c.test)
	}
}

const (
	// Temperature, pressure and humidity from pimoroni's tests; the heater's is
	// made up.
	bme680Pimoroni = "65670300 418F EDD6 58 00 8E1C 7FFF 2E 1E 0000 97F3 B5F6 1E" + "40 54 2A 00 2D 14 78 9C B965 AFE8 E2 12" + "2E AA 10 16 E0"
	bme680TPH      = "564CD0 7A5F80 4A4B"
)

// Calibration of 42 bytes, the variant, 0x1F to 0x2D → °C, %, Pa, Ω.
var _ = vectors("bme680", 5e-3, decodeBME680,
	vector{in: bme680Pimoroni + "00" + bme680TPH + "000000 9635 0000", want: []float64{26.6931, 42.410, 98716.93, 232709.33}, source: "pimoroni bme680-python tests, in double precision; gas: formula, datasheet section 3.4.1"},
	vector{in: bme680Pimoroni + "00" + bme680TPH + "000000 9635 0000", want: []float64{26.69, 42.402, 98712, 232709}, within: 5, source: "pimoroni bme680-python tests, in integers"},
	vector{in: bme680Pimoroni + "01" + bme680TPH + "000000 0000 9635", want: []float64{26.6931, 42.410, 98716.93, 1878899.08}, source: "formula, BME688 datasheet section 3.4.1"},
	vector{in: bme680Pimoroni + "01" + bme680TPH + "000000 0000 0030", want: []float64{26.6931, 42.410, 98716.93, 102400000}, source: "pimoroni bme680-python tests, gas(0, 0), high variant"},
	vector{in: bme680PimoroniNoError + "00" + bme680TPH + "000000 0030 0000", want: []float64{26.6931, 42.410, 98716.93, 12946860}, within: 0.5, source: "pimoroni bme680-python tests, gas(0, 0), low variant"},
	vector{in: bme680Pimoroni + "00" + bme680TPH + "000000 9625 0000", source: "pimoroni bme680-python constants.py, heat_stab_r"},
	vector{in: bme680Pimoroni + "00" + bme680TPH + "000000 9615 0000", source: "pimoroni bme680-python constants.py, gas_valid_r"},
	vector{in: bme680Pimoroni + "01" + bme680TPH + "000000 9635 0000", source: "formula, gas of the other variant"},
)

var bme680PimoroniNoError = strings.TrimSuffix(bme680Pimoroni, "E0") + "00" // range_switching_error 0

func decodeBME680(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 42+1+15 {
		return nil, fmt.Errorf("%q has not the registers", in)
	}
	s := &bme680{high: b[42]&1 != 0, heater: 320, calib: parseBME680Calibration([23]byte(b), [14]byte(b[23:]), [5]byte(b[37:]))}
	raw := parseBME680Raw([15]byte(b[43:]), s.high)
	gas, err := s.gas(raw)
	if err != nil {
		return nil, err
	}
	t, h, p := s.calib.compensate(raw)
	return []float64{t, h, p, gas}, nil
}

// t_fine of pimoroni's tests, in integers, and the signs of the calibration.
func TestBME680Calibration(t *testing.T) {
	b := unhex(t, bme680Pimoroni)
	c := parseBME680Calibration([23]byte(b), [14]byte(b[23:]), [5]byte(b[37:]))
	want := bme680Calibration{
		t1: 26041, t2: 26469, t3: 3,
		p1: 36673, p2: -10515, p3: 88, p4: 7310, p5: -129, p6: 30, p7: 46, p8: -3177, p9: -2379, p10: 30,
		h1: 676, h2: 1029, h: [6]int8{3: 0, 45, 20}, h6: 120, h7: -100,
		g1: -30, g2: -5969, g3: 18,
		resHeatRange: 1, resHeatVal: 46, rangeSwErr: -2,
	}
	if c != want {
		t.Errorf("calibration is\n%+v, want\n%+v", c, want)
	}
	if _, fine := c.temperature(501240); math.Abs(fine-136667) > 3 {
		t.Errorf("t_fine is %v, want 136667", fine)
	}
}

// The datasheet has the formulas twice; these are the results of the one in
// integers, which rounds down in several places.
func TestBME680Heater(t *testing.T) {
	b := unhex(t, bme680Pimoroni)
	c := parseBME680Calibration([23]byte(b), [14]byte(b[23:]), [5]byte(b[37:]))
	for target, want := range map[float64]byte{200: 85, 320: 117, 400: 138} {
		if got := c.heater(target, 25); got < want || got > want+1 {
			t.Errorf("res_heat of %v °C is %d, want %d", target, got, want)
		}
	}
	for _, wild := range []bme680Calibration{{g1: 127, g2: 32767, resHeatVal: -128}, {g1: -128, g2: -32768, g3: -128, resHeatRange: 3}} {
		wild.heater(400, -40) // nothing but not to overflow
	}
}

// ESP and BSEC examples use 150 ms: 0x65. The others are by the definition.
func TestBME680Wait(t *testing.T) {
	for d, want := range map[time.Duration]byte{
		time.Millisecond: 0x01, 63 * time.Millisecond: 0x3F, 64 * time.Millisecond: 0x50, 100 * time.Millisecond: 0x59,
		150 * time.Millisecond: 0x65, 252 * time.Millisecond: 0x7F, time.Second: 0xBE, 4032 * time.Millisecond: 0xFF,
	} {
		if got := bme680Wait(d); got != want {
			t.Errorf("gas_wait of %v is 0x%02X, want 0x%02X", d, got, want)
		}
	}
}

// bme680On returns a slot with chip and the default options, and its bus.
func bme680On(chip bustest.Chip) (*bus.Slot, *bustest.Bus) {
	b := bustest.New(map[uint16]bustest.Chip{0x76: chip})
	return &bus.Slot{I2C: b, Addr: 0x76, Options: map[string]string{"heater_temperature": "320", "heater_duration": "150ms"}}, b
}

// What is on the wire, and when. The second measurement heats for air of the
// temperature of the first.
func TestBME680Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewBME688()
		chip.Next[3] = 0x60 // colder
		slot, b := bme680On(chip)
		s, err := openBME680(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		log := b.Log()
		for i, want := range []string{"76 W 72 01", "76 W 64 65", "76 W 71 20"} {
			if tx := log[len(log)-3+i]; !strings.HasSuffix(tx.String(), want) {
				t.Errorf("%v, want %s", tx, want)
			}
		}
		b.Reset()
		for range 2 {
			if err := s.Measure(t.Context(), make([]float64, 4)); err != nil {
				t.Fatal(err)
			}
		}
		log = b.Log()
		const data = "76 W 1F R 56 4C D0 60 5F 80 4A 4B 00 00 00 00 00 96 35"
		wantLog(t, log[:5], "76 W 5A 76", "76 W 74 55", "76 W 1D R 80", data, data)
		if took := log[2].Time.Sub(log[1].Time); took != 195*time.Millisecond {
			t.Errorf("it is looked at after %v", took)
		}
		if log[5].String() == "5: 76 W 5A 76" {
			t.Error("it heats cold air as it does warm air")
		}
	})
}

// The temperature of the air is known even if the gas was not measured: it is
// what the heater needs to do better.
func TestBME680HeatsBetterAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewBME680()
		chip.Next[3], chip.HeatUp = 0x60, -1 // cold, and never stable
		slot, b := bme680On(chip)
		s, err := openBME680(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		var heats []string
		for range 2 {
			b.Reset()
			if err := s.Measure(t.Context(), make([]float64, 4)); err == nil {
				t.Fatal("measured with a cold heater")
			}
			heats = append(heats, b.Log()[0].String())
		}
		if heats[0] == heats[1] {
			t.Errorf("it heats alike: %q", heats)
		}
	})
}

func TestBME680Models(t *testing.T) {
	d, _ := Lookup("bme688")
	for _, tt := range []struct {
		id, variant byte
		model, says string
	}{
		{id: 0x61, variant: 0, model: "BME680"},
		{id: 0x61, variant: 1, model: "BME688"},
		{id: 0x61, variant: 2, says: "BME690"},
		{id: 0x61, variant: 0xFF, says: "0xF0"},
		{id: 0x60, says: "this is a BME280; its driver is bme280"},
	} {
		chip := bustest.NewBME680()
		chip.Mem[0xD0], chip.Mem[0xF0] = tt.id, tt.variant
		slot, _ := bme680On(chip)
		found, err := d.Probe(t.Context(), slot)
		if found.Model != tt.model || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %+v, %v", tt, found, err)
		}
	}
}

// A heater that is on is at 200 °C at least: a configuration with less is
// refused, before any chip is asked.
func TestBME680Check(t *testing.T) {
	d, _ := Lookup("bme680")
	for text, ok := range map[string]bool{"0": true, "1": false, "199": false, "200": true, "400": true} {
		err := d.Check(d.WithDefaults(map[string]string{"heater_temperature": text}))
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "heater_temperature") {
			t.Errorf("heater_temperature %s: %v", text, err)
		}
	}
}

func TestBME680Broken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bustest.BME680, map[string]string)
		says  string
	}{
		{"never ends", func(c *bustest.BME680, _ map[string]string) { c.Sample = -1 }, "still busy after"},
		{"cold", func(c *bustest.BME680, _ map[string]string) { c.HeatUp = -1 }, "did not reach 320 °C in 150ms"},
		{"too short", func(_ *bustest.BME680, o map[string]string) { o["heater_duration"] = "10ms" }, "heater_duration"},
		{"no divisor", func(c *bustest.BME680, _ map[string]string) { c.Mem[0x8E], c.Mem[0x8F] = 0, 0 }, "calibration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewBME680()
				slot, _ := bme680On(chip)
				tt.spoil(chip, slot.Options)
				out := []float64{untouched, untouched, untouched, untouched}
				s, err := openBME680(t.Context(), slot)
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

// A chip that loses its power between two measurements is found out, whatever
// it is asked for, and opening it again helps.
func TestBME680PowerLoss(t *testing.T) {
	for _, heater := range []string{"320", "0"} {
		synctest.Test(t, func(t *testing.T) {
			chip := bustest.NewBME680()
			slot, _ := bme680On(chip)
			slot.Options["heater_temperature"] = heater
			s, err := openBME680(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			chip.PowerOn()
			if err := s.Measure(t.Context(), make([]float64, 4)); err == nil {
				t.Errorf("heater at %s °C: measured after a power loss", heater)
			}
			if s, err = openBME680(t.Context(), slot); err == nil {
				err = s.Measure(t.Context(), make([]float64, 4))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Whatever a chip says, nothing panics, humidity is a percentage and gas
// within its channel.
func FuzzBME680Compensate(f *testing.F) {
	f.Add(unhex(f, bme680Pimoroni+"00"+bme680TPH+"000000 9635 0000"))
	f.Add(unhex(f, bme680Pimoroni+"01"+bme680TPH+"000000 0000 FFFF"))
	f.Add(unhex(f, bme680Pimoroni+"00"+bme680TPH+"000000 FFFF 0000"))
	gas := bme680Channels[3]
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeBME680(fmt.Sprintf("%X", b))
		if err == nil && (math.IsNaN(got[0]) || !(got[1] >= 0 && got[1] <= 100) || got[3] < gas.Min || got[3] > gas.Max) {
			t.Errorf("% X: %v", b, got)
		}
	})
}

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

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestMAX31865(t *testing.T) {
	for name, o := range map[string]map[string]string{
		"pt100":  nil,
		"pt1000": {"rtd": "pt1000", "wires": "3", "mains": "60"},
		"other":  {"reference_resistor": "430.0", "wires": "2"},
	} {
		t.Run(name, spiTest{
			driver: "max31865",
			chip:   func() func(w, r []byte) error { return bustest.NewMAX31865().Transfer },
			want:   []float64{20.5619}, // 108.0118 Ω
			hz:     5 * physic.MegaHertz, modes: []spi.Mode{spi.Mode1, spi.Mode3},
			options: o,
		}.test)
	}
}

// Resistance in Ω of a Pt100 → °C.
var _ = vectors("max31865", 1e-4, func(in string) ([]float64, error) {
	var r float64
	if _, err := fmt.Sscanf(in, "%g Ω", &r); err != nil {
		return nil, err
	}
	t, err := platinum(r / 100)
	return []float64{t}, err
},
	vector{in: "18.52008 Ω", want: []float64{-200}, source: "oddlama/embedded-devices callendar_van_dusen.rs"},
	vector{in: "100 Ω", want: []float64{0}, source: "oddlama/embedded-devices callendar_van_dusen.rs"},
	vector{in: "138.5055 Ω", want: []float64{100}, source: "oddlama/embedded-devices callendar_van_dusen.rs"},
	vector{in: "265.3526 Ω", want: []float64{453.465}, within: 2e-4, source: "oddlama/embedded-devices callendar_van_dusen.rs"},
	vector{in: "398.6939 Ω", want: []float64{878.22}, within: 2e-4, source: "oddlama/embedded-devices callendar_van_dusen.rs"},
	vector{in: "39.72 Ω", want: []float64{-150}, within: 0.015, source: "formula, IEC 60751; its table from memory"},
	vector{in: "60.26 Ω", want: []float64{-100}, within: 0.015, source: "formula, IEC 60751; its table from memory"},
	vector{in: "80.31 Ω", want: []float64{-50}, within: 0.015, source: "formula, IEC 60751; its table from memory"},
	vector{in: "175.86 Ω", want: []float64{200}, within: 0.015, source: "formula, IEC 60751; its table from memory"},
	vector{in: "313.71 Ω", want: []float64{600}, within: 0.015, source: "formula, IEC 60751; its table from memory"},
	vector{in: "390.48 Ω", want: []float64{850}, within: 0.015, source: "formula, IEC 60751; its table from memory"},
	vector{in: "401 Ω", source: "more than platinum survives"},
)

// RTD and fault status → °C of a Pt100 beside 430 Ω.
var _ = vectors("max31865", 1e-3, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 3 {
		return nil, fmt.Errorf("%q is not three bytes", in)
	}
	t, err := newMAX31865(options{}).temperature([8]byte{1: b[0], 2: b[1], 7: b[2]})
	return []float64{t}, err
},
	vector{in: "404E 00", want: []float64{20.5619}, source: "formula, datasheet page 19"},
	vector{in: "3B88 00", want: []float64{-0.0156}, source: "formula, datasheet page 19"},
	vector{in: "0B06 00", want: []float64{-200.0096}, source: "formula, datasheet page 19"},
	vector{in: "BB80 00", want: []float64{603.8387}, source: "formula, datasheet page 19"},
	vector{in: "404F 00", source: "datasheet table 4, fault bit"},
	vector{in: "404F 04", source: "datasheet table 12, a voltage beyond the supply"},
	vector{in: "FFFF A0", source: "datasheet table 12, not connected"},
	vector{in: "FFFE 00", source: "datasheet table 5, full scale"},
	vector{in: "0000 00", source: "datasheet table 5, nothing"},
)

// The inverse of the equation, for every degree.
func TestPlatinum(t *testing.T) {
	for want := -240.0; want <= 880; want++ {
		ratio := 1 + 3.9083e-3*want - 5.775e-7*want*want
		if want < 0 {
			ratio += -4.183e-12 * (want - 100) * want * want * want
		}
		if got, err := platinum(ratio); err != nil || math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: %v, %v; want %v °C", ratio, got, err, want)
		}
	}
}

// max31865On returns a slot with chip and the default options.
func max31865On(chip *bustest.MAX31865) (*bus.Slot, *bustest.SPI) {
	s := bustest.NewSPI(chip.Transfer)
	return &bus.Slot{OpenSPI: s.Open, Options: map[string]string{"rtd": "pt100", "wires": "4", "mains": "50"}}, s
}

// What is on the wire, and when. The current flows only during a measurement.
func TestMAX31865Transfers(t *testing.T) {
	for _, tt := range []struct {
		wires, mains string
		config       byte
	}{{"4", "50", 0x01}, {"2", "60", 0x00}, {"3", "50", 0x11}, {"3", "60", 0x10}} {
		synctest.Test(t, func(t *testing.T) {
			slot, fake := max31865On(bustest.NewMAX31865())
			slot.Options["wires"], slot.Options["mains"] = tt.wires, tt.mains
			s, err := openMAX31865(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			fake.Reset()
			if err := s.Measure(t.Context(), make([]float64, 1)); err != nil {
				t.Fatal(err)
			}
			read := fmt.Sprintf("W 00 00 00 00 00 00 00 00 00 R 00 %02X 40 4E FF FF 00 00 00", 0x80|tt.config)
			want := []string{
				fmt.Sprintf("W 80 %02X R 00 00", 0x82|tt.config), fmt.Sprintf("W 80 %02X R 00 00", 0x84|tt.config),
				fmt.Sprintf("W 80 %02X R 00 00", 0xA0|tt.config), read, read, fmt.Sprintf("W 80 %02X R 00 00", tt.config),
			}
			log := fake.Log()
			for i := range max(len(log), len(want)) {
				if i >= len(log) || i >= len(want) || log[i].String() != fmt.Sprintf("%d: %s", i, want[i]) {
					t.Fatalf("transfers are\n%v, want\n%q", log, want)
				}
			}
			if on := log[5].Time.Sub(log[0].Time); on > 100*time.Millisecond {
				t.Errorf("the current flows for %v", on)
			}
		})
	}
}

// What is wrong is said, and the current does not go on flowing.
func TestMAX31865Faults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bustest.MAX31865)
		says  string
	}{
		{"open", func(c *bustest.MAX31865) { c.Code, c.Faults = 0x7FFF, 0x20 }, "the thermometer is not connected, or broken; REFIN- is too high"},
		{"shorted", func(c *bustest.MAX31865) { c.Code = 0 }, "the thermometer is shorted"},
		{"to ground", func(c *bustest.MAX31865) { c.Faults = 0x18 }, "REFIN- is too low: a wire touches ground; RTDIN- is too low"},
		{"voltage", func(c *bustest.MAX31865) { c.Faults = 0x04 }, "0x07 (fault status) is 0x04: a wire has a voltage"},
		{"never ends", func(c *bustest.MAX31865) { c.Convert = -1 }, "register 0x00 (configuration) is 0xA1 in place of 0x81"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewMAX31865()
				slot, _ := max31865On(chip)
				s, err := openMAX31865(t.Context(), slot)
				if err != nil {
					t.Fatal(err)
				}
				tt.spoil(chip)
				out := []float64{untouched}
				if err := s.Measure(t.Context(), out); err == nil || out[0] != untouched || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("measured %v, %v", out, err)
				}
				if chip.Mem[0]&0x80 != 0 {
					t.Error("the current still flows")
				}
			})
		})
	}
}

// A fault that is over is not reported again, and neither is a loss of power
// taken for a temperature.
func TestMAX31865Recovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewMAX31865()
		slot, _ := max31865On(chip)
		s, err := openMAX31865(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 1)
		chip.Faults = 0x04
		if s.Measure(t.Context(), out) == nil {
			t.Error("a fault is not noticed")
		}
		chip.Faults = 0
		if err := s.Measure(t.Context(), out); err != nil {
			t.Error(err)
		}
		ctx := bus.WithYield(t.Context(), func(d time.Duration) bool {
			if d == max31865Convert {
				chip.PowerOn()
			}
			time.Sleep(d)
			return true
		})
		if err := s.Measure(ctx, out); err == nil || !strings.Contains(err.Error(), "lost its power") {
			t.Errorf("with a loss of power: %v, %v", out, err)
		}
	})
}

// A board with another reference resistor than the options say.
func TestMAX31865WrongResistor(t *testing.T) {
	s := newMAX31865(options{"rtd": "pt100", "reference_resistor": "4300"})
	if got, err := s.temperature([8]byte{1: 0x40, 2: 0x4E}); err == nil || !strings.Contains(err.Error(), "reference_resistor") {
		t.Errorf("1080 Ω of a pt100 are %v, %v", got, err)
	}
}

// Whatever is in the registers, the temperature is a number or refused.
func FuzzMAX31865(f *testing.F) {
	f.Add(uint16(0x404E), byte(0), 430.0, true)
	f.Add(uint16(0x0002), byte(0), 100.0, false)
	f.Fuzz(func(t *testing.T, rtd uint16, status byte, ref float64, pt1000 bool) {
		if !(ref >= 100 && ref <= 10000) {
			return
		}
		o := options{"reference_resistor": fmt.Sprint(ref)}
		if pt1000 {
			o["rtd"] = "pt1000"
		}
		got, err := newMAX31865(o).temperature([8]byte{1: byte(rtd >> 8), 2: byte(rtd), 7: status})
		if err == nil && !(got > -243 && got < 884) {
			t.Errorf("0x%04X, 0x%02X, %v Ω: %v", rtd, status, ref, got)
		}
	})
}

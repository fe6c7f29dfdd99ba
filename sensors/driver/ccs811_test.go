package driver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestCCS811(t *testing.T) {
	i2cTest{
		driver:   "ccs811",
		chip:     func() bustest.Chip { return bustest.NewCCS811() },
		want:     []float64{412, 86}, // gobot ccs811_driver_test.go
		patience: 3 * time.Second,
		polled: func(tx bustest.Tx) bool {
			return bustest.Wrote(ccs811Status)(tx) || bustest.Wrote(ccs811MeasMode)(tx)
		},
	}.test(t)
}

// ALG_RESULT_DATA → ppm, ppb.
var _ = vectors("ccs811", 0, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 4 {
		return nil, fmt.Errorf("%q is no result", in)
	}
	eco2, tvoc := parseCCS811([4]byte(b))
	return []float64{eco2, tvoc}, nil
},
	vector{in: "019C 0056", want: []float64{412, 86}, source: "gobot ccs811_driver_test.go"},
	vector{in: "FFFF FFFF", want: []float64{65535, 65535}, source: "gobot ccs811_driver_test.go"},
)

// ENV_DATA → %, °C: of the airs tried, that which is sent so. The NTC of the
// same sources is left out: register 0x06 is gone from newer datasheets.
var _ = vectors("ccs811", 0, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	for _, a := range []Ambient{{25, 48.5, 0}, {23.5, 50, 0}, {-25, 0, 0}, {100, 100, 0}} {
		if string(b) == string(append([]byte{ccs811EnvData}, ccs811Around(a)...)) {
			return []float64{a.Humidity, a.Temperature}, nil
		}
	}
	return nil, errors.New("none of the airs tried")
},
	vector{in: "05 6100 6400", want: []float64{48.5, 25}, source: "periph.io ccs811_test.go"},
	vector{in: "05 6400 6100", want: []float64{50, 23.5}, source: "periph.io ccs811_test.go"},
	vector{in: "05 0000 0000", want: []float64{0, -25}, source: "formula, datasheet ENV_DATA"},
	vector{in: "05 C800 FA00", want: []float64{100, 100}, source: "formula, datasheet ENV_DATA"},
)

func ccs811On(chip *bustest.CCS811, state *bustest.State) (*bus.Slot, *bustest.Bus) {
	b := bustest.New(map[uint16]bustest.Chip{0x5A: chip})
	return &bus.Slot{I2C: b, Addr: 0x5A, State: state, Options: map[string]string{"period": "1s"}}, b
}

func TestCCS811Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewCCS811()
		slot, b := ccs811On(chip, new(bustest.State))
		s, err := openCCS811(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{untouched, untouched}
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) || out[0] != untouched {
			t.Errorf("at once: %v, %v", out, err)
		}
		s.(Compensated).Compensate(Ambient{Temperature: 23.5, Humidity: math.NaN()})
		time.Sleep(time.Second)
		if err := s.Measure(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(),
			"5A W 20 R 81", "5A W 00 R 10", "5A W FF 11 E5 72 8A", "5A W F4", "5A W 00 R 90",
			"5A W 01 10", "5A W 00 R 90", "5A W 01 R 10",
			"5A W 05 64 00 64 00", "5A W 00 R 90",
			"5A W 05 64 00 61 00", "5A W 00 R 98", "5A W 02 R 01 9C 00 56 98 00", "5A W 02 R 01 9C 00 56")
	})
}

// A baseline is saved after a day and every hour, given back 20 minutes after
// a power cut, and left alone if the chip went on measuring.
func TestCCS811Baseline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip, state := bustest.NewCCS811(), new(bustest.State)
		slot, _ := ccs811On(chip, state)
		open := func() Sensor {
			t.Helper()
			s, err := openCCS811(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		measure := func(s Sensor, d time.Duration) {
			t.Helper()
			for range d / time.Minute {
				time.Sleep(time.Minute)
				if err := s.Measure(t.Context(), make([]float64, 2)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := open()
		chip.Baseline = 0x1234
		measure(s, 23*time.Hour)
		if state.Saves != 0 {
			t.Errorf("saved %s too early", state.Saved)
		}
		measure(s, 3*time.Hour)
		if state.Saves != 3 || state.Saved != `{"baseline":4660}` {
			t.Errorf("saved %d times, %s", state.Saves, state.Saved)
		}
		chip.Baseline = 0x1235
		if s = open(); chip.Resets != 1 {
			t.Errorf("%d resets: opening it again has forgotten its baseline", chip.Resets)
		}
		measure(s, time.Hour)
		if chip.Baseline != 0x1235 {
			t.Errorf("baseline 0x%04X of a chip that went on measuring", chip.Baseline)
		}
		chip.PowerOn()
		s = open()
		measure(s, 19*time.Minute)
		if chip.Baseline == 0x1234 {
			t.Error("the baseline is given back before the chip is conditioned")
		}
		measure(s, 2*time.Minute)
		if chip.Baseline != 0x1234 {
			t.Errorf("baseline 0x%04X, want 0x1234", chip.Baseline)
		}
		chip.Baseline = 0x1236
		if measure(s, 70*time.Minute); state.Saved != `{"baseline":4662}` {
			t.Errorf("saved %s, want 0x1236", state.Saved)
		}
	})
}

// What the chip complains of is said in words, and opening it again helps if
// anything does.
func TestCCS811Failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewCCS811()
		slot, _ := ccs811On(chip, new(bustest.State))
		for id, says := range map[byte]string{
			0x01: "written that cannot be",
			0x08: "resistance is at its maximum",
			0x30: "heater's current is out of range; replace the chip, the heater's voltage is wrong",
		} {
			s, err := openCCS811(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			chip.Failure = id
			out := []float64{untouched, untouched}
			if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), says) || out[0] != untouched {
				t.Errorf("%v, %v, want it to say %q", out, err, says)
			}
		}
		s, err := openCCS811(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		chip.PowerOn()
		if err := s.Measure(t.Context(), make([]float64, 2)); err == nil || errors.Is(err, ErrNothingNew) {
			t.Errorf("after a power loss: %v", err)
		}
		chip.NoFirmware = true
		if _, err := openCCS811(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "firmware does not run") {
			t.Errorf("without firmware: %v", err)
		}
		chip.HwID = 0x00
		if _, err := openCCS811(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "WAKE is low") {
			t.Errorf("with WAKE high: %v", err)
		}
	})
}

// What is at its address and shows 0x81 by chance has another version.
func TestCCS811ProbesTheVersion(t *testing.T) {
	chip := &bustest.Registers{}
	chip.Mem[0x20] = 0x81
	b := bustest.New(map[uint16]bustest.Chip{0x5A: chip})
	slot := &bus.Slot{I2C: b, Addr: 0x5A}
	if found, err := probeCCS811(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "0x21 (HW_VERSION) is 0x00") {
		t.Errorf("%+v, %v", found, err)
	}
	chip.Mem[0x21] = 0x12
	if found, err := probeCCS811(t.Context(), slot); err != nil || !found.Certain {
		t.Errorf("%+v, %v", found, err)
	}
}

package driver

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestSHT4x(t *testing.T) {
	i2cTest{
		driver: "sht4x",
		chip:   func() bustest.Chip { return bustest.NewSHT4x() },
		want:   []float64{25.379, 31.406}, // periph.io sht4x_test.go, a recording
	}.test(t)
}

// What is on the wire, and when.
func TestSHT4xTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSHT4x()
		b := bustest.New(map[uint16]bustest.Chip{0x45: chip})
		s, err := openSHT4x(t.Context(), &bus.Slot{I2C: b, Addr: 0x45})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Measure(t.Context(), make([]float64, 2)); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"0: 45 W 94",
			"1: 45 W 89", "2: 45 R 12 34 37 56 78 7D",
			"3: 45 W FD", "4: 45 R 66 F4 C8 4C 9B 6F",
		}
		log := b.Log()
		if len(log) != len(want) {
			t.Fatalf("%d transactions: %v", len(log), log)
		}
		for i, tx := range log {
			if tx.String() != want[i] {
				t.Errorf("%v, want %s", tx, want[i])
			}
		}
		if took := log[4].Time.Sub(log[3].Time); took != sht4xTime {
			t.Errorf("a measurement is read after %v, want %v", took, sht4xTime)
		}
		if chip.Heater != 0 || chip.Resets != 1 {
			t.Errorf("heater on %d times, %d resets; want 0 and 1", chip.Heater, chip.Resets)
		}
	})
}

var _ = vectors("sht4x", 1e-3, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	words, err := parseSensirionWords(b)
	if err != nil {
		return nil, err
	}
	return []float64{sht4xTemperature(words[0]), sht4xHumidity(words[1])}, nil
},
	vector{in: "66F4C8 4C9B6F", want: []float64{25.379, 31.406}, source: "periph.io sht4x_test.go, a recording"},
	vector{in: "8000A2 8000A2", want: []float64{42.5013, 56.5010}, source: "datasheet section 4.6"}, // the middle
	vector{in: "000081 000081", want: []float64{-45, 0}, source: "datasheet section 4.6"},           // -6 % is cropped
	vector{in: "FFFFAC FFFFAC", want: []float64{130, 100}, source: "datasheet section 4.6"},         // 119 % is cropped
	vector{in: "BEEF92 000081", want: []float64{85.523, 0}, source: "datasheet section 4.4"},        // the CRC's example
	vector{in: "66F4C9 4C9B6F", source: "datasheet section 4.4"},                                    // a wrong CRC
	vector{in: "8000A2 0C4A" + crcHex(0x0C4A), want: []float64{42.5013, 0.0006}, source: "formula"}, // the first word above 0 %
	vector{in: "8000A2 0C49" + crcHex(0x0C49), want: []float64{42.5013, 0}, source: "formula"},      // the last that is cropped
	vector{in: "8000A2 D916" + crcHex(0xD916), want: []float64{42.5013, 100}, source: "formula"},    // the first that is cropped
)

// A heater that another program left on keeps the chip busy for up to 1.1 s.
// The chip cannot be opened meanwhile, and can afterwards.
func TestSHT4xBusyWithItsHeater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSHT4x()
		b := bustest.New(map[uint16]bustest.Chip{0x44: chip})
		if err := b.Tx(0x44, []byte{0x39}, nil); err != nil {
			t.Fatal(err)
		}
		slot := &bus.Slot{I2C: b, Addr: 0x44}
		if _, err := openSHT4x(t.Context(), slot); !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), "soft reset") {
			t.Errorf("while the heater is on: %v", err)
		}
		time.Sleep(1100 * time.Millisecond)
		if _, err := openSHT4x(t.Context(), slot); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// An SHT3x has the same addresses and longer commands: it must not pass.
func TestSHT4xRefusesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := &bustest.Commands{Width: 2, Handle: func(uint16, []byte) (bustest.Answer, error) {
			return bustest.Answer{Data: []byte{1, 2, 3, 4, 5, 6}}, nil
		}}
		b := bustest.New(map[uint16]bustest.Chip{0x44: other})
		if s, err := openSHT4x(t.Context(), &bus.Slot{I2C: b, Addr: 0x44}); err == nil {
			t.Errorf("opened %v", s)
		}
	})
}

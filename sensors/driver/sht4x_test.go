package driver

import (
	"bytes"
	"errors"
	"math"
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

func TestSHT4xFormulas(t *testing.T) {
	for _, tt := range []struct {
		word   uint16
		t, rh  float64
		source string
	}{
		{0x66F4, 25.379, 44.271, "periph.io sht4x_test.go, the recording's temperature"},
		{0x4C9B, 7.3687, 31.406, "periph.io sht4x_test.go, the recording's humidity"},
		{0x8000, 42.5013, 56.5010, "datasheet section 4.6, the middle"},
		{0x0000, -45, 0, "datasheet section 4.6: -6 % is cropped"},
		{0xFFFF, 130, 100, "datasheet section 4.6: 119 % is cropped"},
		{3146, -36.5993, 0.0006, "the first word above 0 %"},
		{3145, -36.6019, 0, "the last word that is cropped to 0 %"},
		{55574, 103.4008, 100, "the first word that is cropped to 100 %"},
	} {
		if got := sht4xTemperature(tt.word); math.Abs(got-tt.t) > 1e-3 {
			t.Errorf("temperature of 0x%04X = %.4f, want %.4f (%s)", tt.word, got, tt.t, tt.source)
		}
		if got := sht4xHumidity(tt.word); math.Abs(got-tt.rh) > 1e-3 {
			t.Errorf("humidity of 0x%04X = %.4f, want %.4f (%s)", tt.word, got, tt.rh, tt.source)
		}
	}
}

func TestSHT4xWords(t *testing.T) {
	good := [6]byte(unhex(t, "BEEF92 000081"))
	if a, b, err := sht4xWords(good); a != 0xBEEF || b != 0 || err != nil {
		t.Errorf("sht4xWords(% X) = %04X, %04X, %v", good, a, b, err)
	}
	for bit := range 48 {
		frame := good
		frame[bit/8] ^= 1 << (bit % 8)
		if a, b, err := sht4xWords(frame); err == nil || a != 0 || b != 0 {
			t.Errorf("bit %d flipped: sht4xWords(% X) = %04X, %04X, %v", bit, frame, a, b, err)
		}
	}
	swapped := [6]byte(unhex(t, "BEEF81 000092"))
	if _, _, err := sht4xWords(swapped); err == nil || !strings.Contains(err.Error(), "BE EF 81 00 00 92") {
		t.Errorf("CRCs of each other: %v", err)
	}
}

func FuzzSHT4xWords(f *testing.F) {
	f.Add([]byte("\x66\xF4\xC8\x4C\x9B\x6F"))
	f.Add([]byte("\xFF\xFF\xFF\xFF\xFF\xFF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 6 {
			return
		}
		st, srh, err := sht4xWords([6]byte(b))
		if err != nil {
			return
		}
		again := append([]byte{byte(st >> 8), byte(st)}, crc8(b[:2]))
		again = append(again, byte(srh>>8), byte(srh), crc8(b[3:5]))
		if !bytes.Equal(again, b) {
			t.Errorf("% X was taken for % X", b, again)
		}
		if tc := sht4xTemperature(st); tc < -45 || tc > 130 {
			t.Errorf("temperature %v", tc)
		}
		if rh := sht4xHumidity(srh); rh < 0 || rh > 100 {
			t.Errorf("humidity %v", rh)
		}
	})
}

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

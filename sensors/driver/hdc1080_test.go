package driver

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestHDC1080(t *testing.T) {
	i2cTest{
		driver: "hdc1080",
		chip:   func() bustest.Chip { return bustest.NewHDC1080() },
		want:   []float64{26.0040, 50},
		// A result has no checksum, and can be read once only.
		unchecked: func(tx bustest.Tx) bool { return len(tx.W) == 0 },
	}.test(t)
}

var _ = vectors("hdc1080", 1e-3, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	return []float64{hdc1080Celsius(uint16(b[0])<<8 | uint16(b[1])), hdc1080Percent(uint16(b[2])<<8 | uint16(b[3]))}, nil
},
	vector{in: "6666 8000", want: []float64{25.9995, 50}, source: "formula, HDC1080 datasheet section 8.6"},
	vector{in: "0000 0000", want: []float64{-40, 0}, source: "formula, HDC1080 datasheet section 8.6"},
	vector{in: "8000 4000", want: []float64{42.5, 25}, source: "formula, HDC1080 datasheet section 8.6"},
	vector{in: "FFFC FFFC", want: []float64{124.9899, 99.9939}, source: "formula, HDC1080 datasheet section 8.6"},
)

// What is on the wire, and when.
func TestHDC1080Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewHDC1080()
		chip.Config = 0x3500 // heater on, 11 and 8 bits
		b := bustest.New(map[uint16]bustest.Chip{0x43: chip})
		s, err := openHDC1080(t.Context(), &bus.Slot{I2C: b, Addr: 0x43})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 2))
		}
		if err != nil || chip.Config != 0x1000 {
			t.Fatalf("configuration 0x%04X, %v", chip.Config, err)
		}
		log := b.Log()
		wantLog(t, log, "43 W FE R 54 49", "43 W FF R 10 50", "43 W 02 80 00", "43 W 02 10 00", "43 W 00", "43 R 66 68 80 00")
		if took := log[5].Time.Sub(log[4].Time); took != hdc1080Convert {
			t.Errorf("a measurement is read after %v, want %v", took, hdc1080Convert)
		}
	})
}

// A bus that nobody drives, or that is held low, is no measurement.
func TestHDC1080Undriven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, v := range []byte{0x00, 0xFF} {
			b := bustest.New(map[uint16]bustest.Chip{0x40: bustest.NewHDC1080()})
			s, err := openHDC1080(t.Context(), &bus.Slot{I2C: b, Addr: 0x40})
			if err != nil {
				t.Fatal(err)
			}
			b.Inject(bustest.Fill(nil, v))
			out := []float64{untouched, untouched}
			if err := s.Measure(t.Context(), out); err == nil || out[0] != untouched {
				t.Errorf("all 0x%02X: measured %v, %v", v, out, err)
			}
		}
	})
}

// The last two bits of a word are 0: one word that nobody drives is noticed.
func TestHDC1080Reserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, v := range [][2]uint16{{0x6668, 0xFFFF}, {0xFFFF, 0x8000}, {0x6669, 0x8000}, {0x6668, 0x8002}} {
			chip := bustest.NewHDC1080()
			chip.T, chip.RH = v[0], v[1]
			b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
			s, err := openHDC1080(t.Context(), &bus.Slot{I2C: b, Addr: 0x40})
			if err != nil {
				t.Fatal(err)
			}
			out := []float64{untouched, untouched}
			if err := s.Measure(t.Context(), out); err == nil || out[0] != untouched {
				t.Errorf("%04X: measured %v, %v", v, out, err)
			}
		}
	})
}

// A chip that never ends its measurement leaves the read unanswered.
func TestHDC1080NeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewHDC1080()
		chip.Conversion = -1
		b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
		s, err := openHDC1080(t.Context(), &bus.Slot{I2C: b, Addr: 0x40})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Measure(t.Context(), make([]float64, 2)); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("measured, %v", err)
		}
	})
}

func TestHDC1080Identity(t *testing.T) {
	for device, model := range map[uint16]string{0x1050: "HDC1080", 0x1000: "HDC1000", 0x2260: ""} { // 0x2260 is an INA226
		chip := bustest.NewHDC1080()
		chip.Device = device
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x40: chip}), Addr: 0x40}
		found, err := probeHDC1080(t.Context(), slot)
		if (err == nil) != (model != "") || !strings.Contains(found.Model, model) || err == nil && found.Serial != "012345678900" {
			t.Errorf("device 0x%04X: %+v, %v", device, found, err)
		}
	}
}

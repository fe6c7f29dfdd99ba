package driver

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestHDC302x(t *testing.T) {
	i2cTest{
		driver:  "hdc302x",
		chip:    func() bustest.Chip { return bustest.NewHDC302x() },
		want:    []float64{26.621, 23.246}, // periph.io hdc302x_test.go, a recording
		within:  1e-3,
		command: command16,
	}.test(t)
}

var _ = vectors("hdc302x", 1e-3, func(in string) ([]float64, error) {
	w, err := unhexedWords(in, 2)
	if err != nil {
		return nil, err
	}
	return []float64{hdc302xTemperature(w[0]), hdc302xHumidity(w[1])}, nil
},
	vector{in: "68C551 3B8231", want: []float64{26.621, 23.246}, source: "periph.io hdc302x_test.go, a recording"},
	vector{in: "D41C" + crcHex(0xD41C) + "3FFF06", want: []float64{100, 25}, within: 2e-3, source: "periph.io hdc302x_test.go, limits"},
	vector{in: "000081 000081", want: []float64{-45, 0}, source: "formula, datasheet section 8.3.2"},
	vector{in: "FFFFAC FFFFAC", want: []float64{130, 100}, source: "formula, datasheet section 8.3.2"},
	vector{in: "68C551 3B8230", source: "periph.io hdc302x_test.go, with a wrong CRC"},
)

// The bytes of the offsets. The list from which these are has 1.9532 % for a
// byte of 0x81; that is ten steps, which is 0x8A: left out.
var _ = vectors("hdc302x", 1e-3, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	return []float64{hdc302xOffset(b[0], hdc302xTemperatureStep)}, nil
},
	vector{in: "81", want: []float64{0.1709}, source: "periph.io hdc302x_test.go, offsets"},
	vector{in: "01", want: []float64{-0.1709}, source: "periph.io hdc302x_test.go, offsets"},
	vector{in: "AA", want: []float64{7.178}, source: "periph.io hdc302x_test.go, offsets"},
	vector{in: "00", want: []float64{0}, source: "formula, datasheet section 8.3.8"},
)

// A probe tells of an offset that the chip adds by itself, and of its number.
func TestHDC302xProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewHDC302x()
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x44: chip}), Addr: 0x44}
		found, err := probeHDC302x(t.Context(), slot)
		if err != nil || found.Serial != "12345678abcd" || found.Note != "" {
			t.Errorf("found %+v, %v", found, err)
		}
		chip.Offsets = [3]byte{0x8A, 0x03, crc8([]byte{0x8A, 0x03})}
		found, err = probeHDC302x(t.Context(), slot)
		if err != nil || !strings.Contains(found.Note, "adds -0.51 °C and 1.95 %") {
			t.Errorf("found %+v, %v", found, err)
		}
		if rh := hdc302xOffset(0x81, hdc302xHumidityStep); math.Abs(rh-0.1953) > 1e-4 {
			t.Errorf("one step of humidity is %v %%", rh)
		}
	})
}

// Another program may have left it measuring by itself.
func TestHDC302xAuto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewHDC302x()
		chip.Auto = true
		b := bustest.New(map[uint16]bustest.Chip{0x47: chip})
		s, err := openHDC302x(t.Context(), &bus.Slot{I2C: b, Addr: 0x47})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 2))
		}
		if err != nil || chip.Auto || chip.Resets != 1 {
			t.Fatalf("auto %v, %d resets, %v", chip.Auto, chip.Resets, err)
		}
		log := b.Log()
		wantLog(t, log,
			"47 W 30 93", "47 W 30 A2", "47 W 37 81", "47 R 30 00 33",
			"47 W 24 00", "47 R 68 C5 51 3B 82 31")
		if took := log[5].Time.Sub(log[4].Time); took != hdc302xConvert {
			t.Errorf("a measurement is read after %v, want %v", took, hdc302xConvert)
		}
	})
}

// An SHT3x has the same address and most of the commands: it must not pass.
func TestHDC302xRefusesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT3x()})
		if _, err := openHDC302x(t.Context(), &bus.Slot{I2C: b, Addr: 0x44}); err == nil || !strings.Contains(err.Error(), "0x3781") {
			t.Errorf("opened an SHT3x: %v", err)
		}
	})
}

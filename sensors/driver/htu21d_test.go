package driver

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestHTU21D(t *testing.T) {
	i2cTest{
		driver: "htu21d",
		chip:   func() bustest.Chip { return bustest.NewHTU21D() },
		want:   []float64{18.8091, 40.2799}, // gobot sht2x_driver_test.go
	}.test(t)
}

// decodeHTU21D reads an answer as a temperature and as a humidity.
func decodeHTU21D(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	if len(b) != 3 {
		return nil, errors.New("a value is two bytes and a CRC")
	}
	s, err := parseHTU21D([3]byte(b))
	return []float64{htu21dCelsius(s), htu21dPercent(s)}, err
}

var (
	_ = vectors("htu21d", 1e-3, decodeHTU21D,
		vector{in: "5FA8 3B", want: []float64{18.8091, math.NaN()}, source: "gobot sht2x_driver_test.go"},
		vector{in: "5ECA 16", want: []float64{math.NaN(), 40.2799}, source: "gobot sht2x_driver_test.go"},
		vector{in: "683A 7C", want: []float64{24.686, math.NaN()}, source: memory + "HTU21D datasheet"},
		vector{in: "4E85 6B", want: []float64{math.NaN(), 32.338}, source: memory + "HTU21D datasheet"},
		vector{in: "0002 62", want: []float64{-46.85, 0}, source: "formula, SHT21 datasheet section 6"}, // -6 % is cropped
		vector{in: "5FA8 3A", source: "gobot sht2x_driver_test.go, with a wrong CRC"},
		vector{in: "5FA9 3B", source: "gobot sht2x_driver_test.go, with a bit flipped"},
		vector{in: "0000 00", source: "a bus held low, whose CRC is right"},
	)
)

// What is on the wire, and a heater that another program left on: a reset
// does not turn it off.
func TestHTU21DTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewHTU21D()
		chip.User = 0x3A | 0x04 | 0x81
		b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
		s, err := openHTU21D(t.Context(), &bus.Slot{I2C: b, Addr: 0x40})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 2))
		}
		if err != nil {
			t.Fatal(err)
		}
		log := b.Log()
		wantLog(t, log, "40 W FE", "40 W E7 R 06", "40 W E7 R 06", "40 W E6 02", "40 W F3", "40 R 5F A8 3B", "40 W F5", "40 R 5E CA 16")
		if chip.User != 0x02 {
			t.Errorf("user register 0x%02X", chip.User)
		}
		if took := log[5].Time.Sub(log[4].Time); took != htu21dConvertT {
			t.Errorf("temperature is read after %v, want %v", took, htu21dConvertT)
		}
	})
}

// Chips that share its address: each is found by its own driver only.
func TestProbe40(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, chip := range map[string]bustest.Chip{
			"htu21d": bustest.NewHTU21D(), "hdc1080": bustest.NewHDC1080(), "th02": bustest.NewTH02(),
			"nothing but registers": new(bustest.Registers),
		} {
			for _, driver := range []string{"htu21d", "hdc1080", "th02"} {
				d, _ := Lookup(driver)
				b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
				found, err := d.Probe(t.Context(), &bus.Slot{I2C: b, Addr: 0x40})
				if (driver == name) != (err == nil) || err == nil && !found.Certain {
					t.Errorf("%s looks at an %s: %+v, %v", driver, name, found, err)
				}
				for _, tx := range b.Log() {
					if len(tx.W) > 1 {
						t.Errorf("%s writes: %v", driver, tx)
					}
				}
			}
		}
	})
}

// What is accepted has its CRC, no status bits, and a humidity that is
// possible.
func FuzzHTU21D(f *testing.F) {
	f.Add([]byte("\x5F\xA8\x3B"))
	f.Add([]byte("\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 3 {
			return
		}
		s, err := parseHTU21D([3]byte(b))
		if err != nil {
			return
		}
		if h := htu21dPercent(s); s&3 != 0 || h < 0 || h > 100 || crc8From(0, b) != 0 {
			t.Errorf("% X is 0x%04X, %v %%", b, s, h)
		}
	})
}

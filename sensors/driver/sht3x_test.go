package driver

import (
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestSHT3x(t *testing.T) {
	i2cTest{
		driver:  "sht3x",
		chip:    func() bustest.Chip { return bustest.NewSHT3x() },
		want:    []float64{85.5230, 74.5845}, // gobot sht3x_driver_test.go
		command: command16,
	}.test(t)
}

var _ = vectors("sht3x", 1e-3, func(in string) ([]float64, error) {
	w, err := unhexedWords(in, 2)
	if err != nil {
		return nil, err
	}
	return []float64{sht3xTemperature(w[0]), sht3xHumidity(w[1])}, nil
},
	vector{in: "BEEF92 BEEF92", want: []float64{85.523, 74.5845}, source: "gobot sht3x_driver_test.go"},
	vector{in: "000081 000081", want: []float64{-45, 0}, source: "formula, datasheet section 4.13"},
	vector{in: "FFFFAC FFFFAC", want: []float64{130, 100}, source: "formula, datasheet section 4.13"},
	vector{in: "6667A2 5EB93C", want: []float64{25.0027, 37.0016}, source: "the words of Sensirion's SCD4x datasheet, formula, section 4.13"},
	vector{in: "BEEF93 BEEF92", source: "gobot sht3x_driver_test.go, with a wrong CRC"},
	vector{in: "BEEF92 BEEE92", source: "gobot sht3x_driver_test.go, with a bit flipped"},
)

// What is on the wire, and when, after another program.
func TestSHT3xTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSHT3x()
		chip.Periodic, chip.Heater = true, true
		b := bustest.New(map[uint16]bustest.Chip{0x45: chip})
		s, err := openSHT3x(t.Context(), &bus.Slot{I2C: b, Addr: 0x45})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 2))
		}
		if err != nil {
			t.Fatal(err)
		}
		log := b.Log()
		wantLog(t, log,
			"45 W 30 93", "45 W 30 A2", "45 W F3 2D", "45 R 80 10 E1",
			"45 W 24 00", "45 R BE EF 92 BE EF 92")
		if took := log[5].Time.Sub(log[4].Time); took != sht3xConvert {
			t.Errorf("a measurement is read after %v, want %v", took, sht3xConvert)
		}
		if chip.Periodic || chip.Heater || chip.Resets != 1 {
			t.Errorf("periodic %v, heater %v, %d resets", chip.Periodic, chip.Heater, chip.Resets)
		}
	})
}

// Three chips share the address and much of the commands: each is found by
// its own driver only.
func TestProbe44(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, chip := range map[string]bustest.Chip{
			"sht3x": bustest.NewSHT3x(), "sht4x": bustest.NewSHT4x(), "hdc302x": bustest.NewHDC302x(),
		} {
			for _, driver := range []string{"sht3x", "sht4x", "hdc302x"} {
				d, _ := Lookup(driver)
				found, err := d.Probe(t.Context(), &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x44: chip}), Addr: 0x44})
				if (driver == name) != (err == nil) || err == nil && !found.Certain {
					t.Errorf("%s looks at an %s: %+v, %v", driver, name, found, err)
				}
			}
		}
	})
}

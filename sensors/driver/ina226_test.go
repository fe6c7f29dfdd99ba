package driver

import (
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestINA226(t *testing.T) {
	i2cTest{
		driver:  "ina226",
		chip:    func() bustest.Chip { return bustest.NewINA226() },
		options: map[string]string{"shunt": "0.002"},
		want:    []float64{11.98, 10, 119.8, 0.02}, // datasheet section 7.5, example
		within:  1e-9,
		polled:  bustest.Wrote(ina226Mask),
	}.test(t)
}

// Shunt and bus → V, A, W, V, with the shunt of 2 mΩ of the datasheet's
// example: a calibration of 0x0A00, with which the chip itself calculates 10 A
// (0x2710) and 119.8 W (0x12B8 × 25 mW).
var _ = vectors("ina226", 1e-9, func(in string) ([]float64, error) {
	r, err := unhexedRegisters(in, 2)
	if err != nil {
		return nil, err
	}
	s := ina226Scale
	s.ohms = 0.002
	drop, u, err := s.ina226(r[0], r[1])
	if err != nil {
		return nil, err
	}
	i := drop / s.ohms
	return []float64{u, i, u * i, drop}, nil
},
	vector{in: "1F40 2570", want: []float64{11.98, 10, 119.8, 0.02}, source: memory + "INA226 datasheet, section 7.5, example"},
	vector{in: "E0C0 2570", want: []float64{11.98, -10, -119.8, -0.02}, source: "formula, datasheet section 7.6"},
	vector{in: "8300 0001", want: []float64{0.00125, -40, -0.05, -0.08}, source: memory + "INA226 datasheet, section 7.6.2: −80 mV"},
	vector{in: "0001 0000", want: []float64{0, 0.00125, 0, 2.5e-6}, source: "formula, datasheet section 7.6"},
	vector{in: "FFFF 7FFF", want: []float64{40.95875, -0.00125, -0.0511984375, -2.5e-6}, source: memory + "INA226 datasheet, section 7.6.3: 40.96 V is the scale"},
	vector{in: "7FFF 2570", source: "datasheet section 7.6.2, the end of the scale"},
	vector{in: "8000 2570", source: "datasheet section 7.6.2, the end of the scale"},
)

func TestINA260(t *testing.T) {
	i2cTest{
		driver: "ina260",
		chip:   func() bustest.Chip { return bustest.NewINA260() },
		want:   []float64{11.98, -2.5, -29.95},
		within: 1e-6,
		polled: bustest.Wrote(ina226Mask),
	}.test(t)
}

var _ = vectors("ina260", 1e-9, func(in string) ([]float64, error) {
	r, err := unhexedRegisters(in, 2)
	if err != nil {
		return nil, err
	}
	u, i := ina260Values(r[0], r[1])
	return []float64{u, i, u * i}, nil
},
	vector{in: "2710 2570", want: []float64{11.98, 12.5, 149.75}, source: "formula, datasheet sections 8.6.2 and 8.6.3"},
	vector{in: "F830 2570", want: []float64{11.98, -2.5, -29.95}, source: "formula, datasheet sections 8.6.2 and 8.6.3"},
	vector{in: "0001 0001", want: []float64{0.00125, 0.00125, 1.5625e-6}, source: "formula, datasheet sections 8.6.2 and 8.6.3"},
	vector{in: "FFFF 0000", want: []float64{0, -0.00125, 0}, source: "formula, datasheet sections 8.6.2 and 8.6.3"},
	vector{in: "0000 7FFF", want: []float64{40.95875, 0, 0}, source: "formula, datasheet sections 8.6.2 and 8.6.3"},
)

func ina226On(t *testing.T, name string, chip bustest.Chip) (*bustest.Bus, func() (Sensor, error)) {
	t.Helper()
	d, ok := Lookup(name)
	if !ok {
		t.Fatal(name, "is not in the table")
	}
	b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
	return b, func() (Sensor, error) {
		slot := &bus.Slot{I2C: b, Addr: 0x40, Options: map[string]string{
			"shunt": "0.1", "channels": "1,2,3", "shunt_1": "0.1", "shunt_2": "0.1", "shunt_3": "0.1",
		}}
		return d.Open(t.Context(), slot)
	}
}

// What is on the wire: mask/enable is read once, the chip clears its flag.
func TestINA226Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, open := ina226On(t, "ina226", bustest.NewINA226())
		s, err := open()
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 4))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "40 W FE R 54 49", "40 W FE R 54 49", "40 W FF R 22 60", "40 W FF R 22 60", "40 W 00 80 00",
			"40 W 00 47 23", "40 W 06 R 00 08", "40 W 01 R 1F 40", "40 W 01 R 1F 40",
			"40 W 02 R 25 70", "40 W 02 R 25 70", "40 W 00 R 47 23", "40 W 00 R 47 23")
	})
}

// The chips of the family are not taken for one another.
func TestINAsRefuseEachOther(t *testing.T) {
	chips := map[string]func() bustest.Chip{
		"ina219":  func() bustest.Chip { return bustest.NewINA219() },
		"ina226":  func() bustest.Chip { return bustest.NewINA226() },
		"ina260":  func() bustest.Chip { return bustest.NewINA260() },
		"ina3221": func() bustest.Chip { return bustest.NewINA3221() },
	}
	for name := range chips {
		for other, chip := range chips {
			if other == name {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				b, open := ina226On(t, name, chip())
				if _, err := open(); err == nil {
					t.Errorf("%s takes %s", name, other)
				}
				d, _ := Lookup(name)
				if f, err := d.Probe(t.Context(), &bus.Slot{I2C: b, Addr: 0x40}); err == nil {
					t.Errorf("%s is taken for %+v", other, f)
				}
			})
		}
	}
}

// A current beyond the scale, a chip that is never ready, one that lost its
// power meanwhile.
func TestINA226Refuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewINA226()
		b, open := ina226On(t, "ina226", chip)
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		measure := func(says string) {
			t.Helper()
			out := []float64{untouched, untouched, untouched, untouched}
			err := s.Measure(t.Context(), out)
			if err == nil || !strings.Contains(err.Error(), says) || out[0] != untouched {
				t.Errorf("measured %v, %v, want %q", out, err, says)
			}
		}
		for _, chip.Shunt = range []float64{0.1, -0.1} {
			measure("beyond 0.8192 A; use a smaller shunt")
		}
		chip.Shunt = 0.02
		chip.Slow = -1
		measure("still busy after")
		chip.Slow = 1
		b.Reset()
		b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
			if tx.N == 2 {
				chip.PowerOn()
			}
			return false
		}})
		measure(lostSettings)
	})
}

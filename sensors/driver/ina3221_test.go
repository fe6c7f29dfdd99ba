package driver

import (
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestINA3221(t *testing.T) {
	i2cTest{
		driver:  "ina3221",
		chip:    func() bustest.Chip { return bustest.NewINA3221() },
		options: map[string]string{"shunt_2": "0.01"},
		want:    []float64{13.928, 0.0748, 1.0418144, 5, -0.004, -0.02, -0.008, 0, 0},
		within:  1e-9,
		polled:  bustest.Wrote(ina3221Mask),
	}.test(t)
}

// Shunt and bus → V over the shunt, V.
var _ = vectors("ina3221", 1e-9, func(in string) ([]float64, error) {
	r, err := unhexedRegisters(in, 2)
	if err != nil {
		return nil, err
	}
	drop, u := ina3221Volts(r[0], r[1])
	return []float64{drop, u}, nil
},
	vector{in: "05D8 3668", want: []float64{0.00748, 13.928}, source: "gobot ina3221_driver_test.go and tinygo"},
	vector{in: "7FF8 FFF8", want: []float64{0.1638, -0.008}, source: "gobot ina3221_driver_test.go and tinygo"},
	vector{in: "8000 0000", want: []float64{-0.16384, 0}, source: "gobot ina3221_driver_test.go and tinygo"},
	vector{in: "C180 0000", want: []float64{-0.08, 0}, source: "INA3221 datasheet, section 8.6.2.2, example"},
	vector{in: "0008 0008", want: []float64{40e-6, 0.008}, source: "formula, datasheet section 8.6.2"},
	vector{in: "FFF8 7FF8", want: []float64{-40e-6, 32.76}, source: "formula, datasheet section 8.6.2"},
	vector{in: "000F 000F", want: []float64{40e-6, 0.008}, source: "formula, datasheet section 8.6.2: the lowest bits are void"},
)

// Only what is asked for is measured; a channel that is not, may be beyond its
// scale.
func TestINA3221Channels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewINA3221()
		chip.Shunt[1] = 1
		b := bustest.New(map[uint16]bustest.Chip{0x40: chip})
		slot := &bus.Slot{I2C: b, Addr: 0x40, Options: map[string]string{
			"channels": "1,3", "shunt_1": "0.1", "shunt_2": "0.1", "shunt_3": "1",
		}}
		s, err := openINA3221(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range s.(Channeler).Channels() {
			names = append(names, string(c.Quantity))
		}
		if got := strings.Join(names, " "); got != "voltage_1 current_1 power_1 voltage_3 current_3 power_3" {
			t.Errorf("channels are %s", got)
		}
		b.Reset()
		out := make([]float64, 6)
		if err := s.Measure(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "40 W 00 55 23", "40 W 0F R 00 03",
			"40 W 01 R 05 D8", "40 W 01 R 05 D8", "40 W 02 R 36 68", "40 W 02 R 36 68",
			"40 W 05 R 00 00", "40 W 05 R 00 00", "40 W 06 R FF F8", "40 W 06 R FF F8",
			"40 W 00 R 55 23", "40 W 00 R 55 23")

		slot.Options["channels"] = "1,2"
		if s, err = openINA3221(t.Context(), slot); err != nil {
			t.Fatal(err)
		}
		out = []float64{untouched, untouched, untouched, untouched, untouched, untouched}
		err = s.Measure(t.Context(), out)
		if err == nil || out[0] != untouched || !strings.Contains(err.Error(), "channel 2: register 0x03 (shunt voltage) is 0x7FF8") {
			t.Errorf("beyond the scale: %v, %v", out, err)
		}
	})
}

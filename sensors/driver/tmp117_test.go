package driver

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestTMP117(t *testing.T) {
	i2cTest{
		driver: "tmp117",
		chip:   func() bustest.Chip { return bustest.NewTMP117() },
		want:   []float64{22.1875},
		polled: bustest.Wrote(tmp117Config), // and alerts are nothing that was set
	}.test(t)
}

var _ = vectors("tmp117", 0, func(in string) ([]float64, error) {
	r, err := unhexedRegisters(in, 1)
	if err != nil {
		return nil, err
	}
	v, err := parseTMP117(r[0])
	if err != nil {
		return nil, err
	}
	return []float64{v}, nil
},
	vector{in: "0C80", want: []float64{25}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "F380", want: []float64{-25}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "FFF0", want: []float64{-0.125}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "FFFF", want: []float64{-0.0078125}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "0000", want: []float64{0}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "0001", want: []float64{0.0078125}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "0010", want: []float64{0.125}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "0080", want: []float64{1}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "3200", want: []float64{100}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "7FFF", want: []float64{255.9921875}, source: "TMP117 datasheet, table 7-1"},
	vector{in: "8000", source: "TMP117 datasheet, section 7.6: what a reset leaves until something was measured"},
	vector{in: "4B00", want: []float64{150}, source: "formula, datasheet table 7-1"},
	vector{in: "E480", want: []float64{-55}, source: "formula, datasheet table 7-1"},
	vector{in: "8001", want: []float64{-255.9921875}, source: "formula, datasheet table 7-1"},
)

// What is on the wire: the ready bit is seen once, the chip clears it.
func TestTMP117Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x48: bustest.NewTMP117()})
		s, err := openTMP117(t.Context(), &bus.Slot{I2C: b, Addr: 0x48})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "48 W 0F R 01 17", "48 W 0F R 01 17", "48 W 01 00 02",
			"48 W 01 0C 20", "48 W 01 R 24 20", "48 W 00 R 0B 18", "48 W 00 R 0B 18")
	})
}

// A chip that is never ready, and one that is reset when it is about to be
// read: 0x8000 is no temperature.
func TestTMP117NotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewTMP117()
		b := bustest.New(map[uint16]bustest.Chip{0x48: chip})
		s, err := openTMP117(t.Context(), &bus.Slot{I2C: b, Addr: 0x48})
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{untouched}
		chip.Slow = -1
		if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), "still busy after") || out[0] != untouched {
			t.Errorf("never ready: %v, %v", out, err)
		}
		chip.Slow, chip.Next = 1, 0x8000
		if err := s.Measure(t.Context(), out); !errors.Is(err, errTMP117NoData) || out[0] != untouched {
			t.Errorf("no data: %v, %v", out, err)
		}
		chip.Mem[0x0F] = 0x0116 // as a TMP116
		if _, err := openTMP117(t.Context(), &bus.Slot{I2C: b, Addr: 0x48}); err == nil || !strings.Contains(err.Error(), anotherChip) {
			t.Errorf("a TMP116: %v", err)
		}
	})
}

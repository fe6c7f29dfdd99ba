package driver

import (
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestMCP9808(t *testing.T) {
	i2cTest{
		driver: "mcp9808",
		chip:   func() bustest.Chip { return bustest.NewMCP9808() },
		want:   []float64{25.25},
	}.test(t)
}

var _ = vectors("mcp9808", 0, oneRegister(mcp9808Temperature),
	vector{in: "00A0", want: []float64{10}, source: "periph.io mcp9808_test.go"},
	vector{in: "1F60", want: []float64{-10}, source: "periph.io mcp9808_test.go"},
	vector{in: "07CC", want: []float64{124.75}, source: "periph.io mcp9808_test.go"},
	vector{in: "1FFC", want: []float64{-0.25}, source: "periph.io mcp9808_test.go"},
	vector{in: "1D84", want: []float64{-39.75}, source: "periph.io mcp9808_test.go"},
	vector{in: "C0F0", want: []float64{15}, source: "periph.io mcp9808_test.go, with flags"},
	vector{in: "3FF0", want: []float64{-1}, source: "periph.io mcp9808_test.go, with flags"},
	vector{in: "0000", want: []float64{0}, source: "formula, datasheet section 5.1.3"},
	vector{in: "E000", want: []float64{0}, source: "formula, datasheet section 5.1.3, all flags"},
	vector{in: "0001", want: []float64{0.0625}, source: "formula, datasheet section 5.1.3"},
	vector{in: "1FFF", want: []float64{-0.0625}, source: "formula, datasheet section 5.1.3"},
	vector{in: "C7D0", want: []float64{125}, source: "formula, datasheet section 5.1.3"},
	vector{in: "1D80", want: []float64{-40}, source: "formula, datasheet section 5.1.3"},
)

// What is on the wire: awake for one conversion, then asleep.
func TestMCP9808Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x18: bustest.NewMCP9808()})
		s, err := openMCP9808(t.Context(), &bus.Slot{I2C: b, Addr: 0x18})
		if err == nil {
			err = s.Measure(t.Context(), make([]float64, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantLog(t, b.Log(), "18 W 06 R 00 54", "18 W 06 R 00 54", "18 W 07 R 04 00", "18 W 07 R 04 00", "18 W 08 03",
			"18 W 04 09 60", "18 W 01 00 00", "18 W 01 01 00", "18 W 05 R 41 94", "18 W 05 R 41 94", "18 W 04 R 09 60", "18 W 04 R 09 60")
	})
}

// The next measurement is a new one, after a loss of power, too.
func TestMCP9808MeasuresAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewMCP9808()
		b := bustest.New(map[uint16]bustest.Chip{0x18: chip})
		s, err := openMCP9808(t.Context(), &bus.Slot{I2C: b, Addr: 0x18})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			next uint16
			want float64
		}{{0x1FF0, -1}, {0x0001, 0.0625}} {
			chip.Next = tt.next
			out := []float64{untouched}
			if err := s.Measure(t.Context(), out); err != nil || out[0] != tt.want {
				t.Errorf("measured %v, %v, want %v", out, err, tt.want)
			}
			chip.PowerOn()
		}
	})
}

// Other chips at its addresses are refused: an LIS3DH, a board that is held low.
func TestMCP9808RefusesOtherChips(t *testing.T) {
	for reg, says := range map[byte]string{6: "0x06 (manufacturer)", 7: "0x07 (device)"} {
		for v, why := range map[uint16]string{0x0000: "check power", 0xFFFF: "check power", 0x1234: anotherChip} {
			chip := bustest.NewMCP9808()
			chip.Mem[reg] = v
			slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x18: chip}), Addr: 0x18}
			_, err := openMCP9808(t.Context(), slot)
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), why) {
				t.Errorf("register %#x is %#04x: %v", reg, v, err)
			}
		}
	}
}

package driver

import (
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestLM75(t *testing.T) {
	i2cTest{
		driver: "lm75",
		chip:   func() bustest.Chip { return bustest.NewLM75() },
		want:   []float64{24.5},
	}.test(t)
}

func lm75Decode(bits int) func(string) ([]float64, error) {
	return oneRegister(func(v uint16) float64 { return lm75Degrees(v, bits) })
}

// lm75-rs takes 11 bits and compares within 0.1 °C; its registers have
// undefined bits set beyond the ninth.
var _ = vectors("lm75", 0, lm75Decode(9),
	vector{in: "E7A5", want: []float64{-24.5}, source: "eldruin/lm75-rs"},
	vector{in: "7D5A", want: []float64{125}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "195A", want: []float64{25}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "E75A", want: []float64{-25}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "C95A", want: []float64{-55}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "005A", want: []float64{0}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "00DA", want: []float64{0.5}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "015A", want: []float64{1}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "025A", want: []float64{2}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "045A", want: []float64{4}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "085A", want: []float64{8}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "105A", want: []float64{16}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "205A", want: []float64{32}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "405A", want: []float64{64}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "4B5A", want: []float64{75}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "505A", want: []float64{80}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "7FDA", want: []float64{127.5}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "FFDA", want: []float64{-0.5}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "FF5A", want: []float64{-1}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "FE5A", want: []float64{-2}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "FDDA", want: []float64{-2.5}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "FC5A", want: []float64{-4}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "F85A", want: []float64{-8}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "F05A", want: []float64{-16}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "E05A", want: []float64{-32}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "C05A", want: []float64{-64}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "80DA", want: []float64{-127.5}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "805A", want: []float64{-128}, source: "eldruin/lm75-rs conversion.rs"},
	vector{in: "0000", want: []float64{0}, source: "formula, datasheet section 7.5.2"},
	vector{in: "007F", want: []float64{0}, source: "formula, datasheet section 7.5.2"},
	vector{in: "FFFF", want: []float64{-0.5}, source: "formula, datasheet section 7.5.2"},
	vector{in: "E780", want: []float64{-24.5}, source: "formula, datasheet section 7.5.2"},
)

func TestPCT2075(t *testing.T) {
	i2cTest{
		driver: "pct2075",
		chip:   func() bustest.Chip { return bustest.NewPCT2075() },
		want:   []float64{-24.375},
	}.test(t)
}

var _ = vectors("pct2075", 0, lm75Decode(11),
	vector{in: "E7A5", want: []float64{-24.375}, source: "eldruin/lm75-rs"},
	vector{in: "7F00", want: []float64{127}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "7EE0", want: []float64{126.875}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "7D00", want: []float64{125}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "1900", want: []float64{25}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "0020", want: []float64{0.125}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "0000", want: []float64{0}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "FFE0", want: []float64{-0.125}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "E700", want: []float64{-25}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "C920", want: []float64{-54.875}, source: memory + "NXP LM75B datasheet, table 10"},
	vector{in: "C900", want: []float64{-55}, source: memory + "NXP LM75B datasheet, table 10"},
)

// The next measurement is a new one, after a loss of power, too, and the chip
// sleeps in between.
func TestLM75MeasuresAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewLM75()
		b := bustest.New(map[uint16]bustest.Chip{0x48: chip})
		slot := &bus.Slot{I2C: b, Addr: 0x48}
		s, err := openLM75(t.Context(), slot, "lm75", 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			next uint16
			want float64
		}{{0xFF80, -0.5}, {0x0000, 0}, {0x7D00, 125}} {
			chip.Next = tt.next
			out := []float64{untouched}
			if err := s.Measure(t.Context(), out); err != nil || out[0] != tt.want {
				t.Errorf("measured %v, %v, want %v", out, err, tt.want)
			}
			if chip.Mem[1] != lm75Shutdown {
				t.Errorf("afterwards config is %#x", chip.Mem[1])
			}
			chip.PowerOn()
		}
		if f, err := probeLM75(t.Context(), slot); err != nil || f.Certain {
			t.Errorf("probed: %+v, %v", f, err)
		}
		chip.Mem[1] = 0x60 // as a TMP102
		if f, err := probeLM75(t.Context(), slot); err == nil {
			t.Errorf("a TMP102 is taken for %+v", f)
		}
	})
}

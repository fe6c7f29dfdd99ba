package driver

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestMCP3008(t *testing.T) {
	chip := func() func(w, r []byte) error { return bustest.NewMCP3008().Transfer }
	const lsb = 3.3 / 1024
	for name, c := range map[string]spiTest{
		"all":  {want: []float64{0x1FF * lsb, 0x211 * lsb, 0, lsb, 0x3FF * lsb, 0x155 * lsb, 0x200 * lsb, 0x2AA * lsb}},
		"some": {want: []float64{0x211 * lsb / 3.3 * 5, 0}, options: map[string]string{"channels": "1, 2", "reference_voltage": "5"}},
		"zero": {want: []float64{0}, options: map[string]string{"channels": "2"}}, // another input shows that the chip is there
	} {
		c.driver, c.chip = "mcp3008", chip
		c.within = 1.01 * 5 / 1024 // the last bit is sent only once
		c.hz, c.modes = 1350*physic.KiloHertz, []spi.Mode{spi.Mode0, spi.Mode3}
		t.Run(name, c.test)
	}
}

// Answer of an MCP3008 → value.
var _ = vectors("mcp3008", 0, decodeMCP(10),
	vector{in: "FF F1 FF FF00", want: []float64{0x1FF}, source: "gobot mcp3008_driver_test.go, and figure 5-2"},
	vector{in: "FF F2 11 1080", want: []float64{0x211}, source: "gobot mcp3008_driver_test.go, and figure 5-2"},
	vector{in: "00 00 00 0000", want: []float64{0}, source: "datasheet figure 5-2"},
	vector{in: "00 03 FF FF80", want: []float64{1023}, source: "datasheet figure 5-2"},
	vector{in: "00 02 00 0080", want: []float64{512}, source: "datasheet figure 5-2"},
	vector{in: "00 00 01 0000", want: []float64{1}, source: "datasheet figure 5-2"},
	vector{in: "00 00 02 8000", want: []float64{2}, source: "datasheet figure 5-2"},
	vector{in: "FF FF FF FFFF", source: "DOUT held high"},
	vector{in: "FF F6 11 1080", source: "datasheet figure 5-2, no null bit"},
	vector{in: "FF F2 11 1081", source: "datasheet figure 5-2, no zeros at the end"},
	vector{in: "FF F2 11 1100", source: "datasheet figure 5-2, another value backwards"},
)

// decodeMCP decodes answers with values of n bits.
func decodeMCP(n int) func(string) ([]float64, error) {
	return func(in string) ([]float64, error) {
		b, err := unhexed(in)
		if err != nil || len(b) != 5 {
			return nil, errors.New("not five bytes")
		}
		code, err := parseMCP(n, [5]byte(b))
		return []float64{float64(code)}, err
	}
}

// What is sent, by gobot's test and section 6.1.
func TestMCPCommand(t *testing.T) {
	for _, tt := range []struct {
		bits, input int
		want        [5]byte
	}{
		{10, 0, [5]byte{0x01, 0x80}}, {10, 1, [5]byte{0x01, 0x90}}, {10, 7, [5]byte{0x01, 0xF0}},
		{12, 0, [5]byte{0x06, 0x00}}, {12, 3, [5]byte{0x06, 0xC0}}, {12, 4, [5]byte{0x07, 0x00}}, {12, 7, [5]byte{0x07, 0xC0}},
	} {
		if got := mcpCommand(tt.bits, tt.input); got != tt.want {
			t.Errorf("input %d of %d bits: % X, want % X", tt.input, tt.bits, got, tt.want)
		}
	}
}

func TestMCPChannels(t *testing.T) {
	for text, says := range map[string]string{
		"": "numbers of inputs", "8": "0 to 7", "-1": "0 to 7", "1,": "numbers of inputs", "0 1": "numbers of inputs", "1,2,1": "has 1 twice", "x": "commas",
	} {
		slot := &bus.Slot{OpenSPI: bustest.NewSPI(nil).Open, Options: map[string]string{"channels": text, "reference_voltage": "3.3"}}
		for _, driver := range []string{"mcp3004", "mcp3204"} {
			d, _ := Lookup(driver)
			if err := d.Check(slot.Options); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "option channels") {
				t.Errorf("%s, channels %q: %v, want it to say %q", driver, text, err, says)
			}
		}
		d, _ := Lookup("mcp3004")
		if _, err := d.Open(t.Context(), slot); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "mcp3008: option channels") {
			t.Errorf("channels %q: %v, want it to say %q", text, err, says)
		}
	}
	s := mcp{inputs: []int{3, 0}, reference: 2.5, decimals: 4}
	want := []Channel{{Quantity: "voltage_3", Max: 2.5, Decimals: 4}, {Quantity: "voltage_0", Max: 2.5, Decimals: 4}}
	if got := s.Channels(); !slices.Equal(got, want) {
		t.Errorf("channels are %v, want %v", got, want)
	}
}

// 0 V at all inputs is what a wire that is held low looks like.
func TestMCPNothingButZeros(t *testing.T) {
	for _, tt := range []struct {
		name   string
		inputs [8]uint16
		says   string
	}{
		{"all", [8]uint16{}, "all eight inputs are at 0 V"},
		{"but one that is not measured", [8]uint16{7: 1}, ""},
	} {
		chip := bustest.NewMCP3008()
		chip.Inputs = tt.inputs
		s, err := openMCP(&bus.Slot{
			OpenSPI: bustest.NewSPI(chip.Transfer).Open,
			Options: map[string]string{"channels": "0,1", "reference_voltage": "3.3"},
		}, mcp{name: "mcp3008", bits: 10})
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{untouched, untouched}
		err = s.Measure(t.Context(), out)
		if tt.says == "" && (err != nil || out[0] != 0) || tt.says != "" && (err == nil || out[0] != untouched || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s at 0 V: %v, %v", tt.name, out, err)
		}
	}
}

// A chip of the other kind is refused.
func TestMCPOtherChip(t *testing.T) {
	for _, tt := range []struct {
		name string
		chip *bustest.MCP3008
	}{{"mcp3008", bustest.NewMCP3208()}, {"mcp3208", bustest.NewMCP3008()}} {
		d, _ := Lookup(tt.name)
		s, err := d.Open(t.Context(), &bus.Slot{
			OpenSPI: bustest.NewSPI(tt.chip.Transfer).Open,
			Options: map[string]string{"channels": mcpInputs, "reference_voltage": "3.3"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Measure(t.Context(), make([]float64, 8)); err == nil || !strings.Contains(err.Error(), "this is another chip") {
			t.Errorf("the other chip as %s: %v", tt.name, err)
		}
	}
}

// Of all that may come, what is believed is a value that says the same both
// ways; every flip of a bit that is driven and sent twice is found out.
func FuzzMCP(f *testing.F) {
	f.Add(unhex(f, "FFF2111080"), true)
	f.Add(unhex(f, "FFE811 1000"), false)
	f.Fuzz(func(t *testing.T, b []byte, ten bool) {
		n := 12
		if ten {
			n = 10
		}
		if len(b) != 5 {
			return
		}
		code, err := parseMCP(n, [5]byte(b))
		if err != nil {
			return
		}
		if code < 0 || code >= 1<<n {
			t.Fatalf("% X: %d", b, code)
		}
		for bit := 23 - n; bit < 40; bit++ {
			spoilt := [5]byte(b)
			spoilt[bit/8] ^= 0x80 >> (bit % 8)
			if got, err := parseMCP(n, spoilt); err == nil && bit != 23 {
				t.Errorf("% X for % X: %d is believed", spoilt, b, got)
			}
		}
	})
}

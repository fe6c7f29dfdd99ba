package driver

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"gateway/sensors/bus/bustest"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestMAX6675(t *testing.T) {
	spiTest{
		driver: "max6675",
		chip:   func() func(w, r []byte) error { return bustest.NewMAX6675().Transfer },
		want:   []float64{25},
		hz:     4300 * physic.KiloHertz, modes: []spi.Mode{spi.Mode0},
	}.test(t)
}

var _ = vectors("max6675", 0, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 2 {
		return nil, errors.New("not two bytes")
	}
	t, err := parseMAX6675(binary.BigEndian.Uint16(b))
	return []float64{t}, err
},
	vector{in: "0320", want: []float64{25}, source: "formula, datasheet table 1"},
	vector{in: "0321", want: []float64{25}, source: "datasheet table 1, bit 0 is not driven"},
	vector{in: "0008", want: []float64{0.25}, source: "formula, datasheet table 1"},
	vector{in: "7FF8", want: []float64{1023.75}, source: "formula, datasheet table 1"},
	vector{in: "0324", source: "datasheet table 1, open"},
	vector{in: "0000", source: "SO held low"},
	vector{in: "FFFF", source: "SO held high"},
	vector{in: "8320", source: "datasheet table 1, bit 15 is 0"},
	vector{in: "0322", source: "datasheet table 1, bit 1 is 0"},
)

func TestMAX6675Faults(t *testing.T) {
	for v, says := range map[uint16]string{
		0x0004: "the thermocouple is not connected, or broken",
		0x0001: "0 °C or colder",
		0xFFFF: "nothing drives SO",
		0x8000: "another chip",
	} {
		if _, err := parseMAX6675(v); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("0x%04X: %v, want it to say %q", v, err, says)
		}
	}
}

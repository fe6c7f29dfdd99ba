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

func TestMAX31855(t *testing.T) {
	spiTest{
		driver: "max31855",
		chip:   func() func(w, r []byte) error { return bustest.NewMAX31855().Transfer },
		want:   []float64{100.75, 25.0625},
		hz:     5 * physic.MegaHertz, modes: []spi.Mode{spi.Mode0},
	}.test(t)
}

var _ = vectors("max31855", 0, decodeMAX31855,
	vector{in: "64001900", want: []float64{1600, 25}, source: "datasheet tables 4 and 5"},
	vector{in: "3E801900", want: []float64{1000, 25}, source: "datasheet tables 4 and 5"},
	vector{in: "064C7F00", want: []float64{100.75, 127}, source: "datasheet tables 4 and 5"},
	vector{in: "01906490", want: []float64{25, 100.5625}, source: "datasheet tables 4 and 5"},
	vector{in: "00001900", want: []float64{0, 25}, source: "datasheet tables 4 and 5"},
	vector{in: "FFFCFFF0", want: []float64{-0.25, -0.0625}, source: "datasheet tables 4 and 5"},
	vector{in: "FFF0EC00", want: []float64{-1, -20}, source: "datasheet tables 4 and 5"},
	vector{in: "F060C900", want: []float64{-250, -55}, source: "datasheet tables 4 and 5"},
	vector{in: "06400000", want: []float64{100, 0}, source: "OneWireNg t04_MAX31850_Test.cpp, the same numbers"},
	vector{in: "00011901", source: "datasheet table 3, open"},
	vector{in: "00000000", source: "MISO held low"},
	vector{in: "FFFFFFFF", source: "MISO held high"},
	vector{in: "01921900", source: "datasheet table 2, bit 17 is 0"},
	vector{in: "01901908", source: "datasheet table 2, bit 3 is 0"},
)

func decodeMAX31855(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil || len(b) != 4 {
		return nil, errors.New("not four bytes")
	}
	t, internal, err := parseMAX31855(binary.BigEndian.Uint32(b))
	return []float64{t, internal}, err
}

func TestMAX31855Faults(t *testing.T) {
	for v, says := range map[uint32]string{
		0x00011901: "is not connected, or broken",
		0x00011902: "touches ground",
		0x00011904: "touches the supply (VCC)",
		0x00011906: "touches ground, touches the supply (VCC)",
		0x00011900: "without a cause",
		0x00001901: "without a fault",
	} {
		if _, _, err := parseMAX31855(v); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("0x%08X: %v, want it to say %q", v, err, says)
		}
	}
}

package driver

import (
	"testing"

	"gateway/sensors/bus/bustest"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestMCP3208(t *testing.T) {
	const lsb = 3.3 / 4096
	spiTest{
		driver: "mcp3208",
		chip:   func() func(w, r []byte) error { return bustest.NewMCP3208().Transfer },
		want:   []float64{0x7FF * lsb, 0x811 * lsb, 0, lsb, 0xFFF * lsb, 0x555 * lsb, 0x800 * lsb, 0xAAA * lsb},
		within: 1.01 * lsb, // the last bit is sent only once
		hz:     physic.MegaHertz, modes: []spi.Mode{spi.Mode0, spi.Mode3},
	}.test(t)
}

// Answer of an MCP3208 → value.
var _ = vectors("mcp3208", 0, decodeMCP(12),
	vector{in: "00 00 00 0000", want: []float64{0}, source: "datasheet figure 5-2"},
	vector{in: "00 0F FF FFE0", want: []float64{4095}, source: "datasheet figure 5-2"},
	vector{in: "FF E8 00 0020", want: []float64{2048}, source: "datasheet figure 5-2"},
	vector{in: "FF E0 03 8000", want: []float64{3}, source: "datasheet figure 5-2"},
	vector{in: "FF F8 00 0020", source: "datasheet figure 5-2, no null bit"},
	vector{in: "FF E8 00 0040", source: "datasheet figure 5-2, another value backwards"},
	vector{in: "FF FF FF FFFF", source: "DOUT held high"},
)

// Microchip MCP3208 and MCP3204: voltages, 12 bits.
//
//	chip       MCP3208 with eight inputs, MCP3204 with four
//	bus        SPI, modes 0 and 3, up to 1 MHz with 2.7 V
//	datasheet  Microchip DS21298E
//	checksum   none, but the chip sends every value forwards and backwards
//
// It is an MCP3008 with two bits more; see mcp3008.go.

package driver

import (
	"context"

	"gateway/sensors/bus"
)

var _ = register(Driver{
	Name:      "mcp3208",
	Aliases:   []string{"mcp3204"},
	Title:     "Microchip MCP3208/MCP3204 voltages, 12 bits",
	Datasheet: "Microchip DS21298E",
	Bus:       bus.SPI,
	Channels:  mcpChannels(mcpInputs, 5.5, 4),
	Options:   mcpOptions(),
	Wiring:    mcpWiring,
	Notes:     mcpNotes,
	Check:     checkMCP,
	Open: func(_ context.Context, slot *bus.Slot) (Sensor, error) {
		return openMCP(slot, mcp{name: "mcp3208", bits: 12, decimals: 4})
	},
})

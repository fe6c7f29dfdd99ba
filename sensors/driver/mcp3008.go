// Microchip MCP3008 and MCP3004: voltages, 10 bits.
//
//	chip       MCP3008 with eight inputs, MCP3004 with four
//	bus        SPI, modes 0 and 3, up to 1.35 MHz with 2.7 V
//	datasheet  Microchip DS21295D
//	checksum   none, but the chip sends every value forwards and backwards
//
// The MCP3208 is the same with 12 bits, and uses what is here.

package driver

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"gateway/sensors/bus"
	"gateway/sensors/reading"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

var _ = register(Driver{
	Name:      "mcp3008",
	Aliases:   []string{"mcp3004"},
	Title:     "Microchip MCP3008/MCP3004 voltages, 10 bits",
	Datasheet: "Microchip DS21295D",
	Bus:       bus.SPI,
	Channels:  mcpChannels(mcpInputs, 5.5, 3),
	Options:   mcpOptions(),
	Wiring:    mcpWiring,
	Notes:     mcpNotes,
	Check:     checkMCP,
	Open: func(_ context.Context, slot *bus.Slot) (Sensor, error) {
		return openMCP(slot, mcp{name: "mcp3008", bits: 10, decimals: 3})
	},
})

const (
	mcpInputs = "0,1,2,3,4,5,6,7"
	mcpWiring = "VDD and VREF to 3.3 V, AGND and DGND to ground, CLK to SCLK, DOUT to MISO, DIN to MOSI, CS to CE0 or CE1.\n" +
		"No input above VREF: a voltage divider before what is higher."
	mcpNotes = "With four inputs, as the MCP3004 and MCP3204 have, set channels to 0,1,2,3. " +
		"A source of more than 1 kΩ needs a capacitor of 100 nF from the input to ground. " +
		"If all inputs are at 0 V, that cannot be told from a chip that is not there, and is an error; connect an unused input to VREF if it can happen."
)

func mcpOptions() []Option {
	return []Option{
		{Name: "channels", Default: mcpInputs, Doc: "Which inputs are measured, as 0,1,2."},
		{Name: "reference_voltage", Default: "3.3", Type: Number, Min: 0.25, Max: 5.5, Doc: "Voltage at VREF in V, measured if you can."},
	}
}

// mcpChannels are the channels of those inputs.
func mcpChannels(inputs string, reference float64, decimals int) []Channel {
	var all []Channel
	for _, input := range strings.Split(inputs, ",") {
		all = append(all, Channel{Quantity: reading.Voltage.Of(input), Min: 0, Max: reference, Decimals: decimals})
	}
	return all
}

// mcp is an MCP3004, 3008, 3204 or 3208.
type mcp struct {
	spiChip
	name      string
	bits      int // of a value
	decimals  int
	inputs    []int
	reference float64 // V
}

func openMCP(slot *bus.Slot, s mcp) (Sensor, error) {
	var err error
	if s.inputs, err = parseMCPInputs(slot.Options["channels"]); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.reference = options(slot.Options).number("reference_voltage")
	// Modest, as the chips are with 2.7 V.
	if s.spiChip, err = openSPI(slot, s.name, physic.MegaHertz, spi.Mode0); err != nil {
		return nil, err
	}
	return &s, nil
}

// checkMCP tells what is wrong with the option channels.
func checkMCP(o map[string]string) error {
	_, err := parseMCPInputs(o["channels"])
	return err
}

// parseMCPInputs reads the option channels.
func parseMCPInputs(text string) ([]int, error) {
	var inputs []int
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(word), 10, 8)
		if err != nil || n > 7 {
			return nil, fmt.Errorf("option channels is %q: it has the numbers of inputs, 0 to 7, with commas between them", text)
		}
		if slices.Contains(inputs, int(n)) {
			return nil, fmt.Errorf("option channels is %q: it has %d twice", text, n)
		}
		inputs = append(inputs, int(n))
	}
	return inputs, nil
}

// Channels implements [Channeler].
func (s *mcp) Channels() []Channel {
	var names []string
	for _, n := range s.inputs {
		names = append(names, strconv.Itoa(n))
	}
	return mcpChannels(strings.Join(names, ","), s.reference, s.decimals)
}

// Measure implements [Sensor]: out is the voltage of every input of the option
// channels, in V.
func (s *mcp) Measure(ctx context.Context, out []float64) error {
	codes := make([]int, 0, 8)
	for _, input := range s.inputs {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: before input %d: %w", s.name, input, err)
		}
		code, err := s.convert(input)
		if err != nil {
			return fmt.Errorf("%s: input %d: %w", s.name, input, err)
		}
		codes = append(codes, code)
	}
	if !slices.ContainsFunc(codes, func(code int) bool { return code != 0 }) {
		if err := s.present(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for i, code := range codes { // section 4.2: digital output code
		out[i] = float64(code) * s.reference / float64(int(1)<<s.bits)
	}
	return nil
}

// present looks at every input, and refuses a chip of which all are at 0 V: a
// wire that is held low looks the same.
func (s *mcp) present() error {
	for input := range 8 {
		code, err := s.convert(input)
		if err != nil {
			return fmt.Errorf("input %d: %w", input, err)
		}
		if code != 0 {
			return nil
		}
	}
	return errors.New("all eight inputs are at 0 V: DOUT is held low, or the chip has no power or no VREF; check the wires (if all are at 0 V indeed, connect an unused one to VREF)")
}

// convert returns the value of an input. One of 0 is asked for again, because
// that is also what a wire that fails for a moment looks like.
func (s *mcp) convert(input int) (code int, err error) {
	w := mcpCommand(s.bits, input)
	for range 2 {
		r, err := s.transfer(w[:]...)
		if err != nil {
			return 0, err
		}
		if code, err = parseMCP(s.bits, [5]byte(r)); err != nil {
			return 0, fmt.Errorf("transfer % X: %w", w, err)
		}
		if code != 0 {
			break
		}
	}
	return code, nil
}

// mcpCommand returns what is sent for the value of an input: zeros, a start
// bit, one for a single input and not the difference of two, three of its
// number. The zeros before are so many that the value ends with the third
// byte. Section 6.1.
func mcpCommand(bits, input int) [5]byte {
	const start, single = 1 << 4, 1 << 3
	v := uint32(start|single|input) << (bits + 2) // one clock to sample, and a null bit
	return [5]byte{byte(v >> 16), byte(v >> 8), byte(v)}
}

// parseMCP returns the value in an answer: bits that nobody drives, a null
// bit, the value with its most significant bit first, and, without repeating
// the last, with its least significant bit first, and zeros. Figure 5-2.
func parseMCP(n int, r [5]byte) (int, error) {
	v := uint32(r[0])<<16 | uint32(r[1])<<8 | uint32(r[2])
	back := uint16(r[3])<<8 | uint16(r[4])
	code := v & (1<<n - 1)
	switch {
	case r == [5]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}:
		return 0, errors.New("all bits are 1: nothing drives DOUT; check power, DOUT and CS")
	case v>>n&1 != 0:
		return 0, fmt.Errorf("% X has no null bit before the value: this is another chip, or the transmission is disturbed", r)
	case back != bits.Reverse16(uint16(code>>1)):
		return 0, fmt.Errorf("% X has not the same value forwards and backwards: this is another chip, or the transmission is disturbed; check wires and their length", r)
	}
	return int(code), nil
}

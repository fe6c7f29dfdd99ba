package bustest

// MCP3008 is Microchip's converter of voltages with eight inputs, or, as an
// MCP3208, with two bits more. Its Transfer is for [NewSPI].
type MCP3008 struct {
	Inputs [8]uint16 // what each shows to itself
	Bits   int       // of a value
	Pulled byte      // 1 if something pulls DOUT up while the chip does not drive it, else 0
}

// NewMCP3008 returns a chip with all kinds of voltages at its inputs.
func NewMCP3008() *MCP3008 {
	return &MCP3008{Bits: 10, Inputs: [8]uint16{0x1FF, 0x211, 0, 1, 0x3FF, 0x155, 0x200, 0x2AA}, Pulled: 1}
}

// NewMCP3208 returns a chip with all kinds of voltages at its inputs.
func NewMCP3208() *MCP3008 {
	return &MCP3008{Bits: 12, Inputs: [8]uint16{0x7FF, 0x811, 0, 1, 0xFFF, 0x555, 0x800, 0xAAA}}
}

// Transfer selects the chip: bit by bit, a start bit after any zeros, four
// bits of configuration, one to sample; then it sends a null bit, the value,
// the value backwards, and zeros. Differences between inputs it has not
// learnt.
func (c *MCP3008) Transfer(w, r []byte) error {
	sent := c.answer(w)
	for i := range 8 * len(r) {
		bit := c.Pulled
		if i < len(sent) {
			bit = sent[i]
		}
		r[i/8] |= bit << (7 - i%8)
	}
	return nil
}

// answer returns the bits on DOUT for those on DIN.
func (c *MCP3008) answer(w []byte) []byte {
	total := 8 * len(w)
	in := func(i int) byte { return w[i/8] >> (7 - i%8) & 1 }
	start := 0
	for start < total && in(start) == 0 {
		start++
	}
	if start+5 >= total || in(start+1) == 0 {
		return nil
	}
	value := c.Inputs[in(start+2)<<2|in(start+3)<<1|in(start+4)]
	var out []byte
	for range start + 6 {
		out = append(out, c.Pulled)
	}
	out = append(out, 0)
	for i := c.Bits - 1; i >= 0; i-- {
		out = append(out, byte(value>>i&1))
	}
	for i := 1; i < c.Bits; i++ {
		out = append(out, byte(value>>i&1))
	}
	for len(out) < total {
		out = append(out, 0)
	}
	return out
}

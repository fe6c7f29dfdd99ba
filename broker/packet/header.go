package packet

// The remaining length is of one to four bytes, section 1.5.5.
const (
	maxVarintBytes = 4
	maxVarint      = 268_435_455
)

// ParseHeader reads the fixed header at the beginning of b: the first byte of
// the packet, the length of its body in bytes, and n, the number of bytes that
// the header itself has. n is 0, with a nil error, while b does not hold the
// whole header. The first byte is checked by [Decode], as its meaning depends
// on the version.
func ParseHeader(b []byte) (first byte, length, n int, err error) {
	if len(b) < 2 {
		return 0, 0, 0, nil
	}
	length, n, wrong := parseVarint(b[1:])
	if wrong != nil {
		wrong.Text = "remaining length: " + wrong.Text
		return 0, 0, 0, wrong
	}
	if n == 0 {
		return 0, 0, 0, nil
	}
	return b[0], length, 1 + n, nil
}

// parseVarint reads a variable byte integer; n is 0 with a nil error when b
// ends before it does. The text of the error is for the caller to complete.
func parseVarint(b []byte) (x, n int, err *Error) {
	for n = range min(len(b), maxVarintBytes) {
		x |= int(b[n]&0x7f) << (7 * n)
		if b[n]&0x80 != 0 {
			continue
		}
		if n > 0 && b[n] == 0 {
			return 0, 0, &Error{Code: MalformedPacket, Clause: "MQTT-1.5.5-1", Text: "takes more bytes than it needs"}
		}
		return x, n + 1, nil
	}
	if len(b) >= maxVarintBytes {
		return 0, 0, &Error{Code: MalformedPacket, Text: "takes more than four bytes"}
	}
	return 0, 0, nil
}

// varintSize returns the number of bytes that putVarint writes.
func varintSize(x int) int {
	switch {
	case x < 1<<7:
		return 1
	case x < 1<<14:
		return 2
	case x < 1<<21:
		return 3
	}
	return 4
}

// putVarint writes x, at most maxVarint, to the first varintSize(x) bytes of
// b.
func putVarint(b []byte, x int) {
	i := 0
	for ; x >= 0x80; i++ {
		b[i] = byte(x) | 0x80
		x >>= 7
	}
	b[i] = byte(x)
}

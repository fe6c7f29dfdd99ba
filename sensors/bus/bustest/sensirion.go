package bustest

// sensirion returns words as Sensirion's chips send them: two bytes, the first
// most significant, and their CRC.
func sensirion(words ...uint16) []byte {
	var b []byte
	for _, w := range words {
		p := []byte{byte(w >> 8), byte(w)}
		b = append(b, p[0], p[1], crcSensirion(p))
	}
	return b
}

// sensirionWords returns the words of b; false if one has another CRC, or half of it
// is missing.
func sensirionWords(b []byte) ([]uint16, bool) {
	var all []uint16
	for ; len(b) >= 3; b = b[3:] {
		if crcSensirion(b[:2]) != b[2] {
			return nil, false
		}
		all = append(all, uint16(b[0])<<8|uint16(b[1]))
	}
	return all, len(b) == 0
}

// crcSensirion is CRC-8 with polynomial 0x31 and initial value 0xFF, bit by
// bit as a shift register does it.
func crcSensirion(b []byte) byte {
	reg := byte(0xFF)
	for _, v := range b {
		for bit := 7; bit >= 0; bit-- {
			out := reg>>7 ^ v>>bit&1
			reg <<= 1
			if out == 1 {
				reg ^= 0x31
			}
		}
	}
	return reg
}

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

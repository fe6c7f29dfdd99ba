package driver

// crc8 returns the CRC-8 that Sensirion's chips append to every 16-bit word:
// polynomial 0x31 (x⁸+x⁵+x⁴+1), initial value 0xFF, most significant bit
// first, nothing inverted at the end. SHT4x datasheet, section 4.4.
func crc8(b []byte) byte { return crc8From(0xFF, b) }

// crc8From is [crc8] with another initial value. Some chips have 0: over
// nothing but zeros it is 0 then, so a bus held low passes, and a caller
// rejects that by itself.
func crc8From(crc byte, b []byte) byte {
	for _, v := range b {
		crc ^= v
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x31
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// crc8Dallas returns the CRC-8 of 1-Wire ROM codes and scratchpads: the same
// polynomial as [crc8], but initial value 0 and least significant bit first,
// hence 0x8C. Over data followed by its CRC it is 0, and so it is over nothing
// but zeros: a bus held low passes, and a caller rejects that by itself.
// Maxim application note 27.
func crc8Dallas(b []byte) byte {
	crc := byte(0)
	for _, v := range b {
		crc ^= v
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8C
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

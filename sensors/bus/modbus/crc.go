package modbus

// crc16 returns the CRC that ends a frame of RTU, its low byte first on the
// line: x¹⁶+x¹⁵+x²+1, initial value 0xFFFF, least significant bit first, hence
// 0xA001. MODBUS over Serial Line, section 6.2.2.
func crc16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

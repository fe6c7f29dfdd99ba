package bus

// CRC16 returns the CRC-16 of Modbus, whose initial value is 0xFFFF, and of
// DSMR, whose initial value is 0: polynomial 0x8005 (x¹⁶+x¹⁵+x²+1), least
// significant bit first, hence 0xA001. It is sent least significant byte
// first. MODBUS over Serial Line V1.02, section 6.2.2.
func CRC16(crc uint16, b []byte) uint16 {
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

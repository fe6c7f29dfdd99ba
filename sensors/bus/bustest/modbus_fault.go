package bustest

import "time"

// ModbusFault is something that goes wrong on a [ModbusLine].
type ModbusFault struct {
	When func(ModbusRequest) bool // for which requests; nil for all
	Do   func(*ModbusAnswer)      // what becomes of the answer
}

// ModbusAnswer is an answer before it goes on the wire.
type ModbusAnswer struct {
	Transaction uint16 // of TCP
	Unit        byte
	PDU         []byte // function, and what is behind it
	Silent      bool   // there is none
	Delay       time.Duration
	Hangup      bool                      // the connection ends with it
	Raw         func(frame []byte) []byte // changes the frame, checksum included
}

// NthRequest picks the request number n, counting from 0.
func NthRequest(n int) func(ModbusRequest) bool {
	return func(r ModbusRequest) bool { return r.N == n }
}

// FromRequest picks the request number n and all after it.
func FromRequest(n int) func(ModbusRequest) bool {
	return func(r ModbusRequest) bool { return r.N >= n }
}

// ToSlave picks the requests to a slave.
func ToSlave(unit byte) func(ModbusRequest) bool {
	return func(r ModbusRequest) bool { return r.Unit == unit }
}

// ModbusSilence is a slave that does not answer.
func ModbusSilence(when func(ModbusRequest) bool) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.Silent = true }}
}

// ModbusLate is an answer that comes after d.
func ModbusLate(when func(ModbusRequest) bool, d time.Duration) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.Delay += d }}
}

// ModbusException is a slave that refuses.
func ModbusException(when func(ModbusRequest) bool, code byte) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.PDU = []byte{a.PDU[0] | 0x80, code} }}
}

// ModbusHangup is a server that closes the connection in place of an answer.
func ModbusHangup(when func(ModbusRequest) bool) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.Silent, a.Hangup = true, true }}
}

// ModbusWrongUnit is an answer in another slave's name.
func ModbusWrongUnit(when func(ModbusRequest) bool, unit byte) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.Unit = unit }}
}

// ModbusWrongTransaction is an answer to a transaction that there was not.
func ModbusWrongTransaction(when func(ModbusRequest) bool) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.Transaction += 1000 }}
}

// ModbusPDU is an answer of another form, in a frame that is right.
func ModbusPDU(when func(ModbusRequest) bool, pdu ...byte) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.PDU = pdu }}
}

// ModbusRaw changes the frame on the wire.
func ModbusRaw(when func(ModbusRequest) bool, change func(frame []byte) []byte) ModbusFault {
	return ModbusFault{when, func(a *ModbusAnswer) { a.Raw = change }}
}

// ModbusGarbage is what a disturbed line makes of an answer.
func ModbusGarbage(when func(ModbusRequest) bool, b ...byte) ModbusFault {
	return ModbusRaw(when, func([]byte) []byte { return b })
}

// ModbusFlip inverts one bit of the frame: bit 0 is the most significant of
// the first byte. Bits beyond the end are none. The last 16 of a frame of RTU
// are its CRC.
func ModbusFlip(when func(ModbusRequest) bool, bit int) ModbusFault {
	return ModbusRaw(when, func(b []byte) []byte {
		if bit/8 < len(b) {
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
		return b
	})
}

// ModbusCut is a frame that ends after n bytes.
func ModbusCut(when func(ModbusRequest) bool, n int) ModbusFault {
	return ModbusRaw(when, func(b []byte) []byte { return b[:min(n, len(b))] })
}

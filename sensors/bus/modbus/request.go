package modbus

import (
	"encoding/binary"
	"fmt"

	"gateway/sensors/bus"
)

// The most of one request. Application protocol, sections 6.1 and 6.3.
const (
	maxRegisters = 125
	maxBits      = 2000
)

// exceptionFlag is set in the function code of an exception. Section 7.
const exceptionFlag = 0x80

// request asks a slave for n registers or bits of a table. The table is the
// function code.
type request struct {
	unit       byte
	table      bus.ModbusTable
	address, n uint16
}

var tableNames = map[bus.ModbusTable]string{
	bus.Coils:            "coil",
	bus.DiscreteInputs:   "discrete input",
	bus.HoldingRegisters: "holding register",
	bus.InputRegisters:   "input register",
}

// String returns r as "slave 3, input registers 0x0000 to 0x0003".
func (r request) String() string {
	if r.n == 1 {
		return fmt.Sprintf("slave %d, %s 0x%04X", r.unit, tableNames[r.table], r.address)
	}
	return fmt.Sprintf("slave %d, %ss 0x%04X to 0x%04X", r.unit, tableNames[r.table], r.address, int(r.address)+int(r.n)-1)
}

// valid says what no slave could answer. Addresses of slaves are 1 to 247 on a
// line, where 0 is all of them; over TCP 0 and 255 are the device itself.
func (r request) valid(most uint16, rtu bool) error {
	switch {
	case r.n < 1 || r.n > most:
		return fmt.Errorf("%d at once is not possible, 1 to %d are", r.n, most)
	case int(r.address)+int(r.n) > 1<<16:
		return fmt.Errorf("addresses end at 0xFFFF")
	case rtu && (r.unit < 1 || r.unit > 247):
		return fmt.Errorf("a slave has an address from 1 to 247")
	}
	return nil
}

// pdu returns the request without framing: function, address, quantity.
func (r request) pdu() []byte {
	p := []byte{byte(r.table)}
	p = binary.BigEndian.AppendUint16(p, r.address)
	return binary.BigEndian.AppendUint16(p, r.n)
}

// size returns how many bytes of data answer r.
func (r request) size() int {
	if r.table == bus.Coils || r.table == bus.DiscreteInputs {
		return (int(r.n) + 7) / 8
	}
	return 2 * int(r.n)
}

// check returns the data of an answer without framing: function, number of
// bytes, bytes.
func (r request) check(pdu []byte) ([]byte, error) {
	switch {
	case len(pdu) < 2:
		return nil, fmt.Errorf("the answer % X is too short", pdu)
	case pdu[0] == byte(r.table)|exceptionFlag && len(pdu) == 2:
		return nil, bus.ModbusException(pdu[1])
	case pdu[0] != byte(r.table):
		return nil, fmt.Errorf("the answer is one to function 0x%02X in place of 0x%02X", pdu[0], byte(r.table))
	case int(pdu[1]) != r.size():
		return nil, fmt.Errorf("the answer announces %d bytes in place of %d", pdu[1], r.size())
	case len(pdu) != 2+r.size():
		return nil, fmt.Errorf("the answer has %d bytes in place of %d", len(pdu)-2, r.size())
	}
	return pdu[2:], nil
}

// registers returns the registers in data, most significant byte first.
func registers(data []byte) []uint16 {
	v := make([]uint16, len(data)/2)
	for i := range v {
		v[i] = binary.BigEndian.Uint16(data[2*i:])
	}
	return v
}

// bits returns the first n bits in data, least significant bit first.
func bits(data []byte, n uint16) []bool {
	v := make([]bool, n)
	for i := range v {
		v[i] = data[i/8]>>(i%8)&1 != 0
	}
	return v
}

package bustest

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"gateway/sensors/bus"
)

// The examples of MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4, and
// the exceptions of their state diagrams.
func TestModbusSlave(t *testing.T) {
	s := &ModbusSlave{
		Holding: map[uint16]uint16{107: 0x022B, 108: 0x0000, 109: 0x0064, 0xFFFF: 1},
		Input:   map[uint16]uint16{8: 0x000A},
		Coils:   make(map[uint16]bool),
		Most:    3,
	}
	for i, c := range "1011001111010110101" { // coils 20 to 38
		s.Coils[uint16(19+i)] = c == '1'
	}
	for _, tt := range []struct {
		table          bus.ModbusTable
		address, count uint16
		want           string
	}{
		{bus.Coils, 19, 19, "0103CD6B05"},
		{bus.HoldingRegisters, 107, 3, "0306022B00000064"},
		{bus.InputRegisters, 8, 1, "0402000A"},
		{bus.DiscreteInputs, 0, 1, "8201"},
		{bus.InputRegisters, 8, 2, "8402"},
		{bus.HoldingRegisters, 0xFFFF, 2, "8302"},
		{bus.HoldingRegisters, 107, 4, "8303"},
		{bus.HoldingRegisters, 107, 0, "8303"},
		{bus.Coils, 18, 2, "8102"},
		{bus.Coils, 0, 2001, "8103"},
		{6, 0, 1, "8601"},
	} {
		r := ModbusRequest{Table: tt.table, Address: tt.address, Count: tt.count}
		if got := s.answer(r); !strings.EqualFold(hex.EncodeToString(got), tt.want) {
			t.Errorf("%v: % X, want %s", r, got, tt.want)
		}
	}
}

// telegraf#9253: a request and its answer.
func TestModbusFrames(t *testing.T) {
	request, _ := hex.DecodeString("550A03100400028071")
	r, rest, ok := cutRTURequest(request)
	if !ok || len(rest) != 0 || r.String() != "0: slave 10, table 3, 0x1004 +2" {
		t.Errorf("% X is %v, %v, and % X", request, r, ok, rest)
	}
	if got := rtu(ModbusAnswer{Unit: 10, PDU: []byte{3, 4, 0, 0, 0, 0}}); !bytes.Equal(got, []byte("\x0A\x03\x04\x00\x00\x00\x00\x40\xF3")) {
		t.Errorf("answer % X", got)
	}
	if _, rest, ok := cutRTURequest(request[:8]); ok || len(rest) != 7 {
		t.Errorf("half a request: %v, % X", ok, rest)
	}
	if _, _, ok, err := cutTCPRequest(request[:3]); ok || err != nil {
		t.Errorf("half a request of TCP: %v, %v", ok, err)
	}
	if _, _, _, err := cutTCPRequest(append(request, 1, 2, 3)); err == nil {
		t.Error("RTU is taken for TCP")
	}
}

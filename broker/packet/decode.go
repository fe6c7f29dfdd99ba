package packet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// decoder takes the body of one packet apart. After the first error it is
// empty and every read returns zero.
type decoder struct {
	b   []byte // what is left
	t   Type
	v   Version
	err *Error
}

// fail keeps the first error. The clause is "" or one of MQTT 5.0; clause
// chooses between two.
func (d *decoder) fail(code ReasonCode, clause, format string, args ...any) {
	if d.err == nil {
		d.err = &Error{Code: code, Clause: clause, Text: d.t.String() + ": " + fmt.Sprintf(format, args...)}
	}
	d.b = nil
}

// clause returns the number of a statement that both specifications make: five
// for MQTT 5.0, three for MQTT 3.1.1.
func (d *decoder) clause(five, three string) string {
	if d.v >= V5 {
		return five
	}
	return three
}

// take returns the next n bytes, which share memory with the body, or nil.
func (d *decoder) take(n int, what string) []byte {
	if len(d.b) < n {
		d.fail(MalformedPacket, "", "ends within the %s", what)
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) u8(what string) byte {
	if b := d.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16(what string) uint16 {
	if b := d.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) u32(what string) uint32 {
	if b := d.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) varint(what string) int {
	x, n, err := parseVarint(d.b)
	switch {
	case err != nil:
		d.fail(err.Code, err.Clause, "%s: %s", what, err.Text)
	case n == 0:
		d.fail(MalformedPacket, "", "ends within the %s", what)
	default:
		d.b = d.b[n:]
	}
	return x
}

// rawText returns the bytes of a string, checked; they share memory with the
// body.
func (d *decoder) rawText(what string) []byte {
	n := d.u16(what)
	b := d.take(int(n), what)
	switch {
	case bytes.IndexByte(b, 0) >= 0:
		d.fail(MalformedPacket, d.clause("MQTT-1.5.4-2", "MQTT-1.5.3-2 v3"), "the %s contains U+0000", what)
		return nil
	case !utf8.Valid(b): // which refuses surrogates; U+FEFF is a character like others [MQTT-1.5.4-3]
		d.fail(MalformedPacket, d.clause("MQTT-1.5.4-1", "MQTT-1.5.3-1 v3"), "the %s is not valid UTF-8", what)
		return nil
	}
	return b
}

func (d *decoder) text(what string) string { return string(d.rawText(what)) }

// binary returns a copy of binary data; not nil when it is there and empty.
func (d *decoder) binary(what string) []byte {
	n := d.u16(what)
	return clone(d.take(int(n), what))
}

// id returns a packet identifier.
func (d *decoder) id() uint16 {
	id := d.u16("packet identifier")
	if id == 0 {
		d.fail(ProtocolError, d.clause("MQTT-2.2.1-3", "MQTT-2.3.1-1 v3"), "the packet identifier is 0")
	}
	return id
}

// reason returns a reason code that packets of this type may have.
func (d *decoder) reason() ReasonCode {
	c := ReasonCode(d.u8("reason code"))
	if d.err == nil && !c.in(d.t) {
		d.fail(ProtocolError, reasonClauses[d.t], "reason code 0x%02X is not for it", byte(c))
	}
	return c
}

// reasonClauses says where each packet is told to use one of its reason codes.
var reasonClauses = [...]string{
	TypeConnack:    "MQTT-3.2.2-8",
	TypePuback:     "MQTT-3.4.2-1",
	TypePubrec:     "MQTT-3.5.2-1",
	TypePubrel:     "MQTT-3.6.2-1",
	TypePubcomp:    "MQTT-3.7.2-1",
	TypeSuback:     "MQTT-3.9.3-2",
	TypeUnsuback:   "MQTT-3.11.3-2",
	TypeDisconnect: "MQTT-3.14.2-1",
	TypeAuth:       "MQTT-3.15.2-1",
}

// end checks that nothing is left.
func (d *decoder) end() {
	if len(d.b) > 0 {
		d.fail(MalformedPacket, "", "%d bytes follow its end", len(d.b))
	}
}

// clone copies b; unlike bytes.Clone, nil only for nil and never with room
// behind it.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	c := make([]byte, len(b))
	copy(c, b)
	return c
}

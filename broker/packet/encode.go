package packet

import (
	"encoding/binary"
	"fmt"
)

// encoder appends one packet to b. After the first error what it appends does
// not matter.
type encoder struct {
	b   []byte
	dst []byte // b as it was
	t   Type
	v   Version
	err error
}

// begin begins a packet behind dst: its first byte and one byte for its
// length, to which end makes it longer when needed.
func begin(dst []byte, t Type, flags byte, v Version) encoder {
	return encoder{b: append(dst, byte(t)<<4|flags, 0), dst: dst, t: t, v: v}
}

// end ends the packet with the payload, which is nil for most, and returns
// what Append returns.
func (e *encoder) end(payload []byte) ([]byte, error) {
	e.setLength(len(e.dst)+1, len(payload))
	if e.err != nil {
		return e.dst, e.err
	}
	return append(e.b, payload...), nil
}

// setLength writes the number of bytes behind b[at], and of more that follow,
// to b[at] as a variable byte integer. What is behind moves if that is longer
// than a byte. Payloads are appended later: what moves is short.
func (e *encoder) setLength(at, more int) {
	n := len(e.b) - at - 1 + more
	if n > maxVarint {
		e.fail("%v of %d bytes: at most %d are possible", e.t, n, maxVarint)
		return
	}
	if size := varintSize(n); size > 1 {
		body := len(e.b) - at - 1
		e.b = append(e.b, 0, 0, 0)[:len(e.b)+size-1]
		copy(e.b[at+size:], e.b[at+1:at+1+body])
	}
	putVarint(e.b[at:], n)
}

// fail keeps the first error.
func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("encode "+format, args...)
	}
}

func (e *encoder) u8(x byte)    { e.b = append(e.b, x) }
func (e *encoder) u16(x uint16) { e.b = binary.BigEndian.AppendUint16(e.b, x) }
func (e *encoder) u32(x uint32) { e.b = binary.BigEndian.AppendUint32(e.b, x) }

// text appends a string behind its length; what names it in errors.
func (e *encoder) text(s, what string) {
	if len(s) > 65535 { // section 1.5.4
		e.fail("%v: %s of %d bytes: at most 65535 are possible", e.t, what, len(s))
		return
	}
	e.u16(uint16(len(s)))
	e.b = append(e.b, s...)
}

// binary appends binary data behind its length.
func (e *encoder) binary(b []byte, what string) {
	if len(b) > 65535 { // section 1.5.6
		e.fail("%v: %s of %d bytes: at most 65535 are possible", e.t, what, len(b))
		return
	}
	e.u16(uint16(len(b)))
	e.b = append(e.b, b...)
}

// id appends a packet identifier.
func (e *encoder) id(id uint16) {
	if id == 0 { // [MQTT-2.2.1-3] [MQTT-2.3.1-1 v3]
		e.fail("%v: the packet identifier is 0", e.t)
	}
	e.u16(id)
}

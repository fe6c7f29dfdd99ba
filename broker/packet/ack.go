package packet

// appendAck appends PUBACK, PUBREC, PUBREL or PUBCOMP, which look alike. A
// code of Success is left out when there are no properties, and the property
// length when there are none, sections 3.4.2.1 and 3.4.2.2.1.
func appendAck(dst []byte, t Type, id uint16, code ReasonCode, p *Properties, v Version) ([]byte, error) {
	e := begin(dst, t, t.flags(), v)
	e.id(id)
	if v >= V5 && (code != Success || p != nil) {
		e.u8(byte(code))
	}
	if p != nil {
		e.properties(p, t)
	}
	return e.end(nil)
}

// ack reads the body of PUBACK, PUBREC, PUBREL or PUBCOMP.
func (d *decoder) ack() (id uint16, code ReasonCode, p *Properties) {
	id = d.id()
	if d.v >= V5 && len(d.b) > 0 {
		code = d.reason()
		if len(d.b) > 0 {
			p = d.properties(d.t)
		}
	}
	return id, code, p
}

// ShortAck returns the packet identifier of a PUBACK, PUBREC, PUBREL or
// PUBCOMP that has nothing else, as most have; ok is false for everything
// that Decode should look at.
func ShortAck(first byte, body []byte) (id uint16, ok bool) {
	switch t := Type(first >> 4); {
	case t < TypePuback || t > TypePubcomp || first&0x0f != t.flags() || len(body) != 2:
		return 0, false
	}
	id = uint16(body[0])<<8 | uint16(body[1])
	return id, id != 0
}

// AppendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP without properties;
// id is not 0.
func AppendAck(dst []byte, t Type, id uint16, code ReasonCode, v Version) []byte {
	if v < V5 || code == Success {
		return append(dst, byte(t)<<4|t.flags(), 2, byte(id>>8), byte(id))
	}
	return append(dst, byte(t)<<4|t.flags(), 3, byte(id>>8), byte(id), byte(code))
}

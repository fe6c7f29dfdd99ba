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

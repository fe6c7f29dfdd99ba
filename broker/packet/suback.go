package packet

// Suback is SUBACK: the answer to SUBSCRIBE.
type Suback struct {
	ID         uint16       // packet identifier of the SUBSCRIBE, not 0
	Codes      []ReasonCode // one for each filter, in their order; at least one. MQTT 3 has one failure, UnspecifiedError
	Properties *Properties
}

// Type returns TypeSuback.
func (p *Suback) Type() Type { return TypeSuback }

// Append implements [Packet]. In MQTT 3 every failure is encoded as 0x80
// [MQTT-3.9.3-2 v3].
func (p *Suback) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeSuback, 0, v)
	e.id(p.ID)
	e.properties(p.Properties, TypeSuback)
	if len(p.Codes) == 0 {
		e.fail("SUBACK: no reason code")
	}
	for _, c := range p.Codes {
		if v < V5 && c > UnspecifiedError {
			c = UnspecifiedError
		}
		e.u8(byte(c))
	}
	return e.end(nil)
}

func (d *decoder) suback() *Suback {
	p := &Suback{ID: d.id()}
	p.Properties = d.properties(TypeSuback)
	p.Codes = d.codes()
	for _, c := range p.Codes {
		if d.v < V5 && c > GrantedQoS2 && c != UnspecifiedError {
			d.fail(MalformedPacket, "MQTT-3.9.3-2 v3", "return code 0x%02X", byte(c))
		}
	}
	return p
}

// codes reads reason codes to the end of the body.
func (d *decoder) codes() []ReasonCode {
	if len(d.b) == 0 {
		d.fail(MalformedPacket, "", "no reason code")
		return nil
	}
	codes := make([]ReasonCode, 0, len(d.b))
	for len(d.b) > 0 {
		if d.v >= V5 {
			codes = append(codes, d.reason())
		} else {
			codes = append(codes, ReasonCode(d.u8("return code")))
		}
	}
	return codes
}

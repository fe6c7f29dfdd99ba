package packet

// Unsuback is UNSUBACK: the answer to UNSUBSCRIBE.
type Unsuback struct {
	ID         uint16       // packet identifier of the UNSUBSCRIBE, not 0
	Codes      []ReasonCode // one for each filter, in their order; none in MQTT 3
	Properties *Properties
}

// Type returns TypeUnsuback.
func (p *Unsuback) Type() Type { return TypeUnsuback }

// Append implements [Packet].
func (p *Unsuback) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeUnsuback, 0, v)
	e.id(p.ID)
	if v < V5 {
		return e.end(nil)
	}
	e.properties(p.Properties, TypeUnsuback)
	if len(p.Codes) == 0 {
		e.fail("UNSUBACK: no reason code")
	}
	for _, c := range p.Codes {
		e.u8(byte(c))
	}
	return e.end(nil)
}

func (d *decoder) unsuback() *Unsuback {
	p := &Unsuback{ID: d.id()}
	if d.v >= V5 {
		p.Properties = d.properties(TypeUnsuback)
		p.Codes = d.codes()
	}
	return p
}

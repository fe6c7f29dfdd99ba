package packet

// Unsubscribe is UNSUBSCRIBE: a client does not want messages any more.
type Unsubscribe struct {
	ID         uint16   // packet identifier, not 0
	Filters    []string // at least one
	Properties *Properties
}

// Type returns TypeUnsubscribe.
func (p *Unsubscribe) Type() Type { return TypeUnsubscribe }

// Append implements [Packet].
func (p *Unsubscribe) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeUnsubscribe, TypeUnsubscribe.flags(), v)
	e.id(p.ID)
	e.properties(p.Properties, TypeUnsubscribe)
	if len(p.Filters) == 0 { // [MQTT-3.10.3-2]
		e.fail("UNSUBSCRIBE: no topic filter")
	}
	for _, f := range p.Filters {
		e.text(f, "topic filter")
	}
	return e.end(nil)
}

func (d *decoder) unsubscribe() *Unsubscribe {
	p := &Unsubscribe{ID: d.id()}
	p.Properties = d.properties(TypeUnsubscribe)
	for len(d.b) > 0 {
		p.Filters = append(p.Filters, d.text("topic filter")) // [MQTT-3.10.3-1]
	}
	if len(p.Filters) == 0 {
		d.fail(ProtocolError, d.clause("MQTT-3.10.3-2", "MQTT-3.10.3-2 v3"), "no topic filter")
	}
	return p
}

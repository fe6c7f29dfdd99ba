package packet

// Subscribe is SUBSCRIBE: a client asks for messages.
type Subscribe struct {
	ID         uint16         // packet identifier, not 0
	Filters    []Subscription // at least one
	Properties *Properties
}

// Subscription is a topic filter and what is asked for it. MQTT 3 has QoS
// only. The syntax of the filter is not checked here.
type Subscription struct {
	Filter            string
	QoS               QoS  // at most
	NoLocal           bool // not what this client publishes
	RetainAsPublished bool // keep the RETAIN flag of messages
	RetainHandling    byte // retained messages: 0 send, 1 send when the subscription is new, 2 do not send
}

// The subscription options, section 3.8.3.1.
const (
	optionQoS         = 3
	optionNoLocal     = 1 << 2
	optionAsPublished = 1 << 3
	shiftHandling     = 4
	optionReserved    = 3 << 6
)

// Type returns TypeSubscribe.
func (p *Subscribe) Type() Type { return TypeSubscribe }

// Append implements [Packet].
func (p *Subscribe) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeSubscribe, TypeSubscribe.flags(), v)
	e.id(p.ID)
	e.properties(p.Properties, TypeSubscribe)
	if len(p.Filters) == 0 { // [MQTT-3.8.3-2]
		e.fail("SUBSCRIBE: no topic filter")
	}
	for _, f := range p.Filters {
		e.text(f.Filter, "topic filter")
		e.u8(f.options(&e))
	}
	return e.end(nil)
}

func (f *Subscription) options(e *encoder) byte {
	if f.QoS > 2 {
		e.fail("SUBSCRIBE: QoS %d", f.QoS)
	}
	b := byte(f.QoS)
	if e.v < V5 {
		return b
	}
	if f.RetainHandling > 2 {
		e.fail("SUBSCRIBE: retain handling %d", f.RetainHandling)
	}
	if f.NoLocal {
		b |= optionNoLocal
	}
	if f.RetainAsPublished {
		b |= optionAsPublished
	}
	return b | f.RetainHandling<<shiftHandling
}

func (d *decoder) subscribe() *Subscribe {
	p := &Subscribe{ID: d.id()}
	p.Properties = d.properties(TypeSubscribe)
	for len(d.b) > 0 {
		filter := d.text("topic filter") // [MQTT-3.8.3-1]
		o := d.u8("subscription options")
		d.checkOptions(o)
		p.Filters = append(p.Filters, Subscription{
			Filter:            filter,
			QoS:               QoS(o & optionQoS),
			NoLocal:           o&optionNoLocal != 0,
			RetainAsPublished: o&optionAsPublished != 0,
			RetainHandling:    o >> shiftHandling & 3,
		})
	}
	if len(p.Filters) == 0 {
		d.fail(ProtocolError, d.clause("MQTT-3.8.3-2", "MQTT-3.8.3-3 v3"), "no topic filter")
	}
	return p
}

func (d *decoder) checkOptions(o byte) {
	switch {
	case d.v < V5 && (o > 2): // the specification misspells the number
		d.fail(MalformedPacket, "MQTT-3-8.3-4 v3", "requested QoS 0x%02x", o)
	case o&optionReserved != 0:
		d.fail(MalformedPacket, "MQTT-3.8.3-5", "the reserved subscription options are set, 0x%02x", o)
	case o&optionQoS == 3: // section 3.8.3.1
		d.fail(ProtocolError, "", "QoS 3")
	case o>>shiftHandling&3 == 3: // section 3.8.3.1
		d.fail(ProtocolError, "", "retain handling 3")
	}
}

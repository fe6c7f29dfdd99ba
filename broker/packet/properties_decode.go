package packet

import "bytes"

// willType stands for a will's properties where a packet's type is asked.
const willType Type = 0

// properties reads the property length and the properties of the packet, or of
// the will. They are nil when there are none, and before MQTT 5.0.
func (d *decoder) properties(in Type) *Properties {
	if d.v < V5 {
		return nil
	}
	n := d.varint("property length")
	b := d.take(n, "properties")
	if len(b) == 0 {
		return nil
	}
	rest := d.b
	d.b = b
	p := new(Properties)
	var seen uint64 // bit id: the property came before
	for len(d.b) > 0 && d.err == nil {
		d.property(p, in, &seen)
	}
	if p.AuthData != nil && !p.AuthMethod.OK { // section 3.1.2.11.10
		d.fail(ProtocolError, "", "authentication data without an authentication method")
	}
	if d.err != nil {
		return nil
	}
	d.b = rest
	return p
}

// property reads one property into p.
func (d *decoder) property(p *Properties, in Type, seen *uint64) {
	id := d.varint("property identifier")
	if d.err != nil {
		return
	}
	if id >= len(properties) || properties[id].name == "" {
		d.fail(MalformedPacket, "", "there is no property 0x%02X", id)
		return
	}
	name := properties[id].name
	if !properties[id].in.has(in) {
		d.fail(MalformedPacket, "", "the property %q is not for it", name)
		return
	}
	repeats := id == propUser || id == propSubscriptionID && in == TypePublish
	if *seen&(1<<id) != 0 && !repeats {
		d.fail(ProtocolError, "", "the property %q comes twice", name)
		return
	}
	*seen |= 1 << id
	switch id {
	case propPayloadFormat:
		d.byteProperty(&p.PayloadFormat, id)
	case propMessageExpiry:
		p.MessageExpiry = Some(d.u32(name))
	case propContentType:
		p.ContentType = Some(d.text(name))
	case propResponseTopic:
		b := d.rawText(name) // [MQTT-3.3.2-13]
		if len(b) == 0 {     // it is to be the topic of a PUBLISH
			d.fail(ProtocolError, "MQTT-4.7.3-1", "the response topic is empty")
		}
		if bytes.ContainsAny(b, "+#") {
			d.fail(ProtocolError, "MQTT-3.3.2-14", "the response topic %.40q contains a wildcard", b)
		}
		p.ResponseTopic = Some(string(b))
	case propCorrelationData:
		p.CorrelationData = d.binary(name)
	case propSubscriptionID:
		x := uint32(d.varint(name))
		d.checkValue(id, x)
		p.SubscriptionIDs = append(p.SubscriptionIDs, x)
	case propSessionExpiry:
		p.SessionExpiry = Some(d.u32(name))
	case propAssignedClientID:
		p.AssignedClientID = Some(d.text(name))
	case propServerKeepAlive:
		d.u16Property(&p.ServerKeepAlive, id)
	case propAuthMethod:
		p.AuthMethod = Some(d.text(name))
	case propAuthData:
		p.AuthData = d.binary(name)
	case propRequestProblemInfo:
		d.byteProperty(&p.RequestProblemInfo, id)
	case propWillDelay:
		p.WillDelay = Some(d.u32(name))
	case propRequestResponseInfo:
		d.byteProperty(&p.RequestResponseInfo, id)
	case propResponseInfo:
		p.ResponseInfo = Some(d.text(name))
	case propServerReference:
		p.ServerReference = Some(d.text(name))
	case propReasonString:
		p.ReasonString = Some(d.text(name))
	case propReceiveMaximum:
		d.u16Property(&p.ReceiveMaximum, id)
	case propTopicAliasMaximum:
		d.u16Property(&p.TopicAliasMaximum, id)
	case propTopicAlias:
		d.u16Property(&p.TopicAlias, id)
	case propMaximumQoS:
		d.byteProperty(&p.MaximumQoS, id)
	case propRetainAvailable:
		d.byteProperty(&p.RetainAvailable, id)
	case propUser: // [MQTT-1.5.7-1]
		p.User = append(p.User, UserProperty{Name: d.text("name of a user property"), Value: d.text("value of a user property")})
	case propMaximumPacketSize:
		x := d.u32(name)
		d.checkValue(id, x)
		p.MaximumPacketSize = Some(x)
	case propWildcardSubscriptionAvailable:
		d.byteProperty(&p.WildcardSubscriptionAvailable, id)
	case propSubscriptionIDAvailable:
		d.byteProperty(&p.SubscriptionIDAvailable, id)
	case propSharedSubscriptionAvailable:
		d.byteProperty(&p.SharedSubscriptionAvailable, id)
	}
}

func (d *decoder) byteProperty(o *Opt[byte], id int) {
	x := d.u8(properties[id].name)
	d.checkValue(id, uint32(x))
	*o = Some(x)
}

func (d *decoder) u16Property(o *Opt[uint16], id int) {
	x := d.u16(properties[id].name)
	d.checkValue(id, uint32(x))
	*o = Some(x)
}

// checkValue checks the number x against the bounds of the property.
func (d *decoder) checkValue(id int, x uint32) {
	p := &properties[id]
	if p.value == zeroOrOne && x > 1 || p.value == notZero && x == 0 {
		code := ProtocolError
		if p.code != 0 {
			code = p.code
		}
		d.fail(code, p.clause, "%s %d is not allowed", p.name, x)
	}
}

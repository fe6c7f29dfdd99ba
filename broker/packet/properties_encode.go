package packet

// properties appends the property length and the properties of the packet, or
// of the will; nothing before MQTT 5.0. The order is Mosquitto's in CONNACK,
// whose users may compare bytes; the specification leaves it open.
func (e *encoder) properties(p *Properties, in Type) {
	if e.v < V5 {
		return
	}
	at := len(e.b)
	e.u8(0) // [MQTT-2.2.2-1]
	if p == nil {
		return
	}
	w := propertyWriter{e, in}
	w.u16(propTopicAliasMaximum, p.TopicAliasMaximum)
	w.text(propAssignedClientID, p.AssignedClientID)
	w.u16(propServerKeepAlive, p.ServerKeepAlive)
	w.byte(propPayloadFormat, p.PayloadFormat)
	w.u32(propMessageExpiry, p.MessageExpiry)
	w.text(propContentType, p.ContentType)
	w.text(propResponseTopic, p.ResponseTopic)
	w.binary(propCorrelationData, p.CorrelationData)
	w.ids(p.SubscriptionIDs)
	w.u32(propSessionExpiry, p.SessionExpiry)
	w.text(propAuthMethod, p.AuthMethod)
	w.binary(propAuthData, p.AuthData)
	w.byte(propRequestProblemInfo, p.RequestProblemInfo)
	w.u32(propWillDelay, p.WillDelay)
	w.byte(propRequestResponseInfo, p.RequestResponseInfo)
	w.text(propResponseInfo, p.ResponseInfo)
	w.text(propServerReference, p.ServerReference)
	w.text(propReasonString, p.ReasonString)
	w.u16(propTopicAlias, p.TopicAlias)
	w.byte(propMaximumQoS, p.MaximumQoS)
	w.byte(propRetainAvailable, p.RetainAvailable)
	w.byte(propWildcardSubscriptionAvailable, p.WildcardSubscriptionAvailable)
	w.byte(propSubscriptionIDAvailable, p.SubscriptionIDAvailable)
	w.byte(propSharedSubscriptionAvailable, p.SharedSubscriptionAvailable)
	w.user(p.User)
	w.u32(propMaximumPacketSize, p.MaximumPacketSize)
	w.u16(propReceiveMaximum, p.ReceiveMaximum)
	e.setLength(at, 0)
}

// propertyWriter appends properties that are there.
type propertyWriter struct {
	e  *encoder
	in Type
}

// id appends the identifier.
func (w propertyWriter) id(id byte) {
	if p := &properties[id]; !p.in.has(w.in) {
		w.e.fail("%v: the property %q is not for it", w.e.t, p.name)
	}
	w.e.u8(id)
}

func (w propertyWriter) byte(id byte, o Opt[byte]) {
	if o.OK {
		w.id(id)
		w.e.u8(o.V)
	}
}

func (w propertyWriter) u16(id byte, o Opt[uint16]) {
	if o.OK {
		w.id(id)
		w.e.u16(o.V)
	}
}

func (w propertyWriter) u32(id byte, o Opt[uint32]) {
	if o.OK {
		w.id(id)
		w.e.u32(o.V)
	}
}

func (w propertyWriter) text(id byte, o Opt[string]) {
	if o.OK {
		w.id(id)
		w.e.text(o.V, properties[id].name)
	}
}

func (w propertyWriter) binary(id byte, b []byte) {
	if b != nil {
		w.id(id)
		w.e.binary(b, properties[id].name)
	}
}

func (w propertyWriter) ids(ids []uint32) {
	for _, x := range ids {
		w.id(propSubscriptionID)
		if x > maxVarint {
			w.e.fail("%v: subscription identifier %d: at most %d is possible", w.e.t, x, maxVarint)
			return
		}
		at := len(w.e.b)
		w.e.b = append(w.e.b, 0, 0, 0, 0)[:at+varintSize(int(x))]
		putVarint(w.e.b[at:], int(x))
	}
}

func (w propertyWriter) user(user []UserProperty) {
	for _, u := range user {
		w.id(propUser)
		w.e.text(u.Name, "name of a user property")
		w.e.text(u.Value, "value of a user property")
	}
}

package packet

import "fmt"

// PublishHead is all of a PUBLISH that comes before its payload. It is for a
// broker that sends one message to many: the head is encoded once for all
// receivers that want the same, and the payload is nobody's to copy twice.
// What [Publish.Append] checks has been checked.
type PublishHead struct {
	Dup             bool
	QoS             QoS
	Retain          bool
	Topic           string // "": that of the alias
	ID              uint16 // with QoS 1 and 2
	Alias           uint16 // topic alias, 0: none
	SubscriptionIDs []uint32
	Properties      []byte // what AppendMessageProperties made
	PayloadSize     int    // bytes
}

// First returns the first byte of the packet.
func (h *PublishHead) First() byte {
	b := byte(TypePublish)<<4 | byte(h.QoS)<<shiftQoS
	if h.Retain {
		b |= flagRetain
	}
	if h.Dup && h.QoS > 0 { // [MQTT-3.3.1-2]
		b |= flagDup
	}
	return b
}

// properties returns the size of the properties.
func (h *PublishHead) properties() int {
	n := len(h.Properties)
	if h.Alias != 0 {
		n += 3
	}
	for _, id := range h.SubscriptionIDs {
		n += 1 + varintSize(int(id))
	}
	return n
}

// remaining returns the remaining length of the packet and the size of its
// properties, without their length.
func (h *PublishHead) remaining(v Version) (length, properties int) {
	length = 2 + len(h.Topic) + h.PayloadSize
	if h.QoS > 0 {
		length += 2
	}
	if v >= V5 {
		properties = h.properties()
		length += varintSize(properties) + properties
	}
	return length, properties
}

// Size returns the size of the whole packet, bytes.
func (h *PublishHead) Size(v Version) int {
	length, _ := h.remaining(v)
	return 1 + varintSize(length) + length
}

// Append appends the head as version v has it. idAt is where in the head the
// packet identifier lies, 0 if it has none. It does not allocate when dst has
// the room.
func (h *PublishHead) Append(dst []byte, v Version) (b []byte, idAt int) {
	start := len(dst)
	length, properties := h.remaining(v)
	dst = appendVarint(append(dst, h.First()), length)
	dst = append(dst, byte(len(h.Topic)>>8), byte(len(h.Topic)))
	dst = append(dst, h.Topic...)
	if h.QoS > 0 {
		idAt = len(dst) - start
		dst = append(dst, byte(h.ID>>8), byte(h.ID))
	}
	if v < V5 {
		return dst, idAt
	}
	dst = appendVarint(dst, properties)
	if h.Alias != 0 {
		dst = append(dst, propTopicAlias, byte(h.Alias>>8), byte(h.Alias))
	}
	dst = append(dst, h.Properties...)
	for _, id := range h.SubscriptionIDs { // [MQTT-3.3.4-3]
		dst = appendVarint(append(dst, propSubscriptionID), int(id))
	}
	return dst, idAt
}

func appendVarint(dst []byte, x int) []byte {
	n := len(dst)
	dst = append(dst, 0, 0, 0, 0)[:n+varintSize(x)]
	putVarint(dst[n:], x)
	return dst
}

// AppendMessageProperties appends those properties of p that belong to the
// message and that a broker passes on unchanged [MQTT-3.3.2-4]
// [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
// [MQTT-3.3.2-20], with this message expiry. It is an error, with dst
// returned as it was, if one of them cannot be encoded.
func AppendMessageProperties(dst []byte, p *Properties, expiry Opt[uint32]) ([]byte, error) {
	e := encoder{b: dst, t: TypePublish, v: V5}
	w := propertyWriter{&e, TypePublish}
	if p != nil {
		w.byte(propPayloadFormat, p.PayloadFormat)
	}
	w.u32(propMessageExpiry, expiry)
	if p != nil {
		w.text(propContentType, p.ContentType)
		w.text(propResponseTopic, p.ResponseTopic)
		w.binary(propCorrelationData, p.CorrelationData)
		w.user(p.User)
	}
	switch {
	case e.err != nil:
		return dst, e.err
	case len(e.b)-len(dst) > maxVarint/2:
		return dst, fmt.Errorf("encode PUBLISH: %d bytes of properties", len(e.b)-len(dst))
	}
	return e.b, nil
}

// ParseMessageProperties reads what AppendMessageProperties has made. The text
// and bytes it returns are copies.
func ParseMessageProperties(b []byte) (*Properties, error) {
	if len(b) == 0 {
		return nil, nil
	}
	d := decoder{b: b, t: TypePublish, v: V5}
	p := new(Properties)
	var seen uint64
	for len(d.b) > 0 && d.err == nil {
		d.property(p, TypePublish, &seen)
	}
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

package v5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// maxPacket is the largest packet of MQTT, bytes: five of them header.
const maxPacket = 5 + 268_435_455

// publish is the body of the PUBLISH of m. What [encodable] says no to is cut
// off.
func publish(m link.Message) net.Buffers {
	p := packets.Publish{Topic: m.Topic, PacketID: m.ID, QoS: m.QoS, Payload: m.Payload, Properties: properties(m)}
	return p.Buffers()
}

// publishByte is the first byte of the PUBLISH of m.
func publishByte(m link.Message) byte {
	b := packets.PUBLISH<<4 | m.QoS<<1
	if m.Dup && m.QoS > 0 { // [MQTT-3.3.1-2]
		b |= 1 << 3
	}
	if m.Retain {
		b |= 1
	}
	return b
}

// properties are those that a message keeps on its way, nil if it has none.
func properties(m link.Message) *packets.Properties {
	if m.Expiry <= 0 && m.Properties == nil {
		return nil
	}
	p := new(packets.Properties)
	if m.Expiry > 0 {
		s := seconds(m.Expiry)
		p.MessageExpiry = &s
	}
	if q := m.Properties; q != nil {
		if q.PayloadFormat.OK {
			p.PayloadFormat = &q.PayloadFormat.V
		}
		p.ContentType, p.ResponseTopic, p.CorrelationData = q.ContentType.V, q.ResponseTopic.V, q.CorrelationData
		for _, u := range q.User {
			p.User = append(p.User, packets.User{Key: u.Name, Value: u.Value})
		}
	}
	return p
}

// encodable tells whether each of the properties fits its length, which paho
// cuts off.
func encodable(p *packet.Properties) bool {
	if p == nil {
		return true
	}
	n := max(len(p.ContentType.V), len(p.ResponseTopic.V), len(p.CorrelationData))
	for _, u := range p.User {
		n = max(n, len(u.Name), len(u.Value))
	}
	return n <= math.MaxUint16
}

// ack is an acknowledgement: its first byte and its body.
func ack(typ byte, id uint16, code byte) (first byte, body net.Buffers) {
	switch typ {
	case packets.PUBACK:
		return typ << 4, (&packets.Puback{PacketID: id, ReasonCode: code}).Buffers()
	case packets.PUBREC:
		return typ << 4, (&packets.Pubrec{PacketID: id, ReasonCode: code}).Buffers()
	case packets.PUBREL:
		return typ<<4 | 0b0010, (&packets.Pubrel{PacketID: id, ReasonCode: code}).Buffers()
	}
	return typ << 4, (&packets.Pubcomp{PacketID: id, ReasonCode: code}).Buffers()
}

// name is the name of a packet by its first byte.
func name(first byte) string { return packet.Type(first >> 4).String() }

// decode decodes a packet other than PUBLISH. Paho's decoders slice by lengths
// that they have not checked, and index by types that they do not know.
func decode(first byte, body []byte) (p packets.Packet, err error) {
	defer recovered(first, &err)
	cp := packets.NewControlPacket(first >> 4)
	if cp == nil {
		return nil, broken(packet.MalformedPacket, "", "packet type %d", first>>4)
	}
	if cp.Type != packets.AUTH && cp.Flags != first&0x0f { // paho has those of AUTH wrong
		return nil, broken(packet.MalformedPacket, "MQTT-2.1.3-1", "%s: the reserved flags are 0x%x", name(first), first&0x0f)
	}
	if cp.Type == packets.DISCONNECT && len(body) == 0 { // section 3.14.2.1, which paho does not know
		return cp.Content, nil
	}
	if cp.Type == packets.SUBACK || cp.Type == packets.UNSUBACK {
		body = bytes.Clone(body) // paho's codes share it
	}
	if err := cp.Content.Unpack(bytes.NewBuffer(body)); err != nil {
		return nil, malformed(first, err)
	}
	if hasID(cp.Type) && cp.PacketID() == 0 { // [MQTT-2.2.1-3]
		return nil, broken(packet.ProtocolError, "MQTT-2.2.1-3", "%s: the packet identifier is 0", name(first))
	}
	return cp.Content, nil
}

func hasID(typ byte) bool { return typ >= packets.PUBACK && typ <= packets.UNSUBACK }

// recovered makes an error of a panic.
func recovered(first byte, err *error) {
	if r := recover(); r != nil {
		*err = malformed(first, fmt.Errorf("%v", r))
	}
}

func malformed(first byte, err error) error {
	return broken(packet.MalformedPacket, "", "%s: %v", name(first), err)
}

// decodePublish decodes PUBLISH. It is not [packets.Publish.Unpack], which copies
// a payload as often as its buffer grows.
func decodePublish(first byte, body []byte) (m link.Message, err error) {
	defer recovered(first, &err)
	m = link.Message{QoS: first >> 1 & 3, Dup: first&(1<<3) != 0, Retain: first&1 != 0}
	b := bytes.NewBuffer(body)
	topic := binary.BigEndian.Uint16(b.Next(2))
	m.Topic = string(b.Next(int(topic)))
	if m.QoS > 0 {
		m.ID = binary.BigEndian.Uint16(b.Next(2))
	}
	p := new(packets.Properties)
	if err := p.Unpack(b, packets.PUBLISH); err != nil {
		return m, malformed(first, err)
	}
	switch {
	case m.QoS == 3: // [MQTT-3.3.1-4]
		return m, broken(packet.MalformedPacket, "MQTT-3.3.1-4", "PUBLISH: QoS 3")
	case m.QoS > 0 && m.ID == 0: // [MQTT-2.2.1-3]
		return m, broken(packet.ProtocolError, "MQTT-2.2.1-3", "PUBLISH: the packet identifier is 0")
	case p.TopicAlias != nil: // [MQTT-3.1.2-27]
		return m, broken(packet.TopicAliasInvalid, "MQTT-3.1.2-27", "PUBLISH with topic alias %d: none was allowed", *p.TopicAlias)
	case m.Topic == "": // section 3.3.2.1
		return m, broken(packet.ProtocolError, "", "PUBLISH: the topic is empty")
	}
	m.Payload = bytes.Clone(b.Bytes())
	if p.MessageExpiry != nil {
		m.Expiry = max(time.Duration(*p.MessageExpiry)*time.Second, 1) // 0 would be for ever
	}
	m.Properties = messageProperties(p)
	return m, nil
}

// messageProperties are those of p that belong to the message, nil if there are
// none.
func messageProperties(p *packets.Properties) *packet.Properties {
	if p.PayloadFormat == nil && p.ContentType == "" && p.ResponseTopic == "" && p.CorrelationData == nil && len(p.User) == 0 {
		return nil
	}
	q := &packet.Properties{CorrelationData: p.CorrelationData}
	if p.PayloadFormat != nil {
		q.PayloadFormat = packet.Some(*p.PayloadFormat)
	}
	if p.ContentType != "" {
		q.ContentType = packet.Some(p.ContentType)
	}
	if p.ResponseTopic != "" {
		q.ResponseTopic = packet.Some(p.ResponseTopic)
	}
	for _, u := range p.User {
		q.User = append(q.User, packet.UserProperty{Name: u.Key, Value: u.Value})
	}
	return q
}

package packet

import "bytes"

// Publish is PUBLISH: a message.
type Publish struct {
	Dup        bool // this may be another attempt
	QoS        QoS
	Retain     bool
	Topic      string // "": that of the topic alias
	ID         uint16 // packet identifier; only with QoS 1 and 2, and not 0 then
	Properties *Properties
	Payload    []byte
}

// The flags in the first byte.
const (
	flagRetain = 1 << 0
	shiftQoS   = 1
	flagDup    = 1 << 3
)

// Type returns TypePublish.
func (p *Publish) Type() Type { return TypePublish }

// Append implements [Packet]. It does not allocate when dst has the room. ID
// does not matter at QoS 0 [MQTT-2.2.1-2].
func (p *Publish) Append(dst []byte, v Version) ([]byte, error) {
	flags := byte(p.QoS&3) << shiftQoS
	if p.Retain {
		flags |= flagRetain
	}
	if p.Dup && p.QoS > 0 { // [MQTT-3.3.1-2]
		flags |= flagDup
	}
	e := begin(dst, TypePublish, flags, v)
	if p.QoS > 2 { // [MQTT-3.3.1-4]
		e.fail("PUBLISH: QoS %d", p.QoS)
	}
	e.text(p.Topic, "topic")
	if p.QoS > 0 {
		e.id(p.ID)
	}
	e.properties(p.Properties, TypePublish)
	return e.end(p.Payload)
}

// Decode decodes like the function [Decode] into p, all of whose fields it
// sets. Unlike there, Payload shares memory with body; and nothing is
// allocated if the packet has no properties and the same topic as p had. On
// error, which is of type [*Error], p is unchanged.
func (p *Publish) Decode(first byte, body []byte, v Version) error {
	d := decoder{b: body, t: TypePublish, v: v}
	q := Publish{Topic: p.Topic}
	if Type(first>>4) != TypePublish {
		d.fail(ProtocolError, "", "got %v", Type(first>>4))
	}
	d.publish(first, &q)
	if d.err != nil {
		return d.err
	}
	*p = q
	return nil
}

// publish sets all fields of p but Topic, which it leaves when it is equal.
// The payload is what is left of the body.
func (d *decoder) publish(first byte, p *Publish) {
	p.Dup = first&flagDup != 0
	p.QoS = QoS(first >> shiftQoS & 3)
	p.Retain = first&flagRetain != 0
	switch {
	case p.QoS == 3:
		d.fail(MalformedPacket, d.clause("MQTT-3.3.1-4", "MQTT-3.3.1-4 v3"), "QoS 3")
	case p.QoS == 0 && p.Dup:
		d.fail(MalformedPacket, d.clause("MQTT-3.3.1-2", "MQTT-3.3.1-2 v3"), "DUP with QoS 0")
	}
	topic := d.rawText("topic") // [MQTT-3.3.2-1]
	if bytes.IndexByte(topic, '+') >= 0 || bytes.IndexByte(topic, '#') >= 0 {
		d.fail(TopicNameInvalid, d.clause("MQTT-3.3.2-2", "MQTT-3.3.2-2 v3"), "the topic %.40q contains a wildcard", topic)
	}
	if p.QoS > 0 {
		p.ID = d.id()
	}
	p.Properties = d.properties(TypePublish)
	if len(topic) == 0 && (p.Properties == nil || !p.Properties.TopicAlias.OK) { // section 3.3.2.1
		code, clause := ProtocolError, ""
		if d.v < V5 {
			code, clause = TopicNameInvalid, "MQTT-4.7.3-1 v3"
		}
		d.fail(code, clause, "the topic is empty")
	}
	if d.err != nil {
		return
	}
	if p.Topic != string(topic) {
		p.Topic = string(topic)
	}
	p.Payload = d.b
	d.b = nil
}

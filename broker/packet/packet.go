package packet

import "strconv"

// Version is a protocol version as CONNECT gives it, the protocol level of
// MQTT 3. What decodes or encodes with another value than these constants
// takes it for MQTT 3.1.1 below V5, and for MQTT 5.0 above.
type Version byte

// The versions.
const (
	V31  Version = 3 // MQTT 3.1, "MQIsdp"
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// String returns the version as people write it, "3.1.1".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "Version(" + strconv.Itoa(int(v)) + ")"
}

// QoS is a quality of service: 0 at most once, 1 at least once, 2 exactly
// once.
type QoS byte

// Type is the type of a control packet, the upper four bits of its first byte.
type Type byte

// The types.
const (
	TypeConnect Type = 1 + iota
	TypeConnack
	TypePublish
	TypePuback
	TypePubrec
	TypePubrel
	TypePubcomp
	TypeSubscribe
	TypeSuback
	TypeUnsubscribe
	TypeUnsuback
	TypePingreq
	TypePingresp
	TypeDisconnect
	TypeAuth // since MQTT 5.0
)

var typeNames = [...]string{
	TypeConnect:     "CONNECT",
	TypeConnack:     "CONNACK",
	TypePublish:     "PUBLISH",
	TypePuback:      "PUBACK",
	TypePubrec:      "PUBREC",
	TypePubrel:      "PUBREL",
	TypePubcomp:     "PUBCOMP",
	TypeSubscribe:   "SUBSCRIBE",
	TypeSuback:      "SUBACK",
	TypeUnsubscribe: "UNSUBSCRIBE",
	TypeUnsuback:    "UNSUBACK",
	TypePingreq:     "PINGREQ",
	TypePingresp:    "PINGRESP",
	TypeDisconnect:  "DISCONNECT",
	TypeAuth:        "AUTH",
}

// String returns the name of the packet, "CONNECT".
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// flags returns the lower four bits of the first byte that a packet of this
// type has; of PUBLISH they depend on the packet.
func (t Type) flags() byte {
	switch t {
	case TypePubrel, TypeSubscribe, TypeUnsubscribe: // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
		return 0b0010
	}
	return 0
}

// Packet is a control packet, a pointer to one of the structs of this
// package.
type Packet interface {
	// Type returns the type of the packet.
	Type() Type

	// Append appends the whole packet, fixed header included, as version v
	// has it, and returns the extended buffer. What v does not have is left
	// out: MQTT 3 has no properties and few reason codes.
	//
	// It is an error, with dst returned as it was, if the packet cannot be
	// encoded: a string of more than 65,535 bytes, a packet of more than
	// 268,435,455, a field whose value does not fit its bits, a property that
	// this packet does not have. What only has a meaning that is not allowed
	// is written as it is. The packet is not changed or kept.
	Append(dst []byte, v Version) ([]byte, error)
}

// Decode decodes a packet of version v from its first byte and its body, which
// is all that follows the fixed header. v does not matter for CONNECT, which
// says itself which version it has. Nothing returned shares memory with body.
// Errors are of type [*Error].
func Decode(first byte, body []byte, v Version) (Packet, error) {
	t := Type(first >> 4)
	if t == TypeConnect {
		v = V5
	}
	if err := checkFirst(first, v); err != nil {
		return nil, err
	}
	d := decoder{b: body, t: t, v: v}
	p := d.packet(first)
	d.end()
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

// checkFirst checks the first byte of a packet: the flags are reserved in all but
// PUBLISH, DISCONNECT [MQTT-3.14.1-1] and AUTH [MQTT-3.15.1-1] among them.
func checkFirst(first byte, v Version) error {
	t := Type(first >> 4)
	if t == 0 || t == TypeAuth && v < V5 {
		return &Error{Code: MalformedPacket, Clause: "", Text: "packet type " + strconv.Itoa(int(t)) + " does not exist in MQTT " + v.String()}
	}
	flags := first & 0x0f
	if t == TypePublish || flags == t.flags() {
		return nil
	}
	if v == V31 && flags == t.flags()|0b1000 && t.flags() != 0 {
		return nil // MQTT 3.1 sets DUP in a second attempt of these
	}
	clause := "MQTT-2.1.3-1"
	if v < V5 {
		clause = "MQTT-2.2.2-2 v3"
	}
	return &Error{Code: MalformedPacket, Clause: clause, Text: t.String() + ": the reserved flags are " + bits(flags) + ", want " + bits(t.flags())}
}

// bits writes four bits.
func bits(b byte) string {
	s := strconv.FormatUint(uint64(b&0x0f|0x10), 2)
	return "0b" + s[1:]
}

// packet decodes the body into the struct of the packet.
func (d *decoder) packet(first byte) Packet {
	switch d.t {
	case TypeConnect:
		return d.connect()
	case TypeConnack:
		return d.connack()
	case TypePublish:
		p := new(Publish)
		d.publish(first, p)
		p.Payload = clone(p.Payload)
		return p
	case TypePuback:
		p := new(Puback)
		p.ID, p.Code, p.Properties = d.ack()
		return p
	case TypePubrec:
		p := new(Pubrec)
		p.ID, p.Code, p.Properties = d.ack()
		return p
	case TypePubrel:
		p := new(Pubrel)
		p.ID, p.Code, p.Properties = d.ack()
		return p
	case TypePubcomp:
		p := new(Pubcomp)
		p.ID, p.Code, p.Properties = d.ack()
		return p
	case TypeSubscribe:
		return d.subscribe()
	case TypeSuback:
		return d.suback()
	case TypeUnsubscribe:
		return d.unsubscribe()
	case TypeUnsuback:
		return d.unsuback()
	case TypePingreq:
		return new(Pingreq)
	case TypePingresp:
		return new(Pingresp)
	case TypeDisconnect:
		return d.disconnect()
	default: // checkFirst leaves no other
		return d.auth()
	}
}

package packet

// Puback is PUBACK: a message of QoS 1 has arrived.
type Puback struct {
	ID         uint16     // packet identifier, not 0
	Code       ReasonCode // before MQTT 5.0 always Success
	Properties *Properties
}

// Type returns TypePuback.
func (p *Puback) Type() Type { return TypePuback }

// Append implements [Packet].
func (p *Puback) Append(dst []byte, v Version) ([]byte, error) {
	return appendAck(dst, TypePuback, p.ID, p.Code, p.Properties, v)
}

package packet

// Pubrec is PUBREC: a message of QoS 2 has arrived, or is refused with a Code from
// 0x80 on.
type Pubrec struct {
	ID         uint16     // packet identifier, not 0
	Code       ReasonCode // before MQTT 5.0 always Success
	Properties *Properties
}

// Type returns TypePubrec.
func (p *Pubrec) Type() Type { return TypePubrec }

// Append implements [Packet].
func (p *Pubrec) Append(dst []byte, v Version) ([]byte, error) {
	return appendAck(dst, TypePubrec, p.ID, p.Code, p.Properties, v)
}

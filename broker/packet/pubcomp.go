package packet

// Pubcomp is PUBCOMP: the identifier of a message of QoS 2 is free.
type Pubcomp struct {
	ID         uint16     // packet identifier, not 0
	Code       ReasonCode // before MQTT 5.0 always Success
	Properties *Properties
}

// Type returns TypePubcomp.
func (p *Pubcomp) Type() Type { return TypePubcomp }

// Append implements [Packet].
func (p *Pubcomp) Append(dst []byte, v Version) ([]byte, error) {
	return appendAck(dst, TypePubcomp, p.ID, p.Code, p.Properties, v)
}

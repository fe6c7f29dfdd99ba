package packet

// Pubrel is PUBREL: the identifier of a message of QoS 2 will be free.
type Pubrel struct {
	ID         uint16     // packet identifier, not 0
	Code       ReasonCode // before MQTT 5.0 always Success
	Properties *Properties
}

// Type returns TypePubrel.
func (p *Pubrel) Type() Type { return TypePubrel }

// Append implements [Packet].
func (p *Pubrel) Append(dst []byte, v Version) ([]byte, error) {
	return appendAck(dst, TypePubrel, p.ID, p.Code, p.Properties, v)
}

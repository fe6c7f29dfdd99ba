package packet

// Pingreq is PINGREQ: a client is alive, and asks whether the server is.
type Pingreq struct{}

// Type returns TypePingreq.
func (p *Pingreq) Type() Type { return TypePingreq }

// Append implements [Packet].
func (p *Pingreq) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypePingreq, 0, v)
	return e.end(nil)
}

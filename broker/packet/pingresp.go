package packet

// Pingresp is PINGRESP: the server is alive.
type Pingresp struct{}

// Type returns TypePingresp.
func (p *Pingresp) Type() Type { return TypePingresp }

// Append implements [Packet].
func (p *Pingresp) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypePingresp, 0, v)
	return e.end(nil)
}

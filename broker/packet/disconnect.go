package packet

// Disconnect is DISCONNECT: the sender closes the connection. In MQTT 3 only
// clients send it, and it says no more than that.
type Disconnect struct {
	Code       ReasonCode
	Properties *Properties
}

// Type returns TypeDisconnect.
func (p *Disconnect) Type() Type { return TypeDisconnect }

// Append implements [Packet]. The code and the property length are left out
// where section 3.14.2.1 allows it.
func (p *Disconnect) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeDisconnect, 0, v)
	if v >= V5 && (p.Code != Success || p.Properties != nil) {
		e.u8(byte(p.Code))
	}
	if p.Properties != nil {
		e.properties(p.Properties, TypeDisconnect)
	}
	return e.end(nil)
}

func (d *decoder) disconnect() *Disconnect {
	p := new(Disconnect)
	if d.v >= V5 && len(d.b) > 0 {
		p.Code = d.reason()
		if len(d.b) > 0 {
			p.Properties = d.properties(TypeDisconnect)
		}
	}
	return p
}

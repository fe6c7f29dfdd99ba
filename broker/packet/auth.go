package packet

// Auth is AUTH: a step of an authentication that takes more than one. MQTT 3
// does not have it.
type Auth struct {
	Code       ReasonCode
	Properties *Properties
}

// Type returns TypeAuth.
func (p *Auth) Type() Type { return TypeAuth }

// Append implements [Packet]. Success without properties has no body, section
// 3.15.2.1.
func (p *Auth) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeAuth, 0, v)
	if v < V5 {
		e.fail("AUTH: MQTT %v does not have it", v)
	}
	if p.Code != Success || p.Properties != nil {
		e.u8(byte(p.Code))
		e.properties(p.Properties, TypeAuth)
	}
	return e.end(nil)
}

func (d *decoder) auth() *Auth {
	p := new(Auth)
	if len(d.b) == 0 {
		return p
	}
	p.Code = d.reason()
	p.Properties = d.properties(TypeAuth)
	if p.Properties == nil || !p.Properties.AuthMethod.OK { // section 3.15.2.2.2
		d.fail(ProtocolError, "", "no authentication method")
	}
	return p
}

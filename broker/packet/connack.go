package packet

// Connack is CONNACK: the server accepts the connection, or not.
//
// MQTT 3 has the return codes 0 to 5, which are decoded as the reason codes
// that mean the same. A reason code that MQTT 3 does not have is encoded as
// 3, Server unavailable, or as 5, Not authorized, when it is about
// authentication.
type Connack struct {
	SessionPresent bool // not in MQTT 3.1; never with a Code other than Success
	Code           ReasonCode
	Properties     *Properties
}

// returnCodes are the reason codes of the return codes of MQTT 3, section
// 3.2.2.3 of MQTT 3.1.1.
var returnCodes = [...]ReasonCode{
	0: Success,
	1: UnsupportedProtocolVersion,
	2: ClientIdentifierNotValid,
	3: ServerUnavailable,
	4: BadUserNameOrPassword,
	5: NotAuthorized,
}

// returnCode returns the return code of MQTT 3 that is nearest to c.
func returnCode(c ReasonCode) byte {
	if c == BadAuthenticationMethod {
		c = NotAuthorized
	}
	for i, r := range returnCodes {
		if c == r {
			return byte(i)
		}
	}
	return 3
}

// Type returns TypeConnack.
func (p *Connack) Type() Type { return TypeConnack }

// Append implements [Packet].
func (p *Connack) Append(dst []byte, v Version) ([]byte, error) {
	e := begin(dst, TypeConnack, 0, v)
	present := p.SessionPresent && p.Code == Success // [MQTT-3.2.2-6] [MQTT-3.2.2-4 v3]
	if present && v != V31 {
		e.u8(1)
	} else {
		e.u8(0)
	}
	if v >= V5 {
		e.u8(byte(p.Code))
	} else {
		e.u8(returnCode(p.Code))
	}
	e.properties(p.Properties, TypeConnack)
	return e.end(nil)
}

func (d *decoder) connack() *Connack {
	p := new(Connack)
	flags := d.u8("acknowledge flags")
	if d.v == V31 {
		flags = 0 // "reserved values, not used"
	}
	if flags > 1 {
		d.fail(MalformedPacket, d.clause("MQTT-3.2.2-1", ""), "acknowledge flags 0x%02x", flags)
	}
	p.SessionPresent = flags == 1
	switch {
	case d.v >= V5 && len(d.b) == 1 && d.b[0] == 1:
		// A server that has no MQTT 5.0 refuses it in the form that it knows.
		d.b = nil
		p.Code = UnsupportedProtocolVersion
	case d.v >= V5:
		p.Code = d.reason()
		p.Properties = d.properties(TypeConnack)
	default:
		c := d.u8("return code")
		if int(c) >= len(returnCodes) {
			d.fail(MalformedPacket, "MQTT-3.2.2-6 v3", "return code %d", c)
			return p
		}
		p.Code = returnCodes[c]
	}
	if d.err == nil && p.SessionPresent && p.Code != Success {
		d.fail(ProtocolError, d.clause("MQTT-3.2.2-6", "MQTT-3.2.2-4 v3"), "refused, with a session present")
	}
	return p
}

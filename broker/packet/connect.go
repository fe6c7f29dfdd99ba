package packet

import "strings"

// Connect is CONNECT: a client asks to be connected.
type Connect struct {
	Version    Version
	Bridge     bool   // the client says that it is a bridge, as Mosquitto's do with bit 0x80 of the protocol level
	CleanStart bool   // clean session in MQTT 3
	KeepAlive  uint16 // seconds; 0: none
	ClientID   string // "": the server is to choose one
	Will       *Will  // nil: none
	Username   Opt[string]
	Password   []byte // nil: absent
	Properties *Properties
}

// Will is the message that the server publishes when the connection is lost.
type Will struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Retain     bool
	Properties *Properties
}

// bridgeBit marks a bridge in the protocol level.
const bridgeBit = 0x80

// The connect flags, section 3.1.2.3.
const (
	flagReserved   = 1 << 0
	flagCleanStart = 1 << 1
	flagWill       = 1 << 2
	shiftWillQoS   = 3
	flagWillRetain = 1 << 5
	flagPassword   = 1 << 6
	flagUsername   = 1 << 7
)

// Type returns TypeConnect.
func (p *Connect) Type() Type { return TypeConnect }

// Append implements [Packet]. The version is p.Version; v does not matter.
func (p *Connect) Append(dst []byte, _ Version) ([]byte, error) {
	e := begin(dst, TypeConnect, 0, p.Version)
	switch p.Version { // [MQTT-3.1.2-1]
	case V31:
		e.text("MQIsdp", "protocol name")
	case V311, V5:
		e.text("MQTT", "protocol name")
	default:
		e.fail("CONNECT: unknown version %v", p.Version)
	}
	level := byte(p.Version)
	if p.Bridge {
		level |= bridgeBit
	}
	e.u8(level)
	e.u8(p.flags(&e))
	e.u16(p.KeepAlive)
	e.properties(p.Properties, TypeConnect)
	e.text(p.ClientID, "client identifier") // [MQTT-3.1.3-1] is the order from here
	if w := p.Will; w != nil {
		e.properties(w.Properties, willType)
		e.text(w.Topic, "will topic")
		e.binary(w.Payload, "will payload")
	}
	if p.Username.OK {
		e.text(p.Username.V, "user name")
	}
	if p.Password != nil {
		e.binary(p.Password, "password")
	}
	return e.end(nil)
}

func (p *Connect) flags(e *encoder) (f byte) {
	if p.CleanStart {
		f |= flagCleanStart
	}
	if w := p.Will; w != nil {
		if w.QoS > 2 {
			e.fail("CONNECT: will QoS %d", w.QoS)
		}
		f |= flagWill | byte(w.QoS)<<shiftWillQoS
		if w.Retain {
			f |= flagWillRetain
		}
	}
	if p.Username.OK {
		f |= flagUsername
	}
	if p.Password != nil {
		if !p.Username.OK && p.Version < V5 { // [MQTT-3.1.2-22 v3]
			e.fail("CONNECT: a password without a user name, which MQTT %v does not have", p.Version)
		}
		f |= flagPassword
	}
	return f
}

func (d *decoder) connect() *Connect {
	p := new(Connect)
	if !d.connectVersion(p) {
		return p
	}
	flags := d.u8("connect flags")
	d.checkConnectFlags(flags)
	p.CleanStart = flags&flagCleanStart != 0
	p.KeepAlive = d.u16("keep alive")
	p.Properties = d.properties(TypeConnect)
	p.ClientID = d.text("client identifier") // [MQTT-3.1.3-3]
	if flags&flagWill != 0 {                 // [MQTT-3.1.2-9]
		p.Will = d.will(flags)
	}
	if flags&flagUsername != 0 { // [MQTT-3.1.2-16] [MQTT-3.1.2-17]
		if d.v == V31 && d.err == nil && len(d.b) == 0 {
			return p // MQTT 3.1 allows the flag without the name
		}
		p.Username = Some(d.text("user name"))
	}
	if flags&flagPassword != 0 { // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
		if d.v == V31 && d.err == nil && len(d.b) == 0 {
			return p
		}
		p.Password = d.binary("password")
	}
	return p
}

// connectVersion reads the protocol name and level, and sets the version to
// decode the rest by.
func (d *decoder) connectVersion(p *Connect) bool {
	d.v = V5
	name := d.rawText("protocol name")
	level := d.u8("protocol version")
	if d.err != nil {
		return false
	}
	p.Version, p.Bridge = Version(level&^bridgeBit), level&bridgeBit != 0
	switch string(name) {
	case "MQTT":
		if p.Version != V311 && p.Version != V5 {
			d.fail(UnsupportedProtocolVersion, "MQTT-3.1.2-2", "protocol version %d", level)
		}
	case "MQIsdp":
		if p.Version != V31 {
			d.fail(UnsupportedProtocolVersion, "MQTT-3.1.2-2", "protocol version %d of MQIsdp", level)
		}
	default:
		d.fail(MalformedPacket, "MQTT-3.1.2-1", "protocol name %.20q", name)
	}
	d.v = p.Version
	return d.err == nil
}

func (d *decoder) checkConnectFlags(f byte) {
	qos := f >> shiftWillQoS & 3
	switch {
	case f&flagReserved != 0:
		d.fail(MalformedPacket, d.clause("MQTT-3.1.2-3", "MQTT-3.1.2-3 v3"), "the reserved connect flag is set")
	case f&flagWill == 0 && qos != 0:
		d.fail(MalformedPacket, d.clause("MQTT-3.1.2-11", "MQTT-3.1.2-13 v3"), "will QoS %d without a will", qos)
	case f&flagWill == 0 && f&flagWillRetain != 0:
		d.fail(MalformedPacket, d.clause("MQTT-3.1.2-13", "MQTT-3.1.2-15 v3"), "will retain without a will")
	case qos == 3:
		d.fail(MalformedPacket, d.clause("MQTT-3.1.2-12", "MQTT-3.1.2-14 v3"), "will QoS 3")
	case d.v < V5 && f&flagPassword != 0 && f&flagUsername == 0:
		d.fail(MalformedPacket, "MQTT-3.1.2-22 v3", "a password without a user name")
	}
}

func (d *decoder) will(flags byte) *Will {
	w := &Will{QoS: QoS(flags >> shiftWillQoS & 3), Retain: flags&flagWillRetain != 0}
	w.Properties = d.properties(willType)
	w.Topic = d.text("will topic") // [MQTT-3.1.3-11] [MQTT-3.1.3-10 v3]
	switch {
	case d.err != nil:
	case w.Topic == "":
		d.fail(TopicNameInvalid, d.clause("MQTT-4.7.3-1", "MQTT-4.7.3-1 v3"), "the will topic is empty")
	case strings.ContainsAny(w.Topic, "+#"): // it will be the topic of a PUBLISH
		d.fail(TopicNameInvalid, d.clause("MQTT-3.3.2-2", "MQTT-3.3.2-2 v3"), "the will topic %.40q contains a wildcard", w.Topic)
	}
	w.Payload = d.binary("will payload") // which may be empty
	return w
}

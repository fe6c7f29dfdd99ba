package packet

import "testing"

// connectGoldens are CONNECT, section 3.1. The protocol name and version
// [MQTT-3.1.2-1] [MQTT-3.1.2-2] and the order of the payload [MQTT-3.1.3-1].
var connectGoldens = []golden{
	{"3.1", V31, "10 13 0006 'MQIsdp' 03 02 003c 0005 'mydev'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "mydev"}},
	{"3.1.1", V311, "10 11 0004 'MQTT' 04 02 003c 0005 'mydev'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "mydev"}},
	{"5.0", V5, "10 12 0004 'MQTT' 05 02 003c 00 0005 'mydev'",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "mydev"}},
	{"without an id", V311, "10 0c 0004 'MQTT' 04 02 0000 0000",
		&Connect{Version: V311, CleanStart: true}},
	{"without an id 5.0", V5, "10 0d 0004 'MQTT' 05 00 0000 00 0000",
		&Connect{Version: V5}},
	{"that resumes", V311, "10 0d 0004 'MQTT' 04 00 ffff 0001 'c'",
		&Connect{Version: V311, KeepAlive: 65535, ClientID: "c"}},
	{"long client id in 3.1", V31, "10 26 0006 'MQIsdp' 03 02 003c 0018 '123456789012345678901234'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "123456789012345678901234"}},

	// Mosquitto's bridges.
	{"of a bridge", V311, "10 0d 0004 'MQTT' 84 00 003c 0001 'b'",
		&Connect{Version: V311, Bridge: true, KeepAlive: 60, ClientID: "b"}},
	{"of a bridge 3.1", V31, "10 0f 0006 'MQIsdp' 83 00 003c 0001 'b'",
		&Connect{Version: V31, Bridge: true, KeepAlive: 60, ClientID: "b"}},
	{"of a bridge 5.0", V5, "10 0e 0004 'MQTT' 85 00 003c 00 0001 'b'",
		&Connect{Version: V5, Bridge: true, KeepAlive: 60, ClientID: "b"}},

	// The will [MQTT-3.1.2-9] [MQTT-3.1.3-11] [MQTT-3.1.3-10 v3].
	{"with a will", V311, "10 16 0004 'MQTT' 04 2e 003c 0001 'c' 0001 'w' 0004 'gone'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c",
			Will: &Will{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true}}},
	{"with a will 3.1", V31, "10 15 0006 'MQIsdp' 03 34 003c 0001 'c' 0001 'w' 0001 'x'",
		&Connect{Version: V31, KeepAlive: 60, ClientID: "c",
			Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 2, Retain: true}}},
	{"with an empty will", V311, "10 12 0004 'MQTT' 04 16 003c 0001 'c' 0001 'w' 0000",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c",
			Will: &Will{Topic: "w", Payload: []byte{}, QoS: 2}}},
	{"with a will that is not text", V311, "10 14 0004 'MQTT' 04 06 003c 0001 'c' 0001 'w' 0002 00ff",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c",
			Will: &Will{Topic: "w", Payload: []byte{0, 0xff}}}},
	{"with a will 5.0", V5, "10 23 0004 'MQTT' 05 04 003c 00 0001 'c' 0e 02 00000e10 03 0001 't' 18 0000003c 0001 'w' 0001 'x'",
		&Connect{Version: V5, KeepAlive: 60, ClientID: "c", Will: &Will{Topic: "w", Payload: []byte("x"),
			Properties: &Properties{WillDelay: Some[uint32](60), MessageExpiry: Some[uint32](3600), ContentType: Some("t")}}}},

	// User name and password [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18]
	// [MQTT-3.1.2-19].
	{"with a password", V311, "10 17 0004 'MQTT' 04 c2 003c 0001 'c' 0003 'joe' 0003 'pwd'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("joe"), Password: []byte("pwd")}},
	{"with a password 3.1", V31, "10 19 0006 'MQIsdp' 03 c2 003c 0001 'c' 0003 'joe' 0003 'pwd'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("joe"), Password: []byte("pwd")}},
	{"with a password that is not text", V311, "10 14 0004 'MQTT' 04 c2 003c 0001 'c' 0001 'j' 0002 ff00",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("j"), Password: []byte{0xff, 0}}},
	{"with a user name", V311, "10 12 0004 'MQTT' 04 82 003c 0001 'c' 0003 'joe'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("joe")}},
	{"with both empty", V311, "10 11 0004 'MQTT' 04 c2 003c 0001 'c' 0000 0000",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some(""), Password: []byte{}}},
	{"with a password only 5.0", V5, "10 11 0004 'MQTT' 05 42 003c 00 0001 'c' 0001 'p'",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "c", Password: []byte("p")}},

	// Everything, each behind the other.
	{"with everything", V5, "10 21 0004 'MQTT' 05 f6 003c 05 11 00000e10 0001 'c' 00 0001 'w' 0001 'x' 0001 'u' 0002 'pw'",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "c", Properties: &Properties{SessionExpiry: Some[uint32](3600)},
			Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 2, Retain: true}, Username: Some("u"), Password: []byte("pw")}},
	{"with all its properties", V5, "10 38 0004 'MQTT' 05 02 003c 2b " +
		"22 000a 11 00000e10 15 0001 'M' 16 0002 0102 17 00 19 01 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 27 00000100 21 0014 0000",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, Properties: &Properties{
			TopicAliasMaximum: Some[uint16](10), SessionExpiry: Some[uint32](3600), AuthMethod: Some("M"), AuthData: []byte{1, 2},
			RequestProblemInfo: Some[byte](0), RequestResponseInfo: Some[byte](1), User: user,
			MaximumPacketSize: Some[uint32](256), ReceiveMaximum: Some[uint16](20)}}},
	{"with all properties of a will", V5, "10 3d 0004 'MQTT' 05 06 003c 00 0000 2a " +
		"01 01 02 00000e10 03 0004 'json' 08 0001 'r' 09 0002 00ff 18 00000005 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 0001 'w' 0000",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, Will: &Will{Topic: "w", Payload: []byte{}, Properties: &Properties{
			PayloadFormat: Some[byte](1), MessageExpiry: Some[uint32](3600), ContentType: Some("json"), ResponseTopic: Some("r"),
			CorrelationData: []byte{0, 0xff}, WillDelay: Some[uint32](5), User: user}}}},
}

// connectUnusual holds that MQTT 3.1 allows the flags without the fields,
// and that the order of properties is free.
var connectUnusual = []golden{
	{"name flag without name 3.1", V31, "10 0f 0006 'MQIsdp' 03 82 003c 0001 'c'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "c"}},
	{"both flags without fields 3.1", V31, "10 0f 0006 'MQIsdp' 03 c2 003c 0001 'c'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "c"}},
	{"password flag without password 3.1", V31, "10 12 0006 'MQIsdp' 03 c2 003c 0001 'c' 0001 'u'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("u")}},
	{"properties in another order", V5, "10 15 0004 'MQTT' 05 02 003c 08 21 0014 11 00000001 0000",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, Properties: &Properties{
			SessionExpiry: Some[uint32](1), ReceiveMaximum: Some[uint16](20)}}},
}

func TestConnect(t *testing.T)        { testGoldens(t, connectGoldens) }
func TestConnectUnusual(t *testing.T) { testUnusual(t, connectUnusual) }

// TestConnectFlags decodes all 256 values of the connect flags in all versions,
// with every field that they ask for.
func TestConnectFlags(t *testing.T) {
	for v, head := range map[Version]string{V31: "0006 'MQIsdp' 03", V311: "0004 'MQTT' 04", V5: "0004 'MQTT' 05"} {
		for f := range 256 {
			flags := byte(f)
			will, qos, retain := flags&0x04 != 0, flags>>3&3, flags&0x20 != 0
			name, password := flags&0x80 != 0, flags&0x40 != 0
			rest := " 003c"
			if v == V5 {
				rest += "00"
			}
			rest += "0001 'c'"
			if will && v == V5 {
				rest += "00"
			}
			if will {
				rest += "0001 'w' 0001 'x'"
			}
			if name {
				rest += "0001 'u'"
			}
			if password {
				rest += "0001 'p'"
			}
			body := append(append(unhex(t, head), flags), unhex(t, rest)...)
			p, err := Decode(0x10, body, V5)

			allowed := flags&1 == 0 && qos < 3 && (will || qos == 0 && !retain) && (v == V5 || name || !password)
			if !allowed {
				wantError(t, err, MalformedPacket, anyClause)
				continue
			}
			if err != nil {
				t.Errorf("version %v, flags %08b: %v", v, flags, err)
				continue
			}
			c := p.(*Connect)
			if c.Version != v || c.CleanStart != (flags&2 != 0) || (c.Will != nil) != will || c.Username.OK != name || (c.Password != nil) != password {
				t.Errorf("version %v, flags %08b: %+v", v, flags, c)
			}
			if will && (byte(c.Will.QoS) != qos || c.Will.Retain != retain) {
				t.Errorf("version %v, flags %08b: will %+v", v, flags, c.Will)
			}
		}
	}
}

// TestConnectVersionIsItsOwn decodes CONNECT whatever version is asked for.
func TestConnectVersionIsItsOwn(t *testing.T) {
	for _, g := range connectGoldens {
		wire := unhex(t, g.wire)
		for _, v := range []Version{0, V31, V311, V5, 255} {
			p, err := Decode(wire[0], wire[2:], v)
			if err != nil || p.(*Connect).Version != g.v {
				t.Errorf("%s asked for as %v: %+v, %v", g.name, v, p, err)
			}
		}
	}
}

package packet

import "testing"

// malformed are bytes that are no packet, each with the reason code to tell
// the peer [MQTT-4.13.1-1] and the clause that says so, "" where the
// specification has no number for it.
var malformed = []struct {
	name   string
	v      Version
	first  byte
	body   string
	code   ReasonCode
	clause string
}{
	// The first byte [MQTT-2.1.3-1] [MQTT-2.2.2-2 v3], of DISCONNECT and AUTH too
	// [MQTT-3.14.1-1] [MQTT-3.15.1-1].
	{"type 0", V5, 0x00, "", MalformedPacket, ""},
	{"type 0 v3", V311, 0x00, "", MalformedPacket, ""},
	{"AUTH in 3.1.1", V311, 0xf0, "", MalformedPacket, ""},
	{"CONNECT flags", V5, 0x11, "", MalformedPacket, "MQTT-2.1.3-1"},
	{"CONNACK flags", V5, 0x21, "00 00 00", MalformedPacket, "MQTT-2.1.3-1"},
	{"PUBACK flags", V5, 0x42, "0001", MalformedPacket, "MQTT-2.1.3-1"},
	{"PUBREC flags", V5, 0x52, "0001", MalformedPacket, "MQTT-2.1.3-1"},
	{"PUBREL flags", V5, 0x60, "0001", MalformedPacket, "MQTT-2.1.3-1"}, // [MQTT-3.6.1-1]
	{"PUBREL flags v3", V311, 0x60, "0001", MalformedPacket, "MQTT-2.2.2-2 v3"},
	{"PUBCOMP flags", V5, 0x72, "0001", MalformedPacket, "MQTT-2.1.3-1"},
	{"SUBSCRIBE flags", V5, 0x80, "0001 00 0001 'a' 00", MalformedPacket, "MQTT-2.1.3-1"}, // [MQTT-3.8.1-1]
	{"SUBSCRIBE flags v3", V311, 0x80, "0001 0001 'a' 00", MalformedPacket, "MQTT-2.2.2-2 v3"},
	{"SUBSCRIBE DUP in 3.1.1", V311, 0x8a, "0001 0001 'a' 00", MalformedPacket, "MQTT-2.2.2-2 v3"},
	{"SUBACK flags", V5, 0x9f, "0001 00 00", MalformedPacket, "MQTT-2.1.3-1"},
	{"UNSUBSCRIBE flags", V5, 0xa0, "0001 00 0001 'a'", MalformedPacket, "MQTT-2.1.3-1"}, // [MQTT-3.10.1-1]
	{"UNSUBACK flags", V5, 0xb1, "0001 00 00", MalformedPacket, "MQTT-2.1.3-1"},
	{"PINGREQ flags", V5, 0xc1, "", MalformedPacket, "MQTT-2.1.3-1"},
	{"PINGRESP flags", V311, 0xd8, "", MalformedPacket, "MQTT-2.2.2-2 v3"},
	{"DISCONNECT flags", V311, 0xe1, "", MalformedPacket, "MQTT-2.2.2-2 v3"},
	{"AUTH flags", V5, 0xf2, "", MalformedPacket, "MQTT-2.1.3-1"},

	// CONNECT: protocol name and version.
	{"empty CONNECT", V5, 0x10, "", MalformedPacket, ""},
	{"protocol name", V5, 0x10, "0004 'mqtt' 05 02 003c 00 0000", MalformedPacket, "MQTT-3.1.2-1"},
	{"protocol name AMQP", V311, 0x10, "0004 'AMQP' 04 02 003c 0000", MalformedPacket, "MQTT-3.1.2-1"},
	{"no protocol name", V311, 0x10, "0000 04 02 003c 0000", MalformedPacket, "MQTT-3.1.2-1"},
	{"version 3 of MQTT", V5, 0x10, "0004 'MQTT' 03 02 003c 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
	{"version 6", V5, 0x10, "0004 'MQTT' 06 02 003c 00 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
	{"version 0", V5, 0x10, "0004 'MQTT' 00 02 003c 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
	{"version 4 of MQIsdp", V5, 0x10, "0006 'MQIsdp' 04 02 003c 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
	{"protocol name without end", V5, 0x10, "0005 'MQTT'", MalformedPacket, ""},
	{"no protocol version", V5, 0x10, "0004 'MQTT'", MalformedPacket, ""},
	// CONNECT: flags.
	{"reserved flag", V5, 0x10, "0004 'MQTT' 05 03 003c 00 0000", MalformedPacket, "MQTT-3.1.2-3"},
	{"reserved flag v3", V311, 0x10, "0004 'MQTT' 04 03 003c 0000", MalformedPacket, "MQTT-3.1.2-3 v3"},
	{"reserved flag 3.1", V31, 0x10, "0006 'MQIsdp' 03 03 003c 0001 'c'", MalformedPacket, "MQTT-3.1.2-3 v3"},
	{"will QoS without will", V5, 0x10, "0004 'MQTT' 05 0a 003c 00 0000", MalformedPacket, "MQTT-3.1.2-11"},
	{"will QoS without will v3", V311, 0x10, "0004 'MQTT' 04 0a 003c 0000", MalformedPacket, "MQTT-3.1.2-13 v3"},
	{"will retain without will", V5, 0x10, "0004 'MQTT' 05 22 003c 00 0000", MalformedPacket, "MQTT-3.1.2-13"},
	{"will retain without will v3", V311, 0x10, "0004 'MQTT' 04 22 003c 0000", MalformedPacket, "MQTT-3.1.2-15 v3"},
	{"will QoS 3", V5, 0x10, "0004 'MQTT' 05 1e 003c 00 0001 'c' 00 0001 'w' 0000", MalformedPacket, "MQTT-3.1.2-12"},
	{"will QoS 3 v3", V311, 0x10, "0004 'MQTT' 04 1e 003c 0001 'c' 0001 'w' 0000", MalformedPacket, "MQTT-3.1.2-14 v3"},
	{"password without name v3", V311, 0x10, "0004 'MQTT' 04 42 003c 0001 'c' 0001 'p'", MalformedPacket, "MQTT-3.1.2-22 v3"},
	// CONNECT: payload; the client id is a string [MQTT-3.1.3-3].
	{"no keep alive", V311, 0x10, "0004 'MQTT' 04 02 00", MalformedPacket, ""},
	{"no client id", V311, 0x10, "0004 'MQTT' 04 02 003c", MalformedPacket, ""},
	{"client id cut", V311, 0x10, "0004 'MQTT' 04 02 003c 0005 'abc'", MalformedPacket, ""},
	{"client id not UTF-8", V5, 0x10, "0004 'MQTT' 05 02 003c 00 0001 ff", MalformedPacket, "MQTT-1.5.4-1"},
	{"client id with U+0000", V311, 0x10, "0004 'MQTT' 04 02 003c 0001 00", MalformedPacket, "MQTT-1.5.3-2 v3"},
	{"will flag without will", V311, 0x10, "0004 'MQTT' 04 06 003c 0001 'c'", MalformedPacket, ""},
	{"will topic empty", V5, 0x10, "0004 'MQTT' 05 06 003c 00 0001 'c' 00 0000 0000", TopicNameInvalid, "MQTT-4.7.3-1"},
	{"will topic empty v3", V311, 0x10, "0004 'MQTT' 04 06 003c 0001 'c' 0000 0000", TopicNameInvalid, "MQTT-4.7.3-1 v3"},
	{"will topic with wildcard", V5, 0x10, "0004 'MQTT' 05 06 003c 00 0001 'c' 00 0001 '#' 0000", TopicNameInvalid, "MQTT-3.3.2-2"},
	{"will topic with wildcard v3", V311, 0x10, "0004 'MQTT' 04 06 003c 0001 'c' 0003 'a/+' 0000", TopicNameInvalid, "MQTT-3.3.2-2 v3"},
	{"will topic not UTF-8", V311, 0x10, "0004 'MQTT' 04 06 003c 0001 'c' 0001 80 0000", MalformedPacket, "MQTT-1.5.3-1 v3"},
	{"will without payload", V311, 0x10, "0004 'MQTT' 04 06 003c 0001 'c' 0001 'w'", MalformedPacket, ""},
	{"name flag without name", V311, 0x10, "0004 'MQTT' 04 82 003c 0001 'c'", MalformedPacket, ""},
	{"password flag without password", V311, 0x10, "0004 'MQTT' 04 c2 003c 0001 'c' 0001 'u'", MalformedPacket, ""},
	{"password flag without password 5.0", V5, 0x10, "0004 'MQTT' 05 42 003c 00 0001 'c'", MalformedPacket, ""},
	{"password without flag", V311, 0x10, "0004 'MQTT' 04 82 003c 0001 'c' 0001 'u' 0001 'p'", MalformedPacket, ""},
	{"more after CONNECT", V5, 0x10, "0004 'MQTT' 05 02 003c 00 0001 'c' 00", MalformedPacket, ""},

	// CONNACK.
	{"CONNACK empty", V5, 0x20, "", MalformedPacket, ""},
	{"CONNACK short", V311, 0x20, "00", MalformedPacket, ""},
	{"CONNACK flags byte", V5, 0x20, "02 00 00", MalformedPacket, "MQTT-3.2.2-1"},
	{"CONNACK return code v3", V311, 0x20, "00 06", MalformedPacket, "MQTT-3.2.2-6 v3"},
	{"CONNACK reason", V5, 0x20, "00 01 00", ProtocolError, "MQTT-3.2.2-8"},
	{"CONNACK reason of another", V5, 0x20, "00 92 00", ProtocolError, "MQTT-3.2.2-8"},
	{"CONNACK long v3", V311, 0x20, "00 00 00", MalformedPacket, ""},

	// PUBLISH.
	{"QoS 3", V5, 0x36, "0001 't' 0001 00", MalformedPacket, "MQTT-3.3.1-4"},
	{"QoS 3 v3", V311, 0x36, "0001 't' 0001", MalformedPacket, "MQTT-3.3.1-4 v3"},
	{"DUP with QoS 0", V5, 0x38, "0001 't' 00", MalformedPacket, "MQTT-3.3.1-2"},
	{"DUP with QoS 0 v3", V311, 0x38, "0001 't'", MalformedPacket, "MQTT-3.3.1-2 v3"},
	{"empty PUBLISH", V311, 0x30, "", MalformedPacket, ""},
	{"topic cut", V311, 0x30, "0003 'ab'", MalformedPacket, ""},
	{"topic not UTF-8", V5, 0x30, "0002 c0af 00", MalformedPacket, "MQTT-1.5.4-1"},
	{"topic not UTF-8 v3", V311, 0x30, "0001 ff", MalformedPacket, "MQTT-1.5.3-1 v3"},
	{"topic with a surrogate", V5, 0x30, "0003 eda080 00", MalformedPacket, "MQTT-1.5.4-1"},
	{"topic with a surrogate v3", V311, 0x30, "0003 edbfbf", MalformedPacket, "MQTT-1.5.3-1 v3"},
	{"topic with U+0000", V5, 0x30, "0003 'a' 00 'b' 00", MalformedPacket, "MQTT-1.5.4-2"},
	{"topic with U+0000 v3", V311, 0x30, "0003 'a' 00 'b'", MalformedPacket, "MQTT-1.5.3-2 v3"},
	{"topic beyond U+10FFFF", V5, 0x30, "0004 f4908080 00", MalformedPacket, "MQTT-1.5.4-1"},
	{"topic with an overlong form", V5, 0x30, "0003 e080af 00", MalformedPacket, "MQTT-1.5.4-1"},
	{"topic with #", V5, 0x30, "0003 'a/#' 00", TopicNameInvalid, "MQTT-3.3.2-2"},
	{"topic with +", V311, 0x30, "0003 'a/+'", TopicNameInvalid, "MQTT-3.3.2-2 v3"},
	{"topic empty v3", V311, 0x30, "0000 'x'", TopicNameInvalid, "MQTT-4.7.3-1 v3"},
	{"topic empty without alias", V5, 0x30, "0000 00 'x'", ProtocolError, ""},
	{"no packet id", V311, 0x32, "0001 't'", MalformedPacket, ""},
	{"half a packet id", V311, 0x34, "0001 't' 00", MalformedPacket, ""},
	{"packet id 0", V5, 0x32, "0001 't' 0000 00", ProtocolError, "MQTT-2.2.1-3"},
	{"packet id 0 v3", V311, 0x34, "0001 't' 0000", ProtocolError, "MQTT-2.3.1-1 v3"},
	{"no property length", V5, 0x30, "0001 't'", MalformedPacket, ""},
	{"topic alias 0", V5, 0x30, "0001 't' 03 23 0000", TopicAliasInvalid, "MQTT-3.3.2-8"},
	{"response topic with wildcard", V5, 0x30, "0001 't' 04 08 0001 '+'", ProtocolError, "MQTT-3.3.2-14"},

	// Acknowledgements [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1].
	{"PUBACK empty", V311, 0x40, "", MalformedPacket, ""},
	{"PUBACK short", V311, 0x40, "00", MalformedPacket, ""},
	{"PUBACK id 0", V311, 0x40, "0000", ProtocolError, "MQTT-2.3.1-1 v3"},
	{"PUBACK id 0 5.0", V5, 0x40, "0000", ProtocolError, "MQTT-2.2.1-3"},
	{"PUBACK long v3", V311, 0x40, "0001 00", MalformedPacket, ""},
	{"PUBACK reason", V5, 0x40, "0001 01", ProtocolError, "MQTT-3.4.2-1"},
	{"PUBREC reason", V5, 0x50, "0001 92", ProtocolError, "MQTT-3.5.2-1"},
	{"PUBREL reason", V5, 0x62, "0001 10", ProtocolError, "MQTT-3.6.2-1"},
	{"PUBCOMP reason", V5, 0x70, "0001 87", ProtocolError, "MQTT-3.7.2-1"},
	{"PUBREL id 0", V5, 0x62, "0000", ProtocolError, "MQTT-2.2.1-3"},
	{"PUBCOMP long", V5, 0x70, "0001 00 00 00", MalformedPacket, ""},
	{"PUBACK property length", V5, 0x40, "0001 00 05", MalformedPacket, ""},

	// SUBSCRIBE.
	{"SUBSCRIBE empty", V311, 0x82, "", MalformedPacket, ""},
	{"SUBSCRIBE id 0", V5, 0x82, "0000 00 0001 'a' 00", ProtocolError, "MQTT-2.2.1-3"},
	{"SUBSCRIBE id 0 v3", V311, 0x82, "0000 0001 'a' 00", ProtocolError, "MQTT-2.3.1-1 v3"},
	{"SUBSCRIBE without filter", V5, 0x82, "0001 00", ProtocolError, "MQTT-3.8.3-2"},
	{"SUBSCRIBE without filter v3", V311, 0x82, "0001", ProtocolError, "MQTT-3.8.3-3 v3"},
	{"filter cut", V311, 0x82, "0001 0003 'ab'", MalformedPacket, ""},
	{"filter without options", V311, 0x82, "0001 0001 'a'", MalformedPacket, ""},
	{"second filter without options", V5, 0x82, "0001 00 0001 'a' 00 0001 'b'", MalformedPacket, ""},
	{"filter not UTF-8", V5, 0x82, "0001 00 0001 ff 00", MalformedPacket, "MQTT-1.5.4-1"},
	{"filter with U+0000", V311, 0x82, "0001 0001 00 00", MalformedPacket, "MQTT-1.5.3-2 v3"},
	{"reserved options", V5, 0x82, "0001 00 0001 'a' 40", MalformedPacket, "MQTT-3.8.3-5"},
	{"reserved options 2", V5, 0x82, "0001 00 0001 'a' 80", MalformedPacket, "MQTT-3.8.3-5"},
	{"requested QoS 3", V5, 0x82, "0001 00 0001 'a' 03", ProtocolError, ""},
	{"retain handling 3", V5, 0x82, "0001 00 0001 'a' 30", ProtocolError, ""},
	{"requested QoS 3 v3", V311, 0x82, "0001 0001 'a' 03", MalformedPacket, "MQTT-3-8.3-4 v3"},
	{"no local in v3", V311, 0x82, "0001 0001 'a' 04", MalformedPacket, "MQTT-3-8.3-4 v3"},
	{"subscription identifier 0", V5, 0x82, "0001 02 0b 00 0001 'a' 00", ProtocolError, ""},
	{"two subscription identifiers", V5, 0x82, "0001 04 0b 01 0b 02 0001 'a' 00", ProtocolError, ""},

	// SUBACK, UNSUBSCRIBE, UNSUBACK [MQTT-3.9.3-2] [MQTT-3.11.3-2].
	{"SUBACK without code", V311, 0x90, "0001", MalformedPacket, ""},
	{"SUBACK without code 5.0", V5, 0x90, "0001 00", MalformedPacket, ""},
	{"SUBACK code v3", V311, 0x90, "0001 03", MalformedPacket, "MQTT-3.9.3-2 v3"},
	{"SUBACK code 0x87 v3", V311, 0x90, "0001 87", MalformedPacket, "MQTT-3.9.3-2 v3"},
	{"SUBACK code", V5, 0x90, "0001 00 03", ProtocolError, "MQTT-3.9.3-2"},
	{"SUBACK id 0", V5, 0x90, "0000 00 00", ProtocolError, "MQTT-2.2.1-3"},
	{"UNSUBSCRIBE empty", V311, 0xa2, "", MalformedPacket, ""},
	{"UNSUBSCRIBE without filter", V5, 0xa2, "0001 00", ProtocolError, "MQTT-3.10.3-2"},
	{"UNSUBSCRIBE without filter v3", V311, 0xa2, "0001", ProtocolError, "MQTT-3.10.3-2 v3"},
	{"UNSUBSCRIBE filter cut", V311, 0xa2, "0001 0002 'a'", MalformedPacket, ""},
	{"UNSUBSCRIBE id 0", V311, 0xa2, "0000 0001 'a'", ProtocolError, "MQTT-2.3.1-1 v3"},
	{"UNSUBSCRIBE filter not UTF-8", V5, 0xa2, "0001 00 0002 c328", MalformedPacket, "MQTT-1.5.4-1"},
	{"UNSUBACK without code", V5, 0xb0, "0001 00", MalformedPacket, ""},
	{"UNSUBACK code", V5, 0xb0, "0001 00 01", ProtocolError, "MQTT-3.11.3-2"},
	{"UNSUBACK long v3", V311, 0xb0, "0001 00", MalformedPacket, ""},

	// PINGREQ, PINGRESP, DISCONNECT, AUTH [MQTT-3.14.2-1] [MQTT-3.15.2-1].
	{"PINGREQ with a body", V311, 0xc0, "00", MalformedPacket, ""},
	{"PINGREQ with a body 5.0", V5, 0xc0, "00", MalformedPacket, ""},
	{"PINGRESP with a body", V5, 0xd0, "00", MalformedPacket, ""},
	{"DISCONNECT with a body v3", V311, 0xe0, "00", MalformedPacket, ""},
	{"DISCONNECT reason", V5, 0xe0, "01", ProtocolError, "MQTT-3.14.2-1"},
	{"DISCONNECT property length", V5, 0xe0, "00 01", MalformedPacket, ""},
	{"AUTH reason", V5, 0xf0, "87 04 15 0001 'M'", ProtocolError, "MQTT-3.15.2-1"},
	{"AUTH without method", V5, 0xf0, "18 00", ProtocolError, ""},
	{"AUTH with a reason and no method", V5, 0xf0, "18 04 1f 0001 'r'", ProtocolError, ""},
	{"AUTH data only", V5, 0xf0, "18 04 16 0001 07", ProtocolError, ""},
	{"AUTH cut", V5, 0xf0, "18", MalformedPacket, ""},
}

func TestMalformed(t *testing.T) {
	if len(malformed) < 120 {
		t.Errorf("%d rows", len(malformed))
	}
	for _, m := range malformed {
		t.Run(m.name, func(t *testing.T) {
			body := unhex(t, m.body)
			p, err := Decode(m.first, body, m.v)
			if p != nil {
				t.Errorf("decoded as %+v", p)
			}
			wantError(t, err, m.code, m.clause)
			wantReadable(t, Type(m.first>>4), err)
			if Type(m.first>>4) == TypePublish { // the way without garbage says the same
				var q Publish
				wantError(t, q.Decode(m.first, body, m.v), m.code, m.clause)
			}
		})
	}
}

// TestHeader: the remaining length has one to four bytes and no more than it
// needs [MQTT-1.5.5-1].
func TestHeader(t *testing.T) {
	for _, test := range []struct {
		wire      string
		length, n int
		clause    string // anyClause: no error
	}{
		{"", 0, 0, anyClause},
		{"30", 0, 0, anyClause},
		{"30 00", 0, 2, anyClause},
		{"30 7f", 127, 2, anyClause},
		{"30 80", 0, 0, anyClause},
		{"30 8001", 128, 3, anyClause},
		{"30 ff7f", 16383, 3, anyClause},
		{"30 808001", 16384, 4, anyClause},
		{"30 ffffff7f", 268435455, 5, anyClause},
		{"30 ffffff", 0, 0, anyClause},
		{"30 ffffffff", 0, 0, ""},
		{"30 80808080 01", 0, 0, ""},
		{"30 8000", 0, 0, "MQTT-1.5.5-1"},
		{"30 808000", 0, 0, "MQTT-1.5.5-1"},
		{"30 00 ff ff", 0, 2, anyClause},
		{"00 00", 0, 2, anyClause}, // for Decode to refuse
	} {
		first, length, n, err := ParseHeader(unhex(t, test.wire))
		if (err == nil) != (test.clause == anyClause) || length != test.length || n != test.n || n > 0 && first != unhex(t, test.wire)[0] {
			t.Errorf("%s: first %#x, length %d, n %d, %v", test.wire, first, length, n, err)
		}
		if test.clause != anyClause {
			wantError(t, err, MalformedPacket, test.clause)
		}
	}
}

package broker

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"gateway/broker/packet"
)

// What the broker does about a row of the tables below.
const (
	closes    = 0x100 // without a word
	carriesOn = 0x101 // it is odd and allowed
	refuses   = 0x102 // plus a return code of MQTT 3: CONNACK, and closes
)

// malformed is what a client sends, and what comes of it: for MQTT 5 a reason
// code, in CONNACK or in DISCONNECT.
type malformed struct {
	what string
	hex  string // "'text'" is text behind its length, two bytes
	want int
}

// bytes reads the notation.
func (m malformed) bytes(t *testing.T) []byte {
	t.Helper()
	var all []byte
	for _, field := range strings.Fields(m.hex) {
		if text, ok := strings.CutPrefix(field, "'"); ok {
			text = strings.TrimSuffix(text, "'")
			all = append(all, byte(len(text)>>8), byte(len(text)))
			all = append(all, text...)
			continue
		}
		b, err := hex.DecodeString(field)
		if err != nil {
			t.Fatalf("%s: %v", m.what, err)
		}
		all = append(all, b...)
	}
	return all
}

// whole puts a fixed header before rows that begin with a first byte and ":".
func whole(t *testing.T, m malformed) []byte {
	t.Helper()
	first, body, ok := strings.Cut(m.hex, ":")
	if !ok {
		return m.bytes(t)
	}
	b := malformed{m.what, body, 0}.bytes(t)
	head := malformed{m.what, first, 0}.bytes(t)
	if len(b) > 127 {
		head = append(head, byte(len(b))|0x80, byte(len(b)>>7))
	} else {
		head = append(head, byte(len(b)))
	}
	return append(head, b...)
}

// After a CONNECT of MQTT 5.
var malformed5 = []malformed{
	// [MQTT-2.1.3-1]: reserved flags.
	{"SUBSCRIBE with flags 0000", "80: 0001 00 'a' 00", 0x81},
	{"SUBSCRIBE with flags 0011", "83: 0001 00 'a' 00", 0x81},
	{"UNSUBSCRIBE with flags 0000", "a0: 0001 00 'a'", 0x81},
	{"PUBREL with flags 0000", "60: 0001", 0x81},
	{"PUBREL with flags 1010", "6a: 0001", 0x81},
	{"PUBACK with flags 0001", "41: 0001", 0x81},
	{"PUBREC with flags 0010", "52: 0001", 0x81},
	{"PUBCOMP with flags 0010", "72: 0001", 0x81},
	{"PINGREQ with flags 0001", "c1 00", 0x81},
	{"DISCONNECT with flags 0001", "e1 00", 0x81},
	{"AUTH with flags 0001", "f1 00", 0x81},
	{"packet type 0", "00 00", 0x81},
	// [MQTT-1.5.5-1]: variable byte integers.
	{"remaining length of five bytes", "c0 80808080 01", 0x81},
	{"remaining length longer than needed", "c0 80 00", 0x81},
	{"property length longer than needed", "30: 'a' 8000", 0x81},
	{"property length beyond the packet", "30: 'a' 05 01", 0x81},
	{"property length of five bytes", "30: 'a' 8080808001", 0x81},
	// [MQTT-2.2.1-3]: packet identifiers.
	{"PUBLISH QoS 1 with packet identifier 0", "32: 'a' 0000 00", 0x82},
	{"PUBLISH QoS 2 with packet identifier 0", "34: 'a' 0000 00", 0x82},
	{"SUBSCRIBE with packet identifier 0", "82: 0000 00 'a' 00", 0x82},
	{"UNSUBSCRIBE with packet identifier 0", "a2: 0000 00 'a'", 0x82},
	{"PUBACK with packet identifier 0", "40: 0000", 0x82},
	{"PUBREL with packet identifier 0", "62: 0000", 0x82},
	{"PUBREC with packet identifier 0", "50: 0000", 0x82},
	{"PUBCOMP with packet identifier 0", "70: 0000", 0x82},
	// Truncated.
	{"PUBLISH without a topic", "30 00", 0x81},
	{"PUBLISH with half a topic length", "30 01 00", 0x81},
	{"PUBLISH whose topic is cut", "30: 0005 6162", 0x81},
	{"PUBLISH QoS 1 without a packet identifier", "32: 'a'", 0x81},
	{"PUBLISH QoS 1 with half of one", "32: 'a' 00", 0x81},
	{"PUBLISH without a property length", "30: 'a'", 0x81},
	{"PUBACK without anything", "40 00", 0x81},
	{"PUBACK with half an identifier", "40 01 00", 0x81},
	{"PUBREC without anything", "50 00", 0x81},
	{"PUBREL without anything", "62 00", 0x81},
	{"PUBCOMP without anything", "70 00", 0x81},
	{"SUBSCRIBE without anything", "82 00", 0x81},
	{"SUBSCRIBE without properties", "82: 0001", 0x81},
	{"SUBSCRIBE without options", "82: 0001 00 'a'", 0x81},
	{"SUBSCRIBE whose filter is cut", "82: 0001 00 0003 61", 0x81},
	{"UNSUBSCRIBE without anything", "a2 00", 0x81},
	{"UNSUBSCRIBE whose filter is cut", "a2: 0001 00 0003 61", 0x81},
	{"DISCONNECT whose property length is missing a property", "e0: 00 01", 0x81},
	{"AUTH without properties", "f0: 18", 0x81},
	// Trailing bytes.
	{"PINGREQ with a body", "c0 01 00", 0x81},
	{"PUBACK with a byte too many", "40: 0001 00 00 00", 0x81},
	{"DISCONNECT with a byte too many", "e0: 00 00 00", 0x81},
	// [MQTT-1.5.4-1] [MQTT-1.5.4-2]: strings.
	{"topic with U+0000", "30: 0003 610062 00", 0x81},
	{"topic with a surrogate", "30: 0003 eda080 00", 0x81},
	{"topic that is overlong UTF-8", "30: 0002 c0af 00", 0x81},
	{"topic of truncated UTF-8", "30: 0002 e282 00", 0x81},
	{"topic of a byte 0xff", "30: 0001 ff 00", 0x81},
	{"filter with U+0000", "82: 0001 00 0003 610062 00", 0x81},
	{"filter with a surrogate", "82: 0001 00 0003 eda080 00", 0x81},
	{"filter to unsubscribe with U+0000", "a2: 0001 00 0003 610062", 0x81},
	{"user property with U+0000", "30: 'a' 08 26 0001 00 0002 6162", 0x81},
	{"user property with a surrogate", "30: 'a' 09 26 0001 61 0003 eda080", 0x81},
	{"content type with U+0000", "30: 'a' 04 03 0001 00", 0x81},
	{"response topic with a surrogate", "30: 'a' 06 08 0003 eda080", 0x81},
	{"reason string with U+0000", "e0: 00 04 1f 0001 00", 0x81},
	// QoS and DUP.
	{"PUBLISH with QoS 3", "36: 'a' 0001 00", 0x81},      // [MQTT-3.3.1-4]
	{"PUBLISH QoS 0 with DUP", "38: 'a' 00", 0x81},       // [MQTT-3.3.1-2]
	{"SUBSCRIBE with QoS 3", "82: 0001 00 'a' 03", 0x82}, // section 3.8.3.1
	{"SUBSCRIBE with retain handling 3", "82: 0001 00 'a' 30", 0x82},
	{"SUBSCRIBE with reserved option bit 6", "82: 0001 00 'a' 40", 0x81}, // [MQTT-3.8.3-5]
	{"SUBSCRIBE with reserved option bit 7", "82: 0001 00 'a' 80", 0x81},
	// Topics.
	{"PUBLISH with '#' in the topic", "30: 'a/#' 00", 0x90}, // [MQTT-3.3.2-2]
	{"PUBLISH with '+' in the topic", "30: 'a/+' 00", 0x90},
	{"PUBLISH with an empty topic and no alias", "30: 0000 00", 0x82},
	{"PUBLISH with a control character", "30: 0001 01 00", 0x90},
	{"PUBLISH with topic alias 0", "30: 'a' 03 23 0000", 0x94},                    // [MQTT-3.3.2-8]
	{"PUBLISH with a topic alias beyond the maximum", "30: 'a' 03 23 000b", 0x94}, // [MQTT-3.3.2-9]
	{"PUBLISH with an alias that was not set", "30: 0000 03 23 0005", 0x82},
	{"PUBLISH with a response topic that has a wildcard", "30: 'a' 06 08 'r/#'", 0x82}, // [MQTT-3.3.2-14]
	{"PUBLISH with an empty response topic", "30: 'a' 03 08 0000", 0x82},
	// Empty lists.
	{"SUBSCRIBE without a filter", "82: 0001 00", 0x82},                        // [MQTT-3.8.3-2]
	{"UNSUBSCRIBE without a filter", "a2: 0001 00", 0x82},                      // [MQTT-3.10.3-2]
	{"No Local on a shared subscription", "82: 0001 00 '$share/g/a' 04", 0x82}, // [MQTT-3.8.3-4]
	// Properties.
	{"a property that does not exist", "30: 'a' 02 7f 00", 0x81},
	{"property 0", "30: 'a' 02 00 00", 0x81},
	{"session expiry in PUBLISH", "30: 'a' 05 11 00000001", 0x81},
	{"topic alias in SUBSCRIBE", "82: 0001 03 23 0001 'a' 00", 0x81},
	{"content type in PUBACK", "40: 0001 00 04 03 'x'", 0x81},
	{"payload format twice", "30: 'a' 04 01 00 01 00", 0x82},
	{"message expiry twice", "30: 'a' 0a 02 00000001 02 00000001", 0x82},
	{"topic alias twice", "30: 'a' 06 23 0001 23 0001", 0x82},
	{"content type twice", "30: 'a' 08 03 'x' 03 'x'", 0x82},
	{"response topic twice", "30: 'a' 08 08 'x' 08 'x'", 0x82},
	{"correlation data twice", "30: 'a' 08 09 'x' 09 'x'", 0x82},
	{"subscription identifier twice in SUBSCRIBE", "82: 0001 04 0b 01 0b 02 'a' 00", 0x82},
	{"subscription identifier 0", "82: 0001 02 0b 00 'a' 00", 0x82},
	{"subscription identifier in PUBLISH of a client", "30: 'a' 02 0b 01", 0x82}, // [MQTT-3.3.4-6]
	{"payload format 2", "30: 'a' 02 01 02", 0x82},
	{"session expiry twice in DISCONNECT", "e0: 00 0a 11 00000001 11 00000001", 0x82},
	{"reason string twice in DISCONNECT", "e0: 00 08 1f 'x' 1f 'x'", 0x82},
	{"session expiry in DISCONNECT, and there was none", "e0: 00 05 11 00000001", 0x82}, // section 3.14.2.2.2
	{"a property whose value is cut", "30: 'a' 03 02 0000", 0x81},
	{"a user property with one string", "30: 'a' 04 26 'x'", 0x81},
	// Reason codes.
	{"PUBACK with a code that it does not have", "40: 0001 11", 0x82}, // [MQTT-3.4.2-1]
	{"PUBREL with a code that it does not have", "62: 0001 80", 0x82},
	{"PUBREC with a code that it does not have", "50: 0001 01", 0x82},
	{"PUBCOMP with a code that it does not have", "70: 0001 10", 0x82},
	{"DISCONNECT with a code that it does not have", "e0: 01", 0x82}, // [MQTT-3.14.2-1]
	{"AUTH with a code that it does not have", "f0: 01 00", 0x82},
	// Packets that a client does not send, or not now.
	{"a second CONNECT", "10: 'MQTT' 05 02 0000 00 'x'", 0x82}, // [MQTT-3.1.0-2]
	{"CONNACK", "20: 00 00 00", 0x82},
	{"SUBACK", "90: 0001 00 00", 0x82},
	{"UNSUBACK", "b0: 0001 00 00", 0x82},
	{"PINGRESP", "d0 00", 0x82},
	{"AUTH without an authentication method in CONNECT", "f0: 19 04 15 'x'", 0x82}, // [MQTT-4.12.0-7]
	{"AUTH without a method", "f0: 18 00", 0x82},
	{"AUTH with nothing", "f0 00", 0x82},
	{"a packet larger than the maximum", "30 ffffff7f", 0x95}, // [MQTT-3.2.2-15]
	// Odd, and allowed.
	{"PUBACK for nothing", "40: 0001", carriesOn},
	{"PUBACK with code and properties for nothing", "40: 0001 10 06 1f 'odd'", carriesOn},
	{"PUBCOMP for nothing", "70: 0001", carriesOn},
	{"empty payload", "30: 'a' 00", carriesOn},
	{"topic with a byte order mark", "30: 0004 efbbbf61 00", carriesOn}, // [MQTT-1.5.4-3]
	{"topic of slashes", "30: '///' 00", carriesOn},
	{"user property with empty strings", "30: 'a' 05 26 0000 0000", carriesOn},
	{"message expiry 0", "30: 'a' 05 02 00000000", carriesOn},
	{"topic alias with a topic", "30: 'a' 03 23 000a", carriesOn},
}

// After a CONNECT of MQTT 3.1.1.
var malformed311 = []malformed{
	{"SUBSCRIBE with flags 0000", "80: 0001 'a' 00", closes}, // [MQTT-3.8.1-1 v3]
	{"UNSUBSCRIBE with flags 0000", "a0: 0001 'a'", closes},  // [MQTT-3.10.1-1 v3]
	{"PUBREL with flags 0000", "60: 0001", closes},           // [MQTT-3.6.1-1 v3]
	{"PUBACK with flags 0010", "42: 0001", closes},           // [MQTT-2.2.2-2 v3]
	{"PINGREQ with flags 0001", "c1 00", closes},
	{"DISCONNECT with flags 0001", "e1 00", closes}, // [MQTT-3.14.1-1 v3]
	{"packet type 0", "00 00", closes},
	{"packet type 15", "f0 00", closes},
	{"remaining length of five bytes", "c0 80808080 01", closes},
	{"PUBLISH QoS 1 with packet identifier 0", "32: 'a' 0000", closes}, // [MQTT-2.3.1-1 v3]
	{"SUBSCRIBE with packet identifier 0", "82: 0000 'a' 00", closes},
	{"UNSUBSCRIBE with packet identifier 0", "a2: 0000 'a'", closes},
	{"PUBLISH without a topic", "30 00", closes},
	{"PUBLISH with an empty topic", "30: 0000", closes}, // [MQTT-4.7.3-1 v3]
	{"PUBLISH whose topic is cut", "30: 0005 61", closes},
	{"PUBLISH QoS 1 without a packet identifier", "32: 'a'", closes},
	{"PUBLISH with QoS 3", "36: 'a' 0001", closes},         // [MQTT-3.3.1-4 v3]
	{"PUBLISH QoS 0 with DUP", "38: 'a'", closes},          // [MQTT-3.3.1-2 v3]
	{"PUBLISH with '#' in the topic", "30: 'a/#'", closes}, // [MQTT-3.3.2-2 v3]
	{"PUBLISH with '+' in the topic", "30: '+'", closes},
	{"topic with U+0000", "30: 0003 610062", closes},      // [MQTT-1.5.3-2 v3]
	{"topic with a surrogate", "30: 0003 eda080", closes}, // [MQTT-1.5.3-1 v3]
	{"topic of a byte 0xff", "30: 0001 ff", closes},
	{"SUBSCRIBE without a filter", "82: 0001", closes},   // [MQTT-3.8.3-3 v3]
	{"UNSUBSCRIBE without a filter", "a2: 0001", closes}, // [MQTT-3.10.3-2 v3]
	{"SUBSCRIBE without a QoS", "82: 0001 'a'", closes},
	{"SUBSCRIBE with QoS 3", "82: 0001 'a' 03", closes}, // [MQTT-3-8.3-4 v3]
	{"SUBSCRIBE with reserved bits", "82: 0001 'a' 04", closes},
	{"SUBSCRIBE to a#", "82: 0001 'a#' 00", closes}, // [MQTT-4.7.1-2 v3]
	{"SUBSCRIBE to a/#/b", "82: 0001 'a/#/b' 00", closes},
	{"SUBSCRIBE to a+", "82: 0001 'a+' 00", closes}, // [MQTT-4.7.1-3 v3]
	{"PUBACK with a byte too many", "40: 0001 00", closes},
	{"PINGREQ with a body", "c0 01 00", closes},
	{"a second CONNECT", "10: 'MQTT' 04 02 0000 'x'", closes}, // [MQTT-3.1.0-2 v3]
	{"CONNACK", "20: 0000", closes},
	{"SUBACK", "90: 0001 00", closes},
	{"PINGRESP", "d0 00", closes},
	{"a packet larger than the maximum", "30 ffffff7f", closes},
	{"PUBACK for nothing", "40: 0001", carriesOn},
	{"empty payload", "30: 'a'", carriesOn},
	{"topic with a space", "30: 0003 612062", carriesOn},
}

// In place of a CONNECT.
var malformedFirst = []malformed{
	{"PINGREQ", "c0 00", closes}, // [MQTT-3.1.0-1]
	{"PUBLISH", "30: 'a' 00", closes},
	{"DISCONNECT", "e0 00", closes},
	{"AUTH", "f0 00", closes},
	{"nothing of MQTT", "474554202f20485454502f312e31", closes}, // GET / HTTP/1.1
	{"flags 0001", "11: 'MQTT' 04 02 0000 'x'", closes},
	{"protocol name mqtt", "10: 'mqtt' 04 02 0000 'x'", closes}, // [MQTT-3.1.2-1]
	{"protocol name MQTTX", "10: 'MQTTX' 04 02 0000 'x'", closes},
	{"protocol name empty", "10: 0000 04 02 0000 'x'", closes},
	{"protocol level 6", "10: 'MQTT' 06 02 0000 00 'x'", 0x84}, // [MQTT-3.1.2-2]
	{"protocol level 3 of MQTT", "10: 'MQTT' 03 02 0000 'x'", 0x84},
	{"protocol level 4 of MQIsdp", "10: 'MQIsdp' 04 02 0000 'x'", 0x84},
	{"3.1.1: the reserved flag", "10: 'MQTT' 04 03 0000 'x'", closes},                       // [MQTT-3.1.2-3 v3]
	{"3.1.1: will QoS without a will", "10: 'MQTT' 04 0a 0000 'x'", closes},                 // [MQTT-3.1.2-13 v3]
	{"3.1.1: will retain without a will", "10: 'MQTT' 04 22 0000 'x'", closes},              // [MQTT-3.1.2-15 v3]
	{"3.1.1: will QoS 3", "10: 'MQTT' 04 1e 0000 'x' 'w' 'm'", closes},                      // [MQTT-3.1.2-14 v3]
	{"3.1.1: password without a user name", "10: 'MQTT' 04 42 0000 'x' 'p'", closes},        // [MQTT-3.1.2-22 v3]
	{"3.1.1: no client id and no clean session", "10: 'MQTT' 04 00 0000 0000", refuses + 2}, // [MQTT-3.1.3-8 v3]
	{"3.1.1: client id with U+0000", "10: 'MQTT' 04 02 0000 0001 00", closes},
	{"3.1.1: will topic with a wildcard", "10: 'MQTT' 04 06 0000 'x' 'w/#' 'm'", closes},
	{"3.1.1: trailing bytes", "10: 'MQTT' 04 02 0000 'x' 00", closes},
	{"3.1.1: cut in the client id", "10: 'MQTT' 04 02 0000 0005 61", closes},
	{"3.1.1: user name missing", "10: 'MQTT' 04 82 0000 'x'", closes},
	{"5.0: the reserved flag", "10: 'MQTT' 05 03 0000 00 'x'", 0x81},          // [MQTT-3.1.2-3]
	{"5.0: will QoS without a will", "10: 'MQTT' 05 0a 0000 00 'x'", 0x81},    // [MQTT-3.1.2-11]
	{"5.0: will retain without a will", "10: 'MQTT' 05 22 0000 00 'x'", 0x81}, // [MQTT-3.1.2-13]
	{"5.0: will QoS 3", "10: 'MQTT' 05 1e 0000 00 'x' 00 'w' 'm'", 0x81},      // [MQTT-3.1.2-12]
	{"5.0: empty will topic", "10: 'MQTT' 05 06 0000 00 'x' 00 0000 'm'", 0x90},
	{"5.0: will topic with a wildcard", "10: 'MQTT' 05 06 0000 00 'x' 00 'w/+' 'm'", 0x90},
	{"5.0: receive maximum 0", "10: 'MQTT' 05 02 0000 03 210000 'x'", 0x82},
	{"5.0: maximum packet size 0", "10: 'MQTT' 05 02 0000 05 2700000000 'x'", 0x82},
	{"5.0: request problem information 2", "10: 'MQTT' 05 02 0000 02 1702 'x'", 0x82},
	{"5.0: request response information 2", "10: 'MQTT' 05 02 0000 02 1902 'x'", 0x82},
	{"5.0: session expiry twice", "10: 'MQTT' 05 02 0000 0a 1100000001 1100000001 'x'", 0x82},
	{"5.0: authentication data without a method", "10: 'MQTT' 05 02 0000 04 16 'x' 'x'", 0x82},
	{"5.0: an unknown authentication method", "10: 'MQTT' 05 02 0000 04 15 'x' 'x'", 0x8c}, // [MQTT-4.12.0-1]
	{"5.0: topic alias in CONNECT", "10: 'MQTT' 05 02 0000 03 230001 'x'", 0x81},
	{"5.0: will delay outside the will", "10: 'MQTT' 05 02 0000 05 1800000001 'x'", 0x81},
	{"5.0: will payload format 2", "10: 'MQTT' 05 06 0000 00 'x' 02 0102 'w' 'm'", 0x82},
	{"5.0: client id with a surrogate", "10: 'MQTT' 05 02 0000 00 0003 eda080", 0x81},
	{"5.0: user name with U+0000", "10: 'MQTT' 05 82 0000 00 'x' 0001 00", 0x81},
	{"5.0: trailing bytes", "10: 'MQTT' 05 02 0000 00 'x' 00", 0x81},
	{"5.0: cut in the properties", "10: 'MQTT' 05 02 0000 05 11", 0x81},
}

func TestMalformed(t *testing.T) {
	rows := 0
	for _, table := range []struct {
		v    packet.Version
		rows []malformed
	}{{packet.V5, malformed5}, {packet.V311, malformed311}} {
		for _, m := range table.rows {
			rows++
			t.Run(fmt.Sprintf("%v/%s", table.v, m.what), func(t *testing.T) {
				inBubble(t, Config{MaxPacketSize: 100_000}, func(t *testing.T, b *testBroker) {
					other := b.connect(packet.V5, "other")
					c := b.connect(table.v, "c")
					c.write(whole(t, m))
					switch {
					case m.want == carriesOn:
						c.silent()
					case m.want == closes:
						c.gone()
					default:
						c.closed(packet.ReasonCode(m.want)) // [MQTT-4.13.1-1]
					}
					other.silent()
				})
			})
		}
	}
	for _, m := range malformedFirst {
		rows++
		t.Run("first/"+m.what, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
				v := packet.V5
				if m.want >= refuses {
					v = packet.V311
				}
				c := b.dial(v)
				c.write(whole(t, m))
				switch {
				case m.want == closes:
				case m.want >= refuses:
					if ack := expect[*packet.Connack](c); ack.Code != packet.ClientIdentifierNotValid || m.want != refuses+2 {
						t.Errorf("CONNACK %v", ack.Code)
					}
				default:
					if ack := expect[*packet.Connack](c); int(ack.Code) != m.want {
						t.Errorf("CONNACK %v, want 0x%02x", ack.Code, m.want)
					}
				}
				c.gone()
			})
		})
	}
	if rows < 200 {
		t.Errorf("%d rows", rows)
	}
}

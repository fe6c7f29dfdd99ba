package packet

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// propertyVector is one property: its bytes, where it may stand, and values
// that are not allowed.
type propertyVector struct {
	name string
	wire string
	set  Properties
	in   []Type // willType for a will
	bad  []string

	code   ReasonCode // for bad; ProtocolError if 0
	clause string     // for bad
}

var acks = []Type{TypePuback, TypePubrec, TypePubrel, TypePubcomp}

// propertyVectors is table 2-4 of the specification, section 2.2.2.2.
var propertyVectors = []propertyVector{
	{name: "payload format indicator", wire: "01 01", set: Properties{PayloadFormat: Some[byte](1)}, in: []Type{TypePublish, willType}, bad: []string{"01 02", "01 ff"}},
	{name: "message expiry interval", wire: "02 00000e10", set: Properties{MessageExpiry: Some[uint32](3600)}, in: []Type{TypePublish, willType}},
	{name: "content type", wire: "03 0004 'json'", set: Properties{ContentType: Some("json")}, in: []Type{TypePublish, willType}},
	{name: "response topic", wire: "08 0001 'r'", set: Properties{ResponseTopic: Some("r")}, in: []Type{TypePublish, willType}, bad: []string{"08 0001 '#'", "08 0003 'a/+'"}, clause: "MQTT-3.3.2-14"},
	{name: "correlation data", wire: "09 0003 00ff10", set: Properties{CorrelationData: []byte{0, 255, 16}}, in: []Type{TypePublish, willType}},
	{name: "subscription identifier", wire: "0b 8001", set: Properties{SubscriptionIDs: []uint32{128}}, in: []Type{TypePublish, TypeSubscribe}, bad: []string{"0b 00"}},
	{name: "session expiry interval", wire: "11 ffffffff", set: Properties{SessionExpiry: Some[uint32](0xffffffff)}, in: []Type{TypeConnect, TypeConnack, TypeDisconnect}},
	{name: "assigned client identifier", wire: "12 0002 'me'", set: Properties{AssignedClientID: Some("me")}, in: []Type{TypeConnack}},
	{name: "server keep alive", wire: "13 0000", set: Properties{ServerKeepAlive: Some[uint16](0)}, in: []Type{TypeConnack}},
	{name: "authentication method", wire: "15 0001 'M'", set: Properties{AuthMethod: Some("M")}, in: []Type{TypeConnect, TypeConnack, TypeAuth}},
	{name: "authentication data", wire: "15 0001 'M' 16 0001 07", set: Properties{AuthMethod: Some("M"), AuthData: []byte{7}}, in: []Type{TypeConnect, TypeConnack, TypeAuth}},
	{name: "request problem information", wire: "17 00", set: Properties{RequestProblemInfo: Some[byte](0)}, in: []Type{TypeConnect}, bad: []string{"17 02"}},
	{name: "will delay interval", wire: "18 00000005", set: Properties{WillDelay: Some[uint32](5)}, in: []Type{willType}},
	{name: "request response information", wire: "19 01", set: Properties{RequestResponseInfo: Some[byte](1)}, in: []Type{TypeConnect}, bad: []string{"19 02"}},
	{name: "response information", wire: "1a 0001 'i'", set: Properties{ResponseInfo: Some("i")}, in: []Type{TypeConnack}},
	{name: "server reference", wire: "1c 0001 's'", set: Properties{ServerReference: Some("s")}, in: []Type{TypeConnack, TypeDisconnect}},
	{name: "reason string", wire: "1f 0001 'r'", set: Properties{ReasonString: Some("r")}, in: append([]Type{TypeConnack, TypeSuback, TypeUnsuback, TypeDisconnect, TypeAuth}, acks...)},
	{name: "receive maximum", wire: "21 0001", set: Properties{ReceiveMaximum: Some[uint16](1)}, in: []Type{TypeConnect, TypeConnack}, bad: []string{"21 0000"}},
	{name: "topic alias maximum", wire: "22 0000", set: Properties{TopicAliasMaximum: Some[uint16](0)}, in: []Type{TypeConnect, TypeConnack}},
	{name: "topic alias", wire: "23 ffff", set: Properties{TopicAlias: Some[uint16](65535)}, in: []Type{TypePublish}, bad: []string{"23 0000"}, code: TopicAliasInvalid, clause: "MQTT-3.3.2-8"},
	{name: "maximum QoS", wire: "24 00", set: Properties{MaximumQoS: Some[byte](0)}, in: []Type{TypeConnack}, bad: []string{"24 02"}},
	{name: "retain available", wire: "25 00", set: Properties{RetainAvailable: Some[byte](0)}, in: []Type{TypeConnack}, bad: []string{"25 02"}},
	{name: "user property", wire: "26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'", set: Properties{User: user}, // [MQTT-1.5.7-1]
		in: append([]Type{TypeConnect, TypeConnack, TypePublish, willType, TypeSubscribe, TypeSuback, TypeUnsubscribe, TypeUnsuback, TypeDisconnect, TypeAuth}, acks...)},
	{name: "maximum packet size", wire: "27 00000100", set: Properties{MaximumPacketSize: Some[uint32](256)}, in: []Type{TypeConnect, TypeConnack}, bad: []string{"27 00000000"}},
	{name: "wildcard subscription available", wire: "28 01", set: Properties{WildcardSubscriptionAvailable: Some[byte](1)}, in: []Type{TypeConnack}, bad: []string{"28 02"}},
	{name: "subscription identifier available", wire: "29 00", set: Properties{SubscriptionIDAvailable: Some[byte](0)}, in: []Type{TypeConnack}, bad: []string{"29 80"}},
	{name: "shared subscription available", wire: "2a 00", set: Properties{SharedSubscriptionAvailable: Some[byte](0)}, in: []Type{TypeConnack}, bad: []string{"2a 02"}},
}

// carriers are the packets that have properties, as bytes around them: what
// stands before the property length and what behind the properties.
var carriers = map[Type]struct {
	first         byte
	before, after string
	properties    func(Packet) *Properties
}{
	TypeConnect: {0x10, "0004 'MQTT' 05 02 003c", "0001 'c'", func(p Packet) *Properties { return p.(*Connect).Properties }},
	willType: {0x10, "0004 'MQTT' 05 06 003c 00 0001 'c'", "0001 'w' 0001 'x'", func(p Packet) *Properties {
		return p.(*Connect).Will.Properties
	}},
	TypeConnack:     {0x20, "00 00", "", func(p Packet) *Properties { return p.(*Connack).Properties }},
	TypePublish:     {0x32, "0001 't' 0001", "'x'", func(p Packet) *Properties { return p.(*Publish).Properties }},
	TypePuback:      {0x40, "0001 00", "", func(p Packet) *Properties { return p.(*Puback).Properties }},
	TypePubrec:      {0x50, "0001 00", "", func(p Packet) *Properties { return p.(*Pubrec).Properties }},
	TypePubrel:      {0x62, "0001 00", "", func(p Packet) *Properties { return p.(*Pubrel).Properties }},
	TypePubcomp:     {0x70, "0001 00", "", func(p Packet) *Properties { return p.(*Pubcomp).Properties }},
	TypeSubscribe:   {0x82, "0001", "0001 'a' 00", func(p Packet) *Properties { return p.(*Subscribe).Properties }},
	TypeSuback:      {0x90, "0001", "00", func(p Packet) *Properties { return p.(*Suback).Properties }},
	TypeUnsubscribe: {0xa2, "0001", "0001 'a'", func(p Packet) *Properties { return p.(*Unsubscribe).Properties }},
	TypeUnsuback:    {0xb0, "0001", "00", func(p Packet) *Properties { return p.(*Unsuback).Properties }},
	TypeDisconnect:  {0xe0, "00", "", func(p Packet) *Properties { return p.(*Disconnect).Properties }},
	TypeAuth:        {0xf0, "18", "", func(p Packet) *Properties { return p.(*Auth).Properties }},
}

// carry puts properties into a packet and returns its first byte and body.
func carry(t testing.TB, in Type, properties []byte) (first byte, body []byte) {
	t.Helper()
	c := carriers[in]
	if len(properties) > 127 {
		t.Fatal("too long for this test")
	}
	body = append(unhex(t, c.before), byte(len(properties)))
	body = append(body, properties...)
	return c.first, append(body, unhex(t, c.after)...)
}

// withMethod adds the authentication method that AUTH cannot do without.
func withMethod(t testing.TB, in Type, v propertyVector) (wire []byte, set Properties) {
	t.Helper()
	wire, set = unhex(t, v.wire), v.set
	if in == TypeAuth && !set.AuthMethod.OK {
		wire = append(unhex(t, "15 0001 'M'"), wire...)
		set.AuthMethod = Some("M")
	}
	return wire, set
}

// TestProperties puts every property into every packet: it is decoded and
// encoded where the table allows it, and malformed elsewhere.
func TestProperties(t *testing.T) {
	for _, v := range propertyVectors {
		allowed := make(map[Type]bool)
		for _, in := range v.in {
			allowed[in] = true
		}
		for in, c := range carriers {
			t.Run(fmt.Sprintf("%s in %v", v.name, in), func(t *testing.T) {
				wire, set := withMethod(t, in, v)
				first, body := carry(t, in, wire)
				p, err := Decode(first, body, V5)
				if !allowed[in] {
					wantError(t, err, MalformedPacket, "")
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := c.properties(p); !reflect.DeepEqual(*got, set) {
					t.Errorf("decoded %+v, want %+v", *got, set)
				}
				enc, err := p.Append(nil, V5)
				if err != nil {
					t.Fatal(err)
				}
				again, err := decodeWhole(t, enc, V5)
				if err != nil || !reflect.DeepEqual(again, p) {
					t.Errorf("encoded and decoded again: %+v, %v; want %+v", again, err, p)
				}
				if in != TypeAuth && !reflect.DeepEqual(enc[2:], body) { // AUTH has its method first here
					t.Errorf("encoded % x, want % x", enc[2:], body)
				}
				if enc, err := p.Append(nil, V311); err == nil && in != TypeConnect && in != willType {
					if _, err := decodeWhole(t, enc, V311); err != nil && in != TypeAuth {
						t.Errorf("as MQTT 3.1.1, % x, it is not decoded: %v", enc, err)
					}
				}
			})
		}
	}
}

// withProperties returns a packet of type in that has these properties.
func withProperties(in Type, p *Properties) Packet {
	switch in {
	case TypeConnect:
		return &Connect{Version: V5, Properties: p}
	case willType:
		return &Connect{Version: V5, Will: &Will{Topic: "w", Properties: p}}
	case TypeConnack:
		return &Connack{Properties: p}
	case TypePublish:
		return &Publish{Topic: "t", Properties: p}
	case TypePuback:
		return &Puback{ID: 1, Properties: p}
	case TypePubrec:
		return &Pubrec{ID: 1, Properties: p}
	case TypePubrel:
		return &Pubrel{ID: 1, Properties: p}
	case TypePubcomp:
		return &Pubcomp{ID: 1, Properties: p}
	case TypeSubscribe:
		return &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: p}
	case TypeSuback:
		return &Suback{ID: 1, Codes: []ReasonCode{Success}, Properties: p}
	case TypeUnsubscribe:
		return &Unsubscribe{ID: 1, Filters: []string{"a"}, Properties: p}
	case TypeUnsuback:
		return &Unsuback{ID: 1, Codes: []ReasonCode{Success}, Properties: p}
	case TypeDisconnect:
		return &Disconnect{Properties: p}
	}
	return &Auth{Properties: p}
}

// TestPropertyNotHereIsNotEncoded sets every property in every packet that does
// not have it: Append names the property, and writes nothing.
func TestPropertyNotHereIsNotEncoded(t *testing.T) {
	for _, v := range propertyVectors {
		for in := range carriers {
			p := withProperties(in, &v.set)
			b, err := p.Append([]byte("x"), V5)
			if slices.Contains(v.in, in) {
				if err != nil {
					t.Errorf("%s in %v: %v", v.name, in, err)
				}
				continue
			}
			if err == nil || string(b) != "x" {
				t.Errorf("%v is encoded with %s: % x", p.Type(), v.name, b)
			} else if !strings.Contains(err.Error(), p.Type().String()) || !strings.Contains(err.Error(), "authentication") && !strings.Contains(err.Error(), v.name) {
				t.Errorf("%v with %s: %v", p.Type(), v.name, err)
			}
		}
	}
}

// TestPropertiesAreComplete wants a vector for every property there is.
func TestPropertiesAreComplete(t *testing.T) {
	names := make(map[string]bool)
	for _, v := range propertyVectors {
		names[v.name] = true
	}
	for id, p := range properties {
		if p.name != "" && !names[p.name] {
			t.Errorf("property 0x%02x, %s, has no vector", id, p.name)
		}
	}
	if want := 27; len(names) != want { // table 2-4
		t.Errorf("%d properties, want %d", len(names), want)
	}
}

func TestPropertyValuesOutOfBounds(t *testing.T) {
	for _, v := range propertyVectors {
		for _, bad := range v.bad {
			for _, in := range v.in {
				first, body := carry(t, in, unhex(t, bad))
				_, err := Decode(first, body, V5)
				code := v.code
				if code == 0 {
					code = ProtocolError
				}
				wantError(t, err, code, v.clause)
			}
		}
	}
}

// TestPropertyTwice wants a property that comes twice refused, but for user
// properties, and subscription identifiers of a PUBLISH.
func TestPropertyTwice(t *testing.T) {
	for _, v := range propertyVectors {
		for _, in := range v.in {
			wire := unhex(t, v.wire)
			if v.name == "authentication data" {
				wire = unhex(t, "16 0001 07")
			}
			double := append(append([]byte(nil), wire...), wire...)
			if in == TypeAuth && v.name != "authentication method" || v.name == "authentication data" {
				double = append(unhex(t, "15 0001 'M'"), double...)
			}
			first, body := carry(t, in, double)
			_, err := Decode(first, body, V5)
			if v.name == "user property" || v.name == "subscription identifier" && in == TypePublish {
				if err != nil {
					t.Errorf("%s twice in %v: %v", v.name, in, err)
				}
				continue
			}
			wantError(t, err, ProtocolError, "")
		}
	}
}

// TestPropertiesMalformed has properties that cannot be taken apart. CONNACK
// carries them; reading them is the same everywhere.
func TestPropertiesMalformed(t *testing.T) {
	for _, test := range []struct{ name, wire, clause string }{
		{"unknown", "00", ""},
		{"unknown 0x04", "04 00", ""},
		{"unknown behind the last", "2b 00", ""},
		{"unknown 0x7f", "7f", ""},
		{"identifier of two bytes", "8101 00", ""},
		{"identifier with a byte too many", "8100 00", "MQTT-1.5.5-1"},
		{"identifier of five bytes", "8080808001", ""},
		{"identifier alone", "1f", ""},
		{"identifier without its end", "80", ""},
		{"cut byte", "24", ""},
		{"cut number of two bytes", "13 00", ""},
		{"cut number of four bytes", "11 0000 00", ""},
		{"cut length of a string", "1f 00", ""},
		{"cut string", "1f 0005 'abc'", ""},
		{"cut binary data", "15 0001 'M' 16 0002 07", ""},
		{"user property without value", "26 0001 'a'", ""},
		{"user property, cut value", "26 0001 'a' 0005 'b'", ""},
		{"string of bad UTF-8", "1f 0001 ff", "MQTT-1.5.4-1"},
		{"string with U+0000", "1f 0001 00", "MQTT-1.5.4-2"},
		{"name of a user property", "26 0001 c0 0001 'b'", "MQTT-1.5.4-1"},
		{"value of a user property", "26 0001 'a' 0002 c328", "MQTT-1.5.4-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, body := carry(t, TypeConnack, unhex(t, test.wire))
			_, err := Decode(first, body, V5)
			wantError(t, err, MalformedPacket, test.clause)
		})
	}
}

// TestSubscriptionIDMalformed has identifiers that are no variable byte
// integers.
func TestSubscriptionIDMalformed(t *testing.T) {
	for _, in := range []Type{TypePublish, TypeSubscribe} {
		for wire, clause := range map[string]string{"0b 8000": "MQTT-1.5.5-1", "0b ff8000": "MQTT-1.5.5-1", "0b ffffffff01": "", "0b 80": "", "0b": ""} {
			first, body := carry(t, in, unhex(t, wire))
			_, err := Decode(first, body, V5)
			wantError(t, err, MalformedPacket, clause)
		}
	}
}

// TestAuthDataWithoutMethod has no meaning anywhere, section 3.1.2.11.10.
func TestAuthDataWithoutMethod(t *testing.T) {
	for _, in := range []Type{TypeConnect, TypeConnack, TypeAuth} {
		first, body := carry(t, in, unhex(t, "16 0001 07"))
		_, err := Decode(first, body, V5)
		wantError(t, err, ProtocolError, "")
	}
}

// TestPropertyLength lies about the length of the properties of CONNACK.
func TestPropertyLength(t *testing.T) {
	for _, test := range []struct{ name, body, clause string }{
		{"missing", "00 00", ""},
		{"without its end", "00 00 80", ""},
		{"longer than the packet", "00 00 05 13 0000", ""},
		{"much longer than the packet", "00 00 ffffff7f 13 0000", ""},
		{"ends within a property", "00 00 02 13 0000", ""},
		{"ends before the last", "00 00 03 13 0000 13 0000", ""},
		{"0 and then some", "00 00 00 13 0000", ""},
		{"a byte too many", "00 00 8000", "MQTT-1.5.5-1"},
		{"five bytes", "00 00 8080808001", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(0x20, unhex(t, test.body), V5)
			wantError(t, err, MalformedPacket, test.clause)
		})
	}
}

func TestOpt(t *testing.T) {
	var absent Opt[int]
	if absent.OK || absent.Or(7) != 7 || Some(3).Or(7) != 3 || !Some(0).OK {
		t.Error("Opt does not tell absent from zero")
	}
}

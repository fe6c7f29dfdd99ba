package packet

import (
	"bytes"
	"testing"
)

// stringField is a place where a string stands: the packet with its bytes, and
// how to read it from the packet.
type stringField struct {
	name          string
	v             Version
	first         byte
	before, after string
	read          func(Packet) string
	binary        bool // the field may hold any bytes
	isTopic       bool // it must not be empty or have wildcards
}

var stringFields = []stringField{
	{name: "client identifier 3.1", v: V31, first: 0x10, before: "0006 'MQIsdp' 03 02 003c", read: func(p Packet) string { return p.(*Connect).ClientID }},
	{name: "client identifier", v: V311, first: 0x10, before: "0004 'MQTT' 04 02 003c", read: func(p Packet) string { return p.(*Connect).ClientID }},
	{name: "client identifier 5.0", v: V5, first: 0x10, before: "0004 'MQTT' 05 02 003c 00", read: func(p Packet) string { return p.(*Connect).ClientID }}, // [MQTT-3.1.3-3]
	{name: "will topic", v: V311, first: 0x10, before: "0004 'MQTT' 04 06 003c 0000", after: "0000", read: func(p Packet) string { return p.(*Connect).Will.Topic }, isTopic: true},
	{name: "will topic 5.0", v: V5, first: 0x10, before: "0004 'MQTT' 05 06 003c 00 0000 00", after: "0000", read: func(p Packet) string { return p.(*Connect).Will.Topic }, isTopic: true},
	{name: "will payload", v: V311, first: 0x10, before: "0004 'MQTT' 04 06 003c 0000 0001 'w'", read: func(p Packet) string { return string(p.(*Connect).Will.Payload) }, binary: true},
	{name: "user name", v: V311, first: 0x10, before: "0004 'MQTT' 04 82 003c 0000", read: func(p Packet) string { return p.(*Connect).Username.V }},
	{name: "user name 5.0", v: V5, first: 0x10, before: "0004 'MQTT' 05 82 003c 00 0000", read: func(p Packet) string { return p.(*Connect).Username.V }},
	{name: "password", v: V311, first: 0x10, before: "0004 'MQTT' 04 c2 003c 0000 0000", read: func(p Packet) string { return string(p.(*Connect).Password) }, binary: true},
	{name: "topic 3.1", v: V31, first: 0x30, read: func(p Packet) string { return p.(*Publish).Topic }, isTopic: true},
	{name: "topic", v: V311, first: 0x30, read: func(p Packet) string { return p.(*Publish).Topic }, isTopic: true},
	{name: "topic 5.0", v: V5, first: 0x32, after: "0001 00", read: func(p Packet) string { return p.(*Publish).Topic }, isTopic: true},
	{name: "filter", v: V311, first: 0x82, before: "0001", after: "00", read: func(p Packet) string { return p.(*Subscribe).Filters[0].Filter }},
	{name: "second filter 5.0", v: V5, first: 0x82, before: "0001 00 0001 'a' 00", after: "00", read: func(p Packet) string { return p.(*Subscribe).Filters[1].Filter }},
	{name: "filter to leave", v: V311, first: 0xa2, before: "0001", read: func(p Packet) string { return p.(*Unsubscribe).Filters[0] }},
	{name: "second filter to leave 5.0", v: V5, first: 0xa2, before: "0001 00 0001 'a'", read: func(p Packet) string { return p.(*Unsubscribe).Filters[1] }},
}

// stringProperties are the places where a string stands within a property;
// before begins with the identifier.
//
// A response topic is one of them [MQTT-3.3.2-13].
var stringProperties = []struct {
	name          string
	in            Type
	before, after string
	read          func(*Properties) string
	binary        bool
	isTopic       bool
}{
	{name: "content type", in: TypePublish, before: "03", read: func(p *Properties) string { return p.ContentType.V }},
	{name: "content type of a will", in: willType, before: "03", read: func(p *Properties) string { return p.ContentType.V }},
	{name: "response topic", in: TypePublish, before: "08", read: func(p *Properties) string { return p.ResponseTopic.V }, isTopic: true},
	{name: "correlation data", in: TypePublish, before: "09", read: func(p *Properties) string { return string(p.CorrelationData) }, binary: true},
	{name: "assigned client identifier", in: TypeConnack, before: "12", read: func(p *Properties) string { return p.AssignedClientID.V }},
	{name: "authentication method", in: TypeConnect, before: "15", read: func(p *Properties) string { return p.AuthMethod.V }},
	{name: "authentication data", in: TypeConnect, before: "15 0001 'M' 16", read: func(p *Properties) string { return string(p.AuthData) }, binary: true},
	{name: "response information", in: TypeConnack, before: "1a", read: func(p *Properties) string { return p.ResponseInfo.V }},
	{name: "server reference", in: TypeDisconnect, before: "1c", read: func(p *Properties) string { return p.ServerReference.V }},
	{name: "reason string", in: TypePuback, before: "1f", read: func(p *Properties) string { return p.ReasonString.V }},
	{name: "name of a user property", in: TypePubrel, before: "26", after: "0001 'v'", read: func(p *Properties) string { return p.User[0].Name }},
	{name: "value of a user property", in: TypeConnect, before: "26 0001 'n'", read: func(p *Properties) string { return p.User[0].Value }},
}

// body puts s behind its length into the place of the field.
func (f *stringField) body(t testing.TB, s []byte) []byte {
	b := unhex(t, f.before)
	b = append(b, byte(len(s)>>8), byte(len(s)))
	b = append(b, s...)
	return append(b, unhex(t, f.after)...)
}

// badStrings are no strings: section 1.5.4 and, of MQTT 3.1.1, section 1.5.3.
var badStrings = []struct{ name, bytes string }{
	{"low surrogate", "eda080"},
	{"high surrogate", "edbfbf"},
	{"pair of surrogates", "eda0bd edb880"},
	{"surrogate among letters", "'a' edad81 'b'"},
	{"U+0000 alone", "00"},
	{"U+0000 at the end", "'a' 00"},
	{"U+0000 among letters", "'a' 00 'b'"},
	{"U+0000 in two bytes", "c080"},
	{"slash in two bytes", "c0af"},
	{"slash in three bytes", "e080af"},
	{"slash in four bytes", "f08080af"},
	{"beyond U+10FFFF", "f4908080"},
	{"five bytes", "f888808080"},
	{"begins with a continuation", "80"},
	{"without its continuation", "'a' c3"},
	{"another letter for its continuation", "c3 'a'"},
	{"cut within three bytes", "e282"},
	{"cut within four bytes", "f09f98"},
	{"0xFE", "fe"},
	{"0xFF", "ff"},
	{"Latin-1", "'caf' e9"},
}

// goodStrings look odd and are strings.
var goodStrings = []struct{ name, text string }{
	{"a byte order mark", "\ufeff"},
	{"a byte order mark and a letter", "\ufeffa"}, // [MQTT-1.5.4-3]
	{"two byte order marks", "\ufeff\ufeff"},
	{"a byte order mark at the end", "a\ufeff"},
	{"U+0001", "\u0001"},
	{"U+007F", "\u007f"},
	{"U+009F", "\u009f"},
	{"line feed", "a\nb"},
	{"U+FFFE", "\ufffe"},
	{"U+FFFF", "\uffff"},
	{"U+FFFD", "\ufffd"},
	{"U+FDD0", "\ufdd0"},
	{"U+D7FF and U+E000 around the surrogates", "\ud7ff\ue000"},
	{"U+10FFFF", "\U0010ffff"},
	{"an accent apart", "e\u0301"},
	{"blanks", "  "},
}

// TestStringsBad puts every bad string into every field [MQTT-1.5.4-1]
// [MQTT-1.5.4-2] [MQTT-1.5.3-1 v3] [MQTT-1.5.3-2 v3]; fields of binary data
// take them.
func TestStringsBad(t *testing.T) {
	for _, s := range badStrings {
		b := unhex(t, s.bytes)
		zero := bytes.IndexByte(b, 0) >= 0
		clause := func(v Version) string {
			switch {
			case v >= V5 && zero:
				return "MQTT-1.5.4-2"
			case v >= V5:
				return "MQTT-1.5.4-1"
			case zero:
				return "MQTT-1.5.3-2 v3"
			}
			return "MQTT-1.5.3-1 v3"
		}
		for _, f := range stringFields {
			p, err := Decode(f.first, f.body(t, b), f.v)
			if !f.binary {
				wantError(t, err, MalformedPacket, clause(f.v))
			} else if err != nil || f.read(p) != string(b) {
				t.Errorf("%s in %s: %v", s.name, f.name, err)
			}
		}
		for _, f := range stringProperties {
			field := stringField{before: f.before, after: f.after}
			first, body := carry(t, f.in, field.body(t, b))
			p, err := Decode(first, body, V5)
			if !f.binary {
				wantError(t, err, MalformedPacket, clause(V5))
			} else if err != nil || f.read(carriers[f.in].properties(p)) != string(b) {
				t.Errorf("%s in %s: %v", s.name, f.name, err)
			}
		}
	}
}

// TestStringsGood puts every good string into every field, and wants it back
// byte for byte: nothing is skipped, replaced or normalised [MQTT-1.5.4-3].
func TestStringsGood(t *testing.T) {
	for _, s := range goodStrings {
		for _, f := range stringFields {
			p, err := Decode(f.first, f.body(t, []byte(s.text)), f.v)
			if err != nil || f.read(p) != s.text {
				t.Errorf("%s in %s: %v", s.name, f.name, err)
			}
		}
		for _, f := range stringProperties {
			field := stringField{before: f.before, after: f.after}
			first, body := carry(t, f.in, field.body(t, []byte(s.text)))
			p, err := Decode(first, body, V5)
			if err != nil || f.read(carriers[f.in].properties(p)) != s.text {
				t.Errorf("%s in %s: %v", s.name, f.name, err)
			}
		}
	}
}

// TestStringLengths has lengths at both ends, and a field cut at each byte.
func TestStringLengths(t *testing.T) {
	for _, f := range stringFields {
		for _, n := range []int{0, 1, 255, 256, 65535} {
			s := bytes.Repeat([]byte("x"), n)
			p, err := Decode(f.first, f.body(t, s), f.v)
			if n == 0 && f.isTopic {
				if err == nil {
					t.Errorf("%s is empty and accepted", f.name)
				}
				continue
			}
			if err != nil || f.read(p) != string(s) {
				t.Errorf("%s of %d bytes: %v", f.name, n, err)
			}
		}
		f.after = ""
		whole := f.body(t, []byte("text"))
		for n := len(whole) - 1; n >= len(whole)-5; n-- {
			_, err := Decode(f.first, whole[:n:n], f.v)
			wantError(t, err, MalformedPacket, "")
		}
	}
}

// TestTopicsWithoutWildcards [MQTT-3.3.2-2] [MQTT-3.3.2-2 v3] [MQTT-3.3.2-14].
// Elsewhere the characters have no meaning here.
func TestTopicsWithoutWildcards(t *testing.T) {
	for _, s := range []string{"#", "+", "a/#", "+/a", "a+", "a#b", "/+/"} {
		for _, f := range stringFields {
			_, err := Decode(f.first, f.body(t, []byte(s)), f.v)
			switch {
			case !f.isTopic && err != nil:
				t.Errorf("%s in %s: %v", s, f.name, err)
			case f.isTopic && f.v == V5:
				wantError(t, err, TopicNameInvalid, "MQTT-3.3.2-2")
			case f.isTopic:
				wantError(t, err, TopicNameInvalid, "MQTT-3.3.2-2 v3")
			}
		}
		for _, f := range stringProperties {
			field := stringField{before: f.before, after: f.after}
			first, body := carry(t, f.in, field.body(t, []byte(s)))
			_, err := Decode(first, body, V5)
			if f.isTopic {
				wantError(t, err, ProtocolError, "MQTT-3.3.2-14")
			} else if err != nil {
				t.Errorf("%s in %s: %v", s, f.name, err)
			}
		}
	}
}

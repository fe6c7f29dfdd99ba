package packet

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestErrorTexts holds what the log says about the faults that are met most:
// the packet, what is wrong, the reason code in words and the clause.
func TestErrorTexts(t *testing.T) {
	for _, test := range []struct {
		v     Version
		first byte
		body  string
		want  string
	}{
		{V5, 0xd1, "", "PINGRESP: the reserved flags are 0b0001, want 0b0000 (Malformed Packet, MQTT-2.1.3-1)"},
		{V311, 0x80, "", "SUBSCRIBE: the reserved flags are 0b0000, want 0b0010 (Malformed Packet, MQTT-2.2.2-2 v3)"},
		{V311, 0xf0, "", "packet type 15 does not exist in MQTT 3.1.1 (Malformed Packet)"},
		{V311, 0x30, "0003 'a/#'", `PUBLISH: the topic "a/#" contains a wildcard (Topic Name invalid, MQTT-3.3.2-2 v3)`},
		{V311, 0x30, "0005 'abc'", "PUBLISH: ends within the topic (Malformed Packet)"},
		{V5, 0x10, "0004 'MQTT' 06", "CONNECT: protocol version 6 (Unsupported Protocol Version, MQTT-3.1.2-2)"},
		{V5, 0x10, "0004 'HTTP' 06", `CONNECT: protocol name "HTTP" (Malformed Packet, MQTT-3.1.2-1)`},
		{V311, 0x82, "0001", "SUBSCRIBE: no topic filter (Protocol Error, MQTT-3.8.3-3 v3)"},
		{V311, 0x40, "0000", "PUBACK: the packet identifier is 0 (Protocol Error, MQTT-2.3.1-1 v3)"},
		{V5, 0x62, "0001 10", "PUBREL: reason code 0x10 is not for it (Protocol Error, MQTT-3.6.2-1)"},
		{V5, 0x82, "0001 00 0001 'a' 03", "SUBSCRIBE: QoS 3 (Protocol Error)"},
		{V5, 0x30, "0001 ff 00", "PUBLISH: the topic is not valid UTF-8 (Malformed Packet, MQTT-1.5.4-1)"},
		{V311, 0xc0, "0102", "PINGREQ: 2 bytes follow its end (Malformed Packet)"},
		{V5, 0x20, "00 00 8000", "CONNACK: property length: takes more bytes than it needs (Malformed Packet, MQTT-1.5.5-1)"},
		{V5, 0x20, "00 00 8080808000", "CONNACK: property length: takes more than four bytes (Malformed Packet)"},
		{V5, 0x82, "0001 05 0b 80808000", "SUBSCRIBE: subscription identifier: takes more bytes than it needs (Malformed Packet, MQTT-1.5.5-1)"},
		{V5, 0x20, "00 00 03 21 0000", "CONNACK: receive maximum 0 is not allowed (Protocol Error)"},
		{V5, 0x20, "00 00 02 01 00", `CONNACK: the property "payload format indicator" is not for it (Malformed Packet)`},
		{V5, 0x20, "00 00 06 13 0001 13 0001", `CONNACK: the property "server keep alive" comes twice (Protocol Error)`},
	} {
		_, err := Decode(test.first, unhex(t, test.body), test.v)
		if err == nil || err.Error() != test.want {
			t.Errorf("got\n%v\nwant\n%s", err, test.want)
		}
	}
}

// TestAppendConcurrently: one message is encoded for many clients at once;
// the race detector looks on.
func TestAppendConcurrently(t *testing.T) {
	p := &Publish{QoS: 1, Topic: "t", ID: 7, Payload: hello, Properties: &Properties{User: user, MessageExpiry: Some[uint32](9)}}
	var wg sync.WaitGroup
	for _, v := range []Version{V31, V311, V5, V5} {
		wg.Go(func() {
			for range 100 {
				if _, err := p.Append(nil, v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// errorText is how an error reads: the packet, what is wrong with it, in
// lower case but for names, and in brackets the reason code and the clause.
var errorText = regexp.MustCompile(`^[A-Z]+: ([a-z0-9 "]|DUP|QoS|UNSUB|PUB|CON|AUTH).*[^.!] \([A-Z][A-Za-z ]+(, MQTT-[0-9.-]+( v3)?)?\)$`)

// wantReadable wants the text of a decoding error to name its packet and to be
// fit for a log.
func wantReadable(t testing.TB, typ Type, err error) {
	t.Helper()
	if err == nil {
		return
	}
	s := err.Error()
	if exists := typ != 0 && !strings.Contains(s, "does not exist"); !exists {
		if !strings.HasPrefix(s, "packet type ") {
			t.Errorf("error %q does not begin with the packet type", s)
		}
		return
	}
	if !strings.HasPrefix(s, typ.String()+": ") || !errorText.MatchString(s) || strings.Contains(s, "%!") || len(s) > 200 {
		t.Errorf("error %q", s)
	}
}

// TestErrorTextsAreShort refuses long and ugly strings: what the peer sent
// does not fill the log, and does not break its lines.
func TestErrorTextsAreShort(t *testing.T) {
	long := strings.Repeat("x\n\x1b", 20_000) + "#"
	for _, f := range stringFields {
		_, err := Decode(f.first, f.body(t, []byte(long[len(long)-60_000:])), f.v)
		if err != nil && (len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\n\x1b")) {
			t.Errorf("%s: an error of %d bytes", f.name, len(err.Error()))
		}
	}
	topic := (&stringField{before: "0001 't' 85 d4 03 08"}).body(t, []byte(long[len(long)-59_906:]))
	_, err := Decode(0x30, topic, V5)
	if err == nil || len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("response topic: an error of %d bytes", len(err.Error()))
	}
	name := (&stringField{}).body(t, []byte(long))
	_, err = Decode(0x10, append(name, 5), V5)
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("protocol name: %d bytes", len(err.Error()))
	}
}

// anyClause is for tests that hold for errors with several clauses.
const anyClause = "any"

// wantError wants err to be an *Error with a code and a clause, "" for none.
func wantError(t testing.TB, err error, code ReasonCode, clause string) {
	t.Helper()
	var e *Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("error %v, want %v", err, code)
	case e.Code != code:
		t.Errorf("error %v, want %v", err, code)
	case clause != anyClause && e.Clause != clause:
		t.Errorf("error %v cites %q, want %q", err, e.Clause, clause)
	}
}

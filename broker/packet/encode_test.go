package packet

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestNotEncoded are packets that have no form: Append says why and leaves
// what was there.
func TestNotEncoded(t *testing.T) {
	long := strings.Repeat("x", 65536)
	for _, test := range []struct {
		name   string
		v      Version
		packet Packet
		want   string
	}{
		{"long topic", V311, &Publish{Topic: long}, "topic"},
		{"QoS 3", V311, &Publish{Topic: "t", QoS: 3}, "QoS 3"},
		{"huge payload", V311, &Publish{Topic: "t", Payload: make([]byte, maxVarint-2)}, "PUBLISH of 268435456 bytes: at most 268435455"},
		{"long client id", V5, &Connect{Version: V5, ClientID: long}, "client identifier"},
		{"unknown version", V5, &Connect{Version: 9}, "version"},
		{"will QoS 3", V311, &Connect{Version: V311, Will: &Will{Topic: "w", QoS: 3}}, "QoS 3"},
		{"long will topic", V311, &Connect{Version: V311, Will: &Will{Topic: long}}, "will topic"},
		{"long will payload", V311, &Connect{Version: V311, Will: &Will{Topic: "w", Payload: []byte(long)}}, "will payload"},
		{"long user name", V311, &Connect{Version: V311, Username: Some(long)}, "user name"},
		{"long password", V311, &Connect{Version: V311, Username: Some("u"), Password: []byte(long)}, "password"},
		{"password without name", V311, &Connect{Version: V311, Password: []byte("p")}, "without a user name"}, // [MQTT-3.1.2-22 v3]
		{"no filter", V311, &Subscribe{ID: 1}, "no topic filter"},                                              // [MQTT-3.8.3-2]
		{"long filter", V311, &Subscribe{ID: 1, Filters: []Subscription{{Filter: long}}}, "topic filter"},
		{"filter QoS 3", V311, &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", QoS: 3}}}, "QoS 3"},
		{"retain handling 3", V5, &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", RetainHandling: 3}}}, "retain handling 3"},
		{"no code", V311, &Suback{ID: 1}, "no reason code"},
		{"no filter to leave", V5, &Unsubscribe{ID: 1}, "no topic filter"}, // [MQTT-3.10.3-2]
		{"no code 5.0", V5, &Unsuback{ID: 1}, "no reason code"},
		{"AUTH in 3.1.1", V311, &Auth{}, "does not have it"},
		{"long reason", V5, &Puback{ID: 1, Properties: &Properties{ReasonString: Some(long)}}, "reason string"},
		{"long user property", V5, &Puback{ID: 1, Properties: &Properties{User: []UserProperty{{"a", long}}}}, "user property"},
		{"long correlation data", V5, &Publish{Topic: "t", Properties: &Properties{CorrelationData: []byte(long)}}, "correlation data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := test.packet.Append([]byte("before"), test.v)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
			if string(b) != "before" {
				t.Errorf("the buffer has become %.20q", b)
			}
		})
	}
}

// TestOlderVersionsLeaveOut encodes packets with more than MQTT 3 has.
func TestOlderVersionsLeaveOut(t *testing.T) {
	reason := &Properties{ReasonString: Some("r")}
	for _, test := range []struct {
		packet Packet
		want   string
	}{
		{&Connack{Code: Banned, SessionPresent: true, Properties: reason}, "20 02 00 03"}, // [MQTT-3.2.2-6]
		{&Connack{Code: BadAuthenticationMethod}, "20 02 00 05"},
		{&Connack{Code: QuotaExceeded}, "20 02 00 03"},
		{&Publish{Topic: "t", Payload: []byte("x"), ID: 9, Properties: &Properties{TopicAlias: Some[uint16](1)}}, "30 04 0001 't' 'x'"}, // [MQTT-2.2.1-2]
		{&Puback{ID: 1, Code: QuotaExceeded, Properties: reason}, "40 02 0001"},
		{&Pubrec{ID: 1, Code: QuotaExceeded, Properties: reason}, "50 02 0001"},
		{&Pubrel{ID: 1, Properties: reason}, "62 02 0001"},
		{&Pubcomp{ID: 1, Properties: reason}, "70 02 0001"},
		{&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}}, Properties: &Properties{User: user}}, "82 06 0001 0001 'a' 01"},
		{&Suback{ID: 1, Codes: []ReasonCode{GrantedQoS1, NotAuthorized, TopicFilterInvalid}, Properties: reason}, "90 05 0001 01 80 80"}, // [MQTT-3.9.3-2 v3]
		{&Unsuback{ID: 1, Codes: []ReasonCode{NoSubscriptionExisted}, Properties: reason}, "b0 02 0001"},
		{&Disconnect{Code: ServerShuttingDown, Properties: reason}, "e0 00"},
	} {
		got, err := test.packet.Append(nil, V311)
		if err != nil || !reflect.DeepEqual(got, unhex(t, test.want)) {
			t.Errorf("%v: % x, %v; want %s", test.packet.Type(), got, err, test.want)
		}
	}
}

// TestLongestPacket writes the header of the longest packet there can be,
// without its payload.
func TestLongestPacket(t *testing.T) {
	e := begin(nil, TypePublish, 0, V311)
	e.text("t", "topic")
	e.setLength(1, maxVarint-3)
	if want := unhex(t, "30 ffffff7f 0001 't'"); e.err != nil || !bytes.Equal(e.b, want) {
		t.Errorf("% x, %v; want % x", e.b, e.err, want)
	}
}

func TestStrings(t *testing.T) {
	for got, want := range map[string]string{
		V31.String(): "3.1", V311.String(): "3.1.1", V5.String(): "5.0", Version(9).String(): "Version(9)",
		TypeConnect.String(): "CONNECT", TypeAuth.String(): "AUTH", Type(0).String(): "Type(0)", Type(16).String(): "Type(16)",
		NotAuthorized.String(): "Not authorized", MalformedPacket.String(): "Malformed Packet",
	} {
		if !strings.EqualFold(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	e := &Error{Code: MalformedPacket, Clause: "MQTT-2.1.3-1", Text: "PINGREQ: no"}
	if got := e.Error(); !strings.HasPrefix(got, "PINGREQ: no (") || !strings.HasSuffix(got, ", MQTT-2.1.3-1)") {
		t.Errorf("error %q", got)
	}
	e.Clause = ""
	if got := e.Error(); strings.Contains(got, ",") {
		t.Errorf("error %q", got)
	}
	// Every code the packets know has words.
	for c := range 256 {
		if s := ReasonCode(c).String(); s == "" {
			t.Errorf("reason code %#x has no text", c)
		}
	}
}

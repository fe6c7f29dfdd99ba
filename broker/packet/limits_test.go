package packet

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestLongestFields: each string and each binary field takes 65,535 bytes,
// and comes back as it was.
func TestLongestFields(t *testing.T) {
	text := strings.Repeat("x", 65535)
	data := bytes.Repeat([]byte{0xff}, 65535)
	for name, p := range map[string]Packet{
		"client id":          &Connect{Version: V5, ClientID: text},
		"user name":          &Connect{Version: V5, Username: Some(text)},
		"password":           &Connect{Version: V5, Password: data},
		"will topic":         &Connect{Version: V5, Will: &Will{Topic: text, Payload: []byte{}}},
		"will payload":       &Connect{Version: V5, Will: &Will{Topic: "w", Payload: data}},
		"topic":              &Publish{Topic: text, Payload: []byte{}},
		"content type":       &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{ContentType: Some(text)}},
		"response topic":     &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{ResponseTopic: Some(text)}},
		"correlation data":   &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{CorrelationData: data}},
		"user property":      &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{User: []UserProperty{{text, text}}}},
		"filter":             &Subscribe{ID: 1, Filters: []Subscription{{Filter: text}}},
		"filter to leave":    &Unsubscribe{ID: 1, Filters: []string{text}},
		"reason string":      &Puback{ID: 1, Properties: &Properties{ReasonString: Some(text)}},
		"server reference":   &Disconnect{Properties: &Properties{ServerReference: Some(text)}},
		"assigned id":        &Connack{Properties: &Properties{AssignedClientID: Some(text)}},
		"response info":      &Connack{Properties: &Properties{ResponseInfo: Some(text)}},
		"authentication":     &Auth{Code: ContinueAuthentication, Properties: &Properties{AuthMethod: Some(text), AuthData: data}},
		"several properties": &Connack{Properties: &Properties{ReasonString: Some(text), ServerReference: Some(text), User: []UserProperty{{text, text}}}},
	} {
		b, err := p.Append(nil, V5)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := decodeWhole(t, b, V5)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s does not come back: %v", name, err)
		}
	}
}

// TestBounds: the smallest and the largest number of each field.
func TestBounds(t *testing.T) {
	for name, p := range map[string]Packet{
		"packet id 1":                   &Puback{ID: 1},
		"packet id 65535":               &Puback{ID: 65535},
		"keep alive 0":                  &Connect{Version: V5, KeepAlive: 0},
		"keep alive 65535":              &Connect{Version: V5, KeepAlive: 65535},
		"session expiry 0":              &Connect{Version: V5, Properties: &Properties{SessionExpiry: Some[uint32](0)}},
		"session expiry never":          &Connect{Version: V5, Properties: &Properties{SessionExpiry: Some[uint32](0xffffffff)}},
		"receive maximum 1":             &Connect{Version: V5, Properties: &Properties{ReceiveMaximum: Some[uint16](1)}},
		"receive maximum 65535":         &Connect{Version: V5, Properties: &Properties{ReceiveMaximum: Some[uint16](65535)}},
		"maximum packet size 1":         &Connect{Version: V5, Properties: &Properties{MaximumPacketSize: Some[uint32](1)}},
		"maximum packet size all":       &Connect{Version: V5, Properties: &Properties{MaximumPacketSize: Some[uint32](0xffffffff)}},
		"topic alias maximum 0":         &Connect{Version: V5, Properties: &Properties{TopicAliasMaximum: Some[uint16](0)}},
		"topic alias 1":                 &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{TopicAlias: Some[uint16](1)}},
		"topic alias 65535":             &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{TopicAlias: Some[uint16](65535)}},
		"message expiry 0":              &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{MessageExpiry: Some[uint32](0)}},
		"subscription id 1":             &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{1}}},
		"subscription id 127":           &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{127}}},
		"subscription id 128":           &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{128}}},
		"subscription id 16383":         &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{16383}}},
		"subscription id 16384":         &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{16384}}},
		"subscription id 2097151":       &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{2097151}}},
		"subscription id 2097152":       &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{2097152}}},
		"subscription id 268435455":     &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{268435455}}},
		"empty strings":                 &Connack{Properties: &Properties{ReasonString: Some(""), ServerReference: Some(""), User: []UserProperty{{"", ""}}}},
		"a hundred filters":             &Subscribe{ID: 1, Filters: slicesOf(100, Subscription{Filter: "a/b", QoS: 1})},
		"a hundred filters to leave":    &Unsubscribe{ID: 1, Filters: slicesOf(100, "a/b")},
		"a hundred codes":               &Suback{ID: 1, Codes: slicesOf(100, GrantedQoS1)},
		"a hundred user properties":     &Puback{ID: 1, Properties: &Properties{User: slicesOf(100, UserProperty{"a", "b"})}},
		"a hundred subscription ids":    &Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{SubscriptionIDs: slicesOf[uint32](100, 9)}},
		"a large payload":               &Publish{Topic: "t", Payload: make([]byte, 3<<20)},
		"a large payload with a header": &Publish{Topic: "t", QoS: 2, ID: 7, Dup: true, Retain: true, Payload: make([]byte, 2097152), Properties: &Properties{User: user}},
	} {
		b, err := p.Append(nil, V5)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := decodeWhole(t, b, V5)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s does not come back: %v", name, err)
		}
	}
}

func slicesOf[T any](n int, x T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = x
	}
	return s
}

// TestSubscriptionIDTooLarge: an identifier has 28 bits.
func TestSubscriptionIDTooLarge(t *testing.T) {
	p := &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{268435456}}}
	if b, err := p.Append(nil, V5); err == nil {
		t.Errorf("encoded as % x", b)
	}
}

// TestAnotherVersion decodes packets as a version they are not of: an error
// or another packet, never a panic.
func TestAnotherVersion(t *testing.T) {
	for _, g := range goldens {
		wire := unhex(t, g.wire)
		for _, v := range []Version{V31, V311, V5, 0, 99} {
			p, err := Decode(wire[0], wire[2:], v)
			if err == nil && p.Type() != g.packet.Type() {
				t.Errorf("%s as version %v is a %v", g.name, v, p.Type())
			}
			if g.packet.Type() == TypeConnect && (err != nil || !reflect.DeepEqual(p, g.packet)) {
				t.Errorf("%s says its version itself: %+v, %v", g.name, p, err)
			}
		}
	}
}

// TestEmptyPropertiesAreNone: a property length of 0 is no properties.
func TestEmptyPropertiesAreNone(t *testing.T) {
	for in, c := range carriers {
		if in == TypeAuth { // which has a method always
			continue
		}
		first, body := carry(t, in, nil)
		p, err := Decode(first, body, V5)
		if err != nil {
			t.Errorf("%v: %v", in, err)
			continue
		}
		if c.properties(p) != nil {
			t.Errorf("%v: properties %+v", in, c.properties(p))
		}
	}
}

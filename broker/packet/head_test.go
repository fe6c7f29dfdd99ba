package packet

import (
	"bytes"
	"testing"
)

// TestHead holds a head and its payload to the packet that Publish.Append
// makes: the same bytes, for every combination that a broker sends.
// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17]
// [MQTT-3.3.2-18] [MQTT-3.3.2-20] [MQTT-3.3.4-3] [MQTT-3.3.1-2]
func TestHead(t *testing.T) {
	expiry := Some(uint32(77))
	properties := []*Properties{nil, {
		PayloadFormat:   Some(byte(1)),
		ContentType:     Some("text/plain"),
		ResponseTopic:   Some("answer/here"),
		CorrelationData: []byte{1, 2, 3},
		User:            []UserProperty{{"b", "2"}, {"a", "1"}, {"b", "2"}},
	}}
	for _, v := range []Version{V31, V311, V5} {
		for qos := range QoS(3) {
			for _, ids := range [][]uint32{nil, {1}, {1, 300, maxVarint}} {
				for _, alias := range []uint16{0, 7} {
					for _, p := range properties {
						for _, size := range []int{0, 1, 127, 128, 20_000} {
							want := Publish{Dup: qos > 0, QoS: qos, Retain: true, Topic: "a/b", ID: 0x1234, Payload: bytes.Repeat([]byte{'x'}, size)}
							if v == V5 {
								all := Properties{}
								if p != nil {
									all = *p
								}
								all.MessageExpiry = expiry
								all.SubscriptionIDs = ids
								if alias != 0 {
									all.TopicAlias = Some(alias)
								}
								want.Properties = &all
							}
							sameHead(t, v, want, p, expiry)
						}
					}
				}
			}
		}
	}
}

func sameHead(t *testing.T, v Version, want Publish, p *Properties, expiry Opt[uint32]) {
	t.Helper()
	encoded, err := AppendMessageProperties([]byte{9}, p, expiry)
	if err != nil || encoded[0] != 9 {
		t.Fatal(err)
	}
	h := PublishHead{
		Dup: want.Dup, QoS: want.QoS, Retain: want.Retain, Topic: want.Topic, ID: want.ID,
		Properties: encoded[1:], PayloadSize: len(want.Payload),
	}
	if want.Properties != nil {
		h.Alias, h.SubscriptionIDs = want.Properties.TopicAlias.V, want.Properties.SubscriptionIDs
	}
	before := []byte{1, 2}
	got, idAt := h.Append(before, v)
	got = append(got[2:], want.Payload...)
	if len(got) != h.Size(v) {
		t.Errorf("Size says %d, and it has %d bytes", h.Size(v), len(got))
	}
	switch {
	case want.QoS == 0 && idAt != 0:
		t.Errorf("a packet identifier at %d at QoS 0", idAt)
	case want.QoS > 0 && (got[idAt] != 0x12 || got[idAt+1] != 0x34):
		t.Errorf("no packet identifier at %d", idAt)
	}
	// Properties may come in any order, so what is compared is what they say.
	first, length, n, headerErr := ParseHeader(got)
	if headerErr != nil || n+length != len(got) {
		t.Fatalf("% x: header %d, length %d, %v", got[:min(len(got), 8)], n, length, headerErr)
	}
	back, err := Decode(first, got[n:], v)
	if err != nil {
		t.Fatalf("% x: %v", got, err)
	}
	wire, err := want.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	backWire, err := back.Append(nil, v)
	if err != nil || !bytes.Equal(wire, backWire) {
		t.Errorf("MQTT %v QoS %d: got % x, want % x, %v", v, want.QoS, backWire, wire, err)
	}
}

func TestMessagePropertiesTooLarge(t *testing.T) {
	huge := string(bytes.Repeat([]byte{'x'}, 65536))
	before := []byte{1, 2, 3}
	for _, p := range []*Properties{
		{ContentType: Some(huge)},
		{ResponseTopic: Some(huge)},
		{CorrelationData: []byte(huge)},
		{User: []UserProperty{{"a", huge}}},
	} {
		b, err := AppendMessageProperties(before, p, Opt[uint32]{})
		if err == nil || !bytes.Equal(b, before) {
			t.Errorf("%+v: %d bytes, %v", p, len(b), err)
		}
	}
	many := make([]UserProperty, 1100)
	for i := range many {
		many[i] = UserProperty{huge[1:], huge[1:]}
	}
	if _, err := AppendMessageProperties(nil, &Properties{User: many}, Opt[uint32]{}); err == nil {
		t.Error("144 MB of properties are accepted")
	}
}

func TestShortAck(t *testing.T) {
	for _, typ := range []Type{TypePuback, TypePubrec, TypePubrel, TypePubcomp} {
		b := AppendAck(nil, typ, 0x0102, Success, V5)
		if id, ok := ShortAck(b[0], b[2:]); id != 0x0102 || !ok {
			t.Errorf("%v: %x, %v", typ, id, ok)
		}
		for _, bad := range [][]byte{{b[0] ^ 1, 1, 2}, {b[0], 0, 0}, {b[0], 1}, {b[0], 1, 2, 0}, {0x30, 1, 2}, {0x82, 1, 2}} {
			if _, ok := ShortAck(bad[0], bad[1:]); ok {
				t.Errorf("%v: % x is accepted", typ, bad)
			}
		}
		for _, v := range []Version{V311, V5} {
			for _, code := range []ReasonCode{Success, NoMatchingSubscribers} {
				if typ != TypePuback && typ != TypePubrec && code != Success {
					code = PacketIdentifierNotFound
					if v < V5 {
						continue
					}
				}
				want, err := appendAck(nil, typ, 7, code, nil, v)
				if got := AppendAck(nil, typ, 7, code, v); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v %v: % x, want % x, %v", typ, code, got, want, err)
				}
			}
		}
	}
}

func BenchmarkHead(b *testing.B) {
	h := PublishHead{QoS: 1, Topic: "site/room/sensor", ID: 1, PayloadSize: 64}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = h.Append(dst[:0], V5)
	}
}

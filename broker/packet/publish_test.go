package packet

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// publishGoldens are PUBLISH, section 3.3. The topic is the first field
// [MQTT-3.3.2-1].
var publishGoldens = []golden{
	{"QoS 0", V311, "30 08 0001 't' 'hello'", &Publish{Topic: "t", Payload: hello}},
	{"QoS 1", V311, "32 0a 0001 't' 000a 'hello'", &Publish{QoS: 1, Topic: "t", ID: 10, Payload: hello}},
	{"QoS 2", V311, "34 0a 0001 't' ffff 'hello'", &Publish{QoS: 2, Topic: "t", ID: 65535, Payload: hello}},
	{"again", V311, "3a 0a 0001 't' 000a 'hello'", &Publish{Dup: true, QoS: 1, Topic: "t", ID: 10, Payload: hello}},
	{"retained", V31, "31 08 0001 't' 'hello'", &Publish{Retain: true, Topic: "t", Payload: hello}},
	{"all flags", V311, "3d 0a 0001 't' 000a 'hello'", &Publish{Dup: true, QoS: 2, Retain: true, Topic: "t", ID: 10, Payload: hello}},
	{"all flags 3.1", V31, "3d 0a 0001 't' 0100 'hello'", &Publish{Dup: true, QoS: 2, Retain: true, Topic: "t", ID: 256, Payload: hello}},
	{"nothing", V311, "30 03 0001 't'", &Publish{Topic: "t", Payload: []byte{}}},
	{"nothing at QoS 1", V311, "32 05 0001 't' 0001", &Publish{QoS: 1, Topic: "t", ID: 1, Payload: []byte{}}},
	{"bytes", V311, "30 06 0001 't' 00ff80", &Publish{Topic: "t", Payload: []byte{0, 0xff, 0x80}}},
	{"to spaces", V311, "30 04 0002 ' /'", &Publish{Topic: " /", Payload: []byte{}}},
	{"to a slash", V311, "30 03 0001 '/'", &Publish{Topic: "/", Payload: []byte{}}},
	{"BOM in the topic", V311, "30 06 0004 efbbbf 't'", &Publish{Topic: "\ufefft", Payload: []byte{}}}, // [MQTT-1.5.4-3]

	// No properties are a length of 0 [MQTT-2.2.2-1].
	{"5.0", V5, "30 09 0001 't' 00 'hello'", &Publish{Topic: "t", Payload: hello}},
	{"nothing 5.0", V5, "30 04 0001 't' 00", &Publish{Topic: "t", Payload: []byte{}}},
	{"QoS 1 5.0", V5, "32 0b 0001 't' 000a 00 'hello'", &Publish{QoS: 1, Topic: "t", ID: 10, Payload: hello}},
	{"all flags 5.0", V5, "3d 0b 0001 't' 000a 00 'hello'", &Publish{Dup: true, QoS: 2, Retain: true, Topic: "t", ID: 10, Payload: hello}},
	{"sets an alias", V5, "30 0c 0001 't' 03 23 0007 'hello'",
		&Publish{Topic: "t", Payload: hello, Properties: &Properties{TopicAlias: Some[uint16](7)}}},
	{"by alias", V5, "30 0b 0000 03 23 0007 'hello'",
		&Publish{Payload: hello, Properties: &Properties{TopicAlias: Some[uint16](7)}}},
	{"matches three subscriptions", V5, "30 0e 0001 't' 0a 0b 01 0b ff7f 0b ffffff7f",
		&Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{SubscriptionIDs: []uint32{1, 16383, 268435455}}}},
	{"user properties in order", V5, "30 12 0001 't' 0e 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'", // [MQTT-1.5.7-1]
		&Publish{Topic: "t", Payload: []byte{}, Properties: &Properties{User: user}}},
	{"all its properties", V5, "30 34 0001 't' 2f 01 00 02 00000000 03 0004 'json' 08 0003 'r/s' 09 0002 00ff 0b 01 0b 8001 23 ffff " +
		"26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 'x'",
		&Publish{Topic: "t", Payload: []byte("x"), Properties: &Properties{
			PayloadFormat: Some[byte](0), MessageExpiry: Some[uint32](0), ContentType: Some("json"), ResponseTopic: Some("r/s"),
			CorrelationData: []byte{0, 0xff}, SubscriptionIDs: []uint32{1, 128}, TopicAlias: Some[uint16](65535), User: user}}},
}

var publishUnusual = []golden{
	{"properties in another order", V5, "30 0d 0001 't' 08 23 0007 02 00000001 'x'",
		&Publish{Topic: "t", Payload: []byte("x"), Properties: &Properties{TopicAlias: Some[uint16](7), MessageExpiry: Some[uint32](1)}}},
}

func TestPublish(t *testing.T)        { testGoldens(t, publishGoldens) }
func TestPublishUnusual(t *testing.T) { testUnusual(t, publishUnusual) }

// TestPublishFlags decodes all 16 values of the flags in all versions, and
// encodes them again.
func TestPublishFlags(t *testing.T) {
	for _, v := range []Version{V31, V311, V5} {
		for flags := range byte(16) {
			dup, qos, retain := flags&8 != 0, QoS(flags>>1&3), flags&1 != 0
			body := unhex(t, "0001 't'")
			if qos > 0 {
				body = append(body, 0, 9)
			}
			if v == V5 {
				body = append(body, 0)
			}
			first := 0x30 | flags
			p, err := Decode(first, body, v)
			switch {
			case qos == 3: // [MQTT-3.3.1-4] [MQTT-3.3.1-4 v3]
				wantError(t, err, MalformedPacket, map[bool]string{true: "MQTT-3.3.1-4", false: "MQTT-3.3.1-4 v3"}[v == V5])
			case dup && qos == 0: // [MQTT-3.3.1-2] [MQTT-3.3.1-2 v3]
				wantError(t, err, MalformedPacket, map[bool]string{true: "MQTT-3.3.1-2", false: "MQTT-3.3.1-2 v3"}[v == V5])
			case err != nil:
				t.Errorf("version %v, flags %04b: %v", v, flags, err)
			default:
				m := p.(*Publish)
				if m.Dup != dup || m.QoS != qos || m.Retain != retain {
					t.Errorf("version %v, flags %04b: %+v", v, flags, m)
				}
				if b, err := m.Append(nil, v); err != nil || b[0] != first {
					t.Errorf("version %v, flags %04b: encoded % x, %v", v, flags, b, err)
				}
			}
		}
	}
}

// TestPublishQoS0 has neither DUP [MQTT-3.3.1-2] nor an identifier
// [MQTT-2.2.1-2], whatever the struct says.
func TestPublishQoS0(t *testing.T) {
	p := &Publish{Dup: true, ID: 9, Topic: "t", Payload: hello}
	for v, want := range map[Version]string{V31: "30 08 0001 't' 'hello'", V311: "30 08 0001 't' 'hello'", V5: "30 09 0001 't' 00 'hello'"} {
		if b, err := p.Append(nil, v); err != nil || !bytes.Equal(b, unhex(t, want)) {
			t.Errorf("version %v: % x, %v", v, b, err)
		}
	}
	if !p.Dup || p.ID != 9 {
		t.Errorf("Append has changed the packet to %+v", p)
	}
}

// TestPublishDecodeReuses decodes into the same struct: nothing of the last
// message stays, and nothing changes on error.
func TestPublishDecodeReuses(t *testing.T) {
	a := unhex(t, "0003 'a/b' 000a 03 23 0001 'one'")
	b := unhex(t, "0003 'a/b' 000b 00 'two'")
	var p Publish
	if err := p.Decode(0x3b, a, V5); err != nil {
		t.Fatal(err)
	}
	if p.Topic != "a/b" || string(p.Payload) != "one" || p.ID != 10 || !p.Dup || !p.Retain || p.QoS != 1 || p.Properties == nil {
		t.Errorf("%+v", p)
	}
	if err := p.Decode(0x34, b, V5); err != nil {
		t.Fatal(err)
	}
	if want := (Publish{QoS: 2, Topic: "a/b", ID: 11, Payload: []byte("two")}); !reflect.DeepEqual(p, want) {
		t.Errorf("%+v, want %+v", p, want)
	}
	before := p
	for _, first := range []byte{0x36, 0x38, 0x40} {
		if err := p.Decode(first, b, V5); err == nil || !reflect.DeepEqual(p, before) {
			t.Errorf("after an error: %v, %+v", err, p)
		}
	}
	if err := p.Decode(0x30, unhex(t, "0001 'x' 00"), V5); err != nil || p.Topic != "x" || p.ID != 0 {
		t.Errorf("another topic at QoS 0: %v, %+v", err, p)
	}
}

// TestPublishDecodeShares is the other side of what Decode promises: the
// payload is the body's, the topic is not.
func TestPublishDecodeShares(t *testing.T) {
	body := unhex(t, "0001 't' 'hello'")
	var p Publish
	if err := p.Decode(0x30, body, V311); err != nil {
		t.Fatal(err)
	}
	body[3] = 'j'
	if string(p.Payload) != "jello" {
		t.Errorf("payload %q is not the body's", p.Payload)
	}
	body[2] = 'x'
	if p.Topic != "t" {
		t.Errorf("topic %q has changed with the body", p.Topic)
	}
}

func TestPublishAllocations(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		p := &Publish{QoS: 1, Topic: "home/kitchen/climate", ID: 7, Payload: bytes.Repeat(hello, 20)}
		buf := make([]byte, 0, 1000)
		if n := testing.AllocsPerRun(100, func() { _, _ = p.Append(buf, v) }); n != 0 {
			t.Errorf("version %v: Append allocates %v times", v, n)
		}
		wire, err := p.Append(buf, v)
		if err != nil {
			t.Fatal(err)
		}
		_, _, n, err := ParseHeader(wire)
		if err != nil {
			t.Fatal(err)
		}
		var q Publish
		if n := testing.AllocsPerRun(100, func() { _ = q.Decode(wire[0], wire[n:], v) }); n != 0 {
			t.Errorf("version %v: Decode of the same topic allocates %v times", v, n)
		}
		if n := testing.AllocsPerRun(100, func() { q.Topic = ""; _ = q.Decode(wire[0], wire[n:], v) }); n > 1 {
			t.Errorf("version %v: Decode of another topic allocates %v times", v, n)
		}
	}
}

// TestPublishLengths counts by hand for one packet per length of the length.
func TestPublishLengths(t *testing.T) {
	for _, test := range []struct {
		size   int
		header string
	}{
		{3, "30 03"}, {127, "30 7f"},
		{128, "30 80 01"}, {16383, "30 ff 7f"},
		{16384, "30 80 80 01"}, {2097151, "30 ff ff 7f"},
		{2097152, "30 80 80 80 01"},
	} {
		p := &Publish{Topic: "t", Payload: bytes.Repeat([]byte{0xab}, test.size-3)}
		b, err := p.Append(nil, V311)
		if err != nil {
			t.Fatal(err)
		}
		want := append(unhex(t, test.header), unhex(t, "0001 't'")...)
		if !bytes.HasPrefix(b, want) || !bytes.Equal(b[len(want):], p.Payload) {
			t.Errorf("length %d: % x and %d bytes, want % x", test.size, b[:len(want)], len(b), want)
		}
		if q, err := decodeWhole(t, b, V311); err != nil || !bytes.Equal(q.(*Publish).Payload, p.Payload) {
			t.Errorf("length %d does not come back: %v", test.size, err)
		}
	}
}

// TestPublishLongProperties has properties of lengths whose length has one and
// more bytes, so that what stands behind moves.
func TestPublishLongProperties(t *testing.T) {
	for _, test := range []struct {
		value  int // bytes of the user property's value, whose frame has 6
		length string
	}{
		{0, "06"}, {121, "7f"}, {122, "80 01"}, {16377, "ff 7f"}, {16378, "80 80 01"}, {65535, "85 80 04"},
	} {
		t.Run(fmt.Sprint(test.value), func(t *testing.T) {
			p := &Publish{QoS: 1, ID: 5, Topic: "t", Payload: hello, Properties: &Properties{User: []UserProperty{{"n", string(bytes.Repeat([]byte("v"), test.value))}}}}
			b, err := p.Append([]byte("before"), V5)
			if err != nil {
				t.Fatal(err)
			}
			b = bytes.TrimPrefix(b, []byte("before"))
			_, _, n, err := ParseHeader(b)
			if err != nil {
				t.Fatal(err)
			}
			want := unhex(t, "0001 't' 0005 "+test.length+" 26 0001 'n'")
			if !bytes.HasPrefix(b[n:], want) {
				t.Errorf("begins % x, want % x", b[n:n+len(want)], want)
			}
			if q, err := decodeWhole(t, b, V5); err != nil || !reflect.DeepEqual(q, p) {
				t.Errorf("does not come back: %v", err)
			}
		})
	}
}

const climate = `{"temperature":21.53,"humidity":43.7}`

func BenchmarkPublishDecode(b *testing.B) {
	body := unhex(b, "0014 'home/kitchen/climate' 000a '"+climate+"'")
	var p Publish
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := p.Decode(0x32, body, V311); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	p := &Publish{QoS: 1, Topic: "home/kitchen/climate", ID: 7, Payload: []byte(climate)}
	buf := make([]byte, 0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		wire, err := p.Append(buf, V311)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(wire)))
	}
}

// A response topic is a topic name, and those are not empty [MQTT-4.7.3-1].
func TestEmptyResponseTopic(t *testing.T) {
	b := []byte{0x30, 7, 0, 1, 't', 3, 0x08, 0, 0}
	var e *Error
	if _, err := Decode(b[0], b[2:], V5); !errors.As(err, &e) || e.Code != ProtocolError || e.Clause != "MQTT-4.7.3-1" {
		t.Errorf("%v", err)
	}
}

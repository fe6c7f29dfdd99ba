package packet

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// unhex reads bytes as they stand in the tables: hexadecimal, with blanks,
// and 'text' in quotes for its own bytes.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			b = append(b, part...)
			continue
		}
		h, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		b = append(b, h...)
	}
	return b
}

// golden is a packet in both its forms. wire is written by hand from the
// specification's figures.
type golden struct {
	name   string
	v      Version
	wire   string
	packet Packet
}

var (
	user  = []UserProperty{{"a", "b"}, {"a", "c"}}
	hello = []byte("hello")
)

// goldens are all kinds of packets in all versions. They are decoded and
// encoded in TestGolden, cut short in TestTruncated, and the seeds of fuzzing.
var goldens = []golden{
	// CONNECT, section 3.1. The protocol name and version [MQTT-3.1.2-1]
	// [MQTT-3.1.2-2] and the order of the payload [MQTT-3.1.3-1].
	{"connect 3.1", V31, "10 13 0006 'MQIsdp' 03 02 003c 0005 'mydev'",
		&Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "mydev"}},
	{"connect 3.1.1", V311, "10 11 0004 'MQTT' 04 02 003c 0005 'mydev'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "mydev"}},
	{"connect 5.0", V5, "10 12 0004 'MQTT' 05 02 003c 00 0005 'mydev'",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "mydev"}},
	{"connect without an id", V311, "10 0c 0004 'MQTT' 04 02 0000 0000",
		&Connect{Version: V311, CleanStart: true}},
	{"connect that resumes", V311, "10 0d 0004 'MQTT' 04 00 ffff 0001 'c'",
		&Connect{Version: V311, KeepAlive: 65535, ClientID: "c"}},
	{"connect of a bridge", V311, "10 0d 0004 'MQTT' 84 00 003c 0001 'b'",
		&Connect{Version: V311, Bridge: true, KeepAlive: 60, ClientID: "b"}},
	{"connect of a bridge 3.1", V31, "10 0f 0006 'MQIsdp' 83 00 003c 0001 'b'",
		&Connect{Version: V31, Bridge: true, KeepAlive: 60, ClientID: "b"}},
	// The will [MQTT-3.1.2-9] [MQTT-3.1.3-11] [MQTT-3.1.3-10 v3].
	{"connect with a will", V311, "10 16 0004 'MQTT' 04 2e 003c 0001 'c' 0001 'w' 0004 'gone'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Will: &Will{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true}}},
	{"connect with an empty will", V311, "10 12 0004 'MQTT' 04 16 003c 0001 'c' 0001 'w' 0000",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Will: &Will{Topic: "w", Payload: []byte{}, QoS: 2}}},
	{"connect with a will 5.0", V5, "10 22 0004 'MQTT' 05 04 003c 00 0001 'c' 0e 02 00000e10 03 0001 't' 18 0000003c 0001 'w' 0001 'x'",
		&Connect{Version: V5, KeepAlive: 60, ClientID: "c", Will: &Will{Topic: "w", Payload: []byte("x"),
			Properties: &Properties{WillDelay: Some[uint32](60), MessageExpiry: Some[uint32](3600), ContentType: Some("t")}}}},
	// User name and password [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19].
	{"connect with a password", V311, "10 17 0004 'MQTT' 04 c2 003c 0001 'c' 0003 'joe' 0003 'pwd'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("joe"), Password: []byte("pwd")}},
	{"connect with a user name", V311, "10 12 0004 'MQTT' 04 82 003c 0001 'c' 0003 'joe'",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some("joe")}},
	{"connect with empty ones", V311, "10 11 0004 'MQTT' 04 c2 003c 0001 'c' 0000 0000",
		&Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: "c", Username: Some(""), Password: []byte{}}},
	{"connect with a password only 5.0", V5, "10 11 0004 'MQTT' 05 42 003c 00 0001 'c' 0001 'p'",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "c", Password: []byte("p")}},
	{"connect with everything in order", V5, "10 1f 0004 'MQTT' 05 d6 003c 00 0001 'c' 00 0001 'w' 0001 'x' 0001 'u' 0002 'pw' ",
		&Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "c", Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 2},
			Username: Some("u"), Password: []byte("pw")}},

	// CONNACK, section 3.2; in MQTT 3.1.1 the return codes [MQTT-3.2.2-6 v3].
	{"connack 3.1", V31, "20 02 00 00", &Connack{}},
	{"connack 3.1.1", V311, "20 02 00 00", &Connack{}},
	{"connack present", V311, "20 02 01 00", &Connack{SessionPresent: true}},
	{"connack refused: version", V311, "20 02 00 01", &Connack{Code: UnsupportedProtocolVersion}},
	{"connack refused: id", V311, "20 02 00 02", &Connack{Code: ClientIdentifierNotValid}},
	{"connack refused: unavailable", V311, "20 02 00 03", &Connack{Code: ServerUnavailable}},
	{"connack refused: password", V311, "20 02 00 04", &Connack{Code: BadUserNameOrPassword}},
	{"connack refused: not authorized", V311, "20 02 00 05", &Connack{Code: NotAuthorized}},
	{"connack 5.0", V5, "20 03 00 00 00", &Connack{}},
	{"connack present 5.0", V5, "20 03 01 00 00", &Connack{SessionPresent: true}},
	{"connack refused 5.0", V5, "20 03 00 87 00", &Connack{Code: NotAuthorized}},

	// PUBLISH, section 3.3. The topic is the first field [MQTT-3.3.2-1].
	{"publish QoS 0", V311, "30 08 0001 't' 'hello'", &Publish{Topic: "t", Payload: hello}},
	{"publish QoS 1", V311, "32 0a 0001 't' 000a 'hello'", &Publish{QoS: 1, Topic: "t", ID: 10, Payload: hello}},
	{"publish QoS 2", V311, "34 0a 0001 't' ffff 'hello'", &Publish{QoS: 2, Topic: "t", ID: 65535, Payload: hello}},
	{"publish again", V311, "3a 0a 0001 't' 000a 'hello'", &Publish{Dup: true, QoS: 1, Topic: "t", ID: 10, Payload: hello}},
	{"publish retained", V31, "31 08 0001 't' 'hello'", &Publish{Retain: true, Topic: "t", Payload: hello}},
	{"publish all flags", V311, "3d 0a 0001 't' 000a 'hello'", &Publish{Dup: true, QoS: 2, Retain: true, Topic: "t", ID: 10, Payload: hello}},
	{"publish nothing", V311, "30 03 0001 't'", &Publish{Topic: "t", Payload: []byte{}}},
	// No properties are a length of 0 [MQTT-2.2.2-1].
	{"publish 5.0", V5, "30 09 0001 't' 00 'hello'", &Publish{Topic: "t", Payload: hello}},
	{"publish QoS 1 5.0", V5, "32 0b 0001 't' 000a 00 'hello'", &Publish{QoS: 1, Topic: "t", ID: 10, Payload: hello}},
	{"publish by alias", V5, "30 0b 0000 03 23 0007 'hello'",
		&Publish{Payload: hello, Properties: &Properties{TopicAlias: Some[uint16](7)}}},
	{"publish with a BOM in its topic", V311, "30 06 0004 efbbbf 't'", &Publish{Topic: "\ufefft", Payload: []byte{}}}, // [MQTT-1.5.4-3]
	{"publish to spaces", V311, "30 04 0002 ' /'", &Publish{Topic: " /", Payload: []byte{}}},

	// The acknowledgements, sections 3.4 to 3.7.
	{"puback", V311, "40 02 0102", &Puback{ID: 258}},
	{"pubrec", V311, "50 02 0102", &Pubrec{ID: 258}},
	{"pubrel", V311, "62 02 0102", &Pubrel{ID: 258}},
	{"pubcomp", V311, "70 02 0102", &Pubcomp{ID: 258}},
	{"puback 3.1", V31, "40 02 0001", &Puback{ID: 1}},
	{"puback 5.0", V5, "40 02 0102", &Puback{ID: 258}},
	{"pubrec 5.0", V5, "50 02 0102", &Pubrec{ID: 258}},
	{"pubrel 5.0", V5, "62 02 0102", &Pubrel{ID: 258}},
	{"pubcomp 5.0", V5, "70 02 0102", &Pubcomp{ID: 258}},
	{"puback with a reason", V5, "40 03 0102 10", &Puback{ID: 258, Code: NoMatchingSubscribers}},
	{"pubrec with a reason", V5, "50 03 0102 97", &Pubrec{ID: 258, Code: QuotaExceeded}},
	{"pubrel with a reason", V5, "62 03 0102 92", &Pubrel{ID: 258, Code: PacketIdentifierNotFound}},
	{"pubcomp with a reason", V5, "70 03 0102 92", &Pubcomp{ID: 258, Code: PacketIdentifierNotFound}},
	{"puback with text", V5, "40 0a 0102 87 06 1f 0003 'sad'",
		&Puback{ID: 258, Code: NotAuthorized, Properties: &Properties{ReasonString: Some("sad")}}},
	{"puback with user properties", V5, "40 12 0102 00 0e 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
		&Puback{ID: 258, Properties: &Properties{User: user}}},

	// SUBSCRIBE, section 3.8 [MQTT-3.8.1-1] [MQTT-3.8.3-1].
	{"subscribe", V311, "82 06 0001 0001 'a' 01", &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", QoS: 1}}}},
	{"subscribe to two", V31, "82 0e 0001 0003 'a/#' 00 0003 'b/+' 02",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a/#"}, {Filter: "b/+", QoS: 2}}}},
	{"subscribe 5.0", V5, "82 07 0001 00 0001 'a' 2e",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}}}},
	{"subscribe with an id", V5, "82 0c 0001 05 0b ffffff7f 0001 'a' 10",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", RetainHandling: 1}}, Properties: &Properties{SubscriptionIDs: []uint32{268435455}}}},

	// SUBACK, section 3.9.
	{"suback", V311, "90 06 0001 00 01 02 80", &Suback{ID: 1, Codes: []ReasonCode{0, 1, 2, 0x80}}},
	{"suback 5.0", V5, "90 06 0001 00 02 8f 97", &Suback{ID: 1, Codes: []ReasonCode{GrantedQoS2, TopicFilterInvalid, QuotaExceeded}}},

	// UNSUBSCRIBE and UNSUBACK, sections 3.10 [MQTT-3.10.1-1] [MQTT-3.10.3-1] and 3.11.
	{"unsubscribe", V311, "a2 08 0001 0001 'a' 0001 'b'", &Unsubscribe{ID: 1, Filters: []string{"a", "b"}}},
	{"unsubscribe 5.0", V5, "a2 06 0001 00 0001 'a'", &Unsubscribe{ID: 1, Filters: []string{"a"}}},
	{"unsuback", V311, "b0 02 0001", &Unsuback{ID: 1}},
	{"unsuback 5.0", V5, "b0 05 0001 00 00 11", &Unsuback{ID: 1, Codes: []ReasonCode{Success, NoSubscriptionExisted}}},

	// PINGREQ, PINGRESP, DISCONNECT and AUTH, sections 3.12 to 3.15.
	{"pingreq", V311, "c0 00", &Pingreq{}},
	{"pingresp", V311, "d0 00", &Pingresp{}},
	{"pingreq 5.0", V5, "c0 00", &Pingreq{}},
	{"pingresp 5.0", V5, "d0 00", &Pingresp{}},
	{"disconnect", V311, "e0 00", &Disconnect{}},
	{"disconnect 5.0", V5, "e0 00", &Disconnect{}},
	{"disconnect with will", V5, "e0 01 04", &Disconnect{Code: DisconnectWithWill}},
	{"disconnect with expiry", V5, "e0 07 00 05 11 0000000a", &Disconnect{Properties: &Properties{SessionExpiry: Some[uint32](10)}}},
	{"disconnect to another server", V5, "e0 06 9c 04 1c 0001 'x'", &Disconnect{Code: UseAnotherServer, Properties: &Properties{ServerReference: Some("x")}}},
	{"auth", V5, "f0 00", &Auth{}},
	{"auth goes on", V5, "f0 0b 18 09 15 0001 'M' 16 0002 0102",
		&Auth{Code: ContinueAuthentication, Properties: &Properties{AuthMethod: Some("M"), AuthData: []byte{1, 2}}}},
}

// decodeWhole decodes one packet with its header, and wants nothing behind it.
func decodeWhole(t testing.TB, b []byte, v Version) (Packet, error) {
	t.Helper()
	first, length, n, err := ParseHeader(b)
	if err != nil || n == 0 || n+length != len(b) {
		t.Fatalf("header of % x: length %d, %d bytes, %v; %d bytes are there", b, length, n, err, len(b))
	}
	return Decode(first, b[n:], v)
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			wire := unhex(t, g.wire)
			wire[1] = byte(len(wire) - 2) // so that a table needs no counting; TestRemainingLength counts
			got, err := decodeWhole(t, wire, g.v)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if !reflect.DeepEqual(got, g.packet) {
				t.Errorf("decoded\n%+v\nwant\n%+v", got, g.packet)
			}
			enc, err := g.packet.Append([]byte("before"), g.v)
			if err != nil {
				t.Fatalf("encode: %v", err)
			}
			if !bytes.Equal(enc, append([]byte("before"), wire...)) {
				t.Errorf("encoded\n% x\nwant\n% x", enc[6:], wire)
			}
			if got.Type() != Type(wire[0]>>4) {
				t.Errorf("type %v", got.Type())
			}
		})
	}
}

// TestRemainingLength counts by hand for one packet per length of the length.
func TestRemainingLength(t *testing.T) {
	for size, header := range map[int]string{
		3: "30 03", 127: "30 7f", 128: "30 80 01", 16383: "30 ff 7f", 16384: "30 80 80 01", 2097151: "30 ff ff 7f", 2097152: "30 80 80 80 01",
	} {
		p := &Publish{Topic: "t", Payload: make([]byte, size-3)}
		b, err := p.Append(nil, V311)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, header)
		if !bytes.HasPrefix(b, want) || len(b) != len(want)+size {
			t.Errorf("length %d: % x and %d bytes, want % x", size, b[:5], len(b), want)
		}
		if q, err := decodeWhole(t, b, V311); err != nil || len(q.(*Publish).Payload) != size-3 {
			t.Errorf("length %d does not come back: %v", size, err)
		}
	}
}

// TestTruncated cuts every golden packet short at every byte: an error, or,
// where the rest may be left out, another packet; never a panic.
func TestTruncated(t *testing.T) {
	for _, g := range goldens {
		wire := unhex(t, g.wire)
		for n := range len(wire) - 2 {
			p, err := Decode(wire[0], wire[2:2+n], g.v)
			if err == nil && n > 0 && p.Type() != TypePublish && g.v < V5 && !shorterIsFine(p) {
				t.Errorf("%s cut to %d bytes is %+v", g.name, n, p)
			}
		}
	}
}

// shorterIsFine tells packets whose lists may end at several places.
func shorterIsFine(p Packet) bool {
	switch p := p.(type) {
	case *Subscribe, *Suback, *Unsubscribe:
		return true
	case *Connect: // MQTT 3.1 lets the flag stand without the name
		return p.Version == V31
	}
	return false
}

// TestNothingIsShared changes the bytes that were decoded: what Decode
// returned must not change with them.
func TestNothingIsShared(t *testing.T) {
	for _, g := range goldens {
		wire := unhex(t, g.wire)
		got, err := Decode(wire[0], wire[2:], g.v)
		if err != nil {
			t.Fatalf("%s: %v", g.name, err)
		}
		for i := range wire {
			wire[i] = 0xff
		}
		if !reflect.DeepEqual(got, g.packet) {
			t.Errorf("%s shares memory with what it was decoded from", g.name)
		}
	}
}

func TestPublishDecodeReuses(t *testing.T) {
	a := unhex(t, "0003 'a/b' 000a 'one'")
	b := unhex(t, "0003 'a/b' 000b 'two'")
	var p Publish
	if err := p.Decode(0x3b, a, V311); err != nil {
		t.Fatal(err)
	}
	if p.Topic != "a/b" || string(p.Payload) != "one" || p.ID != 10 || !p.Dup || !p.Retain || p.QoS != 1 {
		t.Errorf("%+v", p)
	}
	if err := p.Decode(0x34, b, V311); err != nil {
		t.Fatal(err)
	}
	if want := (Publish{QoS: 2, Topic: "a/b", ID: 11, Payload: []byte("two")}); !reflect.DeepEqual(p, want) {
		t.Errorf("%+v, want %+v", p, want)
	}
	before := p
	if err := p.Decode(0x36, b, V311); err == nil || !reflect.DeepEqual(p, before) {
		t.Errorf("after an error: %v, %+v", err, p)
	}
	if err := p.Decode(0x40, b, V311); err == nil {
		t.Error("a PUBACK is decoded as PUBLISH")
	}
	if n := testing.AllocsPerRun(100, func() { _ = p.Decode(0x34, b, V311) }); n != 0 {
		t.Errorf("%v allocations for a message on the same topic", n)
	}
}

func TestPublishAppendDoesNotAllocate(t *testing.T) {
	p := &Publish{QoS: 1, Topic: "home/kitchen/climate", ID: 7, Payload: bytes.Repeat(hello, 20)}
	buf := make([]byte, 0, 1000)
	for _, v := range []Version{V311, V5} {
		if n := testing.AllocsPerRun(100, func() { _, _ = p.Append(buf, v) }); n != 0 {
			t.Errorf("version %v: %v allocations", v, n)
		}
	}
}

func BenchmarkPublishDecode(b *testing.B) {
	body := unhex(b, "0014 'home/kitchen/climate' 000a '{\"temperature\":21.53,\"humidity\":43.7}'")
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
	p := &Publish{QoS: 1, Topic: "home/kitchen/climate", ID: 7, Payload: []byte(`{"temperature":21.53,"humidity":43.7}`)}
	buf := make([]byte, 0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Append(buf, V311); err != nil {
			b.Fatal(err)
		}
	}
}

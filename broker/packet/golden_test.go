package packet

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// golden is a packet in both its forms. wire is written by hand from the
// figures of the specification, the length included.
type golden struct {
	name   string
	v      Version
	wire   string
	packet Packet
}

// goldens are all packets in all versions. Each packet's own file has its
// table, and a test that decodes and encodes it; here is what holds for all of
// them. They are the seeds of fuzzing too.
var goldens = slices.Concat(
	connectGoldens, connackGoldens, publishGoldens,
	pubackGoldens, pubrecGoldens, pubrelGoldens, pubcompGoldens,
	subscribeGoldens, subackGoldens, unsubscribeGoldens, unsubackGoldens,
	pingreqGoldens, pingrespGoldens, disconnectGoldens, authGoldens,
)

// unusual are packets in a form that is allowed, and that Append does not
// write.
var unusual = slices.Concat(
	connectUnusual, connackUnusual, publishUnusual, ackUnusual, subscribeUnusual,
	unsubscribeUnusual, disconnectUnusual, authUnusual,
)

// Values that several tables use.
var (
	user  = []UserProperty{{"a", "b"}, {"a", "c"}}
	hello = []byte("hello")
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

// decodeWhole decodes one packet with its header, and wants nothing behind it.
func decodeWhole(t testing.TB, b []byte, v Version) (Packet, error) {
	t.Helper()
	first, length, n, err := ParseHeader(b)
	if err != nil || n == 0 || n+length != len(b) {
		t.Fatalf("header of % x: length %d, %d bytes, %v; %d bytes are there", b, length, n, err, len(b))
	}
	return Decode(first, b[n:], v)
}

// testGoldens decodes and encodes what the table holds.
func testGoldens(t *testing.T, table []golden) {
	t.Helper()
	for _, g := range table {
		t.Run(g.name, func(t *testing.T) {
			wire := unhex(t, g.wire)
			got, err := decodeWhole(t, wire, g.v)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if !reflect.DeepEqual(got, g.packet) {
				t.Errorf("decoded\n%+v\nwant\n%+v", got, g.packet)
			}
			if got.Type() != Type(wire[0]>>4) {
				t.Errorf("type %v", got.Type())
			}
			enc, err := g.packet.Append([]byte("before"), g.v)
			if err != nil {
				t.Fatalf("encode: %v", err)
			}
			if before, after := enc[:6], enc[6:]; string(before) != "before" || !bytes.Equal(after, wire) {
				t.Errorf("encoded\n% x\nwant\n% x", after, wire)
			}
		})
	}
}

// testUnusual decodes what the table holds, and wants what is then encoded to
// be the same packet.
func testUnusual(t *testing.T, table []golden) {
	t.Helper()
	for _, g := range table {
		t.Run(g.name, func(t *testing.T) {
			wire := unhex(t, g.wire)
			got, err := decodeWhole(t, wire, g.v)
			if err != nil || !reflect.DeepEqual(got, g.packet) {
				t.Fatalf("decoded\n%+v, %v; want\n%+v", got, err, g.packet)
			}
			enc, err := got.Append(nil, g.v)
			if err != nil || bytes.Equal(enc, wire) {
				t.Fatalf("encoded % x, %v: want another form than that", enc, err)
			}
			if again, err := decodeWhole(t, enc, g.v); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("encoded and decoded again\n%+v, %v; want\n%+v", again, err, got)
			}
		})
	}
}

// TestGoldensAreComplete wants every packet of every version in the tables,
// and no name twice.
func TestGoldensAreComplete(t *testing.T) {
	type kind struct {
		t Type
		v Version
	}
	there, names := make(map[kind]bool), make(map[string]bool)
	for _, g := range goldens {
		there[kind{g.packet.Type(), g.v}] = true
		if name := g.packet.Type().String() + " " + g.name; names[name] {
			t.Errorf("two rows are named %q", name)
		} else {
			names[name] = true
		}
	}
	for _, v := range []Version{V31, V311, V5} {
		for typ := TypeConnect; typ <= TypeAuth; typ++ {
			if want := typ != TypeAuth || v == V5; there[kind{typ, v}] != want {
				t.Errorf("%v of MQTT %v: golden %t, want %t", typ, v, !want, want)
			}
		}
	}
}

// TestReservedFlags sets every other value of the flags of every golden packet
// [MQTT-2.1.3-1] [MQTT-2.2.2-2 v3].
func TestReservedFlags(t *testing.T) {
	for _, g := range goldens {
		wire := unhex(t, g.wire)
		typ := g.packet.Type()
		if typ == TypePublish {
			continue // which has no reserved ones; see publish_test.go
		}
		for flags := range byte(16) {
			dup := flags == 0b1010 && g.v == V31 && (typ == TypePubrel || typ == TypeSubscribe || typ == TypeUnsubscribe)
			if flags == wire[0]&0x0f || dup {
				continue
			}
			_, err := Decode(wire[0]&0xf0|flags, wire[2:], g.v)
			clause := "MQTT-2.1.3-1"
			if g.v < V5 && typ != TypeConnect { // before a CONNECT nobody knows the version
				clause = "MQTT-2.2.2-2 v3"
			}
			wantError(t, err, MalformedPacket, clause)
		}
	}
}

// TestTruncated cuts the body of every golden packet short at every byte. What
// is left is malformed but where the packet might have ended.
func TestTruncated(t *testing.T) {
	for _, g := range goldens {
		wire := unhex(t, g.wire)
		body := wire[2:]
		ends := mayEnd(g.packet, g.v, len(body))
		for n := range len(body) {
			p, err := Decode(wire[0], body[:n:n], g.v)
			switch {
			case slices.Contains(ends, n) && err != nil:
				t.Errorf("%v %s cut to %d bytes: %v", g.packet.Type(), g.name, n, err)
			case !slices.Contains(ends, n) && err == nil:
				t.Errorf("%v %s cut to %d bytes is %+v", g.packet.Type(), g.name, n, p)
			case err != nil && p != nil:
				t.Errorf("%v %s cut to %d bytes: a packet beside the error", g.packet.Type(), g.name, n)
			}
		}
	}
}

// mayEnd returns the lengths, other than its own, at which the body of a
// packet is one too.
func mayEnd(p Packet, v Version, length int) (ends []int) {
	switch p := p.(type) {
	case *Connect: // MQTT 3.1 has the flags without the fields
		if v == V31 && p.Password != nil {
			length -= 2 + len(p.Password)
			ends = append(ends, length)
		}
		if v == V31 && p.Username.OK {
			ends = append(ends, length-2-len(p.Username.V))
		}
	case *Publish:
		for n := range p.Payload {
			ends = append(ends, length-1-n)
		}
	case *Puback, *Pubrec, *Pubrel, *Pubcomp:
		if v == V5 {
			ends = []int{2, 3}
		}
	case *Subscribe:
		for _, f := range slices.Backward(p.Filters[1:]) {
			length -= 3 + len(f.Filter)
			ends = append(ends, length)
		}
	case *Unsubscribe:
		for _, f := range slices.Backward(p.Filters[1:]) {
			length -= 2 + len(f)
			ends = append(ends, length)
		}
	case *Suback:
		for n := range p.Codes[1:] {
			ends = append(ends, length-1-n)
		}
	case *Unsuback:
		for n := 1; n < len(p.Codes); n++ {
			ends = append(ends, length-n)
		}
	case *Disconnect:
		if v == V5 {
			ends = []int{0, 1}
		}
	case *Auth:
		ends = []int{0}
	}
	return ends
}

// TestTrailingByte puts a byte behind every golden packet that cannot be more
// of it.
func TestTrailingByte(t *testing.T) {
	for _, g := range goldens {
		if g.packet.Type() == TypePublish {
			continue // all that follows is payload
		}
		wire := append(unhex(t, g.wire), 0xff)
		if p, err := Decode(wire[0], wire[2:], g.v); err == nil {
			t.Errorf("%v %s with a byte behind it is %+v", g.packet.Type(), g.name, p)
		}
	}
}

// TestDamaged changes single bytes of every golden packet: whatever it is
// then, it is refused with an *Error, or is a packet that can be encoded.
func TestDamaged(t *testing.T) {
	for _, g := range slices.Concat(goldens, unusual) {
		body := unhex(t, g.wire)
		first := body[0]
		body = body[2:]
		for i := range body {
			kept := body[i]
			for _, b := range []byte{0, 1, 2, 0x7f, 0x80, 0xff, kept + 1, kept - 1, kept ^ 0x80} {
				body[i] = b
				testWhatever(t, first, body, g.v)
			}
			body[i] = kept
		}
	}
}

// testWhatever decodes any bytes: the answer is an *Error, or what can be
// encoded and decoded again to the same.
func testWhatever(t *testing.T, first byte, body []byte, v Version) {
	t.Helper()
	p, err := Decode(first, body, v)
	if Type(first>>4) == TypePublish {
		var q Publish
		if qerr := q.Decode(first, body, v); !reflect.DeepEqual(qerr, err) {
			t.Fatalf("% x: Decode says %v, Publish.Decode %v", body, err, qerr)
		}
	}
	if err != nil {
		if e, ok := err.(*Error); !ok || e.Code < UnspecifiedError || e.Text == "" || p != nil {
			t.Fatalf("% x: packet %v and error %#v", body, p, err)
		}
		return
	}
	if c, ok := p.(*Connect); ok {
		v = c.Version
	}
	enc, err := p.Append(nil, v)
	if err != nil {
		t.Fatalf("%+v cannot be encoded: %v", p, err)
	}
	if again, err := decodeWhole(t, enc, v); err != nil || !reflect.DeepEqual(again, p) {
		t.Fatalf("%+v has become %+v, %v", p, again, err)
	}
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
			t.Errorf("%v %s shares memory with what it was decoded from", got.Type(), g.name)
		}
	}
}

// TestAppendAppends wants the packets of a burst in one buffer to be what they
// are each alone, whatever room the buffer has.
func TestAppendAppends(t *testing.T) {
	for _, room := range []int{0, 1, 7, 1 << 16} {
		burst := make([]byte, 0, room)
		var want []byte
		for _, g := range goldens {
			want = append(want, unhex(t, g.wire)...)
			var err error
			if burst, err = g.packet.Append(burst, g.v); err != nil {
				t.Fatalf("%s: %v", g.name, err)
			}
		}
		if !bytes.Equal(burst, want) {
			t.Errorf("room for %d bytes: the burst is not its packets", room)
		}
	}
}

package packet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"testing"
	"testing/iotest"
)

// wireOf is all golden packets of a version in a row.
func wireOf(t testing.TB, v Version) (stream []byte, packets []Packet) {
	t.Helper()
	for _, g := range goldens {
		if g.v != v {
			continue
		}
		b, err := g.packet.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, b...)
		packets = append(packets, g.packet)
	}
	return stream, packets
}

// readAll reads packets to the end of the stream.
func readAll(r io.Reader, max int, v Version) (packets []Packet, err error) {
	pr := NewReader(r, max)
	for {
		first, body, err := pr.Next()
		if err != nil {
			return packets, err
		}
		p, err := Decode(first, body, v)
		if err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
}

// TestReader reads the same stream in pieces of all kinds.
func TestReader(t *testing.T) {
	for _, v := range []Version{V31, V311, V5} {
		stream, want := wireOf(t, v)
		for name, r := range map[string]io.Reader{
			"at once":              bytes.NewReader(stream),
			"byte by byte":         iotest.OneByteReader(bytes.NewReader(stream)),
			"halves":               iotest.HalfReader(bytes.NewReader(stream)),
			"data with the end":    iotest.DataErrReader(bytes.NewReader(stream)),
			"halves, data and end": iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(stream))),
		} {
			got, err := readAll(r, 0, v)
			if err != io.EOF || !reflect.DeepEqual(got, want) {
				t.Errorf("version %v, %s: %d packets, %v; want %d", v, name, len(got), err, len(want))
			}
		}
	}
}

func TestReaderEndsWithinAPacket(t *testing.T) {
	whole := unhex(t, "32 0a 0001 't' 000a 'hello'")
	for n := 1; n < len(whole); n++ {
		if _, _, err := NewReader(bytes.NewReader(whole[:n]), 0).Next(); err != io.ErrUnexpectedEOF {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if _, _, err := NewReader(bytes.NewReader(nil), 0).Next(); err != io.EOF {
		t.Errorf("an empty stream: %v", err)
	}
}

// TestReaderMaximum refuses a packet before its body [MQTT-3.2.2-15].
func TestReaderMaximum(t *testing.T) {
	packet := append(unhex(t, "30 62"), make([]byte, 98)...) // 100 bytes
	if _, body, err := NewReader(bytes.NewReader(packet), 100).Next(); err != nil || len(body) != 98 {
		t.Errorf("a packet of the maximum: %v", err)
	}
	_, _, err := NewReader(bytes.NewReader(packet[:2]), 99).Next()
	wantError(t, err, PacketTooLarge, "MQTT-3.2.2-15")
}

// TestReaderMaximumAtBothSides counts the fixed header of each length.
func TestReaderMaximumAtBothSides(t *testing.T) {
	for _, payload := range []int{124, 125, 16380, 16381} { // 1 and 2, 2 and 3 bytes of length
		wire, err := (&Publish{Topic: "t", Payload: make([]byte, payload)}).Append(nil, V311)
		if err != nil {
			t.Fatal(err)
		}
		if _, body, err := NewReader(bytes.NewReader(wire), len(wire)).Next(); err != nil || len(body) != payload+3 {
			t.Errorf("%d bytes of at most as many: %v", len(wire), err)
		}
		_, _, err = NewReader(bytes.NewReader(wire), len(wire)-1).Next()
		wantError(t, err, PacketTooLarge, "MQTT-3.2.2-15")
	}
}

// TestReaderErrorsStay: what cannot be read on is not read on.
func TestReaderErrorsStay(t *testing.T) {
	for name, stream := range map[string]string{
		"too large": "40 02 0001 30 7f", "five bytes of length": "40 02 0001 30 ffffffff 01", "a byte of length too many": "40 02 0001 30 8000 40 02 0001",
	} {
		r := NewReader(bytes.NewReader(unhex(t, stream)), 100)
		if first, _, err := r.Next(); err != nil || first != 0x40 {
			t.Fatalf("%s: the packet before: %v", name, err)
		}
		_, _, err := r.Next()
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, again := r.Next(); !reflect.DeepEqual(again, err) {
			t.Errorf("%s: %v, and then %v", name, err, again)
		}
	}
}

// TestReaderTooLargeText is what the log says.
func TestReaderTooLargeText(t *testing.T) {
	_, _, err := NewReader(bytes.NewReader(unhex(t, "32 ffffff7f")), 2_000_000).Next()
	if want := "PUBLISH of 268435460 bytes: at most 2000000 are taken (Packet too large, MQTT-3.2.2-15)"; err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, _, err = NewReader(bytes.NewReader(unhex(t, "30 ffffffff")), 0).Next()
	if want := "remaining length: takes more than four bytes (Malformed Packet)"; err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestReaderMalformedLength(t *testing.T) {
	_, _, err := NewReader(bytes.NewReader(unhex(t, "30 ffffffff ff")), 0).Next()
	wantError(t, err, MalformedPacket, "")
	_, _, err = NewReader(bytes.NewReader(unhex(t, "30 ff00")), 0).Next()
	wantError(t, err, MalformedPacket, "MQTT-1.5.5-1")
}

// TestReaderMemory: a header that claims 256 MB costs nothing until they come.
// What is allocated is counted, not only what is held.
func TestReaderMemory(t *testing.T) {
	for _, came := range []int{0, 1, 5_000, 1 << 20} {
		stream := append(unhex(t, "30 ffffff7f"), make([]byte, came)...)
		r := NewReader(bytes.NewReader(stream), 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := r.Next()
		runtime.ReadMemStats(&after)
		if err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		if len(r.buf) > max(readerSize, 2*len(stream)) {
			t.Errorf("%d bytes are held for %d that came", len(r.buf), len(stream))
		}
		// All the buffers on the way there, each twice the one before; and
		// what others allocate meanwhile.
		if all := after.TotalAlloc - before.TotalAlloc; all > uint64(4*len(stream)+16*readerSize) {
			t.Errorf("%d bytes were allocated for %d that came", all, len(stream))
		}
	}
}

// TestReaderBody: a body cannot be appended to over the packet behind it, and
// stays as it is until the next call.
func TestReaderBody(t *testing.T) {
	r := NewReader(bytes.NewReader(unhex(t, "40 02 0001 40 02 0002")), 0)
	_, body, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	_ = append(body, 0xff, 0xff, 0xff, 0xff)
	if first, body, err := r.Next(); err != nil || first != 0x40 || !bytes.Equal(body, []byte{0, 2}) {
		t.Errorf("the packet behind is %#x % x, %v", first, body, err)
	}
}

// TestReaderSizes reads packets of all sizes around those of its buffer, one
// behind the other.
func TestReaderSizes(t *testing.T) {
	var stream []byte
	var sizes []int
	for _, about := range []int{4, 130, readerSize, 2 * readerSize, 16 * readerSize} {
		for payload := about - 4; payload < about+8; payload++ {
			var err error
			if stream, err = (&Publish{Topic: "t", Payload: bytes.Repeat([]byte{byte(payload)}, payload)}).Append(stream, V311); err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, payload)
		}
	}
	for _, piece := range []int{1, 3, 1000, readerSize - 1, readerSize, readerSize + 1, len(stream)} {
		r := NewReader(&pieces{b: stream, sizes: []int{piece}}, 0)
		for _, size := range sizes {
			first, body, err := r.Next()
			if err != nil || first != 0x30 || len(body) != 3+size || !bytes.Equal(body[3:], bytes.Repeat([]byte{byte(size)}, size)) {
				t.Fatalf("pieces of %d bytes, payload of %d: %#x, %d bytes, %v", piece, size, first, len(body), err)
			}
		}
		if _, _, err := r.Next(); err != io.EOF {
			t.Errorf("pieces of %d bytes: %v at the end", piece, err)
		}
	}
}

// pieces gives b in pieces of these sizes, over and over. 0 is a read of
// nothing, which io.Reader allows.
type pieces struct {
	b     []byte
	sizes []int
	i     int
	given int // bytes
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := len(p.b)
	if len(p.sizes) > 0 {
		n = min(n, p.sizes[p.i%len(p.sizes)])
		p.i++
	}
	n = copy(into, p.b[:n])
	p.b = p.b[n:]
	p.given += n
	return n, nil
}

// TestReaderGivesBackLargeBuffers reads a large packet between small ones.
func TestReaderGivesBackLargeBuffers(t *testing.T) {
	var stream []byte
	for _, size := range []int{10, 1 << 20, 10, 10} {
		b, err := (&Publish{Topic: "t", Payload: make([]byte, size)}).Append(nil, V311)
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, b...)
	}
	r := NewReader(iotest.HalfReader(bytes.NewReader(stream)), 0)
	for range 4 {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	if len(r.buf) > 2*readerSize {
		t.Errorf("%d bytes are held after the large packet is through", len(r.buf))
	}
}

// TestReaderGoesOnAfterADeadline loses nothing when a read times out.
func TestReaderGoesOnAfterADeadline(t *testing.T) {
	whole := unhex(t, "32 0a 0001 't' 000a 'hello'")
	r := NewReader(io.MultiReader(bytes.NewReader(whole[:5]), &once{err: os.ErrDeadlineExceeded}, bytes.NewReader(whole[5:])), 0)
	if _, _, err := r.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	first, body, err := r.Next()
	if err != nil || first != 0x32 || !bytes.Equal(body, whole[2:]) {
		t.Errorf("% x, %v", body, err)
	}
}

// once fails the first time and is empty from then on.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = io.EOF
	return 0, err
}

// TestReaderNoProgress gives up on a stream that gives nothing for ever.
func TestReaderNoProgress(t *testing.T) {
	if _, _, err := NewReader(nothing{}, 0).Next(); err != io.ErrNoProgress {
		t.Errorf("got %v", err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// endless repeats its bytes for ever.
type endless struct {
	b  []byte
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}

// TestReaderAllocations: a stream of messages that fit costs nothing.
func TestReaderAllocations(t *testing.T) {
	wire, err := (&Publish{QoS: 1, ID: 7, Topic: "home/kitchen/climate", Payload: []byte(climate)}).Append(nil, V311)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(&endless{b: wire}, 0)
	if n := testing.AllocsPerRun(1000, func() {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for each packet", n)
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{len(climate), 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			wire, err := (&Publish{QoS: 1, ID: 7, Topic: "home/kitchen/climate", Payload: make([]byte, size)}).Append(nil, V311)
			if err != nil {
				b.Fatal(err)
			}
			r := NewReader(&endless{b: wire}, 0)
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				if _, _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package packet

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
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

func TestReaderMalformedLength(t *testing.T) {
	_, _, err := NewReader(bytes.NewReader(unhex(t, "30 ffffffff ff")), 0).Next()
	wantError(t, err, MalformedPacket, "")
}

// TestReaderMemory: a header that claims 256 MB costs nothing until they come.
func TestReaderMemory(t *testing.T) {
	r := NewReader(io.MultiReader(bytes.NewReader(unhex(t, "30 ffffff7f")), bytes.NewReader(make([]byte, 10_000))), 0)
	if _, _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if len(r.buf) > 4*10_005 {
		t.Errorf("%d bytes are held for 10,005 that came", len(r.buf))
	}
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

func BenchmarkReader(b *testing.B) {
	stream, _ := wireOf(b, V311)
	var packets int
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		r := NewReader(bytes.NewReader(stream), 0)
		for {
			if _, _, err := r.Next(); err != nil {
				break
			}
			packets++
		}
	}
}

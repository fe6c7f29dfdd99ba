package packet

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
)

// FuzzDecode: whatever the bytes, Decode returns, and leaves them as they are;
// what it returns can be encoded, and decoded again to the same.
func FuzzDecode(f *testing.F) {
	for _, g := range slices.Concat(goldens, unusual) {
		wire := unhex(f, g.wire)
		f.Add(wire[0], wire[2:], byte(g.v))
	}
	for _, m := range malformed {
		f.Add(m.first, unhex(f, m.body), byte(m.v))
	}
	for _, v := range propertyVectors {
		for _, in := range v.in {
			wire, _ := withMethod(f, in, v)
			first, body := carry(f, in, wire)
			f.Add(first, body, byte(V5))
		}
	}
	f.Fuzz(func(t *testing.T, first byte, body []byte, version byte) {
		kept := bytes.Clone(body)
		testWhatever(t, first, body, V31+Version(version%3))
		if !bytes.Equal(body, kept) {
			t.Fatal("Decode wrote to the body")
		}
	})
}

// FuzzHeader: what ParseHeader accepts is what putVarint writes, it accepts no
// more when more follows, and what it waits for may come.
func FuzzHeader(f *testing.F) {
	for _, g := range goldens {
		f.Add(unhex(f, g.wire)[:2])
	}
	f.Add([]byte{})
	f.Add([]byte{0x30, 0x80, 0x01})
	f.Add([]byte{0x30, 0x80, 0x00})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		first, length, n, err := ParseHeader(b)
		more, moreLength, moreN, moreErr := ParseHeader(append(bytes.Clone(b), 0x01))
		switch {
		case err != nil:
			wantError(t, err, MalformedPacket, anyClause)
			if first != 0 || length != 0 || n != 0 || moreErr == nil {
				t.Fatalf("% x: %#x, %d, %d, %v; with more %v", b, first, length, n, err, moreErr)
			}
		case n == 0: // it takes five bytes to know
			if len(b) >= 5 || first != 0 || length != 0 || moreErr != nil {
				t.Fatalf("% x: nothing yet; with more %v", b, moreErr)
			}
		default:
			if n > len(b) || first != b[0] || length < 0 || length > maxVarint {
				t.Fatalf("% x: %#x, %d, %d", b, first, length, n)
			}
			written := make([]byte, varintSize(length))
			putVarint(written, length)
			if !bytes.Equal(written, b[1:n]) {
				t.Fatalf("length %d is written % x and was % x", length, written, b[1:n])
			}
			if more != first || moreLength != length || moreN != n || moreErr != nil {
				t.Fatalf("% x: with more %#x, %d, %d, %v", b, more, moreLength, moreN, moreErr)
			}
		}
	})
}

// FuzzReader: a stream in pieces of any sizes is the packets and the error
// that it is in one piece, and memory is held only for what has come.
func FuzzReader(f *testing.F) {
	for _, v := range []Version{V31, V311, V5} {
		stream, _ := wireOf(f, v)
		f.Add(stream, []byte{1}, uint16(0))
		f.Add(stream[:len(stream)-1], []byte{7, 0, 1, 255}, uint16(40))
	}
	f.Add(unhex(f, "30 ffffff7f 'and no more'"), []byte{3}, uint16(0))
	f.Add(append(unhex(f, "30 c03e 0001 't'"), make([]byte, 9000)...), []byte{200}, uint16(0))
	f.Add(unhex(f, "40 02 0001 30 8000"), []byte{2}, uint16(0))
	f.Fuzz(func(t *testing.T, stream, sizes []byte, limit uint16) {
		type item struct {
			first byte
			body  string
		}
		read := func(in *pieces) (items []item, err error) {
			r := NewReader(in, int(limit))
			for {
				first, body, err := r.Next()
				if len(r.buf) > max(readerSize, 2*in.given) {
					t.Fatalf("%d bytes are held when %d have come", len(r.buf), in.given)
				}
				if err != nil {
					return items, err
				}
				items = append(items, item{first, string(body)})
			}
		}
		whole, err := read(&pieces{b: stream})
		in := &pieces{b: stream}
		for _, n := range sizes {
			in.sizes = append(in.sizes, int(n))
		}
		if !slices.ContainsFunc(in.sizes, func(n int) bool { return n > 0 }) || len(in.sizes) > 90 {
			in.sizes = []int{1} // nothing but nothing is io.ErrNoProgress
		}
		cut, cutErr := read(in)
		if !reflect.DeepEqual(whole, cut) || err.Error() != cutErr.Error() {
			t.Fatalf("in one piece %d packets, %v; in pieces of %v %d, %v", len(whole), err, in.sizes, len(cut), cutErr)
		}
		// What was returned is the stream, in order and without a gap.
		var again []byte
		for _, x := range whole {
			again = append(again, x.first)
			at := len(again)
			again = append(again, make([]byte, varintSize(len(x.body)))...)
			putVarint(again[at:], len(x.body))
			again = append(again, x.body...)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("% x came out of % x", again, stream)
		}
	})
}

package packet

import (
	"bytes"
	"io"
	"reflect"
	"testing"
	"testing/iotest"
)

// FuzzDecode: whatever the bytes, Decode returns; what it returns can be
// encoded, and decoded again to the same.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens {
		wire := unhex(f, g.wire)
		f.Add(wire[0], wire[2:], byte(g.v))
	}
	for _, m := range malformed {
		f.Add(m.first, unhex(f, m.body), byte(m.v))
	}
	for _, v := range propertyVectors {
		wire, _ := withMethod(f, v.in[0], v)
		first, body := carry(f, v.in[0], wire)
		f.Add(first, body, byte(V5))
	}
	f.Fuzz(func(t *testing.T, first byte, body []byte, version byte) {
		v := V31 + Version(version%3)
		kept := bytes.Clone(body)
		p, err := Decode(first, body, v)
		if !bytes.Equal(body, kept) {
			t.Fatal("Decode wrote to the body")
		}
		if Type(first>>4) == TypePublish {
			var q Publish
			if qerr := q.Decode(first, body, v); (qerr == nil) != (err == nil) {
				t.Fatalf("Decode says %v, Publish.Decode %v", err, qerr)
			}
		}
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("error %T", err)
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
		again, err := decodeWhole(t, enc, v)
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%+v has become %+v, %v", p, again, err)
		}
	})
}

// FuzzHeader: what ParseHeader accepts is what putVarint writes.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x01})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		first, length, n, err := ParseHeader(b)
		if err != nil || n == 0 {
			return
		}
		if n > len(b) || first != b[0] || length < 0 || length > maxVarint {
			t.Fatalf("% x: %#x, %d, %d", b, first, length, n)
		}
		written := make([]byte, varintSize(length))
		putVarint(written, length)
		if !bytes.Equal(written, b[1:n]) {
			t.Fatalf("length %d is written % x and was % x", length, written, b[1:n])
		}
	})
}

// FuzzReader: a stream in one piece and byte by byte is the same packets and
// the same error.
func FuzzReader(f *testing.F) {
	for _, v := range []Version{V311, V5} {
		stream, _ := wireOf(f, v)
		f.Add(stream, uint16(0))
		f.Add(stream[:len(stream)-1], uint16(40))
	}
	f.Fuzz(func(t *testing.T, stream []byte, max uint16) {
		type item struct {
			first byte
			body  string
		}
		read := func(in io.Reader) (items []item, err error) {
			r := NewReader(in, int(max))
			for {
				first, body, err := r.Next()
				if err != nil {
					return items, err
				}
				items = append(items, item{first, string(body)})
				if len(r.buf) > 2*len(stream)+2*readerSize {
					t.Fatalf("%d bytes are held for a stream of %d", len(r.buf), len(stream))
				}
			}
		}
		whole, err := read(bytes.NewReader(stream))
		pieces, err2 := read(iotest.OneByteReader(bytes.NewReader(stream)))
		if !reflect.DeepEqual(whole, pieces) || err.Error() != err2.Error() {
			t.Fatalf("in one piece %d packets, %v; byte by byte %d, %v", len(whole), err, len(pieces), err2)
		}
	})
}

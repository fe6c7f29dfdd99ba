package packet

import (
	"fmt"
	"io"
)

// Reader reads packets from a stream. It reads ahead: what it was given must
// not be read by anybody else. Not for concurrent use.
type Reader struct {
	r    io.Reader
	max  int
	buf  []byte
	from int // buf[from:to] is read and not returned
	to   int
}

// readerSize is what a Reader holds while packets are small.
const readerSize = 4 << 10

// NewReader returns a Reader of r that refuses packets of more than max bytes,
// the fixed header included. 0 stands for what the protocol allows.
func NewReader(r io.Reader, max int) *Reader {
	return &Reader{r: r, max: max}
}

// Next returns the first byte and the body of the next packet, for [Decode].
// The body is valid until the next call.
//
// The error is io.EOF when the stream ends between packets and
// io.ErrUnexpectedEOF when it ends within one; [*Error] when the length is
// malformed or, with [PacketTooLarge] and before the body is read, over the
// maximum; or that of the stream. After an error that passes, as that of a
// deadline, Next may be called again; nothing is lost.
//
// Memory grows with the bytes that have come, up to twice their number, not
// with the length that a header claims.
func (r *Reader) Next() (first byte, body []byte, err error) {
	for {
		first, length, n, err := ParseHeader(r.buf[r.from:r.to])
		if err != nil {
			return 0, nil, err
		}
		size := n + length
		if n > 0 && r.max > 0 && size > r.max {
			return 0, nil, &Error{Code: PacketTooLarge, Clause: "MQTT-3.2.2-15", Text: fmt.Sprintf("%v of %d bytes: at most %d are taken", Type(first>>4), size, r.max)}
		}
		if n > 0 && r.to-r.from >= size {
			body = r.buf[r.from+n : r.from+size : r.from+size]
			r.from += size
			return first, body, nil
		}
		if err := r.fill(size); err != nil {
			return 0, nil, err
		}
	}
}

// fill reads at least a byte of a packet of size bytes; 0 when its size is
// not known yet.
func (r *Reader) fill(size int) error {
	r.makeRoom(size)
	for range 100 {
		n, err := r.r.Read(r.buf[r.to:])
		r.to += n
		switch {
		case n > 0:
			return nil // the error, if any, comes again
		case err == io.EOF && r.to > r.from:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom makes room to read behind what is there.
func (r *Reader) makeRoom(size int) {
	have := r.to - r.from
	switch {
	case have == 0 && len(r.buf) != readerSize:
		r.buf = make([]byte, readerSize) // the first, or a large packet is through
		r.from, r.to = 0, 0
	case have == 0:
		r.from, r.to = 0, 0
	case r.from > 0 && (size == 0 || r.from+size > len(r.buf)):
		copy(r.buf, r.buf[r.from:r.to])
		r.from, r.to = 0, have
	case r.to == len(r.buf): // and r.from is 0
		grown := make([]byte, max(min(2*have, size), have+1))
		copy(grown, r.buf)
		r.buf = grown
	}
}

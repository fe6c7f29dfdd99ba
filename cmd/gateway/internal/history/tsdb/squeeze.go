package tsdb

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// squeezer deflates; it keeps its memory, about 0.8 MB once it is used.
type squeezer struct {
	w   *flate.Writer
	out bytes.Buffer
}

// deflate returns body deflated, valid until the next call, or nil if that is
// not smaller.
func (s *squeezer) deflate(body []byte) []byte {
	if len(body) < 16 {
		return nil
	}
	s.out.Reset()
	if s.w == nil {
		s.w, _ = flate.NewWriter(&s.out, 6)
	} else {
		s.w.Reset(&s.out)
	}
	if _, err := s.w.Write(body); err != nil || s.w.Close() != nil {
		return nil
	}
	if s.out.Len() >= len(body) {
		return nil
	}
	return s.out.Bytes()
}

// inflater is the way back; it keeps its memory.
type inflater struct {
	r   io.ReadCloser
	in  bytes.Reader
	out []byte
	one [1]byte
}

// inflate returns the size bytes that small was deflated from, valid until the
// next call. Deflate makes at most 1032 bytes of one, so no memory is taken for
// more.
func (f *inflater) inflate(small []byte, size int) ([]byte, error) {
	if size/1032 > len(small) {
		return nil, fmt.Errorf("%d bytes cannot be %d deflated", len(small), size)
	}
	f.in.Reset(small)
	if f.r == nil {
		f.r = flate.NewReader(&f.in)
	} else if err := f.r.(flate.Resetter).Reset(&f.in, nil); err != nil {
		return nil, err
	}
	if cap(f.out) < size {
		f.out = make([]byte, size+size/4)
	}
	f.out = f.out[:size]
	if _, err := io.ReadFull(f.r, f.out); err != nil {
		return nil, fmt.Errorf("inflating %d bytes: %w", len(small), err)
	}
	if n, err := f.r.Read(f.one[:]); n != 0 || err != io.EOF {
		return nil, fmt.Errorf("inflating %d bytes: they are more than %d", len(small), size)
	}
	return f.out, nil
}

package tsdb

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// squeezer deflates; it keeps its memory, about 0.8 MB once it is used.
//
// Noise has nothing that repeats: a Huffman code alone makes it 4 % smaller than
// looking for repetitions does, in an eighth of the time, since literals get all
// of the code. What becomes much smaller that way is tried with repetitions, too.
type squeezer struct {
	plain, thorough *flate.Writer
	out, other      bytes.Buffer
}

// deflate returns body deflated, valid until the next call, or nil if that is
// not smaller. The parts between splits, offsets in it, get codes of their own.
// hard is for what is written rarely: it tries both ways in any case.
func (s *squeezer) deflate(body []byte, hard bool, splits ...int) []byte {
	if len(body) < 16 {
		return nil
	}
	if s.plain == nil {
		s.plain, _ = flate.NewWriter(&s.out, flate.HuffmanOnly)
	}
	best := squeeze(s.plain, &s.out, body, splits)
	if !hard && len(best) > len(body)/6 {
		return smaller(best, body)
	}
	if s.thorough == nil {
		s.thorough, _ = flate.NewWriter(&s.other, 6)
	}
	if small := squeeze(s.thorough, &s.other, body, nil); len(small) < len(best) {
		best = small
	}
	return smaller(best, body)
}

func smaller(small, body []byte) []byte {
	if len(small) == 0 || len(small) >= len(body) {
		return nil
	}
	return small
}

// ownCode is how many bytes a part has at least, to be worth a code.
const ownCode = 256

func squeeze(w *flate.Writer, out *bytes.Buffer, body []byte, splits []int) []byte {
	out.Reset()
	w.Reset(out)
	done := 0
	for _, split := range splits {
		if split-done < ownCode || len(body)-split < ownCode {
			continue
		}
		if _, err := w.Write(body[done:split]); err != nil || w.Flush() != nil {
			return nil
		}
		done = split
	}
	if _, err := w.Write(body[done:]); err != nil || w.Close() != nil {
		return nil
	}
	return out.Bytes()
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

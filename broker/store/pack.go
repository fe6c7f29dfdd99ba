package store

import (
	"encoding/binary"
	"math/bits"
)

// A session for which much waits has most of its chunks packed. Records of
// messages that came one after the other lie one behind the other, are about as
// large and alike in everything else: what is left to say of one is mostly a
// byte.

// chunkSize is how many deliveries of a session lie together: as many as fit 512
// bytes with which of them are there. More would cost the many sessions that have
// a few.
const chunkSize = 31

// chunk is the places of chunkSize deliveries that follow one another.
type chunk struct {
	live   uint32 // a bit for each that is not done
	places [chunkSize]place
}

// packReleased is in live of a packed chunk if any of it was released.
const packReleased = 1 << chunkSize

// What a packed place says when it is not as expected from the one before.
const (
	packSegment = 1 << iota // another segment
	packKind                // other flags, bits or share
)

// pack returns the chunk as it is kept: live, and for each delivery the
// difference of its size to that of the one before, doubled, and a bit that says
// whether something else is not as expected, which then follows.
func (c *chunk) pack() string {
	var room [4 + chunkSize*30]byte
	b := binary.LittleEndian.AppendUint32(room[:0], c.live|c.released())
	var last place
	for i := range c.places {
		if c.live&(1<<i) == 0 {
			continue
		}
		p := &c.places[i]
		what := byte(0)
		if p.segment != last.segment {
			what |= packSegment
		}
		if p.flags != last.flags || p.bits != last.bits || p.share != last.share {
			what |= packKind
		}
		away := int64(p.offset) - int64(last.offset) - int64(last.size)
		more := uint64(0)
		if what != 0 || away != 0 {
			more = 1
		}
		b = binary.AppendUvarint(b, zigzag(int64(p.size)-int64(last.size))<<1|more)
		if more != 0 {
			b = append(b, what)
			b = binary.AppendVarint(b, away)
			if what&packSegment != 0 {
				b = binary.AppendUvarint(b, uint64(p.segment))
			}
			if what&packKind != 0 {
				b = append(b, p.flags, p.bits)
				b = binary.AppendUvarint(b, uint64(p.share))
			}
		}
		last = *p
	}
	return string(b)
}

// released is packReleased if any of the chunk was, or 0.
func (c *chunk) released() uint32 {
	for i := range c.places {
		if c.live&(1<<i) != 0 && c.places[i].bits&bitReleased != 0 {
			return packReleased
		}
	}
	return 0
}

// packedLive returns which deliveries of a packed chunk are not done, and whether
// any of them was released.
func packedLive(packed string) (live uint32, released bool) {
	for i := range 4 {
		live |= uint32(packed[i]) << (8 * i)
	}
	return live &^ packReleased, live&packReleased != 0
}

// unpack is the reverse of pack. c is empty.
func (c *chunk) unpack(packed string) {
	r := packedReader{packed, 4}
	c.live, _ = packedLive(packed)
	var last place
	for live := c.live; live != 0; live &= live - 1 {
		p := &c.places[bits.TrailingZeros32(live)]
		x := r.number()
		*p = last
		p.offset += last.size
		p.size = uint32(int64(last.size) + unzigzag(x>>1))
		if x&1 != 0 {
			what := r.byte()
			p.offset = uint32(int64(p.offset) + unzigzag(r.number()))
			if what&packSegment != 0 {
				p.segment = uint32(r.number())
			}
			if what&packKind != 0 {
				p.flags, p.bits = r.byte(), r.byte()
				p.share = uint16(r.number())
			}
		}
		last = *p
	}
}

func zigzag(x int64) uint64   { return uint64(x<<1) ^ uint64(x>>63) }
func unzigzag(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }

// packedReader reads what pack has written.
type packedReader struct {
	s  string
	at int
}

func (r *packedReader) byte() byte {
	r.at++
	return r.s[r.at-1]
}

func (r *packedReader) number() (x uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
}

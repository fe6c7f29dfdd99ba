package store

import (
	"cmp"
	"math/bits"
	"slices"
)

// places are those of the deliveries of a session that are not done. The zero
// places are empty.
//
// They lie in chunks, of which those that were used last are as they are and the
// others are packed: 3 bytes for a delivery in a long queue, in place of 16.
type places struct {
	slots []slot   // by rising key
	void  int      // slots of which nothing is left
	open  []uint64 // keys of the slots that are not packed, the one that was opened first in front
	live  int
}

// slot is a chunk: c, or packed, or neither if nothing of it is left.
type slot struct {
	key    uint64 // seq / chunkSize
	c      *chunk
	packed string
}

// maxOpen is how many chunks of a session are not packed.
const maxOpen = 16

// find returns where the slot with that key is, or belongs.
func (ps *places) find(key uint64) (int, bool) {
	n := len(ps.slots)
	if n == 0 || key > ps.slots[n-1].key {
		return n, false
	}
	if i := key - ps.slots[0].key; i < uint64(n) && ps.slots[i].key == key {
		return int(i), true // as it is when none is missing
	}
	return slices.BinarySearchFunc(ps.slots, key, func(s slot, key uint64) int { return cmp.Compare(s.key, key) })
}

// opened returns the chunk of the slot, not packed, and nil if nothing of it is
// left.
func (ps *places) opened(i int) *chunk {
	s := &ps.slots[i]
	if s.c == nil && s.packed != "" {
		c := new(chunk)
		c.unpack(s.packed)
		s.c, s.packed = c, ""
		ps.opening(s.key)
	}
	return s.c
}

// opening notes that a slot is not packed, and packs the one that has not been
// for the longest time.
func (ps *places) opening(key uint64) {
	ps.open = append(ps.open, key)
	if len(ps.open) <= maxOpen {
		return
	}
	old := ps.open[0]
	copy(ps.open, ps.open[1:])
	ps.open = ps.open[:maxOpen]
	if i, ok := ps.find(old); ok && ps.slots[i].c != nil {
		s := &ps.slots[i]
		s.c, s.packed = nil, s.c.pack()
	}
}

// at returns the place of a delivery, nil if there is none. It is valid until at
// or put is called for another one.
func (ps *places) at(seq uint64) *place {
	i, ok := ps.find(seq / chunkSize)
	if !ok {
		return nil
	}
	c := ps.opened(i)
	if c == nil || c.live&(1<<(seq%chunkSize)) == 0 {
		return nil
	}
	return &c.places[seq%chunkSize]
}

// put notes a delivery. What was there is returned.
func (ps *places) put(seq uint64, p place) (old place) {
	key := seq / chunkSize
	i, ok := ps.find(key)
	if !ok {
		ps.slots = slices.Insert(ps.slots, i, slot{key: key})
		ps.void++
	}
	c := ps.opened(i)
	if c == nil {
		c = new(chunk)
		ps.slots[i].c = c
		ps.void--
		ps.opening(key)
	}
	at := &c.places[seq%chunkSize]
	old = *at
	if bit := uint32(1) << (seq % chunkSize); c.live&bit == 0 {
		c.live |= bit
		ps.live++
	}
	p.bits |= bitLive
	*at = p
	return old
}

// remove ends a delivery. What was there is returned.
func (ps *places) remove(seq uint64) (old place) {
	p := ps.at(seq)
	if p == nil {
		return place{}
	}
	old = *p
	*p = place{}
	ps.live--
	i, _ := ps.find(seq / chunkSize)
	c := ps.slots[i].c
	if c.live &^= 1 << (seq % chunkSize); c.live == 0 {
		ps.drop(i)
	}
	return old
}

// drop takes away a slot of which nothing is left.
func (ps *places) drop(i int) {
	key := ps.slots[i].key
	ps.open = slices.DeleteFunc(ps.open, func(k uint64) bool { return k == key })
	ps.slots[i].c = nil
	ps.void++
	n := 0
	for n < len(ps.slots) && ps.slots[n].c == nil && ps.slots[n].packed == "" {
		n++
	}
	ps.slots = ps.slots[n:]
	ps.void -= n
	switch {
	case len(ps.slots) == 0:
		ps.slots, ps.open = nil, nil
	case ps.void > 16 && ps.void > len(ps.slots)/2:
		ps.slots = slices.Clone(slices.DeleteFunc(ps.slots, func(s slot) bool { return s.c == nil && s.packed == "" }))
		ps.void = 0
	}
}

// each calls yield with every delivery from that number on, by rising seq, until
// it returns false. The places are not to be changed.
func (ps *places) each(from uint64, yield func(seq uint64, p *place) bool) {
	first, _ := ps.find(from / chunkSize)
	var room *chunk
	for i := first; i < len(ps.slots); i++ {
		s := &ps.slots[i]
		c := s.c
		if c == nil {
			if s.packed == "" {
				continue
			}
			if c = room; c == nil {
				c = new(chunk)
				room = c
			}
			*c = chunk{}
			c.unpack(s.packed)
		}
		for live := c.live; live != 0; live &= live - 1 {
			j := bits.TrailingZeros32(live)
			if seq := s.key*chunkSize + uint64(j); seq >= from && !yield(seq, &c.places[j]) {
				return
			}
		}
	}
}

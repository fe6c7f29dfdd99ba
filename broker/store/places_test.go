package store

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomPlace returns one that is much like the place before, or not at all.
func randomPlace(r *rand.Rand, before place) place {
	p := place{
		segment: before.segment, offset: before.offset + before.size, size: uint32(int(before.size) + r.IntN(9) - 4),
		share: before.share, flags: before.flags, bits: before.bits | bitLive,
	}
	switch r.IntN(12) {
	case 0:
		p.segment, p.offset = r.Uint32(), r.Uint32()
	case 1:
		p.share, p.flags, p.bits = uint16(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())|bitLive
	case 2:
		p.offset += uint32(r.IntN(1000))
	case 3:
		p.size = r.Uint32()
	case 4:
		p = place{bits: bitLive | bitReleased, flags: p.flags}
	case 5:
		p = place{segment: math.MaxUint32, offset: math.MaxUint32, size: math.MaxUint32, share: math.MaxUint16, flags: 255, bits: 255}
	}
	return p
}

// TestPack has what was packed be the same again.
func TestPack(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var c, got chunk
		p := place{segment: 3, size: 170, share: 1, bits: bitLive}
		for i := range c.places {
			if p = randomPlace(r, p); r.IntN(4) > 0 {
				c.live |= 1 << i
				c.places[i] = p
			}
		}
		if got.unpack(c.pack()); got != c {
			t.Fatalf("seed %d: %+v, want %+v", seed, got, c)
		}
	}
}

// TestPackedIsSmall has what a long queue is made of take little.
func TestPackedIsSmall(t *testing.T) {
	var c chunk
	p := place{segment: 12, offset: 1 << 21, share: 1, flags: 1, bits: bitLive}
	for i := range c.places {
		p.offset += p.size
		p.size = uint32(160 + i%7)
		c.live |= 1 << i
		c.places[i] = p
	}
	if n := len(c.pack()); n > 48 {
		t.Errorf("%d bytes", n)
	}
}

// TestPlaces does the same to places and to a map.
func TestPlaces(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var ps places
		want := make(map[uint64]place)
		p, next := place{segment: 1, size: 170, share: 1, bits: bitLive}, uint64(1)
		check := func() {
			t.Helper()
			from := r.Uint64N(next + 40)
			var seqs []uint64
			for _, seq := range slices.Sorted(maps.Keys(want)) {
				if seq >= from {
					seqs = append(seqs, seq)
				}
			}
			ps.each(from, func(seq uint64, p *place) bool {
				if len(seqs) == 0 || seqs[0] != seq || *p != want[seq] {
					t.Fatalf("seed %d: %d at %+v, want %+v", seed, seq, *p, want[seq])
				}
				seqs = seqs[1:]
				return true
			})
			open := 0
			for _, s := range ps.slots {
				if s.c != nil {
					open++
				}
			}
			if len(seqs) > 0 || ps.live != len(want) || open > maxOpen || len(ps.slots) > 2*len(want)+20 {
				t.Fatalf("seed %d: %d are missing, %d of %d, %d slots, %d of them open", seed, len(seqs), ps.live, len(want), len(ps.slots), open)
			}
		}
		for range 4000 {
			switch n := r.IntN(100); {
			case n < 55 || seed%3 == 0 && n < 75:
				p = randomPlace(r, p)
				ps.put(next, p)
				want[next] = p
				next += 1 + r.Uint64N(2)
				if n == 0 {
					next += r.Uint64N(1000)
				}
			case n < 60: // an old one again, or one that is done
				seq := r.Uint64N(next + 10)
				p = randomPlace(r, p)
				if old := ps.put(seq, p); old != want[seq] {
					t.Fatalf("seed %d: put %d over %+v, want %+v", seed, seq, old, want[seq])
				}
				want[seq] = p
				next = max(next, seq+1)
			case n < 95:
				seq := r.Uint64N(next + 10)
				if n < 85 && len(want) > 0 { // the oldest, mostly
					seq = slices.Min(slices.Collect(maps.Keys(want)))
				}
				if old := ps.remove(seq); old != want[seq] {
					t.Fatalf("seed %d: removed %d, %+v, want %+v", seed, seq, old, want[seq])
				}
				delete(want, seq)
			default:
				seq := r.Uint64N(next + 10)
				at := ps.at(seq)
				if old, ok := want[seq]; ok != (at != nil) || ok && *at != old {
					t.Fatalf("seed %d: %d is at %+v, want %+v", seed, seq, at, old)
				}
				if at != nil { // as when a record was moved
					at.segment, at.offset = at.segment+1, at.offset/2
					want[seq] = *at
				}
			}
			if r.IntN(50) == 0 {
				check()
			}
		}
		for seq := range want {
			ps.remove(seq)
		}
		clear(want)
		check()
		if ps.slots != nil || ps.open != nil || ps.void != 0 {
			t.Errorf("seed %d: %d slots, %d open, %d void are left", seed, len(ps.slots), len(ps.open), ps.void)
		}
	}
}

// TestBoundOfALongQueue has the state of a session for which much waits in its
// order be stated in a few bytes, in room for a few.
func TestBoundOfALongQueue(t *testing.T) {
	x := newIndex()
	x.putSession(1, "a", nil, 1)
	s := x.session(1)
	for seq := range uint64(100_000) {
		if seq%10_000 != 0 {
			x.deliver(s, seq, place{segment: 1, size: 100, share: 1})
		}
	}
	x.release(1, 77_777)
	runs, released := s.runs()
	bound, state := s.bound(runs, released), int64(len(s.state(nil, 1, runs, released)))
	if bound > 1000 || state > bound {
		t.Errorf("%d bytes in room for %d", state, bound)
	}
}

// TestRunsArePacked has what is stated of a session be the same as what each
// finds, though most of it is not unpacked for it.
func TestRunsArePacked(t *testing.T) {
	for step := uint64(2); step < 300; step++ {
		s := &sessionIndex{}
		for seq := range uint64(2000) {
			p := place{segment: 1, size: 1, flags: byte(seq)}
			if (seq*13+step)%(step+38) == 0 {
				p = place{bits: bitReleased, flags: byte(seq)}
			}
			if (seq*7+step)%11 != 0 {
				s.put(seq, p)
			}
		}
		for seq := uint64(0); seq < 2000; seq += step {
			s.remove(seq)
		}
		live, marked := 0, 0
		runs, released := s.runs()
		s.each(0, func(seq uint64, p *place) bool {
			if !slices.ContainsFunc(runs, func(r run) bool { return r.from <= seq && seq < r.to }) {
				t.Fatalf("step %d: %d is in no run", step, seq)
			}
			if p.bits&bitReleased != 0 {
				if marked == len(released) || released[marked] != (releasedSeq{seq, byte(seq)}) {
					t.Fatalf("step %d: %d is released", step, seq)
				}
				marked++
			}
			live++
			return true
		})
		for _, r := range runs {
			live -= int(r.to - r.from)
		}
		if live != 0 || marked != len(released) {
			t.Fatalf("step %d: %d too few in runs, %d of %d released", step, live, marked, len(released))
		}
	}
}

package mdns

import "hash/maphash"

// echoes remember what was sent: the kernel gives our multicasts to us, too, by every
// interface that is on the same network.
type echoes struct {
	seed maphash.Seed
	ring [64]uint64
	n    int
}

func (e *echoes) sum(b []byte) uint64 {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	return maphash.Bytes(e.seed, b)
}

func (e *echoes) note(b []byte) {
	e.ring[e.n%len(e.ring)] = e.sum(b)
	e.n++
}

func (e *echoes) has(b []byte) bool {
	sum := e.sum(b)
	for _, s := range e.ring[:min(e.n, len(e.ring))] {
		if s == sum {
			return true
		}
	}
	return false
}

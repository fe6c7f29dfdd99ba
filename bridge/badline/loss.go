package badline

import (
	"math/rand/v2"
	"time"
)

// loss says which chunks are held back, and for how long.
type loss struct {
	share   float64
	extra   time.Duration
	seed    uint64
	edition int // counts the calls of Lossy, each of which begins the sequence anew
}

// dice decides for the chunks of one direction of one connection. The zero
// value is ready.
type dice struct {
	rng     *rand.Rand
	edition int
}

// late returns by how much the next chunk is held back. stream tells apart the
// directions of all connections.
func (d *dice) late(l loss, stream uint64) time.Duration {
	if l.share <= 0 {
		return 0
	}
	if d.rng == nil || d.edition != l.edition {
		d.rng, d.edition = rand.New(rand.NewPCG(l.seed, stream)), l.edition
	}
	if d.rng.Float64() < l.share {
		return l.extra
	}
	return 0
}

package bridge

import (
	"math/rand/v2"
	"sync"
	"time"
)

// backoff chooses the waits between attempts: at random between min and three
// times the last one, at most max, so that 200 gateways whose upstream comes
// back do not all come at once.
type backoff struct {
	min, max time.Duration

	mu   sync.Mutex
	last time.Duration
}

func (b *backoff) next() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	upper := max(b.min, 3*b.last)
	b.last = b.min
	if upper > b.min {
		b.last += rand.N(upper - b.min)
	}
	if b.max > 0 {
		b.last = min(b.last, b.max)
	}
	return b.last
}

// reset makes the next wait short again: the upstream answers.
func (b *backoff) reset() {
	b.mu.Lock()
	b.last = 0
	b.mu.Unlock()
}

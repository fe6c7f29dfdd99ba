package budget

import (
	"context"
	"sync"
	"time"
)

// Rate lets so many messages a second go, and up to those of one second at once
// after a pause; it is a token bucket. It does not depend on clocks that are set.
// All methods may be called concurrently.
type Rate struct {
	perSecond float64 // 0 for no bound
	burst     float64

	mu     sync.Mutex
	tokens float64 // at last; less than 0 for those who wait
	last   time.Time
}

// NewRate returns a Rate of messages a second, 0 for no bound.
func NewRate(perSecond float64) *Rate {
	burst := max(1, perSecond)
	return &Rate{perSecond: perSecond, burst: burst, tokens: burst, last: time.Now()}
}

// Wait returns nil when the next message may go. If ctx ends before, it returns
// ctx's error, and no message is counted.
func (r *Rate) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil || r.perSecond == 0 {
		return err
	}
	wait := r.take()
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		r.mu.Lock()
		r.tokens++
		r.mu.Unlock()
		return ctx.Err()
	}
}

// take counts a message and returns how long it has to wait.
func (r *Rate) take() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.tokens = min(r.burst, r.tokens+now.Sub(r.last).Seconds()*r.perSecond)
	r.last = now
	r.tokens--
	return time.Duration(-r.tokens / r.perSecond * float64(time.Second))
}

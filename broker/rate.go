package broker

import "time"

// rate lets a client publish so many messages a second in the long run, and
// as many at once. The zero rate lets everything through. It belongs to the
// reading goroutine.
type rate struct {
	tokens float64 // messages that may come at once
	since  time.Time
}

// take takes one message at perSecond and returns how long to wait before
// the next is read.
func (r *rate) take(perSecond int, now time.Time) time.Duration {
	limit := float64(perSecond)
	if r.since.IsZero() {
		r.tokens = limit
	} else {
		r.tokens = min(limit, r.tokens+now.Sub(r.since).Seconds()*limit)
	}
	r.since = now
	r.tokens--
	if r.tokens >= 0 {
		return 0
	}
	return time.Duration(-r.tokens / limit * float64(time.Second))
}

// pace is how a client is kept to its rate.
type pace struct {
	rate
	pause time.Duration // for which the client is not to be read
	ended chan struct{} // closed by disconnect
}

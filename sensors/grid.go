package sensors

import "time"

// grid is a sequence of moments one interval apart: origin, origin+interval…
// The readings of a device are due on it, so that they do not drift.
type grid struct {
	origin   time.Time
	interval time.Duration // > 0
}

// after returns the first moment of the grid after t.
func (g grid) after(t time.Time) time.Time {
	if t.Before(g.origin) {
		return g.origin
	}
	passed := t.Sub(g.origin) / g.interval
	return g.origin.Add((passed + 1) * g.interval)
}

// Bounds of the wait after a failure; in between it doubles.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// backoff returns the wait after so many failures in a row, one or more.
func backoff(failures int) time.Duration {
	if failures > 6 {
		return maxBackoff
	}
	return min(minBackoff<<(failures-1), maxBackoff)
}

package dashboard

import (
	"slices"
	"time"

	"gateway/sensors/reading"
)

// State is what the page says about a sensor. It joins what the sensor's
// status topic says with how old its last message is.
type State string

// The states, from good to bad.
const (
	Live    State = "live"
	Late    State = "late"    // half of the time until it is stale has passed
	Unknown State = "unknown" // its age cannot be known
	Stale   State = "stale"
	Fault   State = "fault"
	Offline State = "offline"
)

const (
	// intervalsToStale is how many of its usual intervals a sensor may miss.
	intervalsToStale = 3
	// minStaleAfter keeps a sensor that sends every second from flapping.
	minStaleAfter = 15 * time.Second
	// defaultStaleAfter is for a sensor of which one message is known.
	defaultStaleAfter = 15 * time.Minute
	// minGap is the shortest interval that counts: what comes within is one
	// message in several, or a sensor too fast to be measured by it.
	minGap = time.Second
	// gapsKept is how many intervals between messages are remembered.
	gapsKept = 5
	// clockSlack is how far ahead of ours the clock of a sensor may be.
	clockSlack = 2 * time.Second
)

// gaps are the newest intervals between messages of a sensor.
type gaps struct {
	ring [gapsKept]time.Duration
	n    int       // ever seen
	last time.Time // when the newest one ended; zero before the first message
}

// arrived notes a message that came at now. What was retained did not come
// then, and is not to be noted.
func (g *gaps) arrived(now time.Time) {
	if !g.last.IsZero() {
		gap := now.Sub(g.last)
		if gap < minGap {
			return
		}
		g.add(gap)
	}
	g.last = now
}

func (g *gaps) add(d time.Duration) {
	g.ring[g.n%gapsKept] = d
	g.n++
}

// median returns the usual interval, 0 if nothing is known. One outage does
// not move it, a changed interval does after three messages.
func (g *gaps) median() time.Duration {
	n := min(g.n, gapsKept)
	if n == 0 {
		return 0
	}
	sorted := g.ring
	slices.Sort(sorted[:n])
	return sorted[n/2]
}

// age returns how old the last message is; ok is false if nobody knows.
func (s *sensor) age(now time.Time) (age time.Duration, ok bool) {
	if s.measured.IsZero() {
		return 0, false
	}
	return max(0, now.Sub(s.measured)), true
}

// staleAfter returns the age at which s is no longer current, 0 for never.
// The expiry of its last message says so, else its usual interval. A sensor
// that only tells events, such as a door, has nothing to say until the next.
func (s *sensor) staleAfter() time.Duration {
	switch {
	case s.expires > 0:
		return s.expires
	case s.onlyEvents():
		return 0
	}
	if usual := s.gaps.median(); usual > 0 {
		return max(intervalsToStale*usual, minStaleAfter)
	}
	return defaultStaleAfter
}

// onlyEvents tells whether all values of s are of the kind that is published
// when something happens. So is a payload without values, a text.
func (s *sensor) onlyEvents() bool {
	for _, v := range s.values {
		if info, _ := v.quantity.Info(); !info.Binary {
			return false
		}
	}
	return true
}

// state returns what is to be said about s at now.
func (s *sensor) state(now time.Time) State {
	switch s.status {
	case reading.Fault:
		return Fault
	case reading.Offline:
		return Offline
	case reading.Stale:
		return Stale
	}
	age, ok := s.age(now)
	limit := s.staleAfter()
	switch {
	case !ok:
		return Unknown
	case limit == 0:
		return Live
	case age >= limit:
		return Stale
	case age >= limit/2:
		return Late
	}
	return Live
}

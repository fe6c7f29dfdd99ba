package broker

import "time"

// The age of a message is told by the clock on the wall, for it may be older than
// this process. That clock is set: nothing grows older by that, nor younger, as long
// as this process has seen it happen.

// steps are the times that the clock was set while messages waited. The zero value
// is of a clock that was never looked at.
type steps struct {
	last time.Time // when it was looked at
	all  []step    // by rising number
}

// step is one time.
type step struct {
	next uint64        // messages of lower numbers came before
	by   time.Duration // forward
}

// Bounds: what is less is a clock that is put right as it goes; and of more steps
// the oldest are taken for one.
const (
	leastStep = 2 * time.Second
	maxSteps  = 16
)

// look looks at the clock, which shows now, with its monotonic reading. The next
// message will have that number.
func (c *steps) look(now time.Time, next uint64) {
	if !c.last.IsZero() {
		c.note(now.Round(0).Sub(c.last.Round(0))-now.Sub(c.last), next)
	}
	c.last = now
}

func (c *steps) note(by time.Duration, next uint64) {
	if by.Abs() < leastStep {
		return
	}
	if len(c.all) == maxSteps {
		c.all[1].by += c.all[0].by
		c.all = append(c.all[:0], c.all[1:]...)
	}
	c.all = append(c.all, step{next, by})
}

// since returns how much the clock was put forward since a message came.
func (c *steps) since(seq uint64) (by time.Duration) {
	for _, s := range c.all {
		if seq < s.next {
			by += s.by
		}
	}
	return by
}

// back returns how much the clock was put back since a message came, when that was
// most: messages that came later show times up to that much before.
func (c *steps) back(seq uint64) (most time.Duration) {
	var by time.Duration
	for _, s := range c.all {
		if seq < s.next {
			by += s.by
			most = max(most, -by)
		}
	}
	return most
}

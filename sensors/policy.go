package sensors

import (
	"math"
	"time"

	"gateway/sensors/reading"
)

// policy decides which readings are published. It is told of good readings
// only: what is published again because of the heartbeat has just been measured
// again, never repeated.
type policy struct {
	onChange  bool
	heartbeat time.Duration
	grid      grid // of publishing; measuring may be more frequent

	published []reading.Value // last; nil if none
	last      time.Time       // when
	next      time.Time       // the earliest time of the next
}

// decide tells whether values, which p made, are to be published now.
func (o *policy) decide(now time.Time, values []reading.Value, p *pipeline) bool {
	switch {
	case o.published == nil:
		return true
	case now.Before(o.next):
		return false
	case !o.onChange || now.Sub(o.last) >= o.heartbeat:
		return true
	}
	return o.changed(values, p)
}

// changed tells whether a value differs from the one published last by its
// delta, or has come or gone.
func (o *policy) changed(values []reading.Value, p *pipeline) bool {
	if len(values) != len(o.published) {
		return true
	}
	for i, v := range values {
		before := o.published[i]
		if v.Quantity != before.Quantity || v.Number != before.Number && math.Abs(v.Number-before.Number) >= p.delta(v.Quantity) {
			return true
		}
	}
	return false
}

// note notes that values are published.
func (o *policy) note(now time.Time, values []reading.Value) {
	o.published, o.last, o.next = values, now, o.grid.after(now)
}

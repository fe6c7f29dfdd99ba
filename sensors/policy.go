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
	boot      string          // that the time of published is of, "" if that was right
	last      time.Time       // when
	next      time.Time       // the earliest time of the next
}

// decide tells whether values of m, which p made, are to be published now. What
// the sensor noticed by itself does not wait for its time.
func (o *policy) decide(now time.Time, m measurement, values []reading.Value, p *pipeline, noticed bool) bool {
	switch {
	case o.published == nil:
		return true
	case o.boot != m.wrongBoot():
		return true // what was published last has a wrong time, and more wrong than this one
	case now.Before(o.next) && !noticed:
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
		if v.Quantity != before.Quantity || differs(v.Number, before.Number, p.delta(v.Quantity)) {
			return true
		}
	}
	return false
}

// differs tells whether a and b differ by delta. What decimals lose in binary
// does not count: 0.3 and 0.2 differ by 0.1.
func differs(a, b, delta float64) bool {
	lost := 1e-12 * max(math.Abs(a), math.Abs(b))
	return a != b && math.Abs(a-b) >= delta-lost
}

// note notes that values of m are published.
func (o *policy) note(now time.Time, m measurement, values []reading.Value) {
	o.published, o.boot, o.last, o.next = values, m.wrongBoot(), now, o.grid.after(now)
}

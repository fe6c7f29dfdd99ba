package alerts

import (
	"time"

	"gateway/sensors/reading"
)

// Phase is where an alert is, see the package comment.
type Phase string

// The phases.
const (
	OK       Phase = "ok"
	Pending  Phase = "pending"
	Firing   Phase = "firing"
	Clearing Phase = "clearing" // it fires, and is over
)

// fires tells whether a person is told that it fires.
func (p Phase) fires() bool { return p == Firing || p == Clearing }

// Reason is why an alert fires.
type Reason string

// The reasons.
const (
	Above   Reason = "above"
	Below   Reason = "below"
	Missing Reason = "missing" // no value for too long
	Fault   Reason = "fault"   // the sensor says of itself that it is stale, in fault or offline
)

// limit tells whether the reason is that of a limit.
func (r Reason) limit() bool { return r == Above || r == Below }

const (
	// lateIsClock is how long nothing but samples that are older than the newest
	// may come until they count.
	lateIsClock = 5 * time.Minute
	// grace is how long after a start sensors may take until they are back.
	grace = 2 * time.Minute
	// clockSlack is how far ahead of ours the clock of a sensor may be.
	clockSlack = 2 * time.Second
)

// moment is a time: by a clock that nobody sets, which began with the engine,
// and by that of the wall.
type moment struct {
	mono time.Duration
	wall time.Time
}

// machine is the state of one alert. It knows no topics and no messages.
type machine struct {
	// phase is where it is; reason why it fires, "" unless it does.
	phase  Phase
	reason Reason

	// The newest value; has is false until there is one.
	value float64
	has   bool
	// measured is the time in the newest sample; zero if it had none.
	measured time.Time
	// heard is when the newest sample was measured, valid if came; it may be before
	// the start. live is that one came that was not retained.
	heard      time.Duration
	came, live bool
	// floor is what silence is counted from if nothing newer was heard: the start,
	// mostly.
	floor time.Duration
	late  *time.Duration // when the first came of those that are older than the newest

	beyond      Reason        // the limit that value is beyond, "" if none
	beyondSince time.Duration // valid if beyond
	over        bool          // it fires, and the reason is no more
	overSince   time.Duration // valid if over

	status      reading.Status // of the sensor, "" if it says nothing
	statusSince time.Duration  // from when on it counts
}

// sample is a value that has come.
type sample struct {
	value  float64
	number bool      // value is one; without it something was heard, no more
	time   time.Time // of the measurement; zero if it is not known or not believed
	replay bool      // it was retained before the gateway looked
}

// believed returns the time of a payload as far as it can be.
func (p payload) believed(now moment) time.Time {
	if p.unsynced || p.time.Sub(now.wall) > clockSlack {
		return time.Time{}
	}
	return p.time
}

// take notes a sample. It reports false if it changes nothing, for being older
// than what was there.
func (m *machine) take(s sample, now moment) bool {
	if m.isLate(s, now) {
		return false
	}
	m.late = nil
	switch {
	case !s.time.IsZero():
		m.measured = s.time
		m.hear(now.mono - max(0, now.wall.Sub(s.time)))
	case !s.replay:
		m.measured = time.Time{}
		m.hear(now.mono)
	}
	m.live = m.live || !s.replay
	if s.number {
		m.value, m.has = s.value, true
	}
	return true
}

func (m *machine) hear(at time.Duration) {
	if m.came {
		at = max(at, m.heard)
	}
	m.heard, m.came = at, true
}

// silence returns since when nothing was heard, as far as that counts.
func (m *machine) silence() time.Duration {
	if m.came {
		return max(m.heard, m.floor)
	}
	return m.floor
}

// isLate tells whether s is older than the newest, and that not because its
// clock was set.
func (m *machine) isLate(s sample, now moment) bool {
	if s.replay && m.came { // we subscribed again, and may have missed it; or it is what we know
		return s.time.IsZero() || m.measured.IsZero() || !s.time.After(m.measured)
	}
	if s.time.IsZero() || m.measured.IsZero() || !s.time.Before(m.measured) {
		return false
	}
	if m.late == nil {
		m.late = &now.mono
	}
	return now.mono-*m.late < lateIsClock
}

// say notes the status of the sensor itself, which counts from a moment on.
func (m *machine) say(s reading.Status, from time.Duration) {
	if s != m.status {
		m.status, m.statusSince = s, from
	}
}

// clockSet forgets times of before the clock was set, so that what comes next
// is the newest.
func (m *machine) clockSet() { m.measured, m.late = time.Time{}, nil }

// silent returns why no value can be expected to be true, "" if one can.
func (m *machine) silent(r Rule, now moment) Reason {
	switch {
	case r.Status && bad(m.status) && now.mono >= m.statusSince:
		return Fault
	case r.Missing > 0 && now.mono-m.silence() >= r.Missing:
		return Missing
	}
	return ""
}

func bad(s reading.Status) bool {
	return s == reading.Stale || s == reading.Fault || s == reading.Offline
}

// side returns the limit that the value is beyond, and whether it is behind all
// of them by the hysteresis.
func (m *machine) side(r Rule) (beyond Reason, fine bool) {
	switch {
	case !m.has:
		return "", false
	case r.Above != nil && m.value > *r.Above:
		return Above, false
	case r.Below != nil && m.value < *r.Below:
		return Below, false
	}
	return "", (r.Above == nil || m.value <= *r.Above-r.Hysteresis) && (r.Below == nil || m.value >= *r.Below+r.Hysteresis)
}

// judge brings the machine to now.
func (m *machine) judge(r Rule, now moment) {
	silent := m.silent(r, now)
	beyond, fine := m.side(r)
	if silent != "" { // what the value was says nothing of what it is
		beyond, fine = "", false
	}
	if beyond != m.beyond {
		m.beyond, m.beyondSince = beyond, now.mono
	}
	held := beyond != "" && now.mono-m.beyondSince >= r.For
	switch {
	case silent != "":
		m.fire(silent)
	case held:
		m.fire(beyond)
	case m.phase.fires():
		m.end(r, now, m.isOver(r, now, beyond, fine))
	}
	if !m.phase.fires() {
		m.phase = OK
		if beyond != "" {
			m.phase = Pending
		}
	}
}

// isOver tells whether what an alert fires for is no more. What is not known is
// not over.
func (m *machine) isOver(r Rule, now moment, beyond Reason, fine bool) bool {
	switch m.reason {
	case Above:
		return r.Above == nil || fine || beyond == Below
	case Below:
		return r.Below == nil || fine || beyond == Above
	case Missing:
		return r.Missing == 0 || m.came && now.mono-m.heard < r.Missing
	case Fault:
		return !r.Status || m.status == reading.Online || m.status == "" && m.live
	}
	return true
}

func (m *machine) fire(why Reason) {
	m.phase, m.reason, m.over = Firing, why, false
}

// end goes on with an alert that fires: it is over, or not.
func (m *machine) end(r Rule, now moment, over bool) {
	if !over {
		m.phase, m.over = Firing, false
		return
	}
	if !m.over {
		m.over, m.overSince = true, now.mono
	}
	m.phase = Clearing
	if now.mono-m.overSince >= r.ClearFor {
		m.phase, m.reason, m.over = OK, "", false
	}
}

// due returns when judge may find something else though nothing comes.
func (m *machine) due(r Rule, now moment) (at time.Duration, ok bool) {
	sooner := func(t time.Duration) {
		if t > now.mono && (!ok || t < at) {
			at, ok = t, true
		}
	}
	if m.beyond != "" {
		sooner(m.beyondSince + r.For)
	}
	if m.over {
		sooner(m.overSince + r.ClearFor)
	}
	if r.Missing > 0 {
		sooner(m.silence() + r.Missing)
	}
	if r.Status && bad(m.status) {
		sooner(m.statusSince)
	}
	return at, ok
}

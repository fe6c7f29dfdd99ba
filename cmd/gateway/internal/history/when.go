package history

import (
	"math"
	"strings"
	"time"
)

// When a sample was measured. A payload may say so; whether to believe it:
//
//   - not if it lies ahead of us by more than slack, or before anybody had a clock
//     that was set (earliest): then the arrival counts
//   - a time without a zone, as Tasmota sends it, is in our zone or in UTC, if one
//     of both made it fit the arrival once; before that the arrival counts
//   - what is older than all that is kept is not recorded: it would be gone at once
const (
	slack = 5 * time.Second
	// naiveFits is how far from the arrival of a message a time without a zone may
	// be for its zone to be taken for known.
	naiveFits = 90 * time.Second
	// maxZones is of how many topics the zone is remembered.
	maxZones = 5000
)

// earliest is a time that every clock is past that was set.
var earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// moment is when something was measured, and how that is known.
type moment struct {
	time time.Time
	told bool // by the payload
}

// zones know in which zone devices are that do not say so. It belongs to one
// goroutine.
type zones map[string]*time.Location

// measured returns when m was measured, which arrived on a topic; ok is false if
// nobody knows, as it is with a replay that does not say. Times of a clock that
// was not set are not looked at.
func (z zones) measured(m *message, topic string, arrived time.Time, replay bool) (at moment, ok bool) {
	if !m.unsynced {
		for _, s := range m.times {
			if t, ok := z.believe(s.value, topic, arrived, replay); ok {
				return moment{t, true}, true
			}
		}
	}
	return moment{arrived, false}, !replay
}

// believe returns the time that a value is, if it can be.
func (z zones) believe(value any, topic string, arrived time.Time, replay bool) (time.Time, bool) {
	t, naive := parseTime(value)
	if naive {
		t = z.inZone(t, topic, arrived, replay)
	}
	return t, !t.IsZero() && t.After(earliest) && t.Sub(arrived) <= slack
}

// parseTime reads a time; zero if it is none. naive is that it has no zone, and is
// as if in UTC.
func parseTime(value any) (t time.Time, naive bool) {
	switch v := value.(type) {
	case float64:
		return unixTime(v), false
	case string:
		if x, ok := number(v); ok {
			return unixTime(x), false
		}
		v = strings.Replace(strings.TrimSpace(v), " ", "T", 1)
		for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00"} {
			if t, err := time.Parse(form, v); err == nil {
				return t, false
			}
		}
		for _, form := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
			if t, err := time.Parse(form, v); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// unixTime reads seconds, or milliseconds, since 1970. Small numbers are
// something else: the seconds since a start, say.
func unixTime(x float64) time.Time {
	switch {
	case x > 1e9 && x < 1e11:
		return time.UnixMilli(int64(math.Round(x * 1000)))
	case x > 1e12 && x < 1e14:
		return time.UnixMilli(int64(math.Round(x)))
	}
	return time.Time{}
}

// inZone returns what a time without a zone is, zero if that cannot be known.
func (z zones) inZone(t time.Time, topic string, arrived time.Time, replay bool) time.Time {
	in := func(l *time.Location) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), l)
	}
	if replay {
		return in(time.Local) // as it was when it came, if it was recorded then
	}
	for _, l := range []*time.Location{time.Local, time.UTC} {
		if in(l).Sub(arrived).Abs() <= naiveFits {
			if z[topic] == nil && len(z) >= maxZones {
				clear(z)
			}
			z[topic] = l
			if d := in(l); d.Before(arrived) {
				return d
			}
			return arrived
		}
	}
	if l := z[topic]; l != nil && in(l).Before(arrived) {
		return in(l) // late
	}
	return time.Time{}
}

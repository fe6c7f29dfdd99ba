package timetable

import (
	"slices"
	"time"
)

// Table is a set of windows. The zero value is always open. It does not change,
// and may be used concurrently.
type Table struct{ windows []window }

// Bounds in days: a week has every window; what is open for longer has no gap,
// even if a clock is put back meanwhile; and Open looks further than that, even
// if a country leaves out a date.
const (
	noGap   = 8
	horizon = noGap + 2
)

// Open tells whether the table is open at t, in the time zone of t, and when
// that changes next; zero for never. Whoever waits until then looks again after
// a while nonetheless: clocks are set.
func (tb Table) Open(t time.Time) (open bool, until time.Time) {
	if len(tb.windows) == 0 {
		return true, time.Time{}
	}
	all := tb.around(t)
	i := slices.IndexFunc(all, func(s span) bool { return s.end.After(t) })
	if all[i].start.After(t) {
		return false, all[i].start
	}
	end := all[i].end
	for _, s := range all[i:] {
		if s.start.After(end) {
			return true, end
		}
		if s.end.After(end) {
			end = s.end
		}
	}
	if end.Sub(t) > noGap*24*time.Hour {
		return true, time.Time{}
	}
	return true, end
}

// span is a time in which a window is open, its end excluded.
type span struct{ start, end time.Time }

// around returns when windows are open, from two days before t to horizon days
// after it, by their starts.
func (tb Table) around(t time.Time) []span {
	var all []span
	year, month, date := t.Date()
	for i := -2; i <= horizon; i++ {
		weekday := time.Date(year, month, date+i, 0, 0, 0, 0, time.UTC).Weekday()
		for _, w := range tb.windows {
			if w.days[weekday] {
				all = append(all, w.on(year, month, date+i, t.Location()))
			}
		}
	}
	slices.SortFunc(all, func(a, b span) int { return a.start.Compare(b.start) })
	return all
}

// wall returns the first moment at which the clock on the wall shows that many
// minutes after midnight of a date, or has jumped over it. [time.Date] does not
// say which one it chooses.
func wall(year int, month time.Month, date, minutes int, in *time.Location) time.Time {
	shown := time.Date(year, month, date, 0, minutes, 0, 0, time.UTC)
	t := shown.Add(-48 * time.Hour).In(in) // no zone is that far from UTC
	for {
		_, seconds := t.Zone()
		at := shown.Add(-time.Duration(seconds) * time.Second)
		_, end := t.ZoneBounds()
		switch {
		case !end.IsZero() && !at.Before(end):
			t = end // the next zone
		case at.Before(t):
			return t // jumped over
		default:
			return at.In(in)
		}
	}
}

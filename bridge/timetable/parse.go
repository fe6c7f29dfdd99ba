package timetable

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// window is open on some days of the week.
type window struct {
	days       [7]bool // by time.Weekday, on which it begins
	start, end int     // minutes after midnight; end is more than a day if it is on the next
}

const day = 24 * 60

// Parse reads windows; none make a table that is always open. It returns
// everything that is wrong, joined by errors.Join: each error begins with
// windows[i], a colon and a space.
func Parse(windows []string) (Table, error) {
	var t Table
	var errs []error
	for i, s := range windows {
		w, err := parse(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("windows[%d]: %w", i, err))
		}
		t.windows = append(t.windows, w)
	}
	if err := errors.Join(errs...); err != nil {
		return Table{}, err
	}
	return t, nil
}

func parse(s string) (window, error) {
	var w window
	f := strings.Fields(strings.ToLower(s))
	switch len(f) {
	case 1:
		w.days = [7]bool{true, true, true, true, true, true, true}
	case 2:
		if err := w.parseDays(f[0]); err != nil {
			return window{}, err
		}
	default:
		return window{}, fmt.Errorf("%q is not a window; write 02:00-04:00 or mon-fri 02:00-04:00", s)
	}
	from, to, ok := strings.Cut(f[len(f)-1], "-")
	if !ok {
		return window{}, fmt.Errorf("%q has no end; write 02:00-04:00", s)
	}
	var err1, err2 error
	w.start, err1 = parseTime(from)
	w.end, err2 = parseTime(to)
	switch {
	case err1 != nil || err2 != nil:
		return window{}, cmp.Or(err1, err2)
	case w.start == day:
		return window{}, fmt.Errorf("%q begins at 24:00; write 00:00 and the day after", s)
	case w.start == w.end:
		return window{}, fmt.Errorf("%q ends when it begins; the whole day is 00:00-24:00", s)
	case w.end < w.start:
		w.end += day
	}
	return w, nil
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

// parseDays reads days and ranges of days, with commas between them.
func (w *window) parseDays(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		i, last := slices.Index(weekdays, from), slices.Index(weekdays, to)
		for _, name := range []string{from, to} {
			if !slices.Contains(weekdays, name) {
				return fmt.Errorf("%q is not a day of the week; mon, tue, wed, thu, fri, sat or sun, as in mon-fri or sat,sun", name)
			}
		}
		for ; i != last; i = (i + 1) % 7 {
			w.days[i] = true
		}
		w.days[last] = true
	}
	return nil
}

func parseTime(s string) (minutes int, err error) {
	h, m, ok := strings.Cut(s, ":")
	hour, err1 := strconv.ParseUint(h, 10, 8)
	minute, err2 := strconv.ParseUint(m, 10, 8)
	minutes = int(hour)*60 + int(minute)
	if !ok || err1 != nil || err2 != nil || len(h) > 2 || len(m) != 2 || minute > 59 || minutes > day {
		return 0, fmt.Errorf("%q is not a time of day; 00:00 to 24:00", s)
	}
	return minutes, nil
}

// on returns when the window that begins on a date is open.
func (w window) on(year int, month time.Month, date int, in *time.Location) span {
	s := span{wall(year, month, date, w.start, in), wall(year, month, date, w.end, in)}
	if !s.end.After(s.start) { // the clock jumped over it
		s.end = s.start.Add(time.Duration(w.end-w.start) * time.Minute)
	}
	return s
}

package timetable

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones, wherever the tests run
)

func parsed(t testing.TB, windows ...string) Table {
	t.Helper()
	tb, err := Parse(windows)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	in, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

const layout = "2006-01-02 15:04 -07"

// at reads a time as the clock on the wall and the offset show it.
func at(t *testing.T, s string, in *time.Location) time.Time {
	t.Helper()
	x, err := time.Parse(layout, s)
	if err != nil {
		t.Fatal(err)
	}
	return x.In(in)
}

func TestOpen(t *testing.T) {
	night, noon, weekend := "02:00-04:00", "mon-fri 12:00-12:30", "sat,sun 22:00-02:00"
	for _, test := range []struct {
		windows string // with | between them
		at      string // 2026-11-23 was a Monday
		open    bool
		until   string // "" for never
	}{
		{"", "2026-11-23 12:00 +00", true, ""},

		{night, "2026-11-23 01:59 +00", false, "2026-11-23 02:00 +00"},
		{night, "2026-11-23 02:00 +00", true, "2026-11-23 04:00 +00"},
		{night, "2026-11-23 03:59 +00", true, "2026-11-23 04:00 +00"},
		{night, "2026-11-23 04:00 +00", false, "2026-11-24 02:00 +00"},

		{noon, "2026-11-27 12:29 +00", true, "2026-11-27 12:30 +00"},
		{noon, "2026-11-27 12:30 +00", false, "2026-11-30 12:00 +00"},
		{noon, "2026-11-28 12:10 +00", false, "2026-11-30 12:00 +00"},

		{weekend, "2026-11-27 23:00 +00", false, "2026-11-28 22:00 +00"},
		{weekend, "2026-11-28 01:00 +00", false, "2026-11-28 22:00 +00"}, // Friday's night
		{weekend, "2026-11-28 23:59 +00", true, "2026-11-29 02:00 +00"},
		{weekend, "2026-11-29 00:00 +00", true, "2026-11-29 02:00 +00"},
		{weekend, "2026-11-30 01:59 +00", true, "2026-11-30 02:00 +00"}, // Sunday's, on Monday
		{weekend, "2026-11-30 02:00 +00", false, "2026-12-05 22:00 +00"},

		{"00:00-24:00", "2026-11-23 00:00 +00", true, ""},
		{"00:00-12:00|12:00-24:00", "2026-11-23 05:00 +00", true, ""},
		{"fri-mon 00:00-24:00", "2026-11-23 05:00 +00", true, "2026-11-24 00:00 +00"},
		{"fri-mon 00:00-24:00", "2026-11-25 05:00 +00", false, "2026-11-27 00:00 +00"},
		{"mon 00:00-23:59|tue-sun 00:00-24:00", "2026-11-24 00:00 +00", true, "2026-11-30 23:59 +00"},
		{"wed 05:00-04:59", "2026-11-25 04:59 +00", false, "2026-11-25 05:00 +00"},
		{"wed 05:00-04:59", "2026-11-26 04:58 +00", true, "2026-11-26 04:59 +00"},

		// Windows that touch and overlap are one.
		{"01:00-03:00|03:00-04:00|02:00-03:30", "2026-11-23 01:30 +00", true, "2026-11-23 04:00 +00"},
		{"01:00-05:00|02:00-03:00", "2026-11-23 02:30 +00", true, "2026-11-23 05:00 +00"},
		{"sat 20:00-10:00|sun 09:00-12:00", "2026-11-29 09:30 +00", true, "2026-11-29 12:00 +00"},
	} {
		t.Run(test.windows+" at "+test.at, func(t *testing.T) {
			var windows []string
			if test.windows != "" {
				windows = strings.Split(test.windows, "|")
			}
			check(t, parsed(t, windows...), time.UTC, test.at, test.open, test.until)
		})
	}
}

func check(t *testing.T, tb Table, in *time.Location, when string, open bool, until string) {
	t.Helper()
	gotOpen, gotUntil := tb.Open(at(t, when, in))
	got := ""
	if !gotUntil.IsZero() {
		got = gotUntil.Format(layout)
	}
	if gotOpen != open || got != until {
		t.Errorf("open %v until %q, want %v until %q", gotOpen, got, open, until)
	}
}

func TestClocksThatArePutForwardAndBack(t *testing.T) {
	for _, test := range []struct {
		zone, window string
		at           string
		open         bool
		until        string
	}{
		// Berlin, 2026-03-29: 02:00 +01 is 03:00 +02.
		{"Europe/Berlin", "02:00-04:00", "2026-03-29 01:59 +01", false, "2026-03-29 03:00 +02"},
		{"Europe/Berlin", "02:00-04:00", "2026-03-29 03:00 +02", true, "2026-03-29 04:00 +02"},
		{"Europe/Berlin", "01:00-02:30", "2026-03-29 01:30 +01", true, "2026-03-29 03:00 +02"},
		{"Europe/Berlin", "02:15-02:45", "2026-03-29 01:30 +01", false, "2026-03-29 03:00 +02"},
		{"Europe/Berlin", "02:15-02:45", "2026-03-29 03:00 +02", true, "2026-03-29 03:30 +02"},
		{"Europe/Berlin", "02:15-02:45", "2026-03-29 03:30 +02", false, "2026-03-30 02:15 +02"},
		{"Europe/Berlin", "22:00-05:00", "2026-03-28 23:00 +01", true, "2026-03-29 05:00 +02"},
		// 2026-10-25: 03:00 +02 is 02:00 +01.
		{"Europe/Berlin", "02:00-02:30", "2026-10-25 01:00 +02", false, "2026-10-25 02:00 +02"},
		{"Europe/Berlin", "02:00-02:30", "2026-10-25 02:10 +02", true, "2026-10-25 02:30 +02"},
		{"Europe/Berlin", "02:00-02:30", "2026-10-25 02:10 +01", false, "2026-10-26 02:00 +01"},
		{"Europe/Berlin", "02:00-04:00", "2026-10-25 02:10 +02", true, "2026-10-25 04:00 +01"},
		{"Europe/Berlin", "01:00-02:30", "2026-10-25 02:10 +01", false, "2026-10-26 01:00 +01"},
		{"Europe/Berlin", "00:00-24:00", "2026-10-25 02:10 +01", true, ""},
		{"Europe/Berlin", "mon 00:00-23:59|tue-sun 00:00-24:00", "2026-10-20 00:00 +02", true, "2026-10-26 23:59 +01"},
		// Havana, 2026-03-08: midnight is 01:00. 2026-11-01: 01:00 is midnight again.
		{"America/Havana", "00:00-02:00", "2026-03-07 23:30 -05", false, "2026-03-08 01:00 -04"},
		{"America/Havana", "22:00-24:00", "2026-03-07 23:30 -05", true, "2026-03-08 01:00 -04"},
		{"America/Havana", "sun 00:00-00:30", "2026-11-01 00:10 -05", false, "2026-11-08 00:00 -05"},
		{"America/Havana", "00:00-12:00|12:00-24:00", "2026-11-01 00:10 -05", true, ""},
		// Samoa left out 2011-12-30, a Friday.
		{"Pacific/Apia", "02:00-04:00", "2011-12-29 05:00 -10", false, "2011-12-31 00:00 +14"},
		{"Pacific/Apia", "02:00-04:00", "2011-12-31 01:00 +14", true, "2011-12-31 04:00 +14"},
		{"Pacific/Apia", "fri 12:00-13:00", "2011-12-31 00:30 +14", true, "2011-12-31 01:00 +14"},
		{"Pacific/Apia", "00:00-24:00", "2011-12-29 05:00 -10", true, ""},
	} {
		t.Run(test.window+" "+test.zone+" at "+test.at, func(t *testing.T) {
			check(t, parsed(t, strings.Split(test.window, "|")...), zone(t, test.zone), test.at, test.open, test.until)
		})
	}
}

// Whoever sleeps until the next change, and asks then, sees every change; and
// on days on which no clock is set, the clock on the wall decides.
func TestThroughYears(t *testing.T) {
	windows := []string{"02:00-04:00", "mon-fri 12:00-12:30", "sat,sun 22:00-02:00", "wed 02:15-02:45", "thu 00:00-01:00"}
	tb := parsed(t, windows...)
	for _, test := range []struct {
		zone string
		from int
	}{{"UTC", 2026}, {"Europe/Berlin", 2026}, {"America/Havana", 2026}, {"Australia/Lord_Howe", 2026}, {"Pacific/Apia", 2011}, {"Africa/Casablanca", 2026}} {
		t.Run(test.zone, func(t *testing.T) {
			in := zone(t, test.zone)
			now := time.Date(test.from, 1, 1, 0, 0, 0, 0, in)
			end := now.AddDate(1, 1, 0)
			for now.Before(end) {
				open, until := tb.Open(now)
				if !until.After(now) || until.Sub(now) > 48*time.Hour {
					t.Fatalf("at %v until %v", now, until)
				}
				mid := now.Add(until.Sub(now) / 2)
				for _, x := range []time.Time{now, mid, until.Add(-1)} {
					if o, u := tb.Open(x); o != open || !u.Equal(until) {
						t.Fatalf("at %v open %v until %v; at %v %v until %v", now, open, until, x, o, u)
					}
					if quiet(x) && shows(x) != open {
						t.Fatalf("at %v open %v", x, open)
					}
				}
				if o, _ := tb.Open(until); o == open {
					t.Fatalf("nothing changes at %v", until)
				}
				now = until
			}
		})
	}
}

// quiet tells that no clock is set within two days of t.
func quiet(t time.Time) bool {
	_, a := t.Add(-48 * time.Hour).Zone()
	_, b := t.Zone()
	_, c := t.Add(48 * time.Hour).Zone()
	return a == b && b == c
}

// shows is the table of TestThroughYears, told in another way.
func shows(t time.Time) bool {
	d, m := t.Weekday(), t.Hour()*60+t.Minute()
	weekend := d == time.Saturday || d == time.Sunday
	switch {
	case m >= 120 && m < 240:
		return true
	case m >= 720 && m < 750:
		return !weekend
	case m >= 1320:
		return weekend
	case m < 60:
		return d == time.Thursday || d == time.Sunday || d == time.Monday
	case m < 120:
		return d == time.Sunday || d == time.Monday
	}
	return false
}

func TestParse(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"2:00-4:00", ""},
		{" SAT,Sun  22:00-02:00 ", ""},
		{"mon,wed-fri,sun 00:00-24:00", ""},
		{"", `windows[0]: "" is not a window; write 02:00-04:00`},
		{"mon fri 02:00-04:00", `windows[0]: "mon fri 02:00-04:00" is not a window`},
		{"mon", `windows[0]: "mon" has no end; write 02:00-04:00`},
		{"monday 02:00-04:00", `windows[0]: "monday" is not a day of the week; mon, tue`},
		{"mon- 02:00-04:00", `windows[0]: "" is not a day of the week`},
		{"mon,,tue 02:00-04:00", `windows[0]: "" is not a day of the week`},
		{"02-04", `windows[0]: "02" is not a time of day; 00:00 to 24:00`},
		{"24:00-02:00", `windows[0]: "24:00-02:00" begins at 24:00`},
		{"02:00-24:01", `windows[0]: "24:01" is not a time of day`},
		{"02:60-03:00", `windows[0]: "02:60" is not a time of day`},
		{"2:0-03:00", `windows[0]: "2:0" is not a time of day`},
		{"-2:00-03:00", `windows[0]: "" is not a time of day`},
		{"002:00-03:00", `windows[0]: "002:00" is not a time of day`},
		{"+2:00-03:00", `windows[0]: "+2:00" is not a time of day`},
		{"03:00-03:00", `windows[0]: "03:00-03:00" ends when it begins; the whole day is 00:00-24:00`},
	} {
		_, err := Parse([]string{test.in})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: error %v, want %s", test.in, err, test.want)
		}
	}
	_, err := Parse([]string{"x", "02:00-04:00", "y"})
	if err == nil || !strings.Contains(err.Error(), "\nwindows[2]: ") {
		t.Errorf("error %v, want every window that is wrong", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"02:00-04:00", "mon-fri 12:00-12:30", "sat,sun 22:00-02:00", "fri-mon 00:00-24:00"} {
		f.Add(s, int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		tb, err := Parse([]string{s})
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<35), 0).UTC()
		if open, until := tb.Open(now); until.IsZero() != (open && tb.windows[0].days == [7]bool{true, true, true, true, true, true, true} &&
			tb.windows[0].end-tb.windows[0].start == day) || !until.IsZero() && !until.After(now) {
			t.Errorf("%q at %v: open %v until %v", s, now, open, until)
		}
	})
}

func Example() {
	tb, err := Parse([]string{"02:00-04:00", "mon-fri 12:00-12:30"})
	if err != nil {
		fmt.Println(err)
		return
	}
	open, until := tb.Open(time.Date(2026, 11, 28, 12, 10, 0, 0, time.UTC)) // a Saturday
	fmt.Println(open, until.Format("Mon 15:04"))
	// Output: false Sun 02:00
}

package alerts

import (
	"fmt"
	"testing"
	"time"
)

// album is a Past of points by series.
type album map[string][]Point

func (a album) Series() (names []string) {
	for i := range 100 {
		for name := range a {
			if name == fmt.Sprintf("home/room%02d/climate#temperature", i) {
				names = append(names, name)
			}
		}
	}
	if a["home/room00/climate#humidity"] != nil {
		names = append(names, "home/room00/climate#humidity")
	}
	return names
}

func (a album) Points(series string, since time.Time, _ time.Duration) []Point { return a[series] }

// day makes a point of every minute of a day, of what f says.
func aDay(from time.Time, f func(minute int) (low, high float64, there bool)) (points []Point) {
	for m := range 24 * 60 {
		if low, high, there := f(m); there {
			points = append(points, Point{from.Add(time.Duration(m) * time.Minute), low, high})
		}
	}
	return points
}

func TestReplay(t *testing.T) {
	from := epoch
	to := from.Add(24 * time.Hour)
	// 20, but from 10:00 to 10:30 it is 31, at 12:00 a spike of a minute, and from
	// 20:00 to 22:00 nothing comes.
	points := aDay(from, func(m int) (float64, float64, bool) {
		switch {
		case m >= 600 && m < 630:
			return 31, 31.5, true
		case m == 720:
			return 20, 35, true
		}
		return 19, 20, m < 1200 || m >= 1320
	})
	for name, tt := range map[string]struct {
		rule Rule
		want []string
	}{
		"each":        {Rule{Above: limit(30)}, []string{"above 10:00 10:30", "above 12:00 12:01"}},
		"that lasts":  {Rule{Above: limit(30), For: 5 * time.Minute}, []string{"above 10:05 10:30"}},
		"and missing": {Rule{Above: limit(32), Missing: 30 * time.Minute}, []string{"above 12:00 12:01", "missing 20:29 22:00"}},
		"below":       {Rule{Below: limit(19.5), For: 12 * time.Hour}, nil},
		"always":      {Rule{Below: limit(40), For: time.Hour}, []string{"below 01:00 00:00"}},
	} {
		var got []string
		for _, s := range replay(tt.rule, points, from, to) {
			clock := func(ms int64) string { return time.UnixMilli(ms).UTC().Add(-4 * time.Hour).Format("15:04") } // epoch is at 4
			got = append(got, fmt.Sprintf("%s %s %s", s.Reason, clock(s.FromMS), clock(s.ToMS)))
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestTry: a rule with wildcards is tried on what matches, and no more than that.
func TestTry(t *testing.T) {
	now := epoch.Add(testSpan)
	hot := aDay(epoch, func(m int) (float64, float64, bool) { return 31, 31, m == 60 || m == 61 })
	all := album{"home/room00/climate#humidity": hot}
	for i := range testSeries + 2 {
		all[fmt.Sprintf("home/room%02d/climate#temperature", i)] = hot
	}
	inHouse(t, nil, func(h *house) {
		rule := ruleOf("x", "home/+/climate#temperature", above(30))
		if got := h.a.try(t.Context(), rule, now); got.Recording || got.Series != 0 {
			t.Errorf("without a history: %+v", got)
		}
		h.a.deps.Past = all
		got := h.a.try(t.Context(), rule, now)
		if got.Series != testSeries || got.More != 2 || got.Times != testSeries || !got.Recording || got.FromMS != epoch.UnixMilli() {
			t.Errorf("%+v", got)
		}
		if got := h.a.try(t.Context(), ruleOf("x", "home/room00/climate#humidity", above(30)), now); got.Series != 1 || got.Times != 1 {
			t.Errorf("%+v", got)
		}
	})
}

package history

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/history/tsdb"
)

func chartOf(t *testing.T, w *httptest.ResponseRecorder) (c Chart) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return c
}

func TestServeHistory(t *testing.T) {
	h := quiet(t)
	h.fill(t, "home/kitchen/climate#temperature", 10_000, 20, 21, 22, 23)
	c := chartOf(t, ask(h, "/api/v1/history", query("series", "home/kitchen/climate#temperature", "series", "nobody/has#this", "from", "2026-11-28T19:12:00+09:00", "to", fmt.Sprint(morning+60_000), "points", "10")))
	if c.From != morning || c.To != morning+60_000 || c.WidthMS != 10_000 || c.Tier != "raw" || *c.StartsMS != morning || len(c.Series) != 2 {
		t.Errorf("%+v", c)
	}
	l := c.Series[0]
	if l.Unit != "°C" || l.IntervalMS != 10_000 || l.GapMS != 40_000 || !slices.Equal(l.Avg, []float64{20, 21, 22, 23}) || !slices.Equal(l.N, []uint64{1, 1, 1, 1}) {
		t.Errorf("%+v", l)
	}
	if s := l.Stats; s.N != 4 || *s.Min != 20 || *s.Max != 23 || *s.Avg != 21.5 || *s.Last != 23 || *s.FirstMS != morning || *s.LastMS != morning+30_000 {
		t.Errorf("%+v", s)
	}
	if none := c.Series[1]; len(none.T) != 0 || none.T == nil || none.Stats.N != 0 || none.Stats.Min != nil {
		t.Errorf("%+v", none)
	}
}

func TestBadInputIsNamed(t *testing.T) {
	h := quiet(t)
	h.fill(t, "a#x", 1000, 1)
	for _, tt := range []struct{ path, query, says string }{
		{"/api/v1/history", "", "series is missing"},
		{"/api/v1/history", "serie=a", `no parameter "serie"; there are: series, from, to, points`},
		{"/api/v1/history", "series=a&from=yesterday", `from: "yesterday" is no time`},
		{"/api/v1/history", "series=a&to=99999999999999999", `to: "99999999999999999" is not within`},
		{"/api/v1/history", "series=a&from=5&to=5", "from: 1970-01-01T00:00:00.005Z is not before to"},
		{"/api/v1/history", "series=a&points=1501", `points: "1501" is not a number from 1 to 1500`},
		{"/api/v1/history", strings.Repeat("series=a&", maxSeries+1), "51 of them are more than 50"},
		{"/api/v1/series", "filter=a/%23/b", "filter: filter"},
		{"/api/v1/export", "", "series is missing"},
		{"/api/v1/export", "series=a%23x&format=xlsx", `format: there is no "xlsx"; there are csv, json, line`},
		{"/api/v1/export", "series=nobody", `there is no series "nobody"`},
		{"/api/v1/export", "filter=nobody/%23", `no series matches the filter "nobody/#"`},
		{"DELETE", "", "what is to be deleted?"},
		{"DELETE", "filter=", "filter: "},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		w := ask(h, tt.path, q)
		var e struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code < 400 || w.Code > 404 || !strings.Contains(e.Error, tt.says) {
			t.Errorf("%s?%.40s: %d %q, want %q", tt.path, tt.query, w.Code, e.Error, tt.says)
		}
	}
}

func TestServeSeriesAndDelete(t *testing.T) {
	h := quiet(t)
	h.fill(t, "home/kitchen/climate#temperature", 1000, 20, 21)
	h.fill(t, "home/cellar/climate#humidity", 1000, 60)
	h.fill(t, "demo/kitchen/climate#temperature", 1000, 5)
	list := func(q url.Values) (names []string) {
		var all []SeriesInfo
		if err := json.Unmarshal(ask(h, "/api/v1/series", q).Body.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			names = append(names, s.Series)
		}
		return names
	}
	if got := list(query("filter", "home/+/climate")); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if w := ask(h, "/api/v1/series", query("filter", "home/kitchen/#")); !strings.Contains(w.Body.String(), `"first_ms":1795860720000,"last_ms":1795860721000,"samples":2,"last":21`) {
		t.Error(w.Body)
	}
	for _, step := range []struct {
		q    url.Values
		n    int
		left int
	}{
		{query("filter", "#"), 2, 1}, // the simulated house by its name only
		{query("filter", "demo/#"), 1, 0},
		{query("series", "demo/kitchen/climate#temperature"), 0, 0},
	} {
		if w := ask(h, "DELETE", step.q); w.Body.String() != fmt.Sprintf("{\"deleted\":%d}\n", step.n) || len(list(nil)) != step.left {
			t.Errorf("%v: %s, left %q", step.q, w.Body, list(nil))
		}
	}
}

// breaks returns where a line of a chart breaks: between which points.
func breaks(l Lines) (at []int) {
	for i := 1; i < len(l.T); i++ {
		if l.T[i]-l.T[i-1] > l.GapMS {
			at = append(at, i)
		}
	}
	return at
}

// TestGaps: an outage is a gap in each width in which it can be seen, and what
// belongs to a sensor's nature is none.
func TestGaps(t *testing.T) {
	const second, minute, hour = int64(1000), int64(60_000), int64(3_600_000)
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name         string
		every, span  int64
		jitter, lost float64 // of an interval; of the messages
		outage       int64   // in the middle
		breaks       map[int]int
	}{
		{"each second", second, hour, 0.1, 0, 5 * minute, map[int]int{1500: 1, 100: 1, 10: 0}},
		{"each 10 s, a day", 10 * second, 24 * hour, 0.1, 0.01, hour, map[int]int{1500: 1, 300: 1}},
		{"each 10 s without an outage", 10 * second, 24 * hour, 0.3, 0.02, 0, map[int]int{1500: 0, 100: 0}},
		{"each 5 min, a day", 5 * minute, 24 * hour, 0.2, 0, 2 * hour, map[int]int{1500: 1, 100: 1}},
		{"each hour, 30 days", hour, 720 * hour, 0.1, 0, 24 * hour, map[int]int{1500: 1, 300: 1}},
		{"each hour without an outage", hour, 720 * hour, 0.4, 0.01, 0, map[int]int{1500: 0, 300: 0}},
		{"each second, 8 hours, one short of it", second, 8 * hour, 0, 0, 3 * second, map[int]int{1500: 0}},
	} {
		h := quiet(t)
		var n int
		for at := int64(0); at < tt.span; at += tt.every {
			if tt.outage > 0 && at >= tt.span/2 && at < tt.span/2+tt.outage || r.Float64() < tt.lost {
				continue
			}
			j := int64(tt.jitter * float64(tt.every) * r.Float64())
			if err := h.db.Append("a", tsdb.Sample{Time: morning + at + j, Value: 1}); err != nil {
				t.Fatal(err)
			}
			n++
		}
		for points, want := range tt.breaks {
			c, err := h.chart([]string{"a"}, morning, morning+tt.span, points)
			if err != nil {
				t.Fatal(err)
			}
			l := c.Series[0]
			if got := breaks(l); len(got) != want || l.Stats.N != uint64(n) {
				t.Errorf("%s, %d points: breaks %v, interval %d, gap %d, width %d; want %d breaks", tt.name, points, got, l.IntervalMS, l.GapMS, c.WidthMS, want)
			}
		}
	}
}

// TestChartKeepsExtremes: whatever the width, one sample that stands out is in the
// band and in the figures of the range.
func TestChartKeepsExtremes(t *testing.T) {
	h := quiet(t)
	r := rand.New(rand.NewPCG(3, 4))
	var sum float64
	const n = 20_000
	for i := range n {
		x := 20 + r.Float64()
		if i == 12_345 {
			x = 80
		}
		sum += x
		if err := h.db.Append("a", tsdb.Sample{Time: morning + int64(i)*7000, Value: x}); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		points := 1 + r.IntN(MaxPoints)
		c, err := h.chart([]string{"a"}, morning, morning+n*7000, points)
		if err != nil {
			t.Fatal(err)
		}
		l := c.Series[0]
		if len(l.T) > points || slices.Max(l.Max) != 80 || *l.Stats.Max != 80 || *l.Stats.Min < 20 || l.Stats.N != n || math.Abs(*l.Stats.Avg-sum/n) > 1e-6 {
			t.Errorf("%d points: %d of them, at most %v, %+v", points, len(l.T), slices.Max(l.Max), l.Stats)
		}
		if !slices.IsSorted(l.T) || (len(l.T) > 1 && (l.T[1]-l.T[0])%c.WidthMS != 0) {
			t.Errorf("%v", l.T)
		}
		for i := range l.T {
			if l.Avg[i] < l.Min[i] || l.Avg[i] > l.Max[i] {
				t.Errorf("point %d: %v is not between %v and %v", i, l.Avg[i], l.Min[i], l.Max[i])
			}
		}
	}
}

func TestUsualOfNothing(t *testing.T) {
	if median, gap := usual(nil, 1000); median != 0 || gap <= 1000 {
		t.Error(median, gap)
	}
	one := []tsdb.Bucket{{Count: 1}}
	if median, gap := usual(one, 1000); median != 0 || gap <= 1000 {
		t.Error(median, gap)
	}
	same := []tsdb.Bucket{{Count: 5, FirstTime: 7, LastTime: 7}}
	if _, gap := usual(same, int64(time.Second/time.Millisecond)); gap <= 1000 {
		t.Error(gap)
	}
}

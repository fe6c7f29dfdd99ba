package history

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/history/tsdb"
)

// maxSeries is how many series one chart may have.
const maxSeries = 50

// SeriesInfo is a series and what there is of it.
type SeriesInfo struct {
	Meta
	FirstMS int64   `json:"first_ms"` // ms since 1970 UTC
	LastMS  int64   `json:"last_ms"`
	Samples uint64  `json:"samples"` // kept as they are
	Last    float64 `json:"last"`
}

// ServeSeries answers with all series, or those of a filter: ?filter=home/%23.
func (h *History) ServeSeries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if err := known(q, "filter"); err != nil {
		answer.Error(w, http.StatusBadRequest, "%v.", err)
		return
	}
	filter, err := filterOf(q)
	if err != nil {
		answer.Error(w, http.StatusBadRequest, "%v.", err)
		return
	}
	all := []SeriesInfo{}
	for _, s := range h.db.Series() {
		if filter != "" && !chosen(s.Name, filter) {
			continue
		}
		all = append(all, SeriesInfo{Meta: h.describe(s.Name), FirstMS: s.First, LastMS: s.Last, Samples: s.Count, Last: s.LastValue})
	}
	packed(w, r, func(w http.ResponseWriter) { answer.JSON(w, all) })
}

// ServeHistory answers with a range of series: ?series=S&series=S2&from=&to=&points=.
func (h *History) ServeHistory(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	err := known(q, "series", "from", "to", "points")
	series := q["series"]
	switch {
	case err != nil:
	case len(series) == 0:
		err = fmt.Errorf("series is missing: which one? GET /api/v1/series lists them")
	case len(series) > maxSeries:
		err = fmt.Errorf("series: %d of them are more than %d", len(series), maxSeries)
	}
	from, to, points, err := rangeOf(q, err, MaxPoints)
	if err != nil {
		answer.Error(w, http.StatusBadRequest, "%v.", err)
		return
	}
	c, err := h.chart(distinct(series), from, to, points)
	if err != nil {
		h.log.Error("history cannot be read", "error", err)
		answer.Fail(w, http.StatusInternalServerError, answer.Say("history.unread", "The history cannot be read: {why}.", err))
		return
	}
	packed(w, r, func(w http.ResponseWriter) { answer.JSON(w, c) })
}

// Deleted is the answer to what has deleted.
type Deleted struct {
	Deleted int `json:"deleted"` // series
}

// ServeDelete forgets the series of a filter, or some: ?filter=demo/%23, ?series=S.
func (h *History) ServeDelete(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	err := known(q, "filter", "series")
	filter := ""
	if err == nil {
		filter, err = filterOf(q)
	}
	if err == nil && filter == "" && len(q["series"]) == 0 {
		err = fmt.Errorf("what is to be deleted? Name a filter of topics, ?filter=home/cellar/%%23, or series, ?series=")
	}
	if err != nil {
		answer.Error(w, http.StatusBadRequest, "%v.", err)
		return
	}
	n, err := h.Delete(func(series string) bool {
		return slices.Contains(q["series"], series) || filter != "" && chosen(series, filter)
	})
	if err != nil {
		h.log.Error("history cannot be deleted", "error", err)
		answer.Fail(w, http.StatusInternalServerError, answer.Say("history.undeleted", "Not everything could be deleted: {why}.", err))
		return
	}
	answer.JSON(w, Deleted{n})
}

// Delete forgets series, and returns how many.
func (h *History) Delete(which func(series string) bool) (n int, err error) {
	var names []string
	for _, s := range h.db.Series() {
		if which(s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return 0, nil
	}
	if err := h.db.Delete(names...); err != nil {
		return 0, err
	}
	h.mu.Lock()
	for _, name := range names {
		delete(h.traits, name)
	}
	h.newTraits = true
	h.mu.Unlock()
	h.keepTraits()
	h.log.Info("history was deleted", "series", len(names), "first", names[0])
	return len(names), nil
}

// known fails for a parameter that there is not, so that a wrong name is not
// passed over.
func known(q url.Values, names ...string) error {
	for name := range q {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no parameter %.40q; there are: %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

func filterOf(q url.Values) (string, error) {
	if !q.Has("filter") {
		return "", nil
	}
	filter := q.Get("filter")
	if err := checkFilter("filter", filter); err != nil {
		return "", fmt.Errorf("%w; in an address # is written %%23", err)
	}
	return filter, nil
}

// rangeOf returns the range that a request asks for, by default the last 24
// hours, and how many points. It returns before if that is an error already.
func rangeOf(q url.Values, before error, most int) (from, to int64, points int, err error) {
	if before != nil {
		return 0, 0, 0, before
	}
	if to, err = timeOf(q, "to", time.Now().UnixMilli()+1); err != nil {
		return 0, 0, 0, err
	}
	if from, err = timeOf(q, "from", to-day.Milliseconds()); err != nil {
		return 0, 0, 0, err
	}
	if from >= to {
		return 0, 0, 0, fmt.Errorf("from: %s is not before to, %s", clock(from), clock(to))
	}
	points = most
	if text := q.Get("points"); text != "" {
		if points, err = strconv.Atoi(text); err != nil || points < 1 || points > MaxPoints {
			return 0, 0, 0, fmt.Errorf("points: %.40q is not a number from 1 to %d", text, MaxPoints)
		}
	}
	return from, to, points, nil
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }

// The years that can be asked for.
var (
	firstTime = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastTime  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// timeOf returns a time of a request: ms since 1970, or RFC 3339.
func timeOf(q url.Values, name string, missing int64) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return missing, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)) // a + that was not encoded
		if err != nil {
			return 0, fmt.Errorf("%s: %.40q is no time; write ms since 1970, or 2026-11-28T10:12:00Z", name, text)
		}
		ms = t.UnixMilli()
	}
	if ms < firstTime || ms > lastTime {
		return 0, fmt.Errorf("%s: %.40q is not within the years 1 to 9999", name, text)
	}
	return ms, nil
}

// distinct returns names, each once, in their order.
func distinct(names []string) (all []string) {
	for _, n := range names {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// Figures of what was recorded.
type Figures struct {
	tsdb.Stats
	Recorded uint64 // numbers, since the start as all that follow
	TooOld   uint64 // numbers that are older than what is kept
	Unknown  uint64 // messages of which nobody knows when they were
	Overrun  uint64 // messages that came faster than they could be recorded
	Rejected uint64 // numbers that could not be recorded: too many series
}

// Figures returns them as they are.
func (h *History) Figures() Figures {
	return Figures{
		Stats: h.db.Stats(), Recorded: h.recorded.Load(), TooOld: h.tooOld.Load(), Unknown: h.unknown.Load(),
		Overrun: h.sub.Load().Stats().Dropped + h.lost.Load() + h.behind.Load(), Rejected: h.refused.Load(),
	}
}

// Alarms are what of the history needs a person.
func (h *History) Alarms() (all []error) {
	f := h.Figures()
	if f.Failing != "" {
		all = append(all, answer.Say("alarm.history.failing", "History cannot be written: {why}. It goes on in memory; when that is full the oldest is lost.", f.Failing))
	}
	if f.Dropped > 0 {
		all = append(all, answer.Say("alarm.history.lost", "History: {n} samples were lost while it could not be written.", f.Dropped))
	}
	if f.Damaged > 0 {
		all = append(all, answer.Say("alarm.history.damaged", "History: {n} damaged files were set aside; the rest is there. The log names them.", f.Damaged))
	}
	if f.Overrun > 0 {
		all = append(all, answer.Say("alarm.history.overrun", "History: {n} messages came faster than they can be recorded. Leave topics out with history.exclude.", f.Overrun))
	}
	if f.Rejected > 0 {
		all = append(all, answer.Say("alarm.history.series", "History: {n} numbers were not recorded: there are {series} series, the most that history.max_series allows. Leave topics out with history.exclude, delete series that are not needed any more, or raise it.", f.Rejected, f.Series))
	}
	return all
}

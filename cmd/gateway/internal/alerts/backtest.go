package alerts

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	testSpan   = 7 * 24 * time.Hour // that a rule is tried on
	testWidth  = time.Minute        // of a point of it
	testSeries = 20                 // that it is tried on, at most
	testShown  = 50                 // alerts that are told of
)

// Past is what was recorded.
type Past interface {
	// Series returns the names of all series, in order.
	Series() []string
	// Points returns what a series did since a time, oldest first.
	Points(series string, since time.Time, width time.Duration) []Point
}

// Point is what a value did in some time.
type Point struct {
	Start     time.Time
	Low, High float64
}

// Trial is what a rule would have done.
type Trial struct {
	FromMS    int64       `json:"from_ms"`
	ToMS      int64       `json:"to_ms"`
	Series    int         `json:"series"` // that were looked at
	More      int         `json:"more"`   // that match, too, and were not
	Times     int         `json:"times"`  // it would have fired
	FiringMS  int64       `json:"firing_ms"`
	Fired     []TrialSpan `json:"fired"` // newest first
	Recording bool        `json:"recording"`
}

// TrialSpan is a time in which it would have fired.
type TrialSpan struct {
	Series string `json:"series"`
	Reason Reason `json:"reason"` // it began for
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"`
}

// TryRule answers with what the rule of a request would have done in the last
// days, by what was recorded. What sensors said of themselves is not.
func (a *Alerts) TryRule(w http.ResponseWriter, r *http.Request) {
	rule, ok := decodeRule(w, r)
	if !ok {
		return
	}
	if !a.trying.TryLock() {
		answer.Fail(w, http.StatusTooManyRequests, answer.Say("alert.busy", "Another rule is being tried; try again in a moment."))
		return
	}
	defer a.trying.Unlock()
	answer.JSON(w, a.try(r.Context(), rule, time.Now().Round(0)))
}

func (a *Alerts) try(ctx context.Context, r Rule, now time.Time) Trial {
	from := now.Add(-testSpan)
	t := Trial{FromMS: from.UnixMilli(), ToMS: now.UnixMilli(), Fired: []TrialSpan{}, Recording: a.deps.Past != nil}
	if a.deps.Past == nil {
		return t
	}
	v, _ := ParseValue(r.Value) // valid
	for _, series := range a.deps.Past.Series() {
		of := split(series)
		if of.Key != v.Key || !topic.Match(v.Filter, of.Filter) || v.Many() && besides(of.Filter) || a.isOurs(of.Filter) {
			continue
		}
		if t.Series == testSeries {
			t.More++
			continue
		}
		if ctx.Err() != nil {
			return t // nobody waits for it any more
		}
		t.Series++
		spans := replay(r, a.deps.Past.Points(series, from, testWidth), from, now)
		for _, s := range spans {
			s.Series = series
			t.Times++
			t.FiringMS += s.ToMS - s.FromMS
			t.Fired = append(t.Fired, s)
		}
	}
	slices.SortStableFunc(t.Fired, func(x, y TrialSpan) int { return cmp.Compare(y.FromMS, x.FromMS) })
	t.Fired = t.Fired[:min(len(t.Fired), testShown)]
	return t
}

// replay lets a rule see points again, as if they came one after the other. Before
// the first one nothing is missing.
func replay(r Rule, points []Point, from, to time.Time) (spans []TrialSpan) {
	if len(points) == 0 {
		return nil
	}
	m := machine{phase: OK, floor: max(0, points[0].Start.Sub(from))}
	var began *TrialSpan
	at := func(t time.Time) moment { return moment{t.Sub(from), t} }
	judge := func(now moment) {
		m.judge(r, now)
		switch {
		case m.phase.fires() && began == nil:
			began = &TrialSpan{Reason: m.reason, FromMS: now.wall.UnixMilli()}
		case !m.phase.fires() && began != nil:
			began.ToMS = now.wall.UnixMilli()
			spans, began = append(spans, *began), nil
		}
	}
	now := at(from)
	pass := func(until time.Time) { // nothing comes meanwhile
		for {
			due, ok := m.due(r, now)
			if !ok || due > until.Sub(from) {
				return
			}
			now = at(from.Add(due))
			judge(now)
		}
	}
	for _, p := range points {
		if p.Start.Before(from) {
			continue
		}
		pass(p.Start)
		now = at(p.Start)
		for _, x := range extremes(r, p) {
			m.take(sample{value: x, number: true, time: p.Start}, now)
			judge(now)
		}
	}
	pass(to)
	if began != nil {
		began.ToMS = to.UnixMilli()
		spans = append(spans, *began)
	}
	return spans
}

// extremes are the values of a point, the one that may be beyond a limit last.
func extremes(r Rule, p Point) []float64 {
	switch {
	case p.Low == p.High:
		return []float64{p.Low}
	case r.Above == nil:
		return []float64{p.High, p.Low}
	}
	return []float64{p.Low, p.High}
}

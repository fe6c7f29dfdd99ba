package alerts

import (
	"cmp"
	"slices"
)

// maxTold is how many alerts a page is told of; the figures are of all.
const maxTold = 200

// Everything returns all there is to know.
func (a *Alerts) Everything() Everything {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	e := Everything{News: a.news(now), Rules: []RuleState{}, Recent: []Event{}, Topic: a.deps.Site + "/" + level + "/", Kept: a.deps.Folder != ""}
	for _, ev := range slices.Backward(a.events) {
		e.Recent = append(e.Recent, ev)
	}
	for _, r := range a.rules {
		s := RuleState{RuleForm: formOf(r.Rule), Source: r.source, LeftOut: a.leftOut[r.Name], Unit: r.value.quantity(r.value.Filter).Unit()}
		for _, al := range a.alerts {
			if al.rule != r {
				continue
			}
			s.Values++
			if al.phase.fires() {
				s.Firing++
			}
			if al.known && al.unit != "" {
				s.Unit = al.unit
			}
		}
		e.Rules = append(e.Rules, s)
	}
	return e
}

// news is what pages are told of.
func (a *Alerts) news(now moment) News {
	n := News{Alerts: []Alert{}}
	if len(a.events) > 0 {
		n.Latest = a.events[len(a.events)-1].TimeMS
	}
	for _, al := range a.alerts {
		if al.phase == OK {
			n.Quiet++
			continue
		}
		a.lookUp(al)
		n.Alerts = append(n.Alerts, al.form(now))
		if !al.phase.fires() {
			continue
		}
		n.Firing++
		if al.acked.IsZero() {
			n.Unseen++
		}
		if n.Worst == "" || slices.Index(severities(), al.rule.Severity) > slices.Index(severities(), n.Worst) {
			n.Worst = al.rule.Severity
		}
	}
	slices.SortFunc(n.Alerts, func(x, y Alert) int {
		return cmp.Or(cmp.Compare(rank(y), rank(x)), cmp.Compare(y.SinceMS, x.SinceMS), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Topic, y.Topic))
	})
	n.Alerts = n.Alerts[:min(len(n.Alerts), maxTold)]
	return n
}

// rank is how much an alert needs a person.
func rank(a Alert) int {
	n := slices.Index(severities(), a.Severity)
	if a.State.fires() {
		n += 10
	}
	if !a.Acknowledged {
		n += 5
	}
	return n
}

// Follower tells one reader what changes. Its methods are called by one
// goroutine.
type Follower struct {
	a    *Alerts
	told <-chan struct{} // closed when there is more than was told; nil: nothing was told
}

// Follow begins to tell of changes, with everything at first.
func (a *Alerts) Follow() *Follower { return &Follower{a: a} }

// News returns a channel that is closed when Take has something.
func (f *Follower) News() <-chan struct{} {
	if f.told == nil {
		now := make(chan struct{})
		close(now)
		return now
	}
	return f.told
}

// Take returns how things are; ok is false if that was told already.
func (f *Follower) Take() (n News, ok bool) {
	if f.told != nil {
		select {
		case <-f.told:
		default:
			return News{}, false
		}
	}
	f.a.mu.Lock()
	defer f.a.mu.Unlock()
	f.told = f.a.changed
	return f.a.news(f.a.now()), true
}

// Figures are what metrics tell.
type Figures struct {
	Rules   int
	Values  int               // that are watched
	Pending int               // of these
	Firing  []Alert           // of these
	Fired   map[string]uint64 // since the start, by severity
	LeftOut uint64            // messages of values beyond the bounds
	Dropped uint64            // messages that came too fast
}

// Figures returns them.
func (a *Alerts) Figures() Figures {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := Figures{Rules: len(a.rules), Values: len(a.alerts), Fired: make(map[string]uint64), Dropped: a.lost}
	for _, s := range severities() {
		f.Fired[s] = a.fired[s]
	}
	for _, n := range a.leftOut {
		f.LeftOut += n
	}
	if a.sub != nil {
		f.Dropped += a.sub.Stats().Dropped
	}
	now := a.now()
	for _, al := range a.sorted() {
		switch {
		case al.phase.fires():
			f.Firing = append(f.Firing, al.form(now))
		case al.phase == Pending:
			f.Pending++
		}
	}
	return f
}

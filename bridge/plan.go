package bridge

import (
	"context"
	"sync"
	"time"

	"gateway/bridge/budget"
	"gateway/bridge/timetable"
)

// How often a plan is looked at: while messages may make the difference, and
// while only time does, which may be set anew.
const (
	planInterval  = time.Second
	pauseInterval = 10 * time.Second
)

// Values of Config.Start beside automatic, which is the default.
const (
	Automatic = "automatic"
	Lazy      = "lazy"
)

// plan says when there is to be a connection, on lines that cost something.
type plan struct {
	table timetable.Table
	day   *budget.Day
	rate  *budget.Rate
	wire  func() (in, out int64) // bytes over all connections

	mu    sync.Mutex
	spent int64 // of wire, told to day
}

// account tells the budget what has gone over the line.
func (p *plan) account() {
	in, out := p.wire()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := in + out - p.spent; n > 0 {
		p.day.Spend(n)
		p.spent += n
	}
}

// closed says why there may be no connection now, and until when; "" if there
// may be one.
func (p *plan) closed(now time.Time) (why string, until time.Time) {
	if open, until := p.table.Open(now); !open {
		return OutsideWindows, until
	}
	if until := p.day.Until(now); !until.IsZero() {
		return BudgetUsed, until
	}
	return "", time.Time{}
}

// mayPublish tells whether the day's bytes allow another message, so that a quick
// line does not go far beyond them.
func (ln *line) mayPublish() bool {
	if ln.cfg.Budget.DailyBytes == 0 {
		return true
	}
	ln.plan.account()
	return ln.plan.day.Until(time.Now()).IsZero()
}

// due waits until there is to be a connection, and reports false when ctx has
// ended.
func (br *Bridge) due(ctx context.Context) bool {
	interval := pauseInterval
	if br.cfg.Start == Lazy {
		interval = planInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		why, until := br.plan.closed(time.Now())
		if why == "" && br.cfg.Start == Lazy && !br.enough() {
			why = TooFewWait
		}
		br.pauses(why, until)
		if why == "" {
			return ctx.Err() == nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// enough tells whether a lazy bridge has enough to send.
func (br *Bridge) enough() bool {
	s := br.sub.Stats()
	return s.Waiting+s.Unacked >= br.cfg.LazyMessages
}

// pauses notes why there is no connection by plan, "" for no plan of that kind.
func (br *Bridge) pauses(why string, until time.Time) {
	br.mu.Lock()
	news := br.state.Paused != why
	br.state.Paused, br.state.PausedUntil = why, until
	br.mu.Unlock()
	switch {
	case news && !until.IsZero():
		br.log.Info("no connection by plan", "why", why, "until", until)
	case news && why != "" && why != TooFewWait:
		br.log.Info("no connection by plan", "why", why)
	}
}

// over closes the line when the plan says so, until ctx ends.
func (ln *line) over(ctx context.Context) <-chan struct{} {
	over := make(chan struct{})
	if len(ln.cfg.Windows) == 0 && ln.cfg.Budget.DailyBytes == 0 && ln.cfg.Start != Lazy {
		return over // never
	}
	ln.planned.Go(func() {
		tick := time.NewTicker(planInterval)
		defer tick.Stop()
		idle := time.Now()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			ln.plan.account()
			if s := ln.sub.Stats(); s.Waiting+s.Unacked > 0 {
				idle = time.Now()
			}
			why, _ := ln.plan.closed(time.Now())
			if why != "" || ln.cfg.Start == Lazy && time.Since(idle) >= ln.cfg.IdleTimeout {
				close(over)
				return
			}
		}
	})
	return over
}

// closePlan keeps what was spent.
func (br *Bridge) closePlan() {
	br.plan.account()
	if err := br.plan.day.Close(); err != nil {
		br.log.Warn("what was spent of daily_bytes is forgotten", "error", err)
	}
}

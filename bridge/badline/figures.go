package badline

import (
	"context"
	"fmt"
)

// Figures are counts since Listen.
type Figures struct {
	Accepted uint64 // connections, also those refused with Hangup or Silent
	Refused  uint64 // of Accepted
	Cut      uint64 // connections ended by Cut or CutAfter
	Open     int    // connections now, half-open and silent ones included
	HalfOpen int    // of Open
	Up, Down uint64 // bytes that left the line, counted just after they did
	UnderWay int    // bytes on the line now
}

// Figures returns the counts of now.
func (l *Line) Figures() Figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.figures
}

// Wait returns when cond holds for the figures, or with an error that has the
// last figures in it when ctx ends. cond must not call the Line.
func (l *Line) Wait(ctx context.Context, cond func(Figures) bool) error {
	for {
		l.mu.Lock()
		figures := l.figures
		if cond(figures) {
			l.mu.Unlock()
			return nil
		}
		if l.watch == nil {
			l.watch = make(chan struct{})
		}
		watch := l.watch
		l.mu.Unlock()
		select {
		case <-watch:
		case <-ctx.Done():
			return fmt.Errorf("wait at the line %s, which has %+v: %w", l.port.addr, figures, ctx.Err())
		}
	}
}

// notifyLocked wakes those who wait after a change of figures.
func (l *Line) notifyLocked() {
	if l.watch != nil {
		close(l.watch)
		l.watch = nil
	}
}

// count changes figures.
func (l *Line) count(f func(*Figures)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.figures)
	l.notifyLocked()
}

package broker

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// schedule runs functions at their time, never early, one after the other in
// the goroutine of run. The zero schedule is ready.
type schedule struct {
	mu      sync.Mutex
	entries entryHeap
	wake    chan struct{} // cap 1, made by the first use
}

// entry is a function waiting for its time.
type entry struct {
	at    time.Time
	run   func()
	index int // in the heap, -1 once it is out
}

func (s *schedule) waker() chan struct{} {
	if s.wake == nil {
		s.wake = make(chan struct{}, 1)
	}
	return s.wake
}

// at plans run for time t.
func (s *schedule) at(t time.Time, run func()) *entry {
	e := &entry{at: t, run: run}
	s.mu.Lock()
	heap.Push(&s.entries, e)
	first, wake := e.index == 0, s.waker()
	s.mu.Unlock()
	if first {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	return e
}

// cancel takes e off the schedule and reports whether it will not run. A nil
// entry never runs.
func (s *schedule) cancel(e *entry) bool {
	if e == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.index < 0 {
		return false
	}
	heap.Remove(&s.entries, e.index)
	return true
}

// run runs what is due until ctx ends.
func (s *schedule) run(ctx context.Context) {
	s.mu.Lock()
	wake := s.waker()
	s.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := s.runDue()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
	}
}

// runDue runs everything whose time has come and returns how long it is to
// the next.
func (s *schedule) runDue() time.Duration {
	for {
		s.mu.Lock()
		if len(s.entries) == 0 {
			s.mu.Unlock()
			return time.Hour
		}
		e := s.entries[0]
		if wait := time.Until(e.at); wait > 0 {
			s.mu.Unlock()
			return wait
		}
		heap.Pop(&s.entries)
		s.mu.Unlock()
		e.run()
	}
}

type entryHeap []*entry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h entryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *entryHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *entryHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}

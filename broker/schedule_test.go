package broker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s schedule
		start := time.Now()
		var ran []string // only run's goroutine writes, and only while we sleep
		note := func(name string) func() {
			return func() { ran = append(ran, fmt.Sprintf("%s %v", name, time.Since(start))) }
		}
		s.at(start.Add(3*time.Second), note("c"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.run(ctx) })
		s.at(start.Add(time.Second), note("a")) // earlier than what it sleeps for
		b := s.at(start.Add(2*time.Second), note("b"))
		s.at(start.Add(-time.Hour), note("past"))
		s.at(start.Add(5*time.Hour), note("late"))
		if !s.cancel(b) {
			t.Error("b could not be cancelled")
		}
		if s.cancel(b) {
			t.Error("b was cancelled twice")
		}
		if !s.cancel(nil) {
			t.Error("nothing could not be cancelled")
		}
		time.Sleep(6 * time.Hour)
		cancel()
		wg.Wait()
		if got := fmt.Sprint(ran); got != "[past 0s a 1s c 3s late 5h0m0s]" {
			t.Errorf("ran %s", got)
		}
	})
}

// What runs may plan and cancel.
func TestScheduleFromWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s schedule
		n := 0
		var again func()
		again = func() {
			if n++; n < 5 {
				s.at(time.Now().Add(time.Minute), again)
			}
		}
		s.at(time.Now(), again)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s.run(ctx)
		if n != 5 {
			t.Errorf("ran %d times, want 5", n)
		}
	})
}

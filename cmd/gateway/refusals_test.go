package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFullDiskIsNotFilledByTheLog counts the lines about messages that the store
// does not take: each reading had one.
func TestAFullDiskIsNotFilledByTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, nil))
		lines := func() int { return strings.Count(out.String(), "\n") }
		var r refusals
		for i := range 3 * 3600 {
			r.note(log, fmt.Errorf("publish to %q: only in memory: %d bytes left", "home/kitchen/climate", i))
			time.Sleep(time.Second)
		}
		if lines() != 3 || !strings.Contains(out.String(), "more_since_last=3599") {
			t.Errorf("%d lines in three hours, want one each:\n%s", lines(), out.String())
		}
		// One that begins anew is told, unless it does so for ever.
		out.Reset()
		time.Sleep(2 * time.Hour)
		for range 100 {
			r.note(log, nil)
			r.note(log, errors.New("full"))
		}
		if lines() != refusedPerHour {
			t.Errorf("%d lines of a disk that is full again and again, want %d", lines(), refusedPerHour)
		}
		out.Reset()
		time.Sleep(time.Hour)
		if r.note(log, errors.New("full")); !strings.Contains(out.String(), fmt.Sprint("more_since_last=", 100-refusedPerHour)) {
			t.Errorf("after an hour: %q", out.String())
		}
	})
}

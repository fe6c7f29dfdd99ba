package main

import (
	"log/slog"
	"sync"
	"time"
)

// refusals have the log tell of what the broker does not take, or not on disk, once
// and then every hour with how many there were: a disk that is full is not to be
// filled with lines about it, and twenty sensors publish twice a second. The zero
// value works; they may be used concurrently.
type refusals struct {
	mu      sync.Mutex
	failing bool      // the last one was refused
	said    time.Time // when the log last told of one
	more    int       // refused since then
	hour    time.Time // when lines began to be counted
	lines   int
}

// refusedPerHour bounds the lines about a disk that is full again and again.
const refusedPerHour = 10

// note takes how publishing ended.
func (r *refusals) note(log *slog.Logger, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.failing = false
		return
	}
	now := time.Now()
	again := r.failing && now.Sub(r.said) < time.Hour
	r.failing = true
	if now.Sub(r.hour) >= time.Hour {
		r.hour, r.lines = now, 0
	}
	if again || r.lines == refusedPerHour {
		r.more++
		return
	}
	r.lines++
	log.Error("what sensors say is not kept, or not published", "error", err, "more_since_last", r.more)
	r.said, r.more = now, 0
}

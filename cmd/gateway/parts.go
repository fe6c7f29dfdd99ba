package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// stopTimeout is how long the gateway may take to stop.
const stopTimeout = 10 * time.Second

// part is a running part of the gateway. Its run returns when ctx ends and
// all its goroutines have.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// runParts runs the parts, started in order, until ctx ends or one of them
// fails; then it stops them one by one in reverse, so that each can still
// use those before it. One that hangs takes no more than two thirds of the time
// that is left, so that those before it can stop, too. What has not stopped after
// timeout is named in the error.
func runParts(ctx context.Context, log *slog.Logger, timeout time.Duration, parts []part) error {
	ended := make(chan error, len(parts))
	runs := make([]*running, len(parts))
	for i, p := range parts {
		runs[i] = start(context.WithoutCancel(ctx), p, ended)
	}
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-ended:
	}
	deadline := time.Now().Add(timeout)
	var late []*running
	for _, r := range slices.Backward(runs) {
		log.Debug("stopping", "part", r.name)
		r.cancel()
		if !r.endsWithin(time.Until(deadline) * 2 / 3) {
			late = append(late, r)
		}
	}
	late = slices.DeleteFunc(late, func(r *running) bool { return r.endsWithin(time.Until(deadline)) })
	if len(late) > 0 {
		return errors.Join(failure, hung(late, timeout))
	}
	for len(ended) > 0 { // what else went wrong on the way
		failure = errors.Join(failure, <-ended)
	}
	return failure
}

// running is a part that was started.
type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs p; a failure goes to ended, and so does an end nobody asked for.
func start(ctx context.Context, p part, ended chan<- error) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{name: p.name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		err := p.run(ctx)
		switch {
		case err != nil:
			ended <- fmt.Errorf("%s: %w", p.name, err)
		case ctx.Err() == nil:
			ended <- fmt.Errorf("%s: ended by itself", p.name)
		}
	}()
	return r
}

// endsWithin tells whether r has ended, or ends within d.
func (r *running) endsWithin(d time.Duration) bool {
	patience := time.NewTimer(d)
	defer patience.Stop()
	select {
	case <-r.done:
		return true
	case <-patience.C:
	}
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// hung names the parts that have not stopped.
func hung(late []*running, timeout time.Duration) error {
	var names []string
	for _, r := range late {
		names = append(names, r.name)
	}
	return fmt.Errorf("did not stop within %v: %s", timeout, strings.Join(names, ", "))
}

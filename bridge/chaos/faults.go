//go:build linux

package main

import (
	"context"
	"time"

	"gateway/bridge/badline"
)

// fault is something that goes wrong with the line or beyond it. do begins it;
// the round lifts it with [badline.Line.Restore] after a while.
type fault struct {
	name string
	do   func(ctx context.Context, r *run) error
}

// faults are all of them, but for those of certificates.
func faults() []fault {
	line := func(name string, do func(r *run)) fault {
		return fault{name, func(_ context.Context, r *run) error { do(r); return nil }}
	}
	refuse := func(name string, how badline.Refusal) fault {
		return fault{name, func(_ context.Context, r *run) error {
			r.silent = how == badline.Silent
			err := r.line.Refuse(how)
			r.line.Cut(badline.Reset)
			return err
		}}
	}
	return []fault{
		line("reset", func(r *run) { r.line.Cut(badline.Reset) }),
		line("finished", func(r *run) { r.line.Cut(badline.Finish) }),
		line("half open", func(r *run) { r.line.HalfOpen() }),
		line("cut within a packet going up", func(r *run) {
			r.line.CutAfter(badline.Up, 1+r.random.Int64N(5000), r.ending())
		}),
		line("cut within a packet coming down", func(r *run) {
			r.line.CutAfter(badline.Down, 1+r.random.Int64N(1000), r.ending())
		}),
		line("500 ms latency", func(r *run) { r.line.Latency(badline.Both, 500*time.Millisecond) }),
		line("5 % of segments lost", func(r *run) {
			r.line.Lossy(badline.Both, 0.05, 200*time.Millisecond, r.random.Uint64())
		}),
		line("slow", func(r *run) { r.line.Slow(badline.Both, 2000+r.random.Int64N(6000)) }),
		line("byte by byte", func(r *run) { r.line.Stall(badline.Both, time.Millisecond) }),
		{"a storm of cuts", storm},
		refuse("refused", badline.Closed),
		refuse("hung up", badline.Hangup),
		refuse("silent", badline.Silent),
		{"name gone", nameGone},
		{"upstream killed", killUpstream},
	}
}

// ending chooses how a connection is cut.
func (r *run) ending() badline.Ending {
	if r.random.IntN(2) == 0 {
		return badline.Finish
	}
	return badline.Reset
}

// storm cuts many times, each time before much has passed.
func storm(ctx context.Context, r *run) error {
	for range 3 + r.random.IntN(8) {
		r.line.CutAfter(badline.Up, 1+r.random.Int64N(600), r.ending())
		if err := pause(ctx, time.Duration(50+r.random.IntN(250))*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// nameGone has the line lead to a name that nobody knows.
func nameGone(_ context.Context, r *run) error {
	r.line.Target("upstream.invalid:1883")
	r.line.Cut(badline.Reset)
	return nil
}

// killUpstream kills the upstream, with SIGKILL if it may be held to what it has
// acknowledged then.
func killUpstream(ctx context.Context, r *run) error {
	if r.safe {
		r.upstream.Kill()
	} else {
		r.upstream.Stop()
	}
	return r.upstreamAgain(ctx)
}

// upstreamAgain starts the upstream again after a while.
func (r *run) upstreamAgain(ctx context.Context) error {
	if err := pause(ctx, r.upTo(300*time.Millisecond)); err != nil {
		return err
	}
	return r.upstream.Restart(ctx)
}

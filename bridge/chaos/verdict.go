//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/bridge/badline"
	"gateway/bridge/badline/ledger"
	"gateway/broker/packet"
)

// verdict is what there is to say of a run.
type verdict struct {
	rounds  int
	took    time.Duration
	line    badline.Figures
	flows   []string
	reports []ledger.Report
	notes   []string // what Mosquitto is not held to
	faults  []string
}

func (r *run) judge(rounds int) *verdict {
	v := &verdict{rounds: rounds, took: time.Since(r.began), line: r.line.Figures()}
	for i, f := range r.flows {
		report := f.books.Report()
		if i >= 2 && !r.safe {
			v.notes = append(v.notes, forgive(report)...)
		}
		v.flows = append(v.flows, f.name)
		v.reports = append(v.reports, report)
	}
	for _, line := range r.gateway.logged("set aside") {
		r.fault("a message was set aside that nothing is wrong with: %s", line)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v.faults = append(r.faults, r.retained()...)
	return v
}

// forgive takes from a report what was out of order, and tells how much.
func forgive(r ledger.Report) (notes []string) {
	for i, t := range r.Topics {
		if n := len(t.Reordered); n > 0 {
			notes = append(notes, fmt.Sprintf("%d of %s came out of order, to which this upstream is not held", n, t.Name))
			r.Topics[i].Reordered = nil
		}
	}
	return notes
}

// retained tells where what is retained upstream is not the last that was
// acknowledged here, nor one after it.
func (r *run) retained() (wrong []string) {
	for _, f := range r.flows[:2] {
		n, err := r.retainedOf(f)
		if want := f.last[0].Load(); err != nil || n < want {
			wrong = append(wrong, fmt.Sprintf("retained upstream as %s is message %d (%v), not %d", f.topic(0), n, err, want))
		}
	}
	return wrong
}

func (r *run) retainedOf(f *flow) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	look := &flow{name: f.name, from: r.upstream.Address}
	c, err := look.connect(ctx, "looks")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, err := c.Subscribe(ctx, []packet.Subscription{{Filter: f.topic(0)}}); err != nil {
		return 0, err
	}
	m, err := c.Next(ctx)
	if err != nil {
		return 0, err
	}
	return number(m.Payload)
}

// failed tells whether a promise was broken.
func (v *verdict) failed() bool {
	for _, r := range v.reports {
		if r.Err() != nil {
			return true
		}
	}
	return len(v.faults) > 0
}

// String is the verdict in some lines.
func (v *verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d faults in %.0f s, %d connections\n", v.rounds, v.took.Seconds(), v.line.Accepted)
	for i, r := range v.reports {
		fmt.Fprintf(&b, "  %s: %s\n", v.flows[i], r)
		if err := r.Err(); err != nil {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(err.Error(), "\n", "\n    "))
		}
	}
	for _, f := range slices.Concat(v.notes, v.faults) {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gateway/bridge/badline"
)

// arrives is how long it may take until everything has arrived over a good line:
// more than any time-out of the bridge.
const arrives = 2 * time.Minute

// run is a gateway and an upstream, what is between them, and their clients.
type run struct {
	random   *rand.Rand
	line     *badline.Line
	upstream upstream
	safe     bool // the upstream keeps what it has acknowledged when it is killed
	gateway  *gateway
	silent   bool // the line answers nobody

	secured *secured                    // nil without TLS
	mend    func(context.Context) error // puts right what is wrong with a certificate; nil

	flows       []*flow
	subscribers []*subscriber

	began  time.Time
	mu     sync.Mutex
	events []string
	faults []string // what is wrong beside the books
}

// one does one run in a folder that does not exist yet.
func one(ctx context.Context, o options, name, protocol, dir string) (*verdict, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	r := &run{random: rand.New(rand.NewPCG(o.seed, 1)), began: time.Now()}
	var err error
	if o.tls {
		if r.secured, err = newSecured(filepath.Join(dir, "certificates")); err != nil {
			return nil, err
		}
	}
	if r.upstream, r.safe, err = startUpstream(ctx, name, o, dir, r.secured); err != nil {
		return nil, err
	}
	defer r.upstream.Close()
	if r.line, err = badline.Listen(r.target()); err != nil {
		return nil, err
	}
	defer r.line.Close()
	if r.gateway, err = newGateway(o.gateway, filepath.Join(dir, "gateway"), bridgeConfig(r.line.Addr(), protocol, r.secured)); err != nil {
		return nil, err
	}
	if err := r.gateway.start(ctx); err != nil {
		return nil, err
	}
	defer func() { _ = r.gateway.kill() }()
	v, err := r.all(ctx, o)
	history := strings.Join(r.events, "\n") + "\n"
	if v != nil {
		history += v.String()
	}
	return v, errors.Join(err, os.WriteFile(filepath.Join(dir, "history"), []byte(history), 0o600))
}

// bridgeConfig is the bridge that is tested. Its waits are short, so that many
// faults have time.
func bridgeConfig(address, protocol string, s *secured) string {
	return fmt.Sprintf(`log: {level: info}
bridges:
  - name: up
    address: %s
    protocol: %q
    client_id: chaos
    keep_alive: 2s
    ack_timeout: 10s
    reconnect_min: 50ms
    reconnect_max: 300ms
    topics:
      - {filter: "out/q1/#", qos: 1}
      - {filter: "out/q2/#", qos: 2}
      - {filter: "in/q1/#", direction: in, qos: 1}
      - {filter: "in/q2/#", direction: in, qos: 2}
`, s.scheme()+address, protocol) + s.bridge()
}

// target is where the line leads to.
func (r *run) target() string {
	if r.secured != nil {
		return r.secured.address
	}
	return r.upstream.Address()
}

// all has clients publish through the faults, and judges.
func (r *run) all(ctx context.Context, o options) (*verdict, error) {
	ctx, cancel := context.WithCancel(ctx)
	var clients, publishing sync.WaitGroup
	defer clients.Wait()
	defer publishing.Wait()
	defer cancel()
	here := func() string { return r.gateway.address }
	r.flows = []*flow{newFlow("out/q1", 1, here), newFlow("out/q2", 2, here), newFlow("in/q1", 1, r.upstream.Address), newFlow("in/q2", 2, r.upstream.Address)}
	for i, f := range r.flows {
		at := r.upstream.Address
		if i >= 2 {
			at = here
		}
		s := newSubscriber(f, at, r.fault)
		r.subscribers = append(r.subscribers, s)
		clients.Go(func() { s.run(ctx) })
	}
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	for _, f := range r.flows {
		for i := range topics {
			random := rand.New(rand.NewPCG(r.random.Uint64(), r.random.Uint64()))
			publishing.Go(func() { f.publish(ctx, i, random, stop) })
		}
	}
	if err := r.rounds(ctx, o); err != nil {
		return nil, err
	}
	close(stop)
	publishing.Wait()
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	return r.judge(o.rounds), nil
}

// ready waits until the subscribers are there, and the bridge brings in: what is
// published upstream before it has subscribed is not for it.
func (r *run) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, arrives)
	defer cancel()
	for _, s := range r.subscribers {
		select {
		case <-s.known:
		case <-ctx.Done():
			return fmt.Errorf("the subscriber of %s: %w", s.flow.name, ctx.Err())
		}
	}
	for _, s := range r.subscribers {
		select {
		case <-s.probed: // of the last time
		default:
		}
		if err := s.flow.probe(ctx, s.probed); err != nil {
			return fmt.Errorf("nothing comes over the bridge, of %s: %w; %s", s.flow.name, err, r.gateway.lastWords())
		}
	}
	return nil
}

// rounds has faults happen, every one of them before the first happens again.
func (r *run) rounds(ctx context.Context, o options) error {
	var all, left []fault
	known := faults()
	if r.secured != nil {
		known = append(known, certificateFaults()...)
	}
	for _, f := range known {
		if wanted(f.name, o.only) {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("-only: there is no such fault among %v", o.only)
	}
	for round := range o.rounds {
		if len(left) == 0 {
			left = append(left, all...)
			r.random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		if err := r.round(ctx, round+1, left[0]); err != nil {
			return fmt.Errorf("round %d, %s: %w", round+1, left[0].name, err)
		}
		left = left[1:]
	}
	return nil
}

// round is one fault.
func (r *run) round(ctx context.Context, round int, f fault) error {
	r.note("round %d: %s", round, f.name)
	if err := f.do(ctx, r); err != nil {
		return err
	}
	if err := pause(ctx, 100*time.Millisecond+r.upTo(600*time.Millisecond)); err != nil {
		return err
	}
	if r.random.IntN(3) == 0 {
		if err := r.killGateway(ctx); err != nil {
			return err
		}
	}
	if err := r.repair(ctx); err != nil {
		return err
	}
	return pause(ctx, 100*time.Millisecond+r.upTo(500*time.Millisecond))
}

// repair makes the line good. Connections that are half open stay so; those that
// nobody answers end, for which the bridge would wait for 20 s otherwise.
func (r *run) repair(ctx context.Context) error {
	r.line.Target(r.target())
	if err := r.line.Restore(); err != nil {
		return err
	}
	if r.silent {
		r.silent = false
		r.line.Cut(badline.Reset)
	}
	if mend := r.mend; mend != nil {
		r.mend = nil
		return mend(ctx)
	}
	return nil
}

// killGateway kills the gateway and starts it again, sometimes after it was
// killed once more while it started.
func (r *run) killGateway(ctx context.Context) error {
	r.note("the gateway is killed")
	if err := r.gateway.kill(); err != nil {
		return err
	}
	if r.random.IntN(4) == 0 {
		if err := r.gateway.spawn(); err != nil {
			return err
		}
		if err := pause(ctx, r.upTo(80*time.Millisecond)); err != nil {
			return err
		}
		if err := r.gateway.kill(); err != nil {
			return err
		}
	}
	if err := pause(ctx, r.upTo(200*time.Millisecond)); err != nil {
		return err
	}
	return r.gateway.start(ctx)
}

// settle waits until everything is there, over a good line, and then looks
// whether it comes again when both ends of the bridge begin anew. What is lost
// is left to the judge.
func (r *run) settle(ctx context.Context) error {
	if err := r.repair(ctx); err != nil {
		return err
	}
	r.note("the line is good, and nothing is published any more")
	if err := r.wait(ctx); err != nil {
		return err
	}
	if err := r.calm(ctx); err != nil {
		return err
	}
	if err := r.killGateway(ctx); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	return r.calm(ctx)
}

// wait returns when nothing is missing any more, or nothing will come.
func (r *run) wait(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, arrives)
	defer cancel()
	for _, f := range r.flows {
		if err := f.books.Wait(wait); err != nil {
			r.note("%s: %v", f.name, err)
		}
	}
	return ctx.Err()
}

// calm returns when nothing has come for a second.
func (r *run) calm(ctx context.Context) error {
	for _, s := range r.subscribers {
		for s.quiet() < time.Second {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// note writes down what happens.
func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf("%s %s", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...)))
}

// fault writes down what must not happen.
func (r *run) fault(format string, args ...any) {
	r.note(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func wanted(name string, only []string) bool {
	for _, prefix := range only {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return len(only) == 0
}

// upTo returns a time at random, less than d.
func (r *run) upTo(d time.Duration) time.Duration { return time.Duration(r.random.Int64N(int64(d))) }

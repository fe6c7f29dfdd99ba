//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gateway/bridge/badline"
	"gateway/broker/bench/machine"
)

// figure is a row of the table.
type figure struct {
	what, unit string
	target     float64 // of the gateway's figure, at least; 0 for none
}

// scenario measures one or several figures at once.
type scenario struct {
	name    string
	once    bool
	window  int // messages under way at once
	figures []figure
	run     func(ctx context.Context, b *bed, scale float64) ([]float64, error)
}

// scenarios are all of them, in the table's order.
func scenarios() []scenario {
	all := []scenario{
		{name: "drain", window: 32, run: drain(100_000, 0), figures: []figure{
			{"a backlog of 100,000 on loopback, window 32", "messages/s", 5000}, {"CPU time for it", "s for 100,000", 0},
		}},
		{name: "drain 500", window: 500, run: drain(100_000, 0), figures: []figure{
			{"a backlog of 100,000 on loopback, window 500", "messages/s", 5000}, {"CPU time for it", "s for 100,000", 0},
		}},
		{name: "live", window: 32, run: live(50_000), figures: []figure{
			{"as they are published, 100 at once, window 32", "messages/s", 0}, {"CPU time, taking them and forwarding them", "s for 100,000", 0},
		}},
	}
	for _, w := range []int{32, 320, 1000} {
		const rtt = 100 * time.Millisecond
		most := float64(w) / rtt.Seconds()
		all = append(all, scenario{
			name: fmt.Sprint("rtt ", w), window: w, run: drain(int(most*4), rtt/2),
			figures: []figure{
				{fmt.Sprintf("round trip of 100 ms, window %d: %.0f messages/s are possible", w, most), "messages/s", 0.95 * most},
				{"CPU time for it", "s for 100,000", 0},
			},
		})
	}
	for _, n := range []int{0, 100_000, 1_000_000} {
		all = append(all, scenario{
			name: fmt.Sprint("memory ", n), window: 32, once: true, run: waiting(n),
			figures: []figure{{fmt.Sprintf("resident with %d messages waiting", n), "MiB", 0}},
		})
	}
	return all
}

// one runs the scenario with one broker, on a bed of its own.
func (s scenario) one(ctx context.Context, o options, broker, dir string) ([]float64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("it took too long"))
	defer cancel()
	dir, err := os.MkdirTemp(dir, broker)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, err := newBed(ctx, broker, o.gateway, dir, s.window)
	if err != nil {
		return nil, err
	}
	defer b.close()
	return s.run(ctx, b, o.scale)
}

// bed is a broker with a bridge, its line, and the upstream.
type bed struct {
	sink   *sink
	line   *badline.Line
	broker *process
}

// newBed starts a broker whose bridge has no line yet.
func newBed(ctx context.Context, broker, gateway, dir string, window int) (b *bed, err error) {
	b = new(bed)
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.sink, err = newSink(); err != nil {
		return b, err
	}
	if b.line, err = badline.Listen(b.sink.address()); err != nil {
		return b, err
	}
	if err := b.line.Refuse(badline.Closed); err != nil {
		return b, err
	}
	b.broker, err = startBroker(ctx, broker, gateway, dir, b.line.Addr(), window)
	return b, err
}

func (b *bed) close() {
	if b.broker != nil {
		b.broker.stop()
	}
	if b.line != nil {
		b.line.Close()
	}
	if b.sink != nil {
		b.sink.close()
	}
}

// drain measures how fast a backlog goes over a line of that latency each way.
func drain(messages int, latency time.Duration) func(context.Context, *bed, float64) ([]float64, error) {
	return func(ctx context.Context, b *bed, scale float64) ([]float64, error) {
		n := max(int(float64(messages)*scale), 200)
		if err := feed(ctx, b.broker.address, n); err != nil {
			return nil, err
		}
		b.line.Latency(badline.Both, latency)
		if err := b.line.Refuse(badline.Nobody); err != nil {
			return nil, err
		}
		return b.count(ctx, n, func() error { return nil })
	}
}

// live measures how fast messages go on as they are published.
func live(messages int) func(context.Context, *bed, float64) ([]float64, error) {
	return func(ctx context.Context, b *bed, scale float64) ([]float64, error) {
		n := max(int(float64(messages)*scale), 200)
		if err := b.line.Refuse(badline.Nobody); err != nil {
			return nil, err
		}
		if err := feed(ctx, b.broker.address, 1); err != nil {
			return nil, err
		}
		if err := b.sink.await(ctx, 1); err != nil {
			return nil, err
		}
		return b.count(ctx, n+1, func() error { return feed(ctx, b.broker.address, n) })
	}
}

// count returns the messages per second from the first upstream to the n-th,
// and the CPU time for 100,000.
func (b *bed) count(ctx context.Context, n int, load func() error) ([]float64, error) {
	if b.sink.count() == 0 {
		if err := b.sink.await(ctx, 1); err != nil {
			return nil, err
		}
	}
	before, err := machine.CPU(b.broker.pid())
	if err != nil {
		return nil, err
	}
	began, from := time.Now(), b.sink.count()
	if err := load(); err != nil {
		return nil, err
	}
	if err := b.sink.await(ctx, n); err != nil {
		return nil, err
	}
	took := time.Since(began)
	after, err := machine.CPU(b.broker.pid())
	if err != nil {
		return nil, err
	}
	counted := float64(n - from)
	return []float64{counted / took.Seconds(), (after - before).Seconds() / counted * 100_000}, nil
}

// waiting measures the memory while messages wait.
func waiting(messages int) func(context.Context, *bed, float64) ([]float64, error) {
	return func(ctx context.Context, b *bed, scale float64) ([]float64, error) {
		if err := feed(ctx, b.broker.address, int(float64(messages)*scale)); err != nil {
			return nil, err
		}
		time.Sleep(2 * time.Second) // what was only for taking them is given back
		kib, err := machine.Memory(b.broker.pid(), "VmRSS")
		return []float64{kib / 1024}, err
	}
}

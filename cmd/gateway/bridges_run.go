package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"gateway/bridge"
	"gateway/broker"
)

// bridges are the bridges that run, which come and go with the configuration.
type bridges struct {
	make   func(bridge.Config) *bridge.Bridge
	failed chan error // cap 1: one has ended by itself

	changing sync.Mutex // one change at a time; taken before mu

	mu    sync.Mutex
	all   []*oneBridge // in the order of the configuration; replaced as a whole
	begin func(*oneBridge)
	over  bool // none is begun any more
}

// oneBridge is a bridge and what it was made of.
type oneBridge struct {
	*bridge.Bridge
	cfg    bridge.Config
	cancel context.CancelFunc // set by begin
	done   chan struct{}
}

// change makes the bridges those of another configuration. One whose configuration
// is the same keeps its connection. One that has changed takes over what waits, in
// its order; what waits for one that is gone is kept for as long as sessions are, in
// case that it comes back. It returns how many are new, changed and gone.
func (b *bridges) change(configs []bridge.Config) (n [3]int, err error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.mu.Lock()
	old, begin, over := b.all, b.begin, b.over
	b.mu.Unlock()
	if over {
		return n, errors.New("the gateway is stopping")
	}
	var all, leaving []*oneBridge
	kept := make(map[string]*oneBridge)
	for _, o := range old {
		if slices.ContainsFunc(configs, func(c bridge.Config) bool { return reflect.DeepEqual(c, o.cfg) }) {
			kept[o.cfg.Name] = o
		} else {
			leaving = append(leaving, o)
		}
	}
	for _, o := range leaving { // together: each may send for some seconds more
		if o.cancel != nil {
			o.cancel()
		}
	}
	for _, o := range leaving {
		if o.cancel != nil {
			<-o.done
		} else {
			o.Leave()
		}
		if !slices.ContainsFunc(configs, func(c bridge.Config) bool { return c.Name == o.cfg.Name }) {
			o.Abandon()
			n[2]++
		}
	}
	for _, c := range configs {
		if o := kept[c.Name]; o != nil {
			all = append(all, o)
			continue
		}
		o := &oneBridge{Bridge: b.make(c), cfg: c, done: make(chan struct{})}
		if e := o.Collect(); e != nil {
			err = errors.Join(err, e)
			continue
		}
		if slices.ContainsFunc(leaving, func(o *oneBridge) bool { return o.cfg.Name == c.Name }) {
			n[1]++
		} else {
			n[0]++
		}
		all = append(all, o)
		if begin != nil {
			begin(o)
		}
	}
	b.mu.Lock()
	b.all = all
	b.mu.Unlock()
	return n, err
}

// Run runs the bridges until ctx ends or one of them fails, and returns when all of
// them have ended.
func (b *bridges) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.changing.Lock()
	begin := func(o *oneBridge) {
		var its context.Context
		its, o.cancel = context.WithCancel(ctx)
		wg.Go(func() {
			defer close(o.done)
			err := o.Run(its)
			if err == nil && its.Err() == nil {
				err = errors.New("ended by itself")
			}
			if err != nil {
				select {
				case b.failed <- fmt.Errorf("bridge %s: %w", o.cfg.Name, err):
				default:
				}
			}
		})
	}
	b.mu.Lock()
	b.begin = begin
	all := b.all
	b.mu.Unlock()
	for _, o := range all {
		begin(o)
	}
	b.changing.Unlock()
	var err error
	select {
	case <-ctx.Done():
	case err = <-b.failed:
	}
	cancel() // also what a change that is under way begins
	b.changing.Lock()
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	b.changing.Unlock()
	wg.Wait()
	return err
}

// states returns the bridges as they are.
func (b *bridges) states() []bridge.State {
	b.mu.Lock()
	all := b.all
	b.mu.Unlock()
	var states []bridge.State
	for _, o := range all {
		states = append(states, o.State())
	}
	return states
}

// newBridges prepares bridges, without any.
func (g *gateway) newBridges(rewrite func(*broker.Message) []byte) *bridges {
	return &bridges{
		failed: make(chan error, 1),
		make: func(c bridge.Config) *bridge.Bridge {
			b := bridge.New(c, bridge.Deps{Broker: g.broker, Log: g.log.With("part", "bridge"), StateFolder: g.stateFolder("bridge")})
			b.Rewrite(rewrite)
			return b
		},
	}
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// scenario is what a round loads. All sessions are there all the time: those of
// other rounds have to survive this one's kill too.
type scenario struct {
	name        string
	gatewayOnly bool
}

var scenarios = [...]scenario{
	{name: "offline"}, {name: "onoff"}, {name: "shared"}, {name: "will"}, {name: "retained"}, {name: "bridge", gatewayOnly: true},
}

// run is one broker that is killed again and again, with its clients.
type run struct {
	broker   *broker
	journal  *journal
	upstream *upstream
	random   *rand.Rand
	theme    atomic.Pointer[theme]

	publishers  []*publisher
	subscribers []*subscriber

	clients  sync.WaitGroup // all but publishers
	draining chan struct{}
}

// newRun makes the clients, none of which is connected yet.
func newRun(b *broker, random *rand.Rand) *run {
	r := &run{broker: b, random: random, draining: make(chan struct{})}
	for i := range 4 {
		p := &publisher{client: client{id: fmt.Sprint("publisher-", i), version: packet.V311}, number: i, qos: packet.QoS(1 + i%2), pace: 3 * time.Millisecond, theme: &r.theme, random: fork(random)}
		if i >= 2 {
			p.version = packet.V5
		}
		r.publishers = append(r.publishers, p)
	}
	r.journal = newJournal(len(r.publishers))
	for _, p := range r.publishers {
		p.journal = r.journal
	}
	r.upstream = &upstream{address: b.upstream, journal: r.journal, random: fork(random), conns: make(map[net.Conn]bool)}
	if b.gateway {
		r.upstream.sink = r.sink(&sink{name: "upstream", prefix: "load/", qos: 1})
	}
	r.subscribe("offline-1", packet.V311, 1, "load/offline/", atTheEnd)
	r.subscribe("offline-2", packet.V5, 2, "load/offline/", offDuty)
	r.subscribe("onoff-1", packet.V5, 1, "load/onoff/", onAndOff)
	r.subscribe("onoff-2", packet.V311, 2, "load/onoff/", onAndOff)
	r.subscribe("will", packet.V5, 2, "load/will/", always)
	group := r.sink(&sink{name: "shared", prefix: "load/shared/", qos: 2, shared: true})
	for i := range 3 {
		r.join(group, fmt.Sprint("shared-", i), packet.V5, "$share/g/load/shared/#", onAndOff)
	}
	return r
}

// fork returns a source of random numbers for one goroutine.
func fork(random *rand.Rand) *rand.Rand {
	return rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
}

func (r *run) sink(s *sink) *sink {
	r.journal.sinks = append(r.journal.sinks, s)
	return s
}

func (r *run) subscribe(id string, v packet.Version, qos packet.QoS, prefix string, p presence) {
	r.join(r.sink(&sink{name: id, prefix: prefix, qos: qos}), id, v, prefix+"#", p)
}

func (r *run) join(s *sink, id string, v packet.Version, filter string, p presence) {
	r.subscribers = append(r.subscribers, &subscriber{client: client{id: id, version: v}, filter: filter, qos: s.qos, presence: p, theme: &r.theme, sink: s, journal: r.journal, random: fork(r.random)})
}

// crash kills the broker rounds times, and returns what it forgot. An error is
// that nothing can be said.
func (r *run) crash(ctx context.Context, rounds int, tear bool) (*verdict, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		r.clients.Wait()
		r.upstream.close()
		_ = r.broker.kill()
	}()
	if err := r.broker.start(ctx); err != nil {
		return nil, err
	}
	for _, s := range r.subscribers {
		begin, end := context.WithTimeout(ctx, patience)
		err := s.begin(begin, r.broker.address)
		end()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.id, err)
		}
	}
	r.load(scenarios[0], 1)
	for _, s := range r.subscribers {
		r.clients.Go(func() { s.run(ctx, r.broker.address, r.draining) })
	}
	enough := make(chan struct{})
	var publishing sync.WaitGroup
	defer publishing.Wait()
	defer cancel() // before that
	for _, p := range r.publishers {
		publishing.Go(func() { p.run(ctx, r.broker.address, enough) })
	}
	torn := 0
	for round := range rounds {
		n, err := r.round(ctx, round+1, tear)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round+1, err)
		}
		torn += n
	}
	close(enough)
	if err := r.drain(ctx, &publishing); err != nil {
		return nil, err
	}
	cancel()
	r.clients.Wait()
	v := r.journal.judge()
	v.torn = torn
	if v.acked == 0 {
		return nil, errors.New("nothing was acknowledged")
	}
	return v, nil
}

// scenarioOf returns what a round loads, round counted from 1.
func (r *run) scenarioOf(round int) scenario {
	n := len(scenarios)
	if !r.broker.gateway {
		n-- // the last one is the gateway's own
	}
	return scenarios[(round-1)%n]
}

// load tells the publishers what to publish.
func (r *run) load(s scenario, round int) {
	th := &theme{prefix: "load/" + s.name + "/"}
	if s.name == "retained" {
		th.prefix, th.retain = fmt.Sprintf("load/retained/%d/", round), true
	}
	r.theme.Store(th)
}

// round loads the broker, kills it, tears its store, and starts it again.
func (r *run) round(ctx context.Context, round int, tear bool) (torn int, err error) {
	s := r.scenarioOf(round)
	r.journal.mu.Lock()
	r.journal.round = round
	r.journal.mu.Unlock()
	r.load(s, round)
	switch s.name {
	case "will":
		for _, m := range mortals(r.journal, round) {
			r.clients.Go(func() { m.run(ctx, r.broker.address) })
		}
	case "bridge":
		over, stop := context.WithTimeout(ctx, 2*time.Second)
		defer stop()
		random := fork(r.random)
		r.clients.Go(func() { r.upAndDown(over, random) })
	}
	if err := pause(ctx, time.Duration(300+r.random.IntN(1000))*time.Millisecond); err != nil {
		return 0, err
	}
	r.journal.allGo()
	err = r.broker.end()
	r.journal.note("ended in round %d, %s", round, s.name)
	if err != nil {
		r.journal.refusedStart(err)
	}
	if err := r.settle(ctx); err != nil {
		return 0, err
	}
	if tear {
		what, err := r.broker.tear(r.broker, r.journal, r.random)
		if err != nil {
			return 0, fmt.Errorf("tearing: %w", err)
		}
		r.journal.note("torn: %s", what)
		torn = 1
	}
	if err := r.again(ctx, round); err != nil {
		return 0, err
	}
	r.journal.note("started again")
	return torn, pause(ctx, time.Duration(r.random.IntN(200))*time.Millisecond)
}

// settle waits until all clients have noted what they got before the kill.
func (r *run) settle(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		online := ""
		for _, p := range r.publishers {
			if p.online.Load() {
				online = p.id
			}
		}
		for _, s := range r.subscribers {
			if s.online.Load() {
				online = s.id
			}
		}
		if online == "" && r.upstream.idle() {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is still connected to a broker that was killed", online)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// again starts the broker. If it does not, what it has is set aside, and it has
// to start with nothing.
func (r *run) again(ctx context.Context, round int) error {
	for r.random.IntN(4) == 0 { // the power fails again while it starts
		if err := r.broker.spawn(); err != nil {
			return err
		}
		if err := pause(ctx, time.Duration(r.random.IntN(60))*time.Millisecond); err != nil {
			return err
		}
		if err := r.broker.kill(); err != nil {
			r.journal.refusedStart(err)
		}
		r.journal.note("killed while it started")
		if err := r.settle(ctx); err != nil {
			return err
		}
	}
	err := r.broker.start(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	r.journal.refusedStart(err)
	if err := os.Rename(r.broker.store(), fmt.Sprintf("%s.refused-%d", r.broker.store(), round)); err != nil {
		return err
	}
	if err := os.MkdirAll(r.broker.store(), 0o700); err != nil {
		return err
	}
	return r.broker.start(ctx)
}

// upAndDown has the upstream up for short times.
func (r *run) upAndDown(ctx context.Context, random *rand.Rand) {
	defer r.upstream.down()
	for {
		if pause(ctx, time.Duration(random.IntN(300))*time.Millisecond) != nil {
			return
		}
		if err := r.upstream.up(); err != nil {
			r.journal.note("%v", err)
			return
		}
		if pause(ctx, time.Duration(random.IntN(200))*time.Millisecond) != nil {
			return
		}
		r.upstream.down()
	}
}

// How long a drain lasts at least, and how long nothing may come while something
// is missing before that counts as lost. The first is the longest delay of a
// will and a second; the second is more than any time-out of a bridge.
const (
	drains        = 3 * time.Second
	silence       = 5 * time.Second
	bridgeSilence = 40 * time.Second
)

// drain lets everybody have what waits for them, and looks at what is retained.
func (r *run) drain(ctx context.Context, publishing *sync.WaitGroup) error {
	r.journal.note("draining")
	finished := make(chan struct{})
	go func() { publishing.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(30 * time.Second):
		return errors.New("publishers wait for acknowledgements 30 s after the last round")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	close(r.draining)
	if r.broker.gateway {
		if err := r.upstream.stay(); err != nil {
			return err
		}
	}
	patient := silence
	if r.broker.gateway {
		patient = bridgeSilence
	}
	for began := time.Now(); ; {
		quiet := min(r.journal.quiet(), time.Since(began))
		if quiet >= patient || quiet >= time.Second && time.Since(began) >= drains && r.journal.complete() {
			break
		}
		if time.Since(began) > 3*time.Minute {
			return errors.New("messages still come 3 minutes after the last was published")
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return r.lookAtRetained(ctx)
}

// lookAtRetained notes what is retained. It looks until it has seen the same
// twice: on a busy machine a subscriber may not have all when nothing comes for
// a while.
func (r *run) lookAtRetained(ctx context.Context) error {
	var before map[string]key
	for range 5 {
		found, err := r.retained(ctx)
		if err != nil {
			return fmt.Errorf("looking at retained messages: %w", err)
		}
		if before != nil && maps.Equal(before, found) {
			break
		}
		before = found
	}
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	r.journal.retained = before
	return nil
}

// retained returns what a new subscriber gets until nothing comes for a moment.
func (r *run) retained(ctx context.Context) (map[string]key, error) {
	l, _, err := dial(ctx, r.broker.address, &packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "looks"})
	if err != nil {
		return nil, err
	}
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	if err := l.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "load/retained/#", QoS: 0}}}); err != nil {
		return nil, err
	}
	found := make(map[string]key)
	for {
		_ = l.nc.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		p, err := l.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if p, ok := p.(*packet.Publish); ok {
			k, _, _, ok := parse(p.Payload)
			if !ok {
				k = key{-1, -1} // which nobody has sent
			}
			found[p.Topic] = k
		}
	}
}

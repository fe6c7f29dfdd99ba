package explorer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"gateway/broker"
	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
)

const (
	// linger is how long what is held is kept after the last one has gone: a page
	// that is loaded again finds it.
	linger = time.Minute
	// perEvent is how many topics an event has at most.
	perEvent = 1000
	// maxWaiting and maxWaitingBytes bound what has come and was not taken in yet.
	// What is retained comes on top. What does not fit is counted by the broker.
	maxWaiting      = 8192
	maxWaitingBytes = 8 << 20
)

// Explorer shows the tree of a broker. Make one with [New].
type Explorer struct {
	b    *broker.Broker
	log  *slog.Logger
	wake chan struct{} // cap 1: somebody looks

	mu      sync.Mutex
	tree    *tree // nil: nobody looks
	readers int
	idle    chan struct{} // closed and replaced when the last reader goes
}

// New makes an Explorer. Nothing runs before Run.
func New(b *broker.Broker, log *slog.Logger) *Explorer {
	return &Explorer{b: b, log: log, wake: make(chan struct{}, 1), idle: make(chan struct{})}
}

// Mount has the page served by handle, and add its events to the stream of a tab.
func (x *Explorer) Mount(handle func(access.Right, string, http.Handler), feed func(string, dashboard.Feed)) {
	feed("topics", x)
	handle(access.Read, "GET /api/v1/topic", http.HandlerFunc(x.topic))
	handle(access.Admin, "POST /api/v1/publish", http.HandlerFunc(x.publish))
	handle(access.Read, "GET /api/v1/retained", http.HandlerFunc(x.retained))
	handle(access.Admin, "POST /api/v1/retained/delete", http.HandlerFunc(x.deleteRetained))
	handle(access.Read, "GET /api/v1/retained/export", http.HandlerFunc(x.exportRetained))
	handle(access.Admin, "POST /api/v1/retained/import", http.HandlerFunc(x.importRetained))
}

// Run follows the tree while somebody looks, until ctx ends. It is called once.
func (x *Explorer) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-x.wake:
		}
		if err := x.follow(ctx); err != nil {
			return fmt.Errorf("explorer: %w", err)
		}
	}
}

// follow takes in messages until nobody has looked for a while.
func (x *Explorer) follow(ctx context.Context) error {
	x.mu.Lock()
	t := x.tree
	x.mu.Unlock()
	if t == nil {
		return nil
	}
	sub, err := x.b.Subscribe(broker.SubscribeOptions{MaxMessages: maxWaiting, MaxBytes: maxWaitingBytes}, "#", "$SYS/#")
	if err != nil {
		return err
	}
	defer sub.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		x.untilIdle(ctx)
		cancel()
	})
	replay := sub.Stats().Waiting // what is retained
	for taken := 0; ; taken++ {
		if taken == replay {
			t.begin()
		}
		d, err := sub.Next(ctx)
		if err != nil {
			return nil // ctx has ended, or nobody looks
		}
		if !d.Replay {
			t.begin() // some of replay has expired meanwhile
		}
		t.take(d, time.Now())
	}
}

// untilIdle returns when nobody has looked for linger, and what was held is
// forgotten, or when ctx ends.
func (x *Explorer) untilIdle(ctx context.Context) {
	for {
		x.mu.Lock()
		looked, idle := x.readers > 0, x.idle
		x.mu.Unlock()
		if looked {
			select {
			case <-idle:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(linger):
		case <-ctx.Done():
			return
		}
		x.mu.Lock()
		if x.readers == 0 {
			x.tree = nil
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
	}
}

// current returns what is held, nil if nobody looks.
func (x *Explorer) current() *tree {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.tree
}

// Follow implements [dashboard.Feed]. The query may have topics, an MQTT filter
// which is all that is told of; without it everything is.
func (x *Explorer) Follow(_ context.Context, query url.Values) (dashboard.Follower, error) {
	filter := query.Get("topics")
	if filter != "" {
		if err := topic.CheckFilter(filter); err != nil {
			return nil, err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.tree == nil {
		x.tree = newTree()
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
	x.readers++
	f := &follower{x: x, t: x.tree, filter: filter, news: make(chan struct{}, 1), first: true}
	f.t.mu.Lock()
	f.t.readers[f.news] = struct{}{}
	f.t.mu.Unlock()
	return f, nil
}

// follower is one page that looks.
type follower struct {
	x      *Explorer
	t      *tree
	filter string
	news   chan struct{}
	told   told
	first  bool
}

// News implements [dashboard.Follower].
func (f *follower) News() <-chan struct{} { return f.news }

// Events implements [dashboard.Follower].
func (f *follower) Events() []dashboard.Event {
	u, told := f.t.since(f.told, f.filter, perEvent, time.Now())
	if told.upTo == f.told.upTo && !f.first {
		return nil
	}
	if f.first {
		u.Reset, f.first = true, false // the page may have had another tree
	}
	f.told = told
	if len(u.Topics) == perEvent {
		select {
		case f.news <- struct{}{}:
		default:
		}
	}
	return []dashboard.Event{{Name: "topics", Data: u}}
}

// Close implements [dashboard.Follower].
func (f *follower) Close() {
	f.t.mu.Lock()
	delete(f.t.readers, f.news)
	f.t.mu.Unlock()
	f.x.mu.Lock()
	defer f.x.mu.Unlock()
	f.x.readers--
	if f.x.readers == 0 {
		close(f.x.idle)
		f.x.idle = make(chan struct{})
	}
}

package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/auth"
	"gateway/broker/door"
	"gateway/broker/store"
	"gateway/broker/topic"
)

// Broker is an MQTT broker. Make one with [New]; its methods may be called
// concurrently.
type Broker struct {
	conf     atomic.Pointer[conf]
	log      *slog.Logger
	counters counters
	queued   atomic.Int64  // bytes waiting in the queues of all sessions, in memory
	store    store.Store   // nil: nothing outlives the process
	sync     bool          // Publish returns when the message is stable
	late     atomic.Uint64 // the mark that Publish has waited for in vain, 0 for none
	timers   schedule
	pulse    pulse
	ends     ends
	figures  atomic.Bool // those below $SYS are published
	started  time.Time

	mu          sync.RWMutex
	subs        topic.Tree[*subscription]
	subsVersion uint64 // changes with every change of subs; 0 is none
	groups      map[groupKey]*group

	retainMu      sync.Mutex
	retained      topic.Store[*Message]
	retainedBytes int64

	sessionsMu sync.Mutex
	sessions   map[string]*session
	lastEnds   map[*session]*End // of sessions whose client is away
	stopping   bool              // no session begins any more

	durableMu sync.Mutex // taken before any other lock
	durable   map[string]*Subscription

	waitMu  sync.Mutex                 // the innermost
	waiting map[*conn]struct{}         // for the store
	readers map[*Subscription]struct{} // that wait for it

	connsMu   sync.Mutex // never held while another of the broker is taken
	conns     map[*conn]struct{}
	strangers map[*conn]struct{}      // those of them that were not let in yet
	expected  map[*door.Conn]struct{} // handshakes
	closing   bool

	changing  sync.Mutex                  // held by Listen, Reload, Change and the beginning of Run
	listeners atomic.Pointer[[]*listener] // in the order of the configuration; nil before Listen
	guards    []*auth.Guard               // that are open; with changing held
	shared    *auth.Guard                 // of listeners without auth of their own; with changing held
	serving   func(*listener)             // has one served; nil before Run and after; with changing held
	stopped   bool                        // Run ends; with changing held

	loginLog, deniedLog, fullLog, originLog logLimit
}

// New makes a broker. Publish and Subscribe work at once; clients come in
// with Listen and Run. The configuration has been validated; what is zero in
// it means what its documentation says, except for sizes and times that
// cannot be zero, which get their defaults.
func New(cfg Config, log *slog.Logger) *Broker {
	b := &Broker{
		subsVersion: 1,
		groups:      make(map[groupKey]*group),
		log:         log,
		started:     time.Now(),
		sessions:    make(map[string]*session),
		lastEnds:    make(map[*session]*End),
		durable:     make(map[string]*Subscription),
		conns:       make(map[*conn]struct{}),
		strangers:   make(map[*conn]struct{}),
		expected:    make(map[*door.Conn]struct{}),
		waiting:     make(map[*conn]struct{}),
	}
	b.conf.Store(confOf(cfg))
	return b
}

// Publish publishes m to everybody subscribed to its topic. It never waits
// for a subscriber, and for the store only if [Persistence] says so, and not again
// while that cannot be written. m belongs to the broker from then on and must not
// be changed. The topic may begin with '$'. An error may be that it is only in
// memory so far.
func (b *Broker) Publish(m *Message) error {
	if err := b.checkOwn(m); err != nil {
		return err
	}
	_, mark, err := b.publish(m)
	if err == nil && b.sync && mark > 0 {
		err = b.waitFor(mark)
	}
	if err != nil {
		return fmt.Errorf("publish to %q: only in memory: %w", m.Topic, err)
	}
	return nil
}

// checkOwn checks a message that this process is to publish, and counts it.
func (b *Broker) checkOwn(m *Message) error {
	if err := topic.CheckName(m.Topic); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if m.QoS > 2 {
		return fmt.Errorf("publish to %q: QoS %d, only 0, 1 and 2 exist", m.Topic, m.QoS)
	}
	m.extra = sizeOf(m.Properties)
	b.counters.publishReceived.Add(1)
	b.counters.payloadReceived.Add(int64(len(m.Payload)))
	return nil
}

// waitFor waits until what this process has published is stable: not for ever,
// and not every time, or a disk that cannot be written would stop the sensors.
func (b *Broker) waitFor(mark store.Mark) error {
	if b.store.Stable() < store.Mark(b.late.Load()) {
		return errNotStored
	}
	ctx, cancel := context.WithTimeout(context.Background(), storePatience)
	defer cancel()
	err := b.store.Wait(ctx, mark)
	if errors.Is(err, context.DeadlineExceeded) {
		b.late.Store(uint64(mark))
		err = errNotStored
	}
	return err
}

var errNotStored = errors.New("it is not on disk yet, which may be full or broken")

// passed is the time since the broker began, which no setting of the clock
// changes.
func (b *Broker) passed() time.Duration { return time.Since(b.started) }

// Retained returns the retained message of a topic, nil if there is none.
func (b *Broker) Retained(name string) *Message {
	b.retainMu.Lock()
	defer b.retainMu.Unlock()
	m, ok := b.retained.Get(name)
	if !ok || m.expired(time.Now()) {
		return nil
	}
	return m
}

// RetainedMatching returns what is retained for the topics that a filter matches,
// in no particular order, and without what has expired. The filter has passed
// topic.CheckFilter.
func (b *Broker) RetainedMatching(filter string) (all []*Message) {
	now := time.Now()
	b.retainMu.Lock()
	defer b.retainMu.Unlock()
	b.retained.Match(filter, func(m *Message) {
		if !m.expired(now) {
			all = append(all, m)
		}
	})
	return all
}

// IsRetained tells whether m is what is retained for its topic, and not history
// by now; of a message that clears what is retained, whether nothing is.
func (b *Broker) IsRetained(m *Message) bool {
	here := b.Retained(m.Topic)
	switch {
	case here == nil:
		return m.Retain && len(m.Payload) == 0
	case here == m:
		return true
	}
	return here.came == m.came && bytes.Equal(here.Payload, m.Payload)
}

// How often what has expired is swept out of memory. Nobody is sent an
// expired message meanwhile.
const sweepInterval = time.Minute

// Run serves the listeners until ctx ends, then disconnects the clients and
// returns when all goroutines of the broker have ended. Publish and Subscribe
// go on working for this process.
func (b *Broker) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	timersCtx, stopTimers := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { b.timers.run(timersCtx) })
	b.sweep()
	b.beat()

	broken := make(chan error, 1)
	b.changing.Lock()
	b.serving = func(l *listener) {
		wg.Go(func() {
			if err := l.serve(b); err != nil {
				select {
				case broken <- err:
				default: // one is enough
				}
			}
		})
	}
	b.startSys() // before it is unlocked, or a Change that wants them now would begin none
	for _, l := range b.doors() {
		b.serving(l)
	}
	b.changing.Unlock()
	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	b.sessionsMu.Lock()
	b.stopping = true
	b.sessionsMu.Unlock()
	b.changing.Lock()
	b.stopped, b.serving = true, nil
	for _, l := range b.doors() {
		l.close()
	}
	b.changing.Unlock()
	b.disconnectAll()
	stopTimers()
	wg.Wait()
	return err
}

// sweep removes expired retained messages now and after every interval.
func (b *Broker) sweep() {
	b.dropExpiredRetained(time.Now())
	b.dropOldOfDurable(time.Now())
	b.timers.at(time.Now().Add(sweepInterval), b.sweep)
}

// track notes a connection; it reports false when the broker is full or
// stopping.
func (b *Broker) track(c *conn) bool {
	b.connsMu.Lock()
	defer b.connsMu.Unlock()
	if b.closing {
		return false
	}
	if limit := b.cfg().MaxConnections; limit > 0 && len(b.conns) >= limit && !b.makeRoomLocked() {
		if more, ok := b.fullLog.allow(time.Now()); ok {
			c.log().Warn("connection refused: too many clients", "max_connections", limit, "not_logged", more)
		}
		b.refusedAtDoor(c.terms.name(), c.address(), fmt.Errorf("%w: %d clients (max_connections)", door.ErrFull, limit))
		return false
	}
	b.conns[c] = struct{}{}
	b.strangers[c] = struct{}{}
	return true
}

// makeRoomLocked ends a connection whose client has not been let in yet, any of
// them, and reports whether there was one: who says nothing must not keep out
// who has something to say.
func (b *Broker) makeRoomLocked() bool {
	for c := range b.strangers {
		delete(b.strangers, c)
		delete(b.conns, c)
		c.nc.Close()
		return true
	}
	return false
}

// admitted notes that a client was let in.
func (b *Broker) admitted(c *conn) {
	b.connsMu.Lock()
	delete(b.strangers, c)
	b.connsMu.Unlock()
}

func (b *Broker) untrack(c *conn) {
	b.connsMu.Lock()
	delete(b.conns, c)
	delete(b.strangers, c)
	b.connsMu.Unlock()
}

// Addrs returns the addresses of the listeners that are open, in the order of
// the configuration.
func (b *Broker) Addrs() []net.Addr {
	open := b.doors()
	addrs := make([]net.Addr, len(open))
	for i, l := range open {
		addrs[i] = l.addr()
	}
	return addrs
}

// Listen opens the listeners of the configuration. If one cannot be opened,
// none stays open, and the error names its address.
func (b *Broker) Listen() error {
	b.changing.Lock()
	defer b.changing.Unlock()
	cfg := b.cfg()
	p := &doorPlan{b: b, was: cfg, next: cfg, shared: b.shared}
	if err := p.prepare(); err != nil {
		p.undo()
		return err
	}
	b.shared = p.shared
	return p.carryOut()
}

// isClosed tells the error of a listener that was closed on purpose.
func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed)
}

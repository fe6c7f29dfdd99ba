package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
	"gateway/broker/store"
)

// far is an upstream in memory whose line the test cuts at will.
type far struct {
	mu       sync.Mutex
	down     error                      // what connecting fails with, nil if the line is up
	fails    func(address string) error // takes the place of down
	holdAcks bool                       // acknowledge nothing
	refuse   func(link.Message) error
	poison   func(link.Message) bool // the connection is lost with it
	limits   link.Limits
	noBit    bool          // closes on the bridge bit
	early    *link.Message // comes before Connect returns
	silent   bool          // does not answer SUBSCRIBE
	stuck    string        // Publish of that payload blocks until the connection ends
	current  *farLink
	got      []message // all that ever came, doubles included
	hellos   []link.Hello
	wishes   []link.Subscription // all that were subscribed to
	unheard  error               // the connection is lost with it before SUBSCRIBE comes
	connects []time.Time
	tries    []string // addresses
	triedAt  []time.Time
	most     int // messages on their way at once, at most
	present  bool
	released []uint16
	bytes    int64 // of payloads
}

func (f *far) wire() (in, out int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 0, f.bytes
}

type message struct {
	topic, payload string
	qos            byte
	retain         bool
}

func (m message) String() string { return m.topic + "=" + m.payload }

func (f *far) dial(_ context.Context, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries, f.triedAt = append(f.tries, address), append(f.triedAt, time.Now())
	if f.fails != nil {
		return nil, f.fails(address)
	}
	return nil, f.down
}

// Connect implements link.Upstream.
func (f *far) Connect(ctx context.Context, _ net.Conn, h link.Hello, s link.Session) (link.Link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hellos = append(f.hellos, h)
	if f.noBit && h.Bridge {
		return nil, errors.New("closed without an answer")
	}
	f.current = &farLink{far: f, session: s, here: f.present && !h.CleanStart, gone: make(chan struct{})}
	f.connects = append(f.connects, time.Now())
	if m := f.early; m != nil {
		go func() { _, _ = s.Received(*m) }()
	}
	return f.current, nil
}

// cut breaks the line; what is not acknowledged fails.
func (f *far) cut(err error) {
	f.mu.Lock()
	f.down = err
	l := f.current
	f.mu.Unlock()
	if l != nil {
		l.end(err)
	}
}

func (f *far) repair() {
	f.mu.Lock()
	f.down = nil
	f.mu.Unlock()
}

// hold stops or resumes acknowledging. Resuming acknowledges what came.
func (f *far) hold(on bool) {
	f.mu.Lock()
	f.holdAcks = on
	l := f.current
	f.mu.Unlock()
	if !on && l != nil {
		l.ackAll()
	}
}

// take returns what came since the last call.
func (f *far) take() []message {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got
	f.got = nil
	return got
}

// numbers returns how many messages and connections there were.
func (f *far) numbers() (messages, connections int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.got), len(f.connects)
}

func (f *far) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]string, len(f.got))
	for i, m := range f.got {
		all[i] = m.String()
	}
	return strings.Join(all, " ")
}

// sends brings a message from the upstream, as soon as it is subscribed to.
func (f *far) sends(m link.Message) error {
	f.mu.Lock()
	l := f.current
	f.mu.Unlock()
	stable, err := l.session.Received(m)
	if err == nil && stable != nil {
		err = stable(context.Background())
	}
	return err
}

type farLink struct {
	far     *far
	session link.Session
	here    bool
	once    sync.Once
	gone    chan struct{}
	err     error

	mu      sync.Mutex
	pending []*link.Receipt
	closed  bool
}

func (l *farLink) Present() bool { return l.here }

func (l *farLink) Limits() link.Limits {
	limits := l.far.limits
	if limits.ReceiveMaximum == 0 {
		limits.ReceiveMaximum, limits.MaxQoS = 65535, 2
	}
	return limits
}

func (l *farLink) LastHeard() time.Time { return time.Now() }

func (l *farLink) Publish(m link.Message) *link.Receipt {
	r := link.NewReceipt()
	if l.far.stuck != "" && string(m.Payload) == l.far.stuck {
		<-l.gone
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		r.Settle(errors.New("not connected"))
		return r
	}
	f := l.far
	f.mu.Lock()
	if f.poison != nil && f.poison(m) {
		f.mu.Unlock()
		l.pending = append(l.pending, r)
		l.mu.Unlock()
		l.end(errors.New("EOF"))
		return r
	}
	if f.refuse != nil {
		if err := f.refuse(m); err != nil {
			f.mu.Unlock()
			l.mu.Unlock()
			r.Settle(err)
			return r
		}
	}
	f.got = append(f.got, message{m.Topic, string(m.Payload), m.QoS, m.Retain})
	f.bytes += int64(len(m.Payload))
	hold := f.holdAcks
	if m.QoS > 0 {
		l.pending = append(l.pending, r)
	}
	f.most = max(f.most, len(l.pending))
	f.mu.Unlock()
	if m.QoS == 0 {
		r.Settle(nil)
	}
	if !hold {
		l.ackAllLocked()
	}
	l.mu.Unlock()
	return r
}

func (l *farLink) Release(id uint16) *link.Receipt {
	l.far.mu.Lock()
	l.far.released = append(l.far.released, id)
	l.far.mu.Unlock()
	r := link.NewReceipt()
	r.Settle(nil)
	return r
}

func (l *farLink) Subscribe(ctx context.Context, subs []link.Subscription) ([]byte, error) {
	l.far.mu.Lock()
	silent := l.far.silent
	l.far.mu.Unlock()
	if silent {
		return nil, l.waitForAnswer(ctx)
	}
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	if err := l.far.unheard; err != nil {
		return nil, err
	}
	l.far.wishes = append(l.far.wishes, subs...)
	codes := make([]byte, len(subs))
	for i, s := range subs {
		codes[i] = s.QoS
		if strings.HasPrefix(s.Filter, "forbidden") {
			codes[i] = link.NotAuthorized
		}
	}
	return codes, nil
}

func (l *farLink) Unsubscribe(_ context.Context, filters []string) error {
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	l.far.wishes = slices.DeleteFunc(l.far.wishes, func(s link.Subscription) bool { return slices.Contains(filters, s.Filter) })
	return nil
}

func (l *farLink) ackAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ackAllLocked()
}

func (l *farLink) ackAllLocked() {
	for _, r := range l.pending {
		r.Settle(nil)
	}
	l.pending = nil
}

func (l *farLink) Lost() <-chan struct{} { return l.gone }
func (l *farLink) Cause() error          { return l.err }
func (l *farLink) Close()                { l.end(errors.New("closed")) }

func (l *farLink) end(err error) {
	l.once.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed = true
		for _, r := range l.pending {
			r.Settle(err)
		}
		l.pending = nil
		l.err = err
		close(l.gone)
	})
}

// shelf is an Aside in memory.
type shelf struct {
	mu   sync.Mutex
	all  []string
	fail error
}

func (s *shelf) Put(m *broker.Message, remote, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.all = append(s.all, remote+"="+string(m.Payload)+": "+reason)
	return nil
}

func (s *shelf) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// rig is a broker, a bridge and its upstream in a bubble.
type rig struct {
	t      *testing.T
	broker *broker.Broker
	bridge *Bridge
	far    *far
	shelf  *shelf
	log    *strings.Builder
	end    context.CancelFunc
	ended  chan struct{}
}

func testConfig() Config {
	return Config{
		Name:         "cloud",
		Address:      "mqtt://far:1883",
		Topics:       []Route{{Filter: "home/#", QoS: 1, RemotePrefix: "pi1/"}},
		ReconnectMin: time.Second,
		ReconnectMax: time.Minute,
		MaxInflight:  4,
		AckTimeout:   30 * time.Second,
		Queue:        Queue{MaxMessages: 1000},
	}
}

// inBubble runs test with a running bridge, and then wants everything to end.
func inBubble(t *testing.T, cfg Config, f *far, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { livesOn(t, cfg, nil, f, test) })
}

// livesOn runs test with a broker on a store, nil for none, and a running bridge, and
// then wants everything to end.
func livesOn(t *testing.T, cfg Config, s store.Store, f *far, test func(r *rig)) {
	t.Helper()
	r := &rig{t: t, far: f, shelf: &shelf{}, log: &strings.Builder{}, ended: make(chan struct{})}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	r.broker = broker.Open(broker.Default(), broker.Persistence{Store: s}, log)
	r.bridge = New(cfg, Deps{Broker: r.broker, Log: log, Upstream: f, Dial: f.dial, Wire: f.wire, Aside: r.shelf})
	if err := r.bridge.Collect(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	go func() {
		defer close(r.ended)
		if err := r.bridge.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
	test(r)
	r.stop()
}

func (r *rig) stop() {
	r.end()
	<-r.ended
}

// sleep lets time pass and everything happen that is due.
func (r *rig) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) publish(topic string, payload any) {
	r.t.Helper()
	r.send(&broker.Message{Topic: topic, Payload: fmt.Append(nil, payload), QoS: 1})
}

func (r *rig) send(m *broker.Message) {
	r.t.Helper()
	if err := r.broker.Publish(m); err != nil {
		r.t.Fatal(err)
	}
}

// state returns what the bridge says of itself in the tree.
func (r *rig) state() string {
	m := r.broker.Retained("$SYS/broker/connection/cloud/state")
	if m == nil {
		return ""
	}
	return string(m.Payload)
}

package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
)

// far is an upstream in memory whose line the test cuts at will.
type far struct {
	mu       sync.Mutex
	down     error // what connect fails with, nil if the line is up
	holdAcks bool  // acknowledge nothing
	current  *farLink
	got      []message // all that ever came, doubles included
	connects []time.Time
	tries    []time.Time
	most     int // messages on their way at once, at most
}

type message struct {
	topic, payload string
	qos            byte
	retain         bool
}

func (m message) String() string { return m.topic + "=" + m.payload }

func (f *far) connect(ctx context.Context) (link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries = append(f.tries, time.Now())
	if f.down != nil {
		return nil, f.down
	}
	f.current = &farLink{far: f, gone: make(chan struct{})}
	f.connects = append(f.connects, time.Now())
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

func (f *far) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]string, len(f.got))
	for i, m := range f.got {
		all[i] = m.String()
	}
	return strings.Join(all, " ")
}

type farLink struct {
	far  *far
	once sync.Once
	gone chan struct{}
	err  error

	mu      sync.Mutex
	pending []*farReceipt
	closed  bool
}

func (l *farLink) publish(topic string, qos byte, retain bool, payload []byte) receipt {
	r := &farReceipt{done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		r.settle(errors.New("not connected"))
		return r
	}
	l.far.mu.Lock()
	l.far.got = append(l.far.got, message{topic, string(payload), qos, retain})
	hold := l.far.holdAcks
	l.pending = append(l.pending, r)
	l.far.most = max(l.far.most, len(l.pending))
	l.far.mu.Unlock()
	if !hold || qos == 0 {
		l.ackAllLocked()
	}
	return r
}

func (l *farLink) ackAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ackAllLocked()
}

func (l *farLink) ackAllLocked() {
	for _, r := range l.pending {
		r.settle(nil)
	}
	l.pending = nil
}

func (l *farLink) lost() <-chan struct{} { return l.gone }
func (l *farLink) cause() error          { return l.err }
func (l *farLink) close()                { l.end(errors.New("closed")) }

func (l *farLink) end(err error) {
	l.once.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed = true
		for _, r := range l.pending {
			r.settle(err)
		}
		l.pending = nil
		l.err = err
		close(l.gone)
	})
}

type farReceipt struct {
	done chan struct{}
	err  error
}

func (r *farReceipt) settle(err error) {
	r.err = err
	close(r.done)
}
func (r *farReceipt) Done() <-chan struct{} { return r.done }
func (r *farReceipt) Error() error          { return r.err }

// rig is a broker, a bridge and its upstream in a bubble.
type rig struct {
	t      *testing.T
	broker *broker.Broker
	bridge *Bridge
	far    *far
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
		Queue:        Queue{MaxMessages: 1000},
	}
}

// inBubble runs test with a running bridge, and then wants everything to end.
func inBubble(t *testing.T, cfg Config, f *far, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, far: f, log: &strings.Builder{}, ended: make(chan struct{})}
		log := slog.New(slog.NewTextHandler(r.log, nil))
		r.broker = broker.New(broker.Default(), log)
		r.bridge = newBridge(cfg, r.broker, log, f)
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
	})
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
	if err := r.broker.Publish(&broker.Message{Topic: topic, Payload: fmt.Append(nil, payload), QoS: 1}); err != nil {
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

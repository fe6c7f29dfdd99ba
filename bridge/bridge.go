package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gateway/broker"
	"gateway/broker/topic"
)

// ackTimeout is how long the upstream may take to acknowledge a message. On a
// line that is up but dead it never would.
const ackTimeout = 30 * time.Second

// drainTimeout is how long a bridge goes on sending when it is to stop.
const drainTimeout = 5 * time.Second

// settled is how long a connection must last, if nothing is acknowledged on
// it, before the next one is tried without delay growing further.
const settled = 10 * time.Second

// Bridge forwards to one upstream.
type Bridge struct {
	cfg      Config
	b        *broker.Broker
	log      *slog.Logger
	upstream upstream
	backoff  backoff
	sub      *broker.Subscription // nil until Collect
	rewrite  func(*broker.Message) []byte

	mu       sync.Mutex
	state    State
	failures int // since the last connection, that were not logged
}

// State is what is known of a bridge.
type State struct {
	Name      string
	Address   string
	Connected bool
	Since     time.Time // of the last change of Connected; zero if there was none
	LastAck   time.Time // zero if there was none
	LastError string    // why the line was lost or not made, "" if it never failed
	ErrorTime time.Time
	Forwarded uint64 // messages acknowledged by the upstream
	Queue     broker.SubscriptionStats
}

// New makes a bridge out of a valid configuration.
func New(cfg Config, b *broker.Broker, log *slog.Logger) *Bridge {
	return newBridge(cfg, b, log, &pahoUpstream{cfg: cfg, log: log})
}

func newBridge(cfg Config, b *broker.Broker, log *slog.Logger, u upstream) *Bridge {
	return &Bridge{
		cfg: cfg, b: b, upstream: u,
		log:     log.With("bridge", cfg.Name),
		backoff: backoff{min: cfg.ReconnectMin, max: cfg.ReconnectMax},
		state:   State{Name: cfg.Name, Address: cfg.Address},
	}
}

// Rewrite has f called with each message just before it is sent: its result is
// sent in place of the payload. f does not write to the message. It is called
// before Run.
func (br *Bridge) Rewrite(f func(*broker.Message) (payload []byte)) { br.rewrite = f }

// Collect begins to queue what the bridge forwards. Whatever is published
// after it returns is forwarded, however late Run connects.
func (br *Bridge) Collect() error {
	filters := make([]string, len(br.cfg.Topics))
	for i, r := range br.cfg.Topics {
		filters[i] = r.Filter
	}
	sub, err := br.b.Subscribe(broker.SubscribeOptions{
		Name:        "bridge/" + br.cfg.Name,
		MaxMessages: br.cfg.Queue.MaxMessages,
		MaxBytes:    br.cfg.Queue.MaxBytes,
		Full:        br.cfg.Queue.WhenFull,
	}, filters...)
	if err != nil {
		return fmt.Errorf("bridge %q: %w", br.cfg.Name, err)
	}
	br.sub = sub
	br.announce(false)
	return nil
}

// Run forwards until ctx ends, connecting again for ever, and returns when
// its goroutines have ended. If the line is up when ctx ends, what waits is
// still sent for up to drainTimeout. Collect has been called.
func (br *Bridge) Run(ctx context.Context) error {
	defer br.sub.Close()
	for ctx.Err() == nil {
		l, err := br.upstream.connect(ctx)
		if err == nil {
			err = br.forward(ctx, l)
		}
		if ctx.Err() != nil {
			return nil
		}
		br.failed(err)
		wait(ctx, br.backoff.next())
	}
	return nil
}

// forward sends what is queued over l until it is lost, or ctx ends and
// nothing waits. It returns why.
func (br *Bridge) forward(ctx context.Context, l link) error {
	defer br.disconnected()
	br.connected()
	line, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)

	br.sub.Rewind()
	began := time.Now()
	window := newWindow(br.cfg.MaxInflight)
	var others sync.WaitGroup
	others.Go(func() { cancel(br.settle(line, window)) })
	others.Go(func() {
		select {
		case <-l.lost():
			cancel(fmt.Errorf("connection lost: %w", l.cause()))
		case <-line.Done():
		case <-ctx.Done():
			br.drain(line, l)
			cancel(nil)
		}
	})
	br.fill(line, l, window)
	others.Wait()
	l.close()
	if time.Since(began) > settled {
		br.backoff.reset()
	}
	return context.Cause(line)
}

// fill sends messages as they come, as many at once as window has room for,
// until line ends.
func (br *Bridge) fill(line context.Context, l link, window *window) {
	defer close(window.sent)
	for {
		select {
		case window.room <- struct{}{}:
		case <-line.Done():
			return
		}
		d, err := br.sub.Next(line)
		if err != nil || line.Err() != nil {
			return
		}
		window.sent <- sent{delivery: d, receipt: br.send(l, d)}
	}
}

// drain returns when nothing waits any more, the line is lost or drainTimeout
// has passed.
func (br *Bridge) drain(line context.Context, l link) {
	timeout := time.NewTimer(drainTimeout)
	defer timeout.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if s := br.sub.Stats(); s.Waiting+s.Unacked == 0 {
			return
		}
		select {
		case <-look.C:
		case <-l.lost():
			return
		case <-line.Done():
			return
		case <-timeout.C:
			s := br.sub.Stats()
			br.log.Warn("stopped before everything was forwarded", "waiting", s.Waiting+s.Unacked)
			return
		}
	}
}

// window is what is on its way at this moment, in its order.
type window struct {
	room chan struct{} // holds one for each message on its way
	sent chan sent
}

func newWindow(size int) *window {
	return &window{make(chan struct{}, size), make(chan sent, size)}
}

// sent is a message on its way.
type sent struct {
	delivery broker.Delivery
	receipt  receipt
}

// settle takes the acknowledgements in the order the messages were sent in.
// It returns an error as soon as one message fails, nil when there are no more.
func (br *Bridge) settle(ctx context.Context, window *window) error {
	timeout := time.NewTimer(ackTimeout)
	defer timeout.Stop()
	for s := range window.sent {
		timeout.Reset(ackTimeout)
		select {
		case <-s.receipt.Done():
			if err := s.receipt.Error(); err != nil {
				return fmt.Errorf("publish to %q: %w", s.delivery.Topic, err)
			}
			br.acked(s.delivery)
			<-window.room
		case <-timeout.C:
			return fmt.Errorf("no acknowledgement for %v", ackTimeout)
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// send publishes d upstream as the first route that matches it says.
func (br *Bridge) send(l link, d broker.Delivery) receipt {
	var route Route
	for _, r := range br.cfg.Topics {
		if topic.Match(r.Filter, d.Topic) {
			route = r
			break
		}
	}
	payload := d.Payload
	if br.rewrite != nil {
		payload = br.rewrite(d.Message)
	}
	return l.publish(route.RemotePrefix+d.Topic, byte(route.QoS), d.Retain, payload)
}

func (br *Bridge) acked(d broker.Delivery) {
	br.sub.Ack(d)
	br.backoff.reset()
	br.mu.Lock()
	defer br.mu.Unlock()
	br.state.LastAck = time.Now()
	br.state.Forwarded++
}

func (br *Bridge) connected() {
	br.mu.Lock()
	br.state.Connected, br.state.Since = true, time.Now()
	failures := br.failures
	br.failures = 0
	br.mu.Unlock()
	br.log.Info("upstream connected", "address", br.cfg.Address, "waiting", br.sub.Stats().Waiting, "attempts", failures+1)
	br.announce(true)
}

func (br *Bridge) disconnected() {
	br.mu.Lock()
	br.state.Connected, br.state.Since = false, time.Now()
	br.mu.Unlock()
	br.announce(false)
}

// failed notes why there is no line; it is logged when it changes.
func (br *Bridge) failed(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		err = errors.New("connection closed")
	}
	br.mu.Lock()
	news := br.state.LastError != err.Error() || br.failures == 0
	br.state.LastError, br.state.ErrorTime = err.Error(), time.Now()
	br.failures++
	n := br.failures
	br.mu.Unlock()
	if news || n%100 == 0 {
		br.log.Warn("upstream not connected; readings are kept and sent later", "error", err, "waiting", br.sub.Stats().Waiting, "attempts", n)
	}
}

// announce publishes the state of the bridge as Mosquitto does.
func (br *Bridge) announce(up bool) {
	payload := "0"
	if up {
		payload = "1"
	}
	err := br.b.Publish(&broker.Message{
		Topic:   "$SYS/broker/connection/" + br.cfg.Name + "/state",
		Payload: []byte(payload),
		QoS:     1,
		Retain:  true,
	})
	if err != nil {
		br.log.Error("cannot publish the state of the bridge", "error", err)
	}
}

// State returns what is known at this moment.
func (br *Bridge) State() State {
	br.mu.Lock()
	s := br.state
	br.mu.Unlock()
	if br.sub != nil {
		s.Queue = br.sub.Stats()
	}
	return s
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gateway/bridge/aside"
	"gateway/bridge/budget"
	"gateway/bridge/link"
	"gateway/bridge/link/v3"
	"gateway/bridge/link/v5"
	"gateway/bridge/timetable"
	"gateway/broker"
)

// drainTimeout is how long a bridge goes on sending when it is to stop.
const drainTimeout = 5 * time.Second

// connectTimeout is how long it may take until the upstream has accepted a
// connection.
const connectTimeout = 20 * time.Second

// settled is how long a connection must last, if nothing is acknowledged on
// it, before the next one is tried without delay growing further.
const settled = 10 * time.Second

// errPlanned is the end of a connection that was to end.
var errPlanned = errors.New("closed as planned")

// Bridge connects the tree with one upstream.
type Bridge struct {
	cfg     Config
	profile Preset
	routes  routes
	echoes  bool // of routes: they are asked for each message
	b       *broker.Broker
	log     *slog.Logger
	dial    func(ctx context.Context, address string) (net.Conn, error)
	up      link.Upstream
	backoff backoff
	sub     *broker.Subscription // nil until Collect
	rewrite func(*broker.Message) []byte
	guard   *guard
	memory  *memory
	aside   Aside
	plan    *plan

	suspects       suspects
	receiveMaximum atomic.Int32 // of the connection; 0 before the first
	noQoS2         atomic.Bool  // the upstream seems not to complete QoS 2, or to drop the connection for it
	quiet          atomic.Bool  // the upstream sends nothing back that we have published

	mu       sync.Mutex
	state    State
	rates    rates
	failures int             // since the last connection
	told     map[string]bool // why, as far as it was logged since then
}

// Deps are what a bridge needs of others. What is nil after Log is made from the
// configuration; tests have their own.
type Deps struct {
	Broker *broker.Broker
	Log    *slog.Logger
	// StateFolder is where it keeps what it has learnt and set aside, "" for nowhere.
	StateFolder string
	// Upstream speaks MQTT of the configured version, and Dial makes the
	// connections for it. Wire returns how many bytes have come and gone over them.
	Upstream link.Upstream
	Dial     func(ctx context.Context, address string) (net.Conn, error)
	Wire     func() (in, out int64)
	// Aside takes what cannot be forwarded.
	Aside Aside
}

// complete makes what is nil.
func (d *Deps) complete(cfg Config, p Preset, log *slog.Logger) {
	if d.Upstream == nil {
		d.Upstream = upstreamOf(p.Protocol)
	}
	if d.Dial == nil {
		line := newDialers(cfg, p, log)
		d.Dial, d.Wire = line.dial, line.wire
	}
	if d.Wire == nil {
		d.Wire = func() (in, out int64) { return 0, 0 }
	}
	if d.Aside == nil {
		d.Aside = openAside(d.StateFolder, cfg.Name, log)
	}
}

func upstreamOf(protocol string) link.Upstream {
	if protocol == "5" {
		return v5.Upstream{}
	}
	return v3.Upstream{}
}

// openAside opens what was set aside. Where that cannot be read, what comes is
// kept in memory.
func openAside(folder, name string, log *slog.Logger) Aside {
	shelf, err := aside.Open(folder, name, log)
	if err == nil {
		return shelf
	}
	log.Error("what was set aside cannot be read; what comes is kept in memory", "error", err)
	shelf, err = aside.Open("", name, log)
	if err != nil {
		panic(err) // nothing can fail in memory
	}
	return shelf
}

// Aside keeps messages that the upstream does not take, with the reason.
type Aside interface {
	// Put keeps a message. It returns when the message is on stable storage.
	Put(m *broker.Message, remote, reason string) error
	// Len returns how many there are.
	Len() int
}

// New makes a bridge out of a valid configuration.
func New(cfg Config, d Deps) *Bridge {
	p := cfg.profile()
	log := d.Log.With("bridge", cfg.Name)
	table, err := timetable.Parse(cfg.Windows)
	if err != nil {
		panic(err) // Validate lets no such value through
	}
	d.complete(cfg, p, log)
	rs := routes{cfg.Topics, p.ReplaceInTopics, !cfg.Demo}
	return &Bridge{
		plan: &plan{
			table: table, wire: d.Wire, rate: budget.NewRate(p.MaxRate),
			day: budget.OpenDay(d.StateFolder, cfg.Name, cfg.Budget.DailyBytes, log),
		},
		cfg: cfg, profile: p, b: d.Broker, up: d.Upstream, dial: d.Dial, log: log, aside: d.Aside,
		routes:  rs,
		echoes:  rs.echoes(),
		backoff: backoff{min: cfg.ReconnectMin, max: cfg.ReconnectMax},
		guard:   newGuard(),
		memory:  openMemory(d.StateFolder, cfg.Name, log),
		state:   State{Name: cfg.Name, Address: cfg.Address},
	}
}

// Rewrite has f called with each message just before it is sent: its result is
// sent in place of the payload. f does not write to the message. It is called
// before Run.
func (br *Bridge) Rewrite(f func(*broker.Message) (payload []byte)) { br.rewrite = f }

// origin marks what the bridge has brought in.
func (br *Bridge) origin() string { return originPrefix + br.cfg.Name }

const originPrefix = "bridge/"

// Collect begins to queue what the bridge forwards. Whatever is published
// after it returns is forwarded, however late Run connects.
func (br *Bridge) Collect() error {
	filters, latest := br.routes.outFilters()
	sub, err := br.b.Subscribe(broker.SubscribeOptions{
		Name:        originPrefix + br.cfg.Name,
		MaxMessages: br.cfg.Queue.MaxMessages,
		MaxBytes:    br.cfg.Queue.MaxBytes,
		MaxAge:      br.cfg.Queue.MaxAge,
		Full:        br.cfg.Queue.WhenFull,
		Latest:      latest,
		Skip:        br.skips,
	}, filters...)
	if err != nil {
		return fmt.Errorf("bridge %q: %w", br.cfg.Name, err)
	}
	br.sub = sub
	br.announce(false)
	return nil
}

// skips tells which messages are not forwarded: what is made up and no route names;
// and what came from the upstream does
// not go back, and goes to other upstreams only on request. Two bridges and what
// lies behind them could be a circle.
func (br *Bridge) skips(m *broker.Message) bool {
	if !br.cfg.Demo && strings.HasPrefix(m.Topic, demo+"/") {
		if _, _, out := br.routes.outbound(m.Topic); !out {
			return true
		}
	}
	if m.Origin == "" || !strings.HasPrefix(m.Origin, originPrefix) {
		return false
	}
	return !br.cfg.Transit || m.Origin == br.origin()
}

// Run forwards until ctx ends, connecting again for ever, and returns when
// its goroutines have ended. If the line is up when ctx ends, what waits is
// still sent for up to drainTimeout. Collect has been called.
func (br *Bridge) Run(ctx context.Context) error {
	defer br.sub.Close()
	ctx, cancel := context.WithCancel(ctx)
	var figures sync.WaitGroup
	figures.Go(func() { br.figures(ctx) })
	defer figures.Wait()
	defer cancel()
	defer br.closePlan()
	addresses := br.cfg.addresses()
	for at := 0; br.due(ctx); {
		address := addresses[at%len(addresses)]
		ln := br.newLine(address)
		err := br.connect(ctx, ln, address)
		switch {
		case err == nil:
			err = br.served(ctx, ln, address)
			if at = (at + 1) % len(addresses); !br.cfg.RoundRobin {
				at = 0
			}
		default:
			at++
		}
		if ctx.Err() != nil {
			return nil
		}
		br.plan.account()
		if errors.Is(err, errPlanned) {
			br.log.Info("connection closed by plan")
			continue
		}
		br.failed(err)
		if at%len(addresses) == 0 || err == nil {
			wait(ctx, br.backoff.next())
		} // else another address is tried at once
	}
	return nil
}

// Leave is for a bridge that is not to be run after Collect: what it has queued waits
// for the next one of its name.
func (br *Bridge) Leave() { br.sub.Close() }

// Abandon is to be called after Run has returned, or Leave, if there is to be no bridge of that
// name any more: nothing is queued for it from then on, and what waits is dropped
// after as long as the broker keeps sessions. What is retained of its state is
// cleared.
func (br *Bridge) Abandon() {
	br.sub.Abandon()
	for _, m := range br.b.RetainedMatching("$SYS/broker/connection/" + br.cfg.Name + "/#") {
		if err := br.b.Publish(&broker.Message{Topic: m.Topic, Retain: true}); err != nil {
			br.log.Error("cannot clear the state of the bridge", "topic", m.Topic, "error", err)
		}
	}
}

// served serves a connection, and keeps the account of it.
func (br *Bridge) served(ctx context.Context, ln *line, address string) error {
	br.connected(address)
	defer br.disconnected()
	began := time.Now()
	err := ln.serve(ctx)
	if time.Since(began) > settled {
		br.backoff.reset()
	}
	return err
}

// connect makes a connection, with the bridge bit if it is of use and not known
// to be refused.
func (br *Bridge) connect(ctx context.Context, ln *line, address string) error {
	bit := br.usesBit(address)
	err := br.tryConnect(ctx, ln, address, bit)
	if err == nil || !bit || br.profile.BridgeBit == "on" || ctx.Err() != nil || !mayBeBit(err) {
		return err
	}
	if second := br.tryConnect(ctx, ln, address, false); second != nil {
		return err
	}
	br.memory.setRefusesBridgeBit(address)
	br.log.Info("the upstream does not know the bridge bit; it is left out from now on", "address", address, "error", err)
	return nil
}

// usesBit tells whether to try the bridge bit.
func (br *Bridge) usesBit(address string) bool {
	switch br.profile.BridgeBit {
	case "on":
		return true
	case "auto":
		return br.echoes && !br.memory.refusesBridgeBit(address)
	}
	return false
}

// mayBeBit tells whether a connection may have failed for the bridge bit: the
// upstream was there, and gave no answer or did not know the version.
func mayBeBit(err error) bool {
	var refused *link.Refused
	if errors.As(err, &refused) {
		return refused.Code == link.UnsupportedVersion || refused.Code == link.Unspecified
	}
	var dialed *dialError
	return !errors.As(err, &dialed)
}

// dialError is that there was no connection to say CONNECT on.
type dialError struct{ cause error }

func (e *dialError) Error() string { return e.cause.Error() }
func (e *dialError) Unwrap() error { return e.cause }

func (br *Bridge) tryConnect(ctx context.Context, ln *line, address string, bit bool) error {
	h, err := br.cfg.hello()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := br.dial(ctx, address)
	if err != nil {
		return &dialError{err}
	}
	h.CleanStart, h.SessionExpiry = br.cfg.CleanStart || !br.memory.begun(), br.cfg.SessionExpiry
	h.Dial = func(ctx context.Context) (net.Conn, error) { return br.dial(ctx, address) }
	h.Bridge, h.ReceiveMaximum = bit, uint16(br.profile.MaxInflight)
	if br.cfg.StatusTopic != "" {
		will := br.status("offline")
		h.Will = &will
	}
	br.quiet.Store(bit || br.profile.Protocol == "5") // messages may come before Connect returns
	ln.link, err = br.up.Connect(ctx, conn, h, ln)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address, err)
	}
	br.memory.setBegun()
	return nil
}

// setAside keeps a message that the upstream does not take, and acknowledges it.
// Where it cannot be kept it goes on waiting, and the line ends.
func (ln *line) setAside(d broker.Delivery, remote, reason string) error {
	if err := ln.aside.Put(d.Message, remote, reason); err != nil {
		ln.end(fmt.Errorf("set aside a message of %q: %w", d.Topic, err))
		return err
	}
	ln.log.Error("a message is set aside: the upstream does not take it", "topic", d.Topic, "reason", reason)
	ln.count(func(s *State) { s.SetAside++ })
	ln.suspects.clear(d.Seq())
	ln.sub.Ack(d)
	return nil
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

package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker"
	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/history/tsdb"
	"gateway/sensors/reading"
)

// Repeats is the Origin of messages that say again what another one said, in
// another form: they are not recorded a second time.
const Repeats = "repeats"

// Deps is what History needs from outside.
type Deps struct {
	Broker *broker.Broker
	Log    *slog.Logger
	// Folder is where samples are kept; "" keeps them in memory. StateFolder is for
	// what else outlives a restart.
	Folder, StateFolder string
	// Clock knows whether times can be believed; nil: all can.
	Clock Clock
}

// What waits to be recorded; more than a storm brings while a processor of a
// small board is busy.
const (
	maxWaiting      = 20_000
	maxWaitingBytes = 16 << 20
)

// History follows the topic tree and records its numbers. Its methods may be
// called concurrently.
type History struct {
	b      *broker.Broker
	log    *slog.Logger
	db     *tsdb.DB
	clock  Clock
	folder string // for what is no sample
	conf   atomic.Pointer[Config]
	out    atomic.Pointer[[]string] // what LeaveOut says
	sub    atomic.Pointer[broker.Subscription]
	shift  func(series string, from, to, by int64) error // db's; a test's fails

	zones zones // of follow

	mu         sync.Mutex
	traits     map[string]trait // of series, where there is something to say
	newTraits  bool             // that are not on disk
	wrong      []*wrongTime
	wrongDirty bool
	said       map[string]time.Time // when what was logged

	recorded, tooOld, refused, behind, unknown atomic.Uint64
	taken                                      atomic.Uint64 // messages that are handled
	lost                                       atomic.Uint64 // that came too fast, of earlier subscriptions
}

// trait is what of a series only its payloads tell.
type trait struct {
	Binary bool   `json:"binary,omitempty"` // words for two states
	Unit   string `json:"unit,omitempty"`   // another than the name says
}

// Open opens what there is and begins to collect what is published. Run records
// it.
func Open(cfg Config, deps Deps) (*History, error) {
	h := &History{
		b: deps.Broker, log: deps.Log, clock: deps.Clock, folder: deps.StateFolder,
		zones: make(zones), traits: make(map[string]trait), said: make(map[string]time.Time),
	}
	if h.clock == nil {
		h.clock = right{}
	}
	h.conf.Store(&cfg)
	h.LeaveOut(nil)
	db, err := tsdb.Open(tsdb.Options{
		Folder: deps.Folder, Raw: cfg.Raw.tsdb(), Minute: cfg.Minute.tsdb(), Quarter: cfg.Quarter.tsdb(), SixHours: cfg.SixHours.tsdb(),
		Batch: cfg.Batch, MaxSeries: cfg.MaxSeries, Log: deps.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	h.db, h.shift = db, db.Shift
	h.readTraits()
	h.readWrong()
	if err := h.subscribe(cfg.Include); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return h, nil
}

// subscribe has the messages of other topics recorded from now on.
func (h *History) subscribe(include []string) error {
	sub, err := h.b.Subscribe(broker.SubscribeOptions{MaxMessages: maxWaiting, MaxBytes: maxWaitingBytes, Skip: h.skips}, include...)
	if err != nil {
		return fmt.Errorf("history.include: %w", err)
	}
	if old := h.sub.Swap(sub); old != nil {
		h.drain(old)
		h.lost.Add(old.Stats().Dropped)
		old.Close()
	}
	return nil
}

// drain waits until Run has taken what waits in a subscription, for a while.
func (h *History) drain(sub *broker.Subscription) {
	for range 1000 {
		if sub.Stats().Waiting == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Change makes another valid configuration hold: what is recorded, how long it is
// kept and of how many series. Enabled and Batch are as they were at the start. On
// an error nothing has changed.
func (h *History) Change(cfg Config) error {
	old := h.cfg()
	h.conf.Store(&cfg) // before subscribing: it has what is excluded
	if !slices.Equal(old.Include, cfg.Include) {
		if err := h.subscribe(cfg.Include); err != nil {
			h.conf.Store(old)
			return err
		}
	}
	h.db.Change(cfg.Raw.tsdb(), cfg.Minute.tsdb(), cfg.Quarter.tsdb(), cfg.SixHours.tsdb(), cfg.MaxSeries)
	return nil
}

// cfg is the configuration that holds now.
func (h *History) cfg() *Config { return h.conf.Load() }

// LeaveOut has topics that match one of these filters not recorded from now on,
// besides those that Exclude names: what by another part's configuration has no
// numbers worth recording.
func (h *History) LeaveOut(filters []string) { h.out.Store(&filters) }

// skips tells which messages are not recorded whatever is in them.
func (h *History) skips(m *broker.Message) bool {
	if len(m.Payload) > maxPayload || m.Origin == Repeats || !begins(m.Payload) || about(m.Topic) {
		return true
	}
	for _, filters := range [][]string{h.cfg().Exclude, *h.out.Load()} {
		for _, f := range filters {
			if topic.Match(f, m.Topic) {
				return true
			}
		}
	}
	return false
}

// Run records until ctx ends, and then what waits still. It is called once.
func (h *History) Run(ctx context.Context) error {
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.db.Run(keeping); err != nil {
			h.log.Error("the newest of history could not be written", "error", err)
		}
	})
	wg.Go(func() { h.keep(keeping) })
	for sub := h.sub.Load(); ; {
		d, err := sub.Next(ctx) // what waits is delivered also when ctx has ended
		if next := h.sub.Load(); err != nil && next != sub {
			sub = next
			continue
		}
		if err != nil {
			break
		}
		h.take(d, time.Now())
		h.taken.Add(1)
	}
	stop()
	wg.Wait()
	return nil
}

// Close ends the use of the folder. Run has returned, or was never called.
func (h *History) Close() error {
	h.sub.Load().Close()
	h.keepTraits()
	h.keepWrong()
	if err := h.db.Close(); err != nil {
		return fmt.Errorf("close the history: %w", err)
	}
	return nil
}

// keep does now and then what is not to hold up who publishes.
func (h *History) keep(ctx context.Context) {
	const lookEvery = time.Second
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.mu.Lock()
		wrong := len(h.wrong) > 0
		h.mu.Unlock()
		if wrong {
			h.settle()
		}
		if time.Duration(i)*lookEvery%h.cfg().Batch < lookEvery {
			h.keepTraits()
		}
	}
}

// take records a message, which is handled at now.
func (h *History) take(d broker.Delivery, now time.Time) {
	if h.skips(d.Message) { // what was retained was not asked about
		return
	}
	m := read(d.Payload)
	if len(m.leaves) == 0 {
		return
	}
	arrived := d.Came()
	if arrived.IsZero() || arrived.After(now) {
		arrived = now
	}
	at, ok := h.zones.measured(&m, d.Topic, arrived, d.Replay && !m.unsynced)
	if !ok {
		h.unknown.Add(1)
		return
	}
	if oldest := h.cfg().longest(); oldest > 0 && at.told && now.Sub(at.time) > oldest {
		h.tooOld.Add(uint64(len(m.leaves)))
		return
	}
	h.record(d, &m, at)
}

// record records the numbers of m, measured at a moment.
func (h *History) record(d broker.Delivery, m *message, at moment) {
	names := make([]string, len(m.leaves))
	for i, l := range m.leaves {
		names[i] = nameOf(d.Topic, l.key)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.timeLocked(m, at, names, d.Replay)
	if !ok {
		h.unknown.Add(1)
		return
	}
	for i, l := range m.leaves {
		if err := h.db.Append(names[i], tsdb.Sample{Time: t, Value: l.value}); err != nil {
			switch { // what else there is, a name that is too long, raises no alarm
			case errors.Is(err, tsdb.ErrTooMany):
				h.refused.Add(1)
			case errors.Is(err, tsdb.ErrBehind):
				h.behind.Add(1)
			}
			h.sayOnce("refused", "a number is not recorded", err)
			continue
		}
		h.recorded.Add(1)
		h.noteTrait(names[i], trait{l.binary, m.units.of(l.key)}, l.value)
	}
}

// timeLocked returns the time under which m is recorded, ms; ok is false if
// nobody knows it.
func (h *History) timeLocked(m *message, at moment, names []string, replay bool) (t int64, ok bool) {
	ours, synced := h.clock.Now()
	if m.unsynced {
		measured, has := m.firstTime()
		by, known := h.clock.Shift(m.boot)
		switch {
		case has && known && m.boot != "":
			return measured.Add(by).UnixMilli(), true
		case has && m.boot == ours && !synced && !replay:
			return h.provisional(ours, measured.UnixMilli(), names), true
		case replay:
			return 0, false
		}
	}
	if !at.told && !synced {
		if by, known := h.clock.Shift(ours); known { // it was set this moment
			return at.time.Add(by).UnixMilli(), true
		}
		return h.provisional(ours, at.time.UnixMilli(), names), true
	}
	return at.time.UnixMilli(), true
}

// firstTime returns the time in m as it is, right or wrong.
func (m *message) firstTime() (time.Time, bool) {
	for _, s := range m.times {
		if t, naive := parseTime(s.value); !t.IsZero() && !naive {
			return t, true
		}
	}
	return time.Time{}, false
}

// sayOnce logs what went wrong, at most once in an hour for each kind. The caller
// holds mu.
func (h *History) sayOnce(kind, text string, err error) {
	if now := time.Now(); now.Sub(h.said[kind]) >= time.Hour {
		h.said[kind] = now
		h.log.Warn(text, "error", err)
	}
}

// noteTrait notes what the payloads of a series say of it. Words and numbers in
// turn are numbers.
func (h *History) noteTrait(series string, now trait, value float64) {
	before, known := h.traits[series]
	if !known && now == (trait{}) {
		return
	}
	if known && before.Binary && !now.Binary && (value == 0 || value == 1) {
		now.Binary = true
	}
	if now != before {
		h.traits[series], h.newTraits = now, true
	}
}

func (h *History) traitsFile() string { return filepath.Join(h.folder, "series.json") }

func (h *History) keepTraits() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.newTraits || h.folder == "" {
		return
	}
	if err := writeJSON(h.traitsFile(), h.traits); err != nil {
		h.sayOnce("traits", "what series are cannot be noted; it is tried again", err)
		return
	}
	h.newTraits = false
}

func (h *History) readTraits() {
	if h.folder == "" {
		return
	}
	if err := readJSON(h.traitsFile(), &h.traits); err != nil {
		h.log.Warn("what series are is not known until their payloads tell", "error", err)
	}
	if h.traits == nil {
		h.traits = make(map[string]trait)
	}
}

// describe returns what a series is.
func (h *History) describe(series string) Meta {
	m := describe(series, h.metaOf)
	h.mu.Lock()
	defer h.mu.Unlock()
	if t, ok := h.traits[series]; ok {
		if t.Binary && !m.Binary { // POWER is on, it is not a number of watts
			m.Quantity, m.Unit, m.Decimals, m.Binary, m.Counter = lastKey(m.Topic, m.Key), "", 0, true, false
			m.Title = m.Quantity
		}
		if t.Unit != "" {
			m.Unit = t.Unit
		}
	}
	return m
}

// metaOf returns what a sensor says of itself.
func (h *History) metaOf(path reading.Path) (meta reading.Meta, ok bool) {
	m := h.b.Retained(path.MetaTopic())
	if m == nil {
		return meta, false
	}
	meta, err := reading.ParseMeta(m.Payload)
	return meta, err == nil
}

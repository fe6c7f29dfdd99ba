package discovery

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/broker"
	"gateway/sensors/reading"
)

const (
	// origin says of messages that they are ours.
	origin = "discovery"
	// alertLevel is the second level of the topics of alerts.
	alertLevel = "alerts"
	// settle is how long news are collected until they are published together.
	settle = 500 * time.Millisecond
	// patience is how long, after the start, a device stays announced of which
	// nothing is known: what it is may not have been on disk when the power failed.
	patience = 10 * time.Second
	// birthDelay is the longest pause before all is sent again to a Home Assistant
	// that has started, which it asks for so that not all speak at once.
	birthDelay = 5 * time.Second
	// handOver is how long Home Assistant is given to let go of what is handed over to
	// the other form, before it is announced in that. While it unloads a component it
	// puts the next message for that aside, and forgets the rest of a message for a
	// device (async_discovery_message_received in mqtt/discovery.py).
	handOver = 2 * time.Second
	// maxThings bounds how many sensors, alerts and bridges are announced, each.
	maxThings = 500
	// maxRemovals bounds what a device says of components that it has no more.
	maxRemovals = 64
)

// Tree is what of the broker is used.
type Tree interface {
	Publish(*broker.Message) error
	Subscribe(o broker.SubscribeOptions, filters ...string) (*broker.Subscription, error)
	RetainedMatching(filter string) []*broker.Message
}

// Deps are what discovery is given.
type Deps struct {
	Tree    Tree
	Site    func() string // whose sensors are announced, now
	Page    func() string // where others reach the page; "" if they cannot. nil is ""
	Folder  string        // for what outlives a restart; "" if no retained message does
	Version string
	Log     *slog.Logger
}

// Discovery announces devices.
type Discovery struct {
	deps    Deps
	changed chan struct{}    // cap 1
	sites   *sites           // of Run
	earlier map[place]string // what of those sites was retained before the start

	mu  sync.Mutex
	cfg Config
}

// New makes it, and looks at what is retained of earlier sites: it is called before
// anybody else can publish. Nothing is published before Run.
func New(cfg Config, deps Deps) *Discovery {
	d := &Discovery{deps: deps, cfg: cfg, changed: make(chan struct{}, 1), sites: readSites(deps.Folder, deps.Log)}
	d.earlier = published(deps.Tree, d.sites.have)
	return d
}

// Change announces by another configuration from now on. It may be called at any
// time, and never fails.
func (d *Discovery) Change(cfg Config) error {
	d.mu.Lock()
	d.cfg = cfg
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
	return nil
}

func (d *Discovery) config() Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

// Run announces until ctx ends. What is announced stays: the gateway comes back.
func (d *Discovery) Run(ctx context.Context) error {
	start := time.Now()
	known, gone := maps.Clone(d.earlier), make(map[place]bool)
	for ctx.Err() == nil {
		if err := d.follow(ctx, start, known, gone); err != nil {
			return err
		}
	}
	return nil
}

// follow does what one configuration says, until ctx ends or there is another.
// known is what was published, in earlier runs, too, gone what was cleared in this one.
func (d *Discovery) follow(ctx context.Context, start time.Time, known map[place]string, gone map[place]bool) error {
	cfg := d.config()
	s := &session{d: d, cfg: cfg, known: known, gone: gone, handed: make(map[place]bool), start: start}
	sub, err := d.deps.Tree.Subscribe(broker.SubscribeOptions{MaxMessages: 4096, Skip: skip}, s.filters()...)
	if err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	defer sub.Close()
	maps.Copy(known, published(d.deps.Tree, func(node string) bool { return isOf(node, d.deps.Site()) }))
	s.reconcileAt(time.Now().Add(settle))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan broker.Delivery)
	var pumping sync.WaitGroup
	defer pumping.Wait()
	defer cancel()
	pumping.Go(func() { pump(ctx, sub, news) })
	return s.loop(ctx, news)
}

// skip tells of what need not wait for us.
func skip(m *broker.Message) bool { return m.Origin == origin }

// pump carries messages until ctx ends.
func pump(ctx context.Context, sub *broker.Subscription, to chan<- broker.Delivery) {
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			return
		}
		select {
		case to <- m:
		case <-ctx.Done():
			return
		}
	}
}

// session is one configuration while it holds.
type session struct {
	d      *Discovery
	cfg    Config
	known  map[place]string // what is published
	gone   map[place]bool   // what was cleared: who was not connected then is told again
	handed map[place]bool   // what Home Assistant was told to let go of
	hold   time.Time        // nothing is published before
	start  time.Time        // of the run
	due    time.Time        // when to look at what has changed; zero: nothing has
	again  bool             // then all is to be sent, changed or not
}

func (s *session) filters() []string {
	return []string{"+/+/+/meta", "+/" + alertLevel + "/#", "$SYS/broker/connection/+/state", s.cfg.BirthTopic}
}

func (s *session) loop(ctx context.Context, news <-chan broker.Delivery) error {
	timer := time.NewTimer(time.Until(s.due))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.d.changed:
			return nil
		case m := <-news:
			s.take(m)
		case <-timer.C:
			again := s.again
			s.due, s.again = time.Time{}, false
			s.reconcile(again)
		}
		if !s.due.IsZero() {
			timer.Reset(time.Until(s.due))
		}
	}
}

// reconcileAt has what is published looked at by then.
func (s *session) reconcileAt(t time.Time) {
	if s.due.IsZero() || t.Before(s.due) {
		s.due = t
	}
}

// take looks at a message.
func (s *session) take(m broker.Delivery) {
	if m.Topic == s.cfg.BirthTopic {
		if !m.Replay && string(m.Payload) == "online" && s.cfg.Discovery != Off {
			s.again = true
			s.due = time.Now().Add(rand.N(birthDelay))
		}
		return
	}
	if strings.HasSuffix(m.Topic, "/meta") || strings.HasSuffix(m.Topic, "/detail") || strings.HasSuffix(m.Topic, "/state") {
		s.reconcileAt(time.Now().Add(settle))
	}
}

// reconcile makes what is published what is wanted.
func (s *session) reconcile(again bool) {
	s.noteSites()
	defer s.noteSites()
	wanted, nodes := s.wanted()
	if s.handOver(wanted, nodes) {
		s.hold = time.Now().Add(handOver)
	}
	if time.Now().Before(s.hold) {
		s.due, s.again = s.hold, again
		return
	}
	for _, p := range sorted(wanted) {
		if again || s.known[p] != wanted[p] {
			if s.send(p, wanted[p], true) {
				s.known[p] = wanted[p]
			}
		}
	}
	s.clear(wanted, nodes)
	if again {
		for p := range s.gone {
			s.send(p, "", true)
		}
	}
}

// noteSites has the next start know of which sites something may be announced.
func (s *session) noteSites() {
	err := s.d.sites.note(s.d.deps.Site(), func(site string) bool {
		for p := range s.known {
			if isOf(p.node, site) {
				return true
			}
		}
		return false
	})
	if err != nil {
		s.d.deps.Log.Warn("if the site is renamed while the gateway is off, its devices stay in Home Assistant", "error", err)
	}
}

// handOver has Home Assistant let go of what is to be announced in the other form, but
// keep the names and the history, and tells whether there was any. Each is told once.
func (s *session) handOver(wanted map[place]string, nodes map[string]bool) (any bool) {
	for p := range s.known {
		_, stays := wanted[p]
		if stays || s.handed[p] || p.prefix != s.cfg.Prefix || !nodes[p.node] || (p.platform == wholeDevice) == (s.cfg.Discovery == ByDevice) {
			continue
		}
		if s.send(p, `{"migrate_discovery":true}`, false) {
			s.handed[p], any = true, true
		}
	}
	return any
}

// clear takes back what is wanted no more.
func (s *session) clear(wanted map[place]string, nodes map[string]bool) {
	for p := range wanted {
		delete(s.gone, p)
	}
	for _, p := range sorted(s.known) {
		if _, ok := wanted[p]; ok {
			continue
		}
		if wait := time.Until(s.start.Add(patience)); wait > 0 && s.cfg.Discovery != Off && p.prefix == s.cfg.Prefix && !s.handed[p] && isOf(p.node, s.d.deps.Site()) && !nodes[p.node] {
			s.reconcileAt(time.Now().Add(wait))
			continue
		}
		if foreign(s.d.deps.Tree, p) {
			delete(s.known, p)
			continue
		}
		if s.send(p, "", true) {
			delete(s.known, p)
			delete(s.handed, p)
			if len(s.gone) < maxThings {
				s.gone[p] = true
			}
		}
	}
}

// sorted has the gateway before its sensors, which refer to it.
func sorted(all map[place]string) []place {
	return slices.SortedFunc(maps.Keys(all), func(a, b place) int {
		return cmp.Or(strings.Compare(a.node, b.node), strings.Compare(a.topic(), b.topic()))
	})
}

func (s *session) send(p place, payload string, retain bool) bool {
	err := s.d.deps.Tree.Publish(&broker.Message{Topic: p.topic(), Payload: []byte(payload), QoS: 1, Retain: retain, Origin: origin})
	if err != nil {
		s.d.deps.Log.Error("what Home Assistant is told is not kept, or not published", "topic", p.topic(), "error", err)
	}
	return err == nil
}

// things are the devices that there are now.
func (s *session) things() []thing {
	tree, site := s.d.deps.Tree, s.d.deps.Site()
	var all []thing
	alerts := s.alerts(site)
	for _, m := range tree.RetainedMatching("+/+/+/meta") {
		p, err := reading.ParsePath(strings.TrimSuffix(m.Topic, "/meta"))
		if err != nil || p.Site() != site || p.Room() == alertLevel || len(m.Payload) == 0 {
			continue
		}
		meta, err := reading.ParseMeta(m.Payload)
		if err != nil {
			s.d.deps.Log.Debug("not announced", "topic", m.Topic, "error", err)
			continue
		}
		all = append(all, sensor(p, meta))
	}
	if len(all)+len(alerts) == 0 {
		return nil // a broker, and nothing else
	}
	all = append(all, s.d.hub(site, alerts, s.bridges()))
	slices.SortFunc(all, func(a, b thing) int { return strings.Compare(a.node, b.node) })
	if len(all) > maxThings {
		s.d.deps.Log.Warn("some sensors are not announced to Home Assistant", "sensors", len(all)-1, "announced", maxThings-1)
		all = all[:maxThings]
	}
	return all
}

// alerts are what follows site/alerts/ in the topics of alerts.
func (s *session) alerts(site string) (all []string) {
	before := site + "/" + alertLevel + "/"
	for _, m := range s.d.deps.Tree.RetainedMatching("+/" + alertLevel + "/#") {
		name, ok := strings.CutPrefix(m.Topic, before)
		if name, is := strings.CutSuffix(name, "/detail"); ok && is && len(m.Payload) > 0 {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all[:min(len(all), maxComponents)]
}

// bridges are the names of the bridges.
func (s *session) bridges() (all []string) {
	for _, m := range s.d.deps.Tree.RetainedMatching("$SYS/broker/connection/+/state") {
		all = append(all, strings.Split(m.Topic, "/")[3])
	}
	slices.Sort(all)
	return all[:min(len(all), maxComponents)]
}

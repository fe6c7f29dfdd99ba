package mdns

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Deps are what a Responder is told by others.
type Deps struct {
	Machine  string           // the name of this machine
	Services func() []Service // what others can reach now; it is asked every few seconds
	Log      *slog.Logger

	open   func() (transport, error) // for tests; nil: the network
	places func(Config) ([]place, error)
}

// Responder announces services. Make one with [New]. Its methods may be called at any
// time, by several goroutines.
type Responder struct {
	deps    Deps
	changed chan struct{} // has one when cfg has changed

	mu   sync.Mutex
	cfg  Config
	host string // that is announced; "" while nothing is
}

// New makes a Responder.
func New(cfg Config, d Deps) *Responder {
	if d.open == nil {
		d.open = open
	}
	if d.places == nil {
		d.places = places
	}
	return &Responder{deps: d, cfg: cfg, changed: make(chan struct{}, 1)}
}

// Change has another configuration from now on.
func (r *Responder) Change(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !reflect.DeepEqual(cfg, r.cfg) {
		r.cfg = cfg
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
	return nil
}

// Host returns the name that this machine is reached by, such as
// "raspberrypi-gateway.local"; "" while none is announced.
func (r *Responder) Host() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.host
}

func (r *Responder) setHost(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host = host
}

// retryAfter is how long after a port that cannot be had it is tried again: the
// gateway works without being found.
const retryAfter = time.Minute

// Run announces the services until ctx ends, and then says that they are gone.
func (r *Responder) Run(ctx context.Context) error {
	failed := ""
	for ctx.Err() == nil {
		r.mu.Lock()
		cfg := r.cfg
		r.mu.Unlock()
		if !cfg.Enabled {
			r.wait(ctx, nil)
			continue
		}
		if len(r.deps.Services()) == 0 { // nothing to say, and no port needed for it
			later := time.NewTimer(lookEvery)
			r.wait(ctx, later.C)
			later.Stop()
			continue
		}
		t, err := r.deps.open()
		if err != nil {
			if err.Error() != failed {
				failed = err.Error()
				r.deps.Log.Warn("not announced by mDNS; it is tried again every minute", "error", err)
			}
			retry := time.NewTimer(retryAfter)
			r.wait(ctx, retry.C)
			retry.Stop()
			continue
		}
		failed = ""
		s := &session{Responder: r, cfg: cfg, transport: t, turn: 1, links: make(map[int]*link)}
		s.run(ctx)
		r.setHost("")
		t.close()
	}
	return nil
}

// wait waits for another configuration, for the end, or for a timer.
func (r *Responder) wait(ctx context.Context, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-r.changed:
	case <-timer:
	}
}

// lookEvery is how often interfaces, addresses and services are looked at. Asking the
// kernel for them takes a fraction of a millisecond.
const lookEvery = 5 * time.Second

// session is a Responder with a configuration. It belongs to one goroutine.
type session struct {
	*Responder
	cfg       Config
	transport transport
	turn      int // which of our names we are at
	names     names
	services  []Service
	links     map[int]*link
	echoes    echoes
	conflicts []time.Time // the newest
	failing   bool        // to see what interfaces there are
}

// run lasts until ctx ends or there is another configuration.
func (s *session) run(ctx context.Context) {
	s.names = namesFor(s.cfg, s.deps.Machine, s.turn)
	s.look(time.Now())
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		next := time.NewTimer(time.Until(s.next()))
		select {
		case <-ctx.Done():
			next.Stop()
			s.farewell()
			return
		case <-s.changed:
			next.Stop()
			s.farewell()
			return
		case <-look.C:
			s.look(time.Now())
		case p := <-s.transport.packets():
			s.take(p, time.Now())
		case <-next.C:
			now := time.Now()
			for _, l := range s.links {
				l.step(now)
			}
		}
		next.Stop()
	}
}

// next returns when something is to be done.
func (s *session) next() time.Time {
	at := time.Now().Add(time.Hour)
	for _, l := range s.links {
		if t := l.next(); t.Before(at) {
			at = t
		}
	}
	return at
}

// look compares what there is with what was.
func (s *session) look(now time.Time) {
	all, err := s.deps.places(s.cfg)
	if err != nil {
		if !s.failing {
			s.deps.Log.Warn("mDNS cannot see the interfaces", "error", err)
		}
		s.failing = true
		return
	}
	s.failing = false
	services := s.deps.Services()
	others := !reflect.DeepEqual(services, s.services)
	s.services = slices.Clone(services)
	for index, l := range s.links {
		if i := slices.IndexFunc(all, func(p place) bool { return p.index == index && p.name == l.name }); i < 0 {
			s.transport.leave(index)
			delete(s.links, index)
		}
	}
	for _, p := range all {
		l := s.links[p.index]
		if l == nil {
			l = &link{session: s, place: p, sent: make(map[sending]time.Time)}
			l.four, l.six = s.transport.join(p.index)
			s.links[p.index] = l
			l.rename(now)
		} else if others || !p.equal(l.place) {
			l.place = p
			if !l.six || !l.four { // an address of the other family may have come
				l.four, l.six = s.rejoin(p.index, l)
			}
			l.update(now)
		}
	}
}

func (s *session) rejoin(index int, l *link) (four, six bool) {
	four, six = s.transport.join(index)
	return four || l.four, six || l.six
}

// farewell says that everything is gone.
func (s *session) farewell() {
	for _, l := range s.links {
		l.goodbye(l.zone.records)
	}
}

// ours tells whether a record is one of ours, on whatever interface: two may be on one
// network, and some routers carry what they hear from one network to the other.
func (s *session) ours(r record) bool {
	for _, l := range s.links {
		for _, own := range append(slices.Clone(l.zone.records), l.zone.nothing...) {
			if own.identity() == r.identity() {
				return true
			}
		}
	}
	return false
}

// renameAll takes the next names.
func (s *session) renameAll(now time.Time) {
	old := s.names
	s.turn++
	s.names = namesFor(s.cfg, s.deps.Machine, s.turn)
	s.deps.Log.Info("another device has our name in mDNS", "name", old.instance, "now", s.names.instance)
	for _, l := range s.links {
		l.rename(now)
	}
}

// Many conflicts in a short time are answered slowly (RFC 6762, section 8.1).
const (
	manyConflicts = 15
	conflictTime  = 10 * time.Second
	conflictDelay = 5 * time.Second
)

// patience notes a conflict, and returns how long to wait for the next try.
func (s *session) patience(now time.Time) time.Duration {
	s.conflicts = append(slices.DeleteFunc(s.conflicts, func(t time.Time) bool { return now.Sub(t) > conflictTime }), now)
	if len(s.conflicts) >= manyConflicts {
		return conflictDelay
	}
	return 0
}

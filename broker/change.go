package broker

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"

	"gateway/broker/auth"
	"gateway/broker/packet"
)

// Change makes the broker one of another configuration while it runs. cfg has
// been validated, and so have its files.
//
// Clients stay connected, and keep the limits that they were told when they came
// in; those of queues, sessions and of what is retained hold for everybody at once,
// and so do passwords and rules, as after [Broker.Reload]. A listener whose
// configuration is the same stays open, one that is new is opened, one that is not
// there any more is closed. Clients are disconnected who came in by a listener that
// is gone, or by one that would not let them in any more or shows them other topics
// now: without a name and no longer allow_anonymous, another mount_point, or auth
// of its own in place of the broker's.
//
// On an error nothing has changed, but for listeners that take the place of one
// with the same port and cannot be opened: they are missing, and the error names
// them. They are no part of the configuration that holds then, so that the next
// Change, to the same one, too, opens them. It may be called concurrently, also
// before Run.
func (b *Broker) Change(cfg Config) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	old := b.cfg()
	if reflect.DeepEqual(old.Config, cfg) {
		return nil
	}
	if b.stopped {
		return errors.New("the broker has stopped")
	}
	p := &doorPlan{b: b, was: old, next: confOf(cfg), shared: b.shared}
	if err := p.prepare(); err != nil {
		p.undo()
		return err
	}
	b.conf.Store(p.next)
	b.shared = p.shared
	err := p.carryOut()
	b.forgetGuards()
	b.rebound()
	b.refreshRights()
	b.disconnectOthers(p.terms)
	if old.SysInterval <= 0 && b.serving != nil {
		b.startSys()
	}
	return err
}

// doorPlan is what a change does to listeners. Its slices are in the order of the
// configuration that is to be.
type doorPlan struct {
	b         *Broker
	was, next *conf
	shared    *auth.Guard

	terms   []*terms
	old     []*listener // that have the same address; nil for a new one
	all     []*listener // that there will be; nil for one that waits for another to close
	gone    []*listener
	changed []guardChange
}

// guardChange is a guard that has another configuration.
type guardChange struct {
	guard *auth.Guard
	was   auth.Config
}

// prepare does what can fail and be undone.
func (p *doorPlan) prepare() error {
	n := len(p.next.Listeners)
	p.terms, p.old, p.all = make([]*terms, n), make([]*listener, n), make([]*listener, n)
	open := p.b.doors()
	for i, l := range p.next.Listeners {
		if at := slices.IndexFunc(open, func(o *listener) bool { return sameAddress(o.now().listener, l) }); at >= 0 {
			p.old[i] = open[at]
		}
	}
	for _, o := range open {
		if !slices.Contains(p.old, o) {
			p.gone = append(p.gone, o)
		}
	}
	for i, l := range p.next.Listeners {
		guard, err := p.guard(l, p.old[i])
		if err != nil {
			return fmt.Errorf("broker.listeners[%d]: %w", i, err)
		}
		p.terms[i] = p.b.terms(p.next, l, guard)
		if o := p.old[i]; o != nil {
			p.terms[i].flow = o.now().flow
			if p.stays(o, l) {
				p.all[i] = o
			}
			continue
		}
		if p.hasToWait(l) {
			continue
		}
		if p.all[i], err = listen(p.b, p.next, p.terms[i]); err != nil {
			return fmt.Errorf("broker.listeners[%d]: %w", i, err)
		}
	}
	return nil
}

// stays tells whether a listener needs not be opened anew to be l.
func (p *doorPlan) stays(o *listener, l Listener) bool {
	was := o.now().listener
	a, b := doorOptions(p.was, was), doorOptions(p.next, l)
	return was.Protocol == l.Protocol && reflect.DeepEqual(a, b)
}

// hasToWait tells whether a new listener needs a port that another one has which
// is to close: 127.0.0.1:1883 and :1883.
func (p *doorPlan) hasToWait(l Listener) bool {
	return slices.ContainsFunc(p.b.doors(), func(o *listener) bool { return samePort(o.now().listener, l) })
}

// guard returns the guard of a listener: that of the listener in whose place it
// is, with the rules that are to be, or the one that all share.
func (p *doorPlan) guard(l Listener, old *listener) (*auth.Guard, error) {
	if l.Auth == nil {
		if p.shared == nil {
			g, err := p.b.openGuard(p.next.Auth, "broker.auth")
			p.shared = g
			return g, err
		}
		return p.shared, p.change(p.shared, p.next.Auth, "broker.auth")
	}
	if old != nil && old.now().listener.Auth != nil {
		g := old.now().guard
		return g, p.change(g, *l.Auth, "auth")
	}
	return p.b.openGuard(*l.Auth, "auth")
}

// change has a guard go by a configuration.
func (p *doorPlan) change(g *auth.Guard, is auth.Config, key string) error {
	was := g.Config()
	if reflect.DeepEqual(was, is) {
		return nil
	}
	if err := g.Change(is); err != nil {
		return fmt.Errorf("%s.%w", key, err)
	}
	p.changed = append(p.changed, guardChange{g, was})
	p.b.warn(g)
	return nil
}

// undo makes everything as it was.
func (p *doorPlan) undo() {
	for i, l := range p.all {
		if l != nil && p.old[i] == nil {
			l.close()
			l.wait()
		}
	}
	for _, c := range p.changed {
		if err := c.guard.Change(c.was); err != nil {
			p.b.log.Error("the users and rules that were cannot be read any more", "error", err)
		}
	}
	p.b.forgetGuards()
}

// forgetGuards forgets those whose listeners are gone, so that their files may be.
func (b *Broker) forgetGuards() {
	b.guards = slices.DeleteFunc(b.guards, func(g *auth.Guard) bool {
		return g != b.shared && !slices.ContainsFunc(b.doors(), func(l *listener) bool { return l.now().guard == g })
	})
}

// carryOut closes what is to be closed, and opens what has waited for it. What
// cannot be opened is missing then.
func (p *doorPlan) carryOut() error {
	b := p.b
	for i, o := range p.old {
		if o != nil && p.all[i] == nil {
			o.close()
		}
	}
	for _, o := range p.gone {
		o.close()
		b.log.Info("not listening any more", "protocol", o.now().listener.Protocol, "address", o.addr().String())
	}
	var errs []error
	var all []*listener
	var holds []Listener
	for i, t := range p.terms {
		l := p.all[i]
		switch {
		case l == nil:
			var err error
			if l, err = listen(b, p.next, t); err != nil {
				errs = append(errs, fmt.Errorf("broker.listeners[%d]: %w", i, err))
				continue
			}
		case l == p.old[i]:
			t.where = l.now().where
			l.terms.Store(t)
		}
		all, holds = append(all, l), append(holds, t.listener)
		if l == p.old[i] {
			continue
		}
		b.log.Info("listening", "protocol", t.listener.Protocol, "address", l.addr().String())
		if b.serving != nil {
			b.serving(l)
		}
	}
	b.listeners.Store(&all)
	if len(errs) > 0 { // so that the next Change finds a difference
		opened := *p.next
		opened.Listeners = holds
		b.conf.Store(&opened)
	}
	b.pulse.restart()
	return errors.Join(errs...)
}

// rebound gives sessions the bounds that hold for them now.
func (b *Broker) rebound() {
	b.sessionsMu.Lock()
	defer b.sessionsMu.Unlock()
	for _, s := range b.sessions {
		bounds := b.boundsOf(s.id)
		s.mu.Lock()
		s.bounds = bounds
		s.mu.Unlock()
	}
}

// disconnectOthers disconnects who came in on other terms than there are now.
func (b *Broker) disconnectOthers(now []*terms) {
	b.connsMu.Lock()
	var all []*conn
	for c := range b.conns {
		if !slices.ContainsFunc(now, c.terms.stillHolds) {
			all = append(all, c)
		}
	}
	b.connsMu.Unlock()
	b.sessionsMu.Lock()
	for _, s := range b.sessions {
		if c := s.owner; c != nil && c.isNobody() && !slices.ContainsFunc(now, func(t *terms) bool { return t.anonymous && c.terms.stillHolds(t) }) {
			all = append(all, c)
		}
	}
	b.sessionsMu.Unlock()
	for _, c := range all {
		c.log().Info("client disconnected: its listener has changed", "listener", c.terms.name())
		c.disconnect(packet.AdministrativeAction, ending{cause: DoorChanged})
	}
}

// stillHolds tells whether who came in on terms t may stay under the terms now.
func (t *terms) stillHolds(now *terms) bool {
	return t.listener.Protocol == now.listener.Protocol && sameAddress(t.listener, now.listener) &&
		t.guard == now.guard && t.mountPoint == now.mountPoint
}

// sameAddress tells whether two listeners have the same address.
func sameAddress(a, b Listener) bool {
	return a.Address == b.Address && (a.Protocol == "unix") == (b.Protocol == "unix")
}

// samePort tells whether two listeners may be in the way of one another.
func samePort(a, b Listener) bool {
	if a.Protocol == "unix" || b.Protocol == "unix" {
		return sameAddress(a, b)
	}
	_, p, err1 := net.SplitHostPort(a.Address)
	_, q, err2 := net.SplitHostPort(b.Address)
	return err1 == nil && err2 == nil && p == q && p != "0"
}

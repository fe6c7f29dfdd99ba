package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
	"gateway/broker/topic"
)

// replayTime is how long after a subscription an upstream may still send what it
// has retained.
const replayTime = 10 * time.Second

// advisory is where ActiveMQ tells of itself, which "#" brings too.
const advisory = "ActiveMQ/Advisory/"

// Released implements link.Session.
func (ln *line) Released(ctx context.Context, id uint16) error {
	d, ok := ln.window.of(id)
	if !ok || d.Released {
		return nil
	}
	return ln.sub.Release(ctx, d)
}

// forgetElsewhere lets go of the packet identifiers of messages that came from
// another address: here they may stand for other messages, which would be lost.
// Where both have the same session, some messages come twice.
func (ln *line) forgetElsewhere() error {
	if !ln.elsewhere {
		return nil
	}
	return ln.forgotten()
}

func (br *Bridge) forgetAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), br.cfg.AckTimeout)
	defer cancel()
	return br.sub.ForgetAll(ctx)
}

// Forgotten implements link.Session.
func (ln *line) Forgotten(ctx context.Context, id uint16) error { return ln.sub.Forget(ctx, id) }

// Received implements link.Session.
func (ln *line) Received(m link.Message) (stable func(ctx context.Context) error, err error) {
	if err := ln.forgetElsewhere(); err != nil {
		return nil, err
	}
	route, local, ok := ln.routes.inbound(m.Topic)
	switch {
	case !ok, strings.HasPrefix(m.Topic, advisory), topic.CheckName(local) != nil:
		ln.count(func(s *State) { s.Ignored++ })
		return nil, nil
	case ln.echoing() && ln.guard.back(m.Topic, m.Payload):
		ln.count(func(s *State) { s.Echoes++ })
		return nil, nil
	case m.Retain && ln.known(local, m):
		return nil, nil
	}
	msg := &broker.Message{
		Topic: local, Payload: m.Payload, Properties: m.Properties,
		QoS:    broker.QoS(min(m.QoS, byte(route.QoS))),
		Retain: route.retains(m.Retain),
		Origin: ln.origin(),
	}
	if m.Expiry > 0 {
		msg.Expires = time.Now().Add(m.Expiry)
	}
	var id uint16
	if m.QoS == 2 {
		id = m.ID
	}
	again, stable, err := ln.sub.Receive(msg, id)
	if err != nil {
		return nil, fmt.Errorf("a message of %q cannot be published here as %q: %w", m.Topic, local, err)
	}
	if !again {
		ln.count(func(s *State) { s.Received++ })
	}
	if m.QoS == 0 {
		stable = nil
	}
	return stable, nil
}

// known tells whether a retained message is nothing new: what an upstream sends
// for a subscription comes again with each one. What is retained here, and goes
// out, and may still wait for that, is newer than what the upstream has.
func (ln *line) known(local string, m link.Message) bool {
	if !ln.replaying() {
		return false
	}
	here := ln.b.Retained(local)
	if here == nil {
		return false
	}
	if string(here.Payload) == string(m.Payload) {
		return ln.hasAsked() // else it was kept for us while we were away
	}
	if _, _, out := ln.routes.outbound(local); !out || here.Origin == ln.origin() {
		return false
	}
	s := ln.sub.Stats()
	if s.Waiting+s.Unacked == 0 {
		return false
	}
	// What waits from before the clock was put back says nothing of what is newer.
	return s.Oldest.After(time.Now()) || !here.Came().Before(s.Earliest)
}

// replaying tells whether what is retained may still be coming.
func (ln *line) replaying() bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.subscribed.IsZero() || time.Since(ln.subscribed) < replayTime
}

// hasAsked tells whether the upstream was asked for anything on this connection,
// so that what it has retained may come once more.
func (ln *line) hasAsked() bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.asked
}

// echoing tells whether the upstream may send us what we have published.
func (ln *line) echoing() bool { return ln.echoes && !ln.quiet.Load() }

// subscribe asks the upstream for what the routes bring in. An upstream that does
// not answer is taken for dead as with messages.
func (ln *line) subscribe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ln.cfg.AckTimeout)
	defer cancel()
	err := ln.resubscribe(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("subscribe: %w for %v", errNoAnswer, ln.cfg.AckTimeout)
	}
	return err
}

// resubscribe makes the subscriptions of the upstream's session those that are
// wanted. What it refuses is asked for again with the next connection.
func (ln *line) resubscribe(ctx context.Context) error {
	want := ln.subscriptions()
	granted := want
	before := ln.memory.subscriptions()
	if !ln.link.Present() {
		before = nil
		ln.memory.setSubscriptions(nil) // if the line is lost before the answer, the session is there next time
	}
	if len(want) > 0 && (ln.elsewhere || !slices.Equal(before, want)) {
		var err error
		if granted, err = ln.ask(ctx, want); err != nil {
			return err
		}
	}
	var gone []string
	for _, b := range before {
		if !slices.ContainsFunc(want, func(w link.Subscription) bool { return w.Filter == b.Filter }) {
			gone = append(gone, b.Filter)
		}
	}
	if len(gone) > 0 {
		if err := ln.link.Unsubscribe(ctx, gone); err != nil {
			return err
		}
	}
	ln.memory.setSubscriptions(granted)
	ln.mu.Lock()
	ln.subscribed = time.Now()
	ln.mu.Unlock()
	return nil
}

// ask subscribes, tells what is refused, and returns the rest.
func (ln *line) ask(ctx context.Context, want []link.Subscription) (granted []link.Subscription, err error) {
	ln.mu.Lock()
	ln.asked = true
	ln.mu.Unlock()
	codes, err := ln.link.Subscribe(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	var refused []string
	for i, code := range codes {
		if code >= 0x80 {
			refused = append(refused, want[i].Filter)
			continue
		}
		granted = append(granted, want[i])
	}
	if len(refused) > 0 {
		ln.log.Error("the upstream refuses subscriptions: nothing comes in by them", "filters", refused)
	}
	ln.count(func(s *State) { s.Refused = refused })
	return granted, nil
}

func (ln *line) subscriptions() []link.Subscription {
	var subs []link.Subscription
	for _, r := range ln.routes.inRoutes() {
		subs = append(subs, link.Subscription{
			Filter: r.remoteFilter(), QoS: byte(min(r.QoS, ln.maxQoS())),
			NoLocal: true, RetainAsPublished: true, SkipRetained: true,
		})
	}
	return subs
}

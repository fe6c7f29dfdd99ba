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

// fill sends messages as they come, as many at once as the window has room for,
// until ctx ends.
func (ln *line) fill(ctx context.Context) {
	for ctx.Err() == nil && ln.window.room(ctx) {
		d, what := ln.next(ctx)
		switch {
		case what == nothing:
			return
		case what == batchIsDue:
			if !ln.flush(ctx) {
				return
			}
		case what == fromQueue && ln.suspects.holds(d.Seq()):
			ln.park(d)
		case !ln.send(ctx, d):
			return
		}
	}
}

// coming is what next returns.
type coming int

const (
	nothing    coming = iota // ctx has ended
	fromQueue                // the next message
	fromParked               // a message that has let others go first
	batchIsDue               // no message: what is in the batch is to go
)

// next returns the next message: one that has let others go first, as soon as one
// has gone, or when nothing else came for long. Or it says that a batch is due.
func (ln *line) next(ctx context.Context) (broker.Delivery, coming) {
	for ctx.Err() == nil {
		d, some, ready := ln.unpark(false)
		if ready {
			return d, fromParked
		}
		if !some && !ln.batching() {
			d, err := ln.sub.Next(ctx)
			if err != nil {
				return d, nothing
			}
			return d, fromQueue
		}
		until := time.Now().Add(parkTime)
		if ln.batching() {
			until = ln.batch.Due()
		}
		waiting, cancel := context.WithDeadline(ctx, until)
		d, err := ln.nextOr(waiting, cancel)
		late := errors.Is(waiting.Err(), context.DeadlineExceeded)
		cancel()
		switch {
		case err == nil:
			return d, fromQueue
		case errors.Is(err, broker.ErrClosed) || ctx.Err() != nil:
			return d, nothing
		case ln.batching() && (late || ln.hurried()):
			return d, batchIsDue
		case late:
			if d, _, ok := ln.unpark(true); ok {
				return d, fromParked
			}
		}
	}
	return broker.Delivery{}, nothing
}

// nextOr returns the next message of the queue, and gives up when another one was
// acknowledged, or nothing may wait for a batch any more.
func (ln *line) nextOr(ctx context.Context, cancel func()) (broker.Delivery, error) {
	stop := make(chan struct{})
	defer close(stop)
	var hurry <-chan struct{}
	if ln.batching() {
		hurry = ln.hurry
	}
	go func() {
		select {
		case <-ln.others:
			cancel()
		case <-hurry:
			cancel()
		case <-stop:
		}
	}()
	return ln.sub.Next(ctx)
}

func (ln *line) park(d broker.Delivery) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.parked = append(ln.parked, d)
}

// unpark takes the first parked message that has let others go first, or just the
// first. It tells whether there are any.
func (ln *line) unpark(first bool) (d broker.Delivery, some, ok bool) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for i, d := range ln.parked {
		if first || !ln.suspects.holds(d.Seq()) {
			ln.parked = slices.Delete(ln.parked, i, i+1)
			return d, true, true
		}
	}
	return d, len(ln.parked) > 0, false
}

// send publishes d upstream, or does what is to be done in place of that. It
// reports false when ctx has ended.
func (ln *line) send(ctx context.Context, d broker.Delivery) bool {
	if d.Released {
		return ln.release(ctx, d)
	}
	route, remote, ok := ln.routes.outbound(d.Topic)
	if !ok { // it waited for a route that the configuration has no more
		ln.count(func(s *State) { s.Unrouted++ })
		ln.sub.Ack(d)
		return true
	}
	m := ln.message(d, route, remote)
	if why := ln.unfit(m); why != "" {
		return ln.setAside(d, remote, why) == nil
	}
	switch {
	case ln.batch == nil:
	case m.Properties == nil:
		return ln.sendInBatch(ctx, d, m)
	case !ln.flush(ctx): // properties have no place in a batch; the order is kept
		return false
	}
	return ln.publish(ctx, m, []broker.Delivery{d})
}

// publish sends a message that stands for deliveries as soon as there is room.
func (ln *line) publish(ctx context.Context, m link.Message, deliveries []broker.Delivery) bool {
	plainer := ln.plainer(deliveries[0], &m)
	if ln.plan.rate.Wait(ctx) != nil || !ln.window.enter(ctx, m.ID, m.QoS, deliveries[0]) {
		return false
	}
	if !ln.mayPublish() {
		ln.window.leave(m.ID, m.QoS)
		<-ctx.Done() // over closes the line within planInterval
		return false
	}
	switch {
	case !ln.echoing():
	case !m.Dup:
		ln.guard.sent(m.Topic, m.Payload)
	case m.QoS == 1: // an upstream that had it delivers it once more
		ln.guard.again(m.Topic, m.Payload)
	}
	ln.window.sent <- sent{deliveries: deliveries, qos: m.QoS, id: m.ID, plainer: plainer, receipt: ln.link.Publish(m)}
	return true
}

// plainer makes m, in the last attempt before it would be set aside, what every
// upstream takes: QoS 1, and not retained. It tells what m had more, "" for nothing.
func (ln *line) plainer(d broker.Delivery, m *link.Message) string {
	if !ln.suspects.proven(d.Seq()) {
		return ""
	}
	var more []string
	if m.QoS == 2 {
		m.QoS, more = 1, append(more, "QoS 2")
	}
	if m.Retain {
		m.Retain, more = false, append(more, "RETAIN")
	}
	return strings.Join(more, " and ")
}

// tookPlainer notes what the upstream seems to drop the connection for. QoS 2 is not
// used any more until the next start; a retained message is worth the attempts.
func (ln *line) tookPlainer(s sent) {
	if s.plainer == "QoS 2" {
		ln.noQoS2.Store(true)
	}
	ln.log.Warn("the upstream drops the connection for a message, and takes it without; see preset, max_qos and retain_available",
		"topic", s.deliveries[0].Topic, "without", s.plainer)
}

// release ends a QoS 2 message that the upstream has recorded on an earlier
// connection.
func (ln *line) release(ctx context.Context, d broker.Delivery) bool {
	// MQTT 3.1 does not say whether the session was kept.
	unsaid := ln.profile.Protocol == "3.1" && ln.suspects.count(d.Seq()) < tryAlone
	if !ln.link.Present() && !unsaid {
		ln.acked(d)
		return true
	}
	id := d.PacketID()
	if !ln.window.enter(ctx, id, 2, d) {
		return false
	}
	ln.window.sent <- sent{deliveries: []broker.Delivery{d}, qos: 2, id: id, receipt: ln.link.Release(id)}
	return true
}

// message is d as it goes upstream. It is retained there if it is retained here
// still: what is history by now must not replace what is newer.
func (ln *line) message(d broker.Delivery, route Route, remote string) link.Message {
	m := link.Message{
		Topic: remote, Payload: d.Payload, Properties: d.Properties,
		QoS:    byte(min(route.QoS, ln.maxQoS())),
		Retain: ln.profile.RetainAvailable && !ln.link.Limits().NoRetain && ln.retains(d, route),
	}
	if ln.rewrite != nil {
		m.Payload = ln.rewrite(d.Message)
	}
	if m.QoS > 0 {
		m.ID, m.Dup = d.PacketID(), d.Again
	}
	if left := time.Until(d.Expires); !d.Expires.IsZero() && left > 0 {
		m.Expiry = left // what has expired is history, and kept as that
	}
	return m
}

// retains tells whether d is to be retained upstream. With always it may be of no
// use to ask what is retained here: then the order says what is newest, if it is
// kept.
func (ln *line) retains(d broker.Delivery, route Route) bool {
	switch {
	case !route.retains(d.Retain):
		return false
	case d.Retain:
		return ln.b.IsRetained(d.Message)
	}
	return !d.Backlog || ln.cfg.CatchUp != LiveFirst
}

// retains tells what the route makes of a RETAIN flag.
func (r Route) retains(flag bool) bool {
	switch r.Retain {
	case Never:
		return false
	case Always:
		return true
	}
	return flag
}

func (ln *line) maxQoS() int {
	n := min(ln.profile.MaxQoS, int(ln.link.Limits().MaxQoS))
	if ln.noQoS2.Load() {
		n = min(n, 1)
	}
	return n
}

// unfit says why the upstream does not take m, "" if nothing is known against it.
func (ln *line) unfit(m link.Message) string {
	p := ln.profile
	if p.MaxMessageSize > 0 && len(m.Payload) > p.MaxMessageSize {
		return fmt.Sprintf("its %d bytes are more than max_message_size, %d", len(m.Payload), p.MaxMessageSize)
	}
	if n := topic.Levels(m.Topic); p.MaxTopicLevels > 0 && n > p.MaxTopicLevels {
		return fmt.Sprintf("its topic upstream has %d levels, more than max_topic_levels, %d", n, p.MaxTopicLevels)
	}
	return ""
}

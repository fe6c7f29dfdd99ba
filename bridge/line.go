package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gateway/bridge/batch"
	"gateway/bridge/link"
	"gateway/broker"
	"gateway/broker/topic"
)

// errNoAnswer is that the upstream acknowledges nothing on a line that is up.
var errNoAnswer = errors.New("no acknowledgement")

// line is one connection while it lasts.
type line struct {
	*Bridge
	link link.Link // nil until the upstream has accepted it

	address   string
	elsewhere bool         // the last connection was to another address, which may have another session
	forgotten func() error // see forgetElsewhere

	window *window
	began  time.Time
	end    context.CancelCauseFunc // ends the line, with why

	planned sync.WaitGroup // see over and farewell
	closing *atomic.Bool   // no new messages are sent

	asked      bool      // the upstream was asked for subscriptions
	subscribed time.Time // when the upstream had taken our subscriptions

	batch *batch.Batcher[broker.Delivery] // nil without batches
	hurry chan struct{}                   // closed when nothing may wait for a batch

	mu     sync.Mutex
	oldest *sent             // of what was not acknowledged when the line ended
	parked []broker.Delivery // those that let others go first
	others chan struct{}     // cap 1: another one was acknowledged
}

// newLine returns the line of the next connection. It is the session that the
// connection uses.
func (br *Bridge) newLine(address string) *line {
	closing := new(atomic.Bool)
	var b *batch.Batcher[broker.Delivery]
	if br.cfg.Batch.Topic != "" {
		b = batch.New[broker.Delivery](br.cfg.Batch)
	}
	return &line{
		Bridge: br, batch: b, address: address,
		elsewhere: br.memory.elsewhere(address), forgotten: sync.OnceValue(br.forgetAll),
		hurry: make(chan struct{}), others: make(chan struct{}, 1),
		window: newWindow(br.profile.MaxInflight, br.inflightQoS2(), func() int {
			if closing.Load() {
				return 0
			}
			return br.inflight()
		}),
		closing: closing,
	}
}

// inflight is how many messages may be on their way at once.
func (br *Bridge) inflight() int {
	if br.suspects.alone() {
		return 1
	}
	if n := int(br.receiveMaximum.Load()); n > 0 {
		return n
	}
	return br.profile.MaxInflight
}

// inflightQoS2 is how many of them may be of QoS 2.
func (br *Bridge) inflightQoS2() int {
	if br.profile.Protocol == "5" {
		return br.profile.MaxInflight
	}
	return min(br.profile.MaxInflight, mostQoS2)
}

// serve forwards over an accepted connection until it is lost, ctx ends, or the
// plan says so. It returns why.
func (ln *line) serve(ctx context.Context) error {
	line, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	ln.end, ln.began = cancel, time.Now()

	var others sync.WaitGroup
	others.Go(func() { ln.watch(ctx, line) })
	others.Go(ln.settle)
	if err := ln.begin(line); err != nil {
		cancel(err)
	} else {
		ln.fill(line)
	}
	close(ln.window.sent)
	others.Wait()
	cancel(nil)
	ln.planned.Wait()
	err := context.Cause(line)
	ln.judge(err)
	return err
}

// watch closes the link when the line is to end.
func (ln *line) watch(ctx, line context.Context) {
	defer ln.link.Close()
	select {
	case <-ln.link.Lost():
		ln.end(&lostError{ln.link.Cause()})
	case <-line.Done():
		ln.farewell()
	case <-ln.over(line):
		ln.finish(line)
		ln.farewell()
		ln.end(errPlanned)
	case <-ctx.Done():
		ln.drain(line)
		ln.farewell()
		ln.end(context.Canceled)
	}
}

// finish takes no new messages, and returns when those under way are acknowledged,
// the line is lost or drainTimeout has passed: what is not acknowledged comes again.
func (ln *line) finish(line context.Context) {
	ln.closing.Store(true)
	timeout := time.NewTimer(drainTimeout)
	defer timeout.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for ln.window.size() > 0 {
		select {
		case <-look.C:
		case <-ln.link.Lost():
			return
		case <-line.Done():
			return
		case <-timeout.C:
			return
		}
	}
}

// lostError is that the upstream or the network has ended the connection.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "connection lost: " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// begin takes up the session where the last connection has left it, and
// subscribes.
func (ln *line) begin(ctx context.Context) error {
	if err := ln.forgetElsewhere(); err != nil {
		return err
	}
	if !ln.link.Present() {
		if err := ln.sub.ForgetAll(ctx); err != nil {
			return err
		}
	}
	ln.memory.setAddress(ln.address)
	ln.receiveMaximum.Store(int32(min(ln.profile.MaxInflight, int(ln.link.Limits().ReceiveMaximum))))
	ln.sub.Rewind()
	if ln.cfg.CatchUp == LiveFirst {
		ln.sub.Live()
	} else {
		ln.sub.Mark()
	}
	if ln.cfg.StatusTopic != "" {
		ln.link.Publish(ln.status("online"))
	}
	return ln.subscribe(ctx)
}

// status is what is retained upstream about us.
func (br *Bridge) status(text string) link.Message {
	return link.Message{Topic: br.routes.written(br.cfg.StatusTopic), Payload: []byte(text), Retain: br.profile.RetainAvailable}
}

// farewellTime is how long it may take to say that we leave.
const farewellTime = time.Second

// farewell says that we leave: the will is not sent after a DISCONNECT. An
// upstream that takes nothing is left without.
func (ln *line) farewell() {
	if ln.cfg.StatusTopic == "" {
		return
	}
	said := make(chan struct{})
	ln.planned.Go(func() { // ends at the latest when the link is closed
		defer close(said)
		<-ln.link.Publish(ln.status("offline")).Done()
	})
	timeout := time.NewTimer(farewellTime)
	defer timeout.Stop()
	select {
	case <-said:
	case <-timeout.C:
	}
}

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
	if ln.memory.noQoS2() || ln.noQoS2.Load() {
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

// settle takes the acknowledgements in the order the messages were sent in, until
// there are no more.
func (ln *line) settle() {
	timeout := time.NewTimer(ln.cfg.AckTimeout)
	defer timeout.Stop()
	for s := range ln.window.sent {
		ln.await(s.receipt, timeout)
		ln.settled(s)
		ln.window.leave(s.id, s.qos)
	}
}

// maxPatience is how often an acknowledgement may take ack_timeout once more, while
// messages come in: it may be behind a backlog that the upstream has for us.
const maxPatience = 20

// await waits until the fate of a message is known, and ends the line if the
// upstream is silent about it.
func (ln *line) await(r *link.Receipt, timeout *time.Timer) {
	for range maxPatience {
		received := ln.receivedSoFar()
		timeout.Reset(ln.cfg.AckTimeout)
		select {
		case <-r.Done():
			return
		case <-timeout.C:
		}
		if ln.receivedSoFar() == received {
			break
		}
	}
	ln.end(fmt.Errorf("%w for %v", errNoAnswer, ln.cfg.AckTimeout))
	<-r.Done() // watch closes the link
}

// receivedSoFar returns how many messages have come in.
func (ln *line) receivedSoFar() uint64 {
	ln.Bridge.mu.Lock()
	defer ln.Bridge.mu.Unlock()
	return ln.state.Received + ln.state.Echoes + ln.state.Ignored
}

// settled does what the fate of s asks for.
func (ln *line) settled(s sent) {
	if err := s.receipt.Err(); err != nil {
		ln.untaken(s, err)
		return
	}
	if s.plainer != "" {
		ln.tookPlainer(s)
	}
	for _, d := range s.deliveries {
		ln.acked(d)
	}
}

// untaken is for a message that the upstream refuses, or that was under way when
// the line was lost. It is apart from settled, which then has nothing to allocate.
func (ln *line) untaken(s sent, err error) {
	var refused *link.Refused
	switch {
	case errors.As(err, &refused) && s.deliveries[0].Released: // the upstream had it, and knows no more of it
		ln.acked(s.deliveries[0])
		return
	case refused != nil:
		ln.refused(s, refused)
		return
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.oldest == nil {
		ln.oldest = &s
	}
}

// later tells whether an upstream may take a message later that it refuses with
// that code.
func later(code byte) bool {
	return busy(code) || slices.Contains([]byte{link.Unspecified, link.ImplementationSpecific, link.PacketIdentifierInUse}, code)
}

// busy tells whether a code is about the upstream, and not about the message.
func busy(code byte) bool {
	return slices.Contains([]byte{link.QuotaExceeded, link.ServerBusy, link.ServerUnavailable, link.ReceiveMaximumExceeded, link.MessageRateTooHigh}, code)
}

// refused is for a message that the upstream does not want.
func (ln *line) refused(s sent, why *link.Refused) {
	if later(why.Code) {
		ln.mu.Lock()
		if ln.oldest == nil {
			ln.oldest = &s
		}
		ln.mu.Unlock()
		ln.end(fmt.Errorf("publish to %q: %w", s.deliveries[0].Topic, why))
		return
	}
	for _, d := range s.deliveries {
		_, remote, _ := ln.routes.outbound(d.Topic)
		if ln.setAside(d, remote, why.Error()) != nil {
			return
		}
	}
}

// acked is for a message that the upstream has taken.
func (ln *line) acked(d broker.Delivery) {
	ln.sub.Ack(d)
	ln.backoff.reset()
	ln.suspects.acked(d.Seq())
	ln.count(func(s *State) {
		s.LastAck = time.Now()
		s.Forwarded++
	})
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.parked) > 0 {
		select {
		case ln.others <- struct{}{}:
		default:
		}
	}
}

// judge asks after a lost line which message it was lost with.
func (ln *line) judge(err error) {
	if ln.oldest == nil || errors.Is(err, context.Canceled) || errors.Is(err, errPlanned) {
		return
	}
	if refused := (*link.Refused)(nil); errors.As(err, &refused) && busy(refused.Code) {
		return
	}
	d := ln.oldest.deliveries[0]
	if errors.Is(err, errNoAnswer) && ln.oldest.qos == 2 && !d.Released && ln.suspects.count(d.Seq()) >= tryAlone {
		ln.memory.setNoQoS2()
		ln.log.Warn("the upstream does not complete QoS 2; QoS 1 is used from now on", "topic", d.Topic)
		ln.suspects.clear(d.Seq())
		return
	}
	if ln.suspects.lost(d.Seq()) && !d.Released {
		_, remote, _ := ln.routes.outbound(d.Topic)
		ln.setAside(d, remote, fmt.Sprintf("the connection is lost whenever it is sent (%v)", err))
	}
}

// drain returns when nothing waits any more, the line is lost or drainTimeout
// has passed.
func (ln *line) drain(line context.Context) {
	close(ln.hurry)
	timeout := time.NewTimer(drainTimeout)
	defer timeout.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if s := ln.sub.Stats(); s.Waiting+s.Unacked == 0 {
			return
		}
		select {
		case <-look.C:
		case <-ln.link.Lost():
			return
		case <-line.Done():
			return
		case <-timeout.C:
			s := ln.sub.Stats()
			ln.log.Warn("stopped before everything was forwarded; the rest is sent next time", "waiting", s.Waiting+s.Unacked)
			return
		}
	}
}

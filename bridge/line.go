package bridge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"gateway/bridge/batch"
	"gateway/bridge/link"
	"gateway/broker"
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
	ln.until(line, func() bool { return ln.window.size() == 0 })
}

// until looks until done is true, and reports whether drainTimeout has passed
// before that; it gives up when the line is lost or ends.
func (ln *line) until(line context.Context, done func() bool) (late bool) {
	timeout := time.NewTimer(drainTimeout)
	defer timeout.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ln.link.Lost():
			return false
		case <-line.Done():
			return false
		case <-timeout.C:
			return true
		}
	}
	return false
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

// drain returns when nothing waits any more, the line is lost or drainTimeout
// has passed.
func (ln *line) drain(line context.Context) {
	close(ln.hurry)
	waiting := func() int { s := ln.sub.Stats(); return s.Waiting + s.Unacked }
	if ln.until(line, func() bool { return waiting() == 0 }) {
		ln.log.Warn("stopped before everything was forwarded; the rest is sent next time", "waiting", waiting())
	}
}

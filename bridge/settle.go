package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
)

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
	ln.remains(s)
}

// remains is for a message that has to be sent again.
func (ln *line) remains(s sent) {
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
		ln.remains(s)
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
		ln.noQoS2.Store(true)
		ln.log.Warn("the upstream does not complete QoS 2; QoS 1 is used from now on", "topic", d.Topic)
		ln.suspects.clear(d.Seq())
		return
	}
	if ln.suspects.lost(d.Seq()) && !d.Released {
		_, remote, _ := ln.routes.outbound(d.Topic)
		ln.setAside(d, remote, fmt.Sprintf("the connection is lost whenever it is sent (%v)", err))
	}
}

package bridge

import (
	"context"
	"time"

	"gateway/bridge/batch"
	"gateway/bridge/link"
	"gateway/broker"
)

// batching tells whether a batch is being made.
func (ln *line) batching() bool { return ln.batch != nil && ln.batch.Len() > 0 }

// sendInBatch adds a message to the batch that is being made, and publishes what
// is complete by that. A batch goes with QoS 1: when it is made anew after a lost
// line it has other messages in it, and QoS 2 would take it for the same one.
func (ln *line) sendInBatch(ctx context.Context, d broker.Delivery, m link.Message) bool {
	for _, out := range ln.batch.Add(time.Now(), batch.Message{Topic: m.Topic, Payload: m.Payload, Retain: m.Retain}, d) {
		if !out.Batch {
			if !ln.publish(ctx, m, out.Of) { // d by itself
				return false
			}
		} else if !ln.publishBatch(ctx, out) {
			return false
		}
	}
	if ln.suspects.alone() || ln.hurried() {
		return ln.flush(ctx)
	}
	return true
}

// hurried tells whether nothing may wait for a batch.
func (ln *line) hurried() bool {
	select {
	case <-ln.hurry:
		return true
	default:
		return false
	}
}

// flush publishes the batch that is being made.
func (ln *line) flush(ctx context.Context) bool {
	out, ok := ln.batch.Flush()
	return !ok || ln.publishBatch(ctx, out)
}

func (ln *line) publishBatch(ctx context.Context, out batch.Out[broker.Delivery]) bool {
	m := link.Message{
		Topic: ln.routes.written(out.Topic), Payload: out.Payload,
		QoS: byte(min(1, ln.maxQoS())),
	}
	if m.QoS > 0 {
		m.ID = out.Of[0].PacketID()
	}
	return ln.publish(ctx, m, out.Of)
}

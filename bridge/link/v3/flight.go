package v3

import (
	"fmt"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// forgetting is how many Session.Forgotten may run at once.
const forgetting = 256

// flight is a message of QoS 1 or 2 that is under way.
type flight struct {
	receipt *link.Receipt
	qos     byte
	stage   stage
}

// stage is how far a message of QoS 2 is.
type stage byte

const (
	published stage = iota
	noting          // PUBREC came, Session.Released runs
	released        // PUBREL is sent
)

// takeOffLocked begins a flight, unless there is one of that packet identifier;
// the receipt is settled then.
func (w *wire) takeOffLocked(id uint16, f *flight) bool {
	if w.flights[id] != nil {
		f.receipt.Settle(&link.Refused{Packet: "PUBLISH", Code: link.PacketIdentifierInUse, Reason: fmt.Sprintf("packet identifier %d is under way", id)})
		return false
	}
	w.flights[id] = f
	return true
}

// landLocked ends a flight: the upstream has the message.
func (w *wire) landLocked(id uint16) {
	w.flights[id].receipt.Settle(nil)
	delete(w.flights, id)
}

// arrived takes PUBACK. Upstreams without QoS 2 answer so to QoS 2 too, as
// RabbitMQ does: it has the message.
func (w *wire) arrived(id uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.flights[id]; f != nil && f.stage == published {
		w.landLocked(id)
	}
}

// recorded takes PUBREC: PUBREL goes out when the session has noted it, in the
// order of the PUBRECs [MQTT-4.6.0-4 v3]. Sessions note together.
func (w *wire) recorded(id uint16) {
	w.mu.Lock()
	f := w.flights[id]
	due := f != nil && f.qos == 2 && f.stage == published
	if due {
		f.stage = noting
	}
	w.mu.Unlock()
	if !due {
		return
	}
	before, done := w.releasing, make(chan struct{})
	w.releasing = done
	w.tasks.Go(func() {
		defer close(done)
		if err := w.session.Released(w.ctx, id); err != nil {
			w.fail(fmt.Errorf("note that the upstream has the message of packet identifier %d: %w", id, err))
			return
		}
		<-before
		w.mu.Lock()
		f.stage = released
		w.mu.Unlock()
		w.reply(packet.TypePubrel, id)
	})
}

// completed takes PUBCOMP.
func (w *wire) completed(id uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.flights[id]; f != nil && f.stage == released {
		w.landLocked(id)
	}
}

// release sends PUBREL for a message of an earlier connection.
func (w *wire) release(id uint16, r *link.Receipt) {
	w.mu.Lock()
	for w.cause == nil && w.requests[id].paho != 0 {
		w.wake.Wait()
	}
	ok := w.openLocked(r) && w.takeOffLocked(id, &flight{receipt: r, qos: 2, stage: released})
	w.mu.Unlock()
	if ok {
		w.reply(packet.TypePubrel, id)
	}
}

// forget takes PUBREL: PUBCOMP goes out when the session has noted it.
func (w *wire) forget(id uint16) {
	select {
	case w.forgetful <- struct{}{}:
	case <-w.ctx.Done():
		return
	}
	w.tasks.Go(func() {
		defer func() { <-w.forgetful }()
		if err := w.session.Forgotten(w.ctx, id); err != nil {
			w.fail(fmt.Errorf("forget the message of packet identifier %d: %w", id, err))
			return
		}
		w.reply(packet.TypePubcomp, id)
	})
}

// settle settles what is under way with the cause. Nothing takes off any more.
func (w *wire) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.flights {
		f.receipt.Settle(w.cause)
	}
	for _, r := range w.unsent {
		r.Settle(w.cause)
	}
	if w.next != nil {
		w.next.receipt.Settle(w.cause)
	}
	clear(w.flights)
}

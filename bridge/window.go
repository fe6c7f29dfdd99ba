package bridge

import (
	"context"
	"sync"

	"gateway/bridge/link"
	"gateway/broker"
)

// window is what is on its way at this moment.
type window struct {
	limit func() int // how many messages at once
	qos2  int        // how many of QoS 2
	sent  chan sent  // in the order they were sent in

	mu    sync.Mutex
	n, n2 int                        // of all, and of QoS 2
	under map[uint16]broker.Delivery // by packet identifier, QoS 1 and 2
	freed chan struct{}              // cap 1; one goroutine waits
}

// sent is a message on its way, or several in one.
type sent struct {
	deliveries []broker.Delivery
	qos        byte
	id         uint16 // 0 for QoS 0
	plainer    string // what it would have had more, and the upstream may not take
	receipt    *link.Receipt
}

// mostQoS2 is how many messages of QoS 2 are on their way at once before MQTT 5,
// where no upstream says how many it takes. Mosquitto takes 20 that are not
// complete, see max_inflight_messages; what comes beyond them, of QoS 1 too, it
// acknowledges and drops (2.0.11: of 32, 12).
const mostQoS2 = 19

// newWindow makes one with room for size messages at most, of which qos2 may be of
// QoS 2.
func newWindow(size, qos2 int, limit func() int) *window {
	return &window{
		limit: limit, qos2: qos2,
		sent:  make(chan sent, size),
		under: make(map[uint16]broker.Delivery),
		freed: make(chan struct{}, 1),
	}
}

// room waits until there is room for another message, and reports false when ctx
// has ended. It and enter are called by one goroutine.
func (w *window) room(ctx context.Context) bool {
	return w.until(ctx, func() bool { return w.n < min(w.limit(), cap(w.sent)) })
}

// enter takes the room for a message of that packet identifier, 0 for none. It
// waits until no other one has it, and there is room for its QoS; it reports false
// when ctx has ended.
func (w *window) enter(ctx context.Context, id uint16, qos byte, d broker.Delivery) bool {
	return w.until(ctx, func() bool {
		if _, taken := w.under[id]; taken || qos == 2 && w.n2 == w.qos2 {
			return false
		}
		if qos == 2 {
			w.n2++
		}
		if id != 0 {
			w.under[id] = d
		}
		w.n++
		return true
	})
}

func (w *window) until(ctx context.Context, ready func() bool) bool {
	for {
		w.mu.Lock()
		ok := ready()
		w.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-w.freed:
		case <-ctx.Done():
			return false
		}
	}
}

// leave is for a message whose fate is known.
func (w *window) leave(id uint16, qos byte) {
	w.mu.Lock()
	delete(w.under, id)
	w.n--
	if qos == 2 {
		w.n2--
	}
	w.mu.Unlock()
	w.look()
}

// size returns how many messages are on their way.
func (w *window) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// look has enter look again.
func (w *window) look() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// of returns the delivery that is on its way with that packet identifier.
func (w *window) of(id uint16) (broker.Delivery, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.under[id]
	return d, ok
}

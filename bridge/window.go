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
	sent  chan sent  // in the order they were sent in

	mu    sync.Mutex
	n     int
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

// newWindow makes one with room for size messages at most.
func newWindow(size int, limit func() int) *window {
	return &window{
		limit: limit,
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
// waits until no other one has it, and reports false when ctx has ended.
func (w *window) enter(ctx context.Context, id uint16, d broker.Delivery) bool {
	return w.until(ctx, func() bool {
		if _, taken := w.under[id]; taken {
			return false
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
func (w *window) leave(id uint16) {
	w.mu.Lock()
	delete(w.under, id)
	w.n--
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

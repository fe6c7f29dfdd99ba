package broker

import "sync/atomic"

// counters are the broker's own figures, counted since its start.
type counters struct {
	connections      atomic.Int64 // now
	connectionsTotal atomic.Int64
	received         atomic.Int64 // PUBLISH from clients and this process
	sent             atomic.Int64 // PUBLISH to clients
	bytesReceived    atomic.Int64
	bytesSent        atomic.Int64
	droppedFull      atomic.Int64
	droppedExpired   atomic.Int64
	droppedTooLarge  atomic.Int64
}

// Stats are the broker's figures since its start.
type Stats struct {
	Connections      int64 // clients connected now
	ConnectionsTotal int64
	Sessions         int64 // clients known now, connected or not
	Subscriptions    int64
	Retained         int64 // retained messages
	Received         int64 // messages published by clients and by this process
	Sent             int64 // messages sent to clients
	BytesReceived    int64
	BytesSent        int64
	DroppedFull      int64 // a subscriber's queue was full
	DroppedExpired   int64 // the message's expiry passed while it waited
	DroppedTooLarge  int64 // larger than the client's maximum packet size
}

// Stats returns the figures of this moment.
func (b *Broker) Stats() Stats {
	b.sessionsMu.Lock()
	sessions := len(b.sessions)
	b.sessionsMu.Unlock()
	b.retainMu.Lock()
	retained := b.retained.Len()
	b.retainMu.Unlock()
	b.mu.RLock()
	subscriptions := b.subs.Len()
	b.mu.RUnlock()
	c := &b.counters
	return Stats{
		Connections:      c.connections.Load(),
		ConnectionsTotal: c.connectionsTotal.Load(),
		Sessions:         int64(sessions),
		Subscriptions:    int64(subscriptions),
		Retained:         int64(retained),
		Received:         c.received.Load(),
		Sent:             c.sent.Load(),
		BytesReceived:    c.bytesReceived.Load(),
		BytesSent:        c.bytesSent.Load(),
		DroppedFull:      c.droppedFull.Load(),
		DroppedExpired:   c.droppedExpired.Load(),
		DroppedTooLarge:  c.droppedTooLarge.Load(),
	}
}

package broker

import (
	"sync/atomic"

	"gateway/broker/store"
)

// counters are the broker's own figures, counted since its start.
type counters struct {
	connections       atomic.Int64 // now
	connectionsTotal  atomic.Int64
	accepted          atomic.Int64 // CONNECT answered with success
	expiredSessions   atomic.Int64
	packetsReceived   atomic.Int64
	packetsSent       atomic.Int64
	publishReceived   atomic.Int64 // PUBLISH from clients and this process
	publishSent       atomic.Int64 // PUBLISH to clients
	payloadReceived   atomic.Int64 // bytes of them
	payloadSent       atomic.Int64
	bytesReceived     atomic.Int64
	bytesSent         atomic.Int64
	droppedFull       atomic.Int64
	droppedMemory     atomic.Int64
	droppedRetained   atomic.Int64
	droppedExpired    atomic.Int64
	droppedTooLarge   atomic.Int64
	droppedUnreadable atomic.Int64 // from the store
	notStored         atomic.Int64 // PUBLISH that the store did not take
	droppedDenied     atomic.Int64 // waited, and the client may not have them any more
	refusedLogins     atomic.Int64
	refused           atomic.Int64 // PUBLISH that the client had no right to
	refusedTooLarge   atomic.Int64 // PUBLISH with a payload larger than MaxMessageSize
}

// countSent counts what is about to be sent.
func (c *counters) countSent(o *outbox) {
	c.packetsSent.Add(o.packets)
	c.publishSent.Add(o.messages)
	c.payloadSent.Add(o.payload)
}

// dropped is the number of messages that a subscriber did not get.
func (c *counters) dropped() int64 {
	return c.droppedFull.Load() + c.droppedMemory.Load() + c.droppedExpired.Load() +
		c.droppedTooLarge.Load() + c.droppedDenied.Load() + c.droppedUnreadable.Load()
}

// Stats are the broker's figures, counted since its start where they are not
// said to be of now.
type Stats struct {
	Connections         int64 // open now
	ConnectionsTotal    int64
	Clients             int64 // connected now
	Sessions            int64 // clients known now, connected or not
	Subscriptions       int64 // now
	SharedSubscriptions int64 // groups that share one, now
	Retained            int64 // retained messages, now
	RetainedBytes       int64 // of topics, payloads and properties
	Queued              int64 // messages waiting for clients and on their way to them, now
	QueuedBytes         int64 // of what waits
	Received            int64 // messages published by clients and by this process
	Sent                int64 // messages sent to clients
	BytesReceived       int64
	BytesSent           int64
	DroppedFull         int64 // a subscriber's queue was full
	DroppedMemory       int64 // the queues of all subscribers together were full
	DroppedExpired      int64 // the message's expiry passed while it waited
	DroppedTooLarge     int64 // larger than the client's maximum packet size
	DroppedDenied       int64 // the subscriber lost the right to it while it waited
	DroppedUnreadable   int64 // could not be read from the store any more
	NotStored           int64 // messages that the store did not take: those of clients were refused, those of this process are in memory only
	DroppedRetained     int64 // not retained: as many are kept as may be
	Refused             int64 // asked for without the right to: published or subscribed
	RefusedTooLarge     int64 // published with a payload larger than MaxMessageSize
	RefusedLogins       int64
	Store               *store.Stats // nil if there is none on disk
}

// Stats returns the figures of this moment.
func (b *Broker) Stats() Stats {
	c := &b.counters
	st := Stats{
		Connections:       c.connections.Load(),
		ConnectionsTotal:  c.connectionsTotal.Load(),
		QueuedBytes:       b.queued.Load(),
		Received:          c.publishReceived.Load(),
		Sent:              c.publishSent.Load(),
		BytesReceived:     c.bytesReceived.Load(),
		BytesSent:         c.bytesSent.Load(),
		DroppedFull:       c.droppedFull.Load(),
		DroppedMemory:     c.droppedMemory.Load(),
		DroppedExpired:    c.droppedExpired.Load(),
		DroppedTooLarge:   c.droppedTooLarge.Load(),
		DroppedRetained:   c.droppedRetained.Load(),
		DroppedDenied:     c.droppedDenied.Load(),
		DroppedUnreadable: c.droppedUnreadable.Load(),
		NotStored:         c.notStored.Load(),
		Refused:           c.refused.Load(),
		RefusedTooLarge:   c.refusedTooLarge.Load(),
		RefusedLogins:     c.refusedLogins.Load(),
	}
	if disk, ok := b.store.(interface{ Stats() store.Stats }); ok {
		s := disk.Stats()
		st.Store = &s
	}
	b.sessionsMu.Lock()
	st.Sessions = int64(len(b.sessions))
	for _, s := range b.sessions {
		if s.owner != nil {
			st.Clients++
		}
		s.mu.Lock()
		st.Queued += int64(s.atMost.len + s.atLeast.len + s.flight.open)
		s.mu.Unlock()
	}
	b.sessionsMu.Unlock()
	b.retainMu.Lock()
	st.Retained, st.RetainedBytes = int64(b.retained.Len()), b.retainedBytes
	b.retainMu.Unlock()
	b.mu.RLock()
	st.Subscriptions = int64(b.subs.Len())
	st.SharedSubscriptions = int64(len(b.groups))
	b.mu.RUnlock()
	return st
}

// Package broker is an embedded MQTT broker for 3.1, 3.1.1 and 5.0, over TCP
// and WebSocket, and the topic tree for the rest of the process.
//
// # How a message travels
//
//	socket ─ conn.read ─ Message ─ Broker.route ─┬─ session.deliver ─ queue ─ conn.write ─ socket
//	Broker.Publish ──────────────┘               └─ Subscription.deliver ─ queue ─ Next
//
// One goroutine per connection reads packets and carries each PUBLISH all the
// way into the queues of its subscribers, so that messages of one publisher
// keep their order. It never writes to another's socket and never waits for
// one: a subscriber that does not read fills its own queue, which is bounded.
// A second goroutine per connection writes; it exists only while there is
// something to write, and joins what waits into few writes.
//
// A [Message] is immutable once published. It is copied out of the
// connection's read buffer once, and one pointer is shared by every queue,
// the retained tree and every in-process subscriber.
//
// # Subscribers in this process
//
// [Broker.Publish] and [Broker.Subscribe] are the tree for everything else in
// the gateway. A live subscription keeps the newest messages in a ring and
// counts what it dropped. A durable one has a name, keeps what was not
// acknowledged while nobody reads, and is the bridge's store-and-forward
// queue.
//
// # Locks
//
// In the order they may be taken; a later one is never held while an earlier
// one is acquired:
//
//	Broker.sessionsMu  who is connected, sessions' beginning and end
//	Broker.retainMu    makes retained publishes one after the other
//	Broker.mu          subscriptions; publishers hold it shared while they deliver
//	session.mu         a session's queues and what is in flight
//	conn.mu            what waits to be written besides deliveries
//
// No lock is held during a read or a write.
//
// # Choices where the specification leaves one
//
// Overlapping subscriptions of a client get one copy, at the highest QoS,
// with all matching subscription identifiers. The will of a client whose
// connection is taken over by its own reconnect is published only if either
// session is a clean one, as Mosquitto does. A PUBLISH to a topic that begins
// with '$' is refused: that part of the tree belongs to the broker.
//
// Durable sessions live in memory for now: they survive connections, not the
// process.
package broker

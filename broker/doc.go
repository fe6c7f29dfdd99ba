// Package broker is an embedded MQTT broker for 3.1, 3.1.1 and 5.0, over TCP
// and WebSocket, and the topic tree for the rest of the process.
//
// # How a message travels
//
//	socket ─ conn.readSome ─ publication ─ Broker.route ─┬─ session.deliver ─ outbox ─ conn.flush ─ socket
//	Broker.Publish ───────────────┘                      │        └─ queue ─ session.refill ─┘
//	                                                     ├─ group.deliver ─ session.deliver
//	                                                     └─ Subscription.deliver ─ queue ─ Next
//
// One goroutine per connection reads packets and carries each PUBLISH all the
// way to its subscribers, so that messages of one publisher keep their order.
// What goes to a client is encoded at once behind what already waits for it,
// in its outbox. When everything that was read at once is handled, the same
// goroutine lets others speak that have something to say, and then flushes the
// connections that got something: it writes what their sockets take without
// waiting, its own messages and what the others have added. Only for a socket that is full, and for
// connections that cannot be asked, a goroutine is made that waits. So a
// subscriber that does not read costs nobody time.
//
// A message that a client cannot be sent at once, because it is away, its
// outbox is full, or as many messages are on their way to it as may be,
// waits in its session's queues, which are bounded; refill encodes it later.
//
// # Who owns the memory of a message
//
// A publication is a message on its way. Its payload lies in the connection's
// read buffer, its topic in the connection's cache, and its encoded head, one
// for each protocol version and kind of QoS, in the publication. All of that
// is used again for the next message. A receiver's copy exists as bytes in its
// outbox only; large payloads are shared by all of them.
//
// Whoever keeps a message, a queue, the retained tree, a message in flight to
// a session that outlives its connection, a subscriber in this process, asks
// for publication.keep, which copies it once for all who keep it. A [Message]
// is immutable from then on and left to the garbage collector.
//
// Read buffers and publications come as a bench from a pool, when there is
// something to read, and outboxes when there is something to write. A
// connection that waits has its struct, its session and a small stack:
// 5 KiB together.
//
// # Subscribers in this process
//
// [Broker.Publish] and [Broker.Subscribe] are the tree for everything else in
// the gateway. A live subscription keeps the newest messages in a ring and
// counts what it dropped. A durable one has a name, keeps what was not
// acknowledged while nobody reads, and is the bridge's store-and-forward
// queue.
//
// A durable subscription is to whom its reader speaks what a session is to a
// client: it numbers messages, from which packet identifiers follow, and keeps
// both sides of QoS 2, see exchange.go. What was delivered and put back lies
// apart from what never was, and nothing but Ack takes it away: it may be under
// way. Of the rest, with a store on disk, only the ends are in memory, see
// line.go: a thousand deliveries at the front, which were there or are read ahead,
// and those that came last. A million that wait take 3 MB, all of it in the
// store's index.
//
// # Who is connected, and why others went
//
// [Broker.Clients] tells of every session, [Broker.Ends] how the last connections
// ended and who was refused. Nothing is counted twice for that on a message's way:
// what came is counted by the reading goroutine for itself and told to others once
// for everything it has read, see traffic.go. A stranger can fill neither list nor
// memory: attempts of one client and address are counted together, and a host has
// ten at most.
//
// # Locks
//
// In the order they may be taken; a later one is never held while an earlier
// one is acquired:
//
//	Broker.sessionsMu  who is connected, sessions' beginning and end
//	Broker.retainMu    makes retained publishes one after the other
//	Broker.mu          subscriptions; publishers hold it shared while they deliver
//	group.mu           the members of a shared subscription
//	session.mu         a session's queues and what is in flight
//	Subscription.mu    the same of a subscriber in this process
//	conn.mu            what waits to be written
//	the store's own
//	Broker.waitMu      connections that wait for the store
//
// The locks of ends and pulse are innermost, too: nothing is called with them held.
//
// No lock is held during a read or a write.
//
// # Choices where the specification leaves one
//
// Overlapping subscriptions of a client get one copy, at the highest QoS,
// with all matching subscription identifiers; a shared subscription is one of
// its own. The will of a client whose connection is taken over by its own
// reconnect is published only if either session is a clean one, as Mosquitto
// does. A PUBLISH to a topic that begins with '$' is refused: that part of the
// tree belongs to the broker. The order of messages is kept for each publisher
// and each QoS; a message of QoS 0 may overtake one of QoS 1 that waits for
// the client's acknowledgements.
//
// Members of a shared subscription take turns. Those that are away or have
// messages waiting are passed over while another is not. When a member's
// connection ends, its messages of QoS 1 that were not acknowledged, and those
// that were not sent, go to another member that is connected.
//
// A message in flight of a session that ends with its connection is not kept:
// it could never be sent again.
//
// # What outlives the process
//
// With [Open] and a store, sessions that outlive their connection are kept with
// their subscriptions, what waits for them and what is in flight both ways,
// and so are retained messages, wills that were not published, and durable
// subscriptions of this process. The broker's own figures below $SYS/ are not.
//
//	conn.readSome ─ Broker.route ─┬─ session.deliver ─ queue (unstored) ┐
//	                              └─ Broker.keep ─ store.Append ────────┼─ session.stored ─ refill ─ outbox
//	                                       └─ (stable) ─ Broker.advanced ─ answers, messages of QoS 2
//
// A publication that such sessions get is one change of the store, see keep.go:
// all of it is there after a crash, or nothing. PUBACK, PUBREC and PUBCOMP, and
// PUBREL towards a subscriber, wait in their connection until what they promise
// is stable, see hold.go; CONNACK, SUBACK and UNSUBACK wait with the reading
// goroutine. What a subscriber has acknowledged with PUBACK or PUBCOMP is stored
// when there is time: after a crash it may get a message of QoS 1, or a PUBREL,
// again, with DUP, as the specification has it.
//
// Packet identifiers follow from a message's number in its session, so that one
// that was in flight has the same after a restart. Which messages were sent
// nobody notes: after a crash those of a client that was connected have DUP.
// Wills of clients that were connected are published after the start, or when
// their delay has passed from then on.
//
// While the store cannot be written, messages go on in memory and whoever waits
// for an acknowledgement waits; when as much waits as may, publishers are
// refused: with 0x97, or by the end of the connection before MQTT 5. What is
// published in this process goes on in memory.
package broker

// Package bridge connects the topic tree with upstream brokers, and loses nothing
// while the line is down.
//
//	tree ─ durable Subscription ─ routes ─ window ─ link ─ PUBACK ─ Ack
//	tree ← Receive ← routes ← link ← PUBLISH
//
// # What goes out
//
// The queue is a durable subscription of the embedded broker: a message is
// acknowledged there when the upstream has acknowledged it, and not before. Up
// to max_inflight messages are on their way at once, so that a long line is
// filled, in the order of the queue. When the line breaks, everything that is not
// acknowledged is sent again, in its order.
//
//   - QoS 1 is at least once from end to end.
//   - QoS 2 is exactly once for as long as the upstream keeps our session. Its
//     packet identifier is made from the message's number in the queue, the same
//     after a kill -9; that the upstream has recorded it (PUBREC) is on disk before
//     PUBREL leaves. What remains: an upstream that loses our session (clean_start,
//     a broker without persistence that is restarted) may deliver what was under
//     way at that moment twice, and so may one that has no QoS 2 (RabbitMQ, AWS IoT,
//     mosca), to which it goes as QoS 1. Addresses of one bridge are to share their
//     sessions, as a cluster does: what is half complete at one is completed at the
//     other. What comes in is at least once over such a change.
//
// What is sent is retained upstream if it is what is retained here at that
// moment: a backlog is history, and does not replace newer values. Whatever the
// order, the retained value upstream is the newest in the end.
//
// # What comes in
//
// A message is acknowledged upstream when the broker has it on stable storage for
// all its durable subscribers; the packet identifiers of QoS 2 are stored with it.
// What is retained upstream comes again with each subscription: what is known is
// dropped, and so is what is older than a value made here that still waits.
//
// # No circles
//
// What a bridge has brought in does not go out by it, nor by another bridge
// unless that has transit. What we have published and the upstream sends back is
// not taken in: by no-local in MQTT 5, by Mosquitto's bridge bit where the upstream
// accepts it, and by counting equal messages elsewhere, see guard.
//
// # What an upstream does not take
//
// A message that is refused by a reason code (MQTT 5), larger or deeper than the
// upstream allows, or with which the connection is lost every time, see suspects,
// is set aside with the reason, and the rest goes on.
// Of what the connection is lost with, the last attempt goes with QoS 1 and without
// RETAIN, which some upstreams close for.
//
// # Concurrency
//
// [Bridge.Run] is one goroutine that connects, sends and waits, and two for as
// long as a connection lasts. Everything else may be called at any time.
package bridge

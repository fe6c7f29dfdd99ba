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
// filled, in the order of the queue; before MQTT 5 no more than 19 of QoS 2. When the line breaks, everything that is not
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
// QoS 2 is exactly once as long as the upstream keeps to it. What remains:
// Mosquitto 2.0.11 (2.0.22 reads its file the same way) publishes messages again for
// which it has sent PUBREL, so that we have forgotten them, when it is restarted with
// more than its max_inflight_messages (20 by default) on their way to us. It has that
// many just after a session with a queue was taken up again. They are not to be told
// from new messages. With
// max_inflight_messages 60000 in its configuration it keeps to it; with 0 or 65535
// it publishes all again. Killed with SIGKILL, it goes on from its last file, and
// sends again what it had on its way then.
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

// Package bridge forwards messages to an upstream broker and loses nothing
// while the line is down.
//
//	broker ─ durable Subscription ─ window ─ upstream ─ PUBACK ─ Ack
//
// The queue is a durable subscription of the embedded broker: a message is
// acknowledged there when the upstream has acknowledged it, and not before.
// Up to max_inflight messages are on their way at once, so that a long line
// is filled; when the line breaks, everything not acknowledged is sent again,
// in its order. That is at least once from end to end.
//
// # Concurrency
//
// [Bridge.Run] is one goroutine that connects, sends and waits, and one that
// takes acknowledgements. Everything else may be called at any time.
//
// # The MQTT client
//
// github.com/eclipse/paho.mqtt.golang speaks to the upstream, in mqtt.go and
// nowhere else. Its own store and its reconnecting are not used: a client is
// made for each connection, with a clean session, so that whatever is
// unacknowledged when the line breaks fails for certain, and our queue alone
// knows what is still to be sent.
package bridge

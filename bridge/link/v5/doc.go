// Package v5 speaks MQTT 5 to an upstream broker: the [link.Upstream] whose
// messages keep their expiry and properties, and whose refusals have reason
// codes.
//
//	Publish ─ quota ─ batch ─ write ─ net.Conn ─ read ─┬ acks: receipts
//	                                                   └ Received ─ stable ─ lane ─ PUBACK …
//
// Nothing is stored here and nothing is sent again: the session is the
// caller's, with its packet identifiers. SUBSCRIBE and UNSUBSCRIBE take free
// ones, from 65535 down.
//
// # Concurrency
//
// A connection is three goroutines, which read, write and watch the time, and
// one for each thing that has to be on stable storage before it is answered.
// They run side by side; the answers go out in the order in which the causes
// came in, which is that of [MQTT-4.6.0-2] to [MQTT-4.6.0-4]. Who reads never
// waits for who writes, so that large messages in both directions do not stop
// each other. Lost is closed when all of them have ended.
//
// # Of eclipse/paho.golang, its package packets
//
// Packets are encoded and decoded by github.com/eclipse/paho.golang/packets
// v0.23.0; its client, package paho, is not used. Each of these was run:
//
//   - Its default session writes PUBREL to a connection that is gone, and a nil
//     pointer ends the process. That alone could be had by a session of ours.
//   - It reads in a goroutine of its own where nobody can recover. Six bytes of
//     a broken length make it take 4 GiB; eight of another, or a length on a
//     processor of 32 bits, panic.
//   - A CONNACK with an authentication method that nobody asked for calls a nil
//     AuthHandler, in a goroutine again.
//   - Whoever reads also writes the acknowledgements: an upstream that does not
//     read while it writes a large message stops both for good.
//   - Its pinger takes a large message on a slow line for silence, and several of
//     its goroutines are waited for by nobody.
//   - It does not know the Maximum Packet Size in either direction, and forgets
//     ErrNetworkErrorAfterStored: a failed write does not end the connection.
//
// Of packets three things are done here: the length is read by
// [gateway/broker/packet.Reader], which grows with what has come; a panic while
// decoding is an error; and CONNECT is encoded by broker/packet, because packets
// leaves out the expiry, the content type and the like of a will.
package v5

// Package packet is the MQTT codec: the control packets of MQTT 3.1, 3.1.1 and
// 5.0, read from bytes and written to bytes. Server and client use it alike.
//
// A connection is read with [Reader], or with [ParseHeader] on a buffer of
// one's own, and each packet with [Decode]. Only PUBLISH has a way without
// garbage, [Publish.Decode]. Every packet writes itself with its Append.
//
// It knows how packets look and which values a packet may hold by itself. It
// does not know what came before on the connection, whether a topic alias is
// set, who may do what, or the syntax of topic filters: that is for those who
// use it. Standard library only; nothing here blocks besides [Reader], and
// nothing locks.
//
// # Errors
//
// No bytes make decoding panic. Whatever it refuses it refuses with a
// [*Error], whose Code is what a server sends in DISCONNECT or CONNACK
// [MQTT-4.13.1-1]. Where the specification names no code, what cannot be taken
// apart is [MalformedPacket] and what can but is not allowed is
// [ProtocolError], as section 1.2 of the specification defines them.
//
// # Clauses
//
// Normative statements are cited by their numbers: [MQTT-3.1.2-3] is that of
// MQTT 5.0, [MQTT-3.1.2-3 v3] that of MQTT 3.1.1. MQTT 3.1 has no numbers; it
// is held to those of 3.1.1 but where a comment says how it differs. "section
// 2.2.2.2" is of MQTT 5.0. [Error.Clause] has the same form without brackets.
package packet

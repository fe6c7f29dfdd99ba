// Package v3 speaks MQTT 3.1 and 3.1.1 to an upstream, over
// eclipse/paho.mqtt.golang, of which it is the owner.
//
//	var up link.Upstream = v3.Upstream{}
//	conn, err := net.Dial("tcp", "mqtt.example.org:1883")
//	...
//	l, err := up.Connect(ctx, conn, link.Hello{
//		ClientID:      "gateway-pi1-cloud",
//		SessionExpiry: 24 * time.Hour, // the session is to be kept
//		KeepAlive:     time.Minute,
//	}, session)
//	var no *link.Refused
//	if errors.As(err, &no) && no.Code == link.NotAuthorized {
//		...
//	}
//	r := l.Publish(link.Message{Topic: "home/t", Payload: payload, QoS: 1, ID: 17})
//	<-r.Done() // PUBACK came, or the connection is lost: r.Err says which
//	l.Close()
//
// # How Paho is used
//
//	Publish ─ Paho ─┐                       ┌─ out ─ flush ─ net.Conn
//	                ├─ wire.Write, wire.Read ┤
//	Received ─ Paho ┘                       └─ take ─ acknowledgements
//
// Each connection has a client of its own that never connects again. It writes
// CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PUBACK and PUBREC, and reads
// CONNACK, SUBACK, UNSUBACK and PUBLISH; what it writes to is not the net.Conn
// but a wire of ours, and so is what it reads from.
//
// Paho chooses packet identifiers itself, from 1 on with each client, and a token
// without an error is no delivery. So it is given every message as one of QoS
// 0, one after the other, and the wire makes of the packet what the message is:
// its QoS, DUP, and the identifier that the caller chose. Acknowledgements of
// messages never reach Paho. PUBACK and PUBCOMP settle receipts; PUBREC and
// PUBREL are answered when the session has noted them, between Paho's packets.
// Mapping identifiers that Paho chose would need a store that learns them and a
// table for both directions, and leave no more of it in use.
//
// SUBSCRIBE and UNSUBSCRIBE get identifiers from 65535 downwards that no message
// has which is under way on this connection; a message with that of one that is
// not answered waits. What the session has under way from earlier connections
// is not known here: brokers keep the two apart.
//
// # Blocking
//
// The wire takes what Paho writes without waiting, so none of Paho's goroutines
// ever keeps up another, and no two ends that both write can wait for each
// other. Publish waits while 64 KiB wait for the upstream; what we answer is
// bounded by 1 MiB, after which the upstream reads nothing and the connection
// ends. When the session is behind by a number of messages nothing is read.
// Paho would look at a lost connection for up to a second before it gives up a
// publish; Lost is closed when all goroutines have ended.
//
// # Keep-alive
//
// It is ours, see pulse.go: Paho's pings stop while its reader is kept up, and it
// ends a live connection on which the answer waits behind a large message.
//
// # Panics
//
// A panic in a goroutine of Paho ends the gateway: nobody can recover it there.
// So the wire lets pass only packets that it has taken apart itself, from both
// sides: a SUBACK with more return codes than filters would panic in Paho, a
// CONNACK with a return code above 5 is success to it, and a length in a
// header has it allocate as much before anything came. Its file store, which
// panics when the disk is full, is not used. What is left are faults of its own
// goroutines, which no input that we know of reaches; FuzzWire looks for more.
package v3

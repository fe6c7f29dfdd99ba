// Package client is a small MQTT client for 3.1, 3.1.1 and 5.0. It is there
// to look at a broker, ours or another, from a box that has no other tool
// ("gateway pub", "gateway sub"), to put load on one, and to test ours from
// the outside.
//
// [Connect] takes a connection that somebody else dialled, over TCP, TLS,
// WebSocket or a pipe, and does the rest:
//
//	conn, err := net.Dial("tcp", "localhost:1883")
//	...
//	c, err := client.Connect(ctx, conn, client.Options{CleanStart: true, KeepAlive: time.Minute})
//	...
//	defer c.Close()
//	codes, err := c.Subscribe(ctx, []packet.Subscription{{Filter: "home/#", QoS: 1}})
//	...
//	for {
//		m, err := c.Next(ctx)
//		...
//	}
//
// # Concurrency
//
// All methods of a [Client] may be called concurrently. It has a goroutine that
// reads, one that writes, one that pings, and one that waits for these three.
// They end with the connection, whoever ends it, and [Client.Close] and
// [Client.Disconnect] return when they have.
//
//	socket ─ read ─┬─ inbox ─ Next
//	               └─ answers to Publish, Subscribe, Unsubscribe
//	Publish, Subscribe, Unsubscribe, Next's acknowledgements, ping ─ batch ─ write ─ socket
//
// The reader never waits for the writer, so that the two ends of a connection
// cannot wait for each other. What is to be written while a write is on its way
// goes out together in the next one.
//
// # Backpressure
//
// Messages that nobody has taken with [Client.Next] are few, Options.Buffer.
// When they are that many the client stops reading, and TCP tells the server.
// All that the server sends waits then, the answers to Publish and Subscribe
// too: who subscribes takes the messages in a goroutine of its own, or gives
// its requests a context that ends.
//
// A message of QoS 1 or 2 is acknowledged when Next returns it. What was never
// taken was never acknowledged, and the server still has it.
//
// # What it does not do
//
// It does not reconnect: the connection that ended is over, and [Client.Err]
// says why. It stores nothing: a message of QoS 1 or 2 whose acknowledgement
// did not come before the end is not sent again, and "exactly once" holds for
// one connection. A session of the server may be resumed nevertheless, with
// CleanStart false; what was half transferred is then completed as the
// specification has it for an identifier nobody knows.
//
// It announces no topic aliases for messages to it, and one that comes is an
// error. It cannot do the extended authentication of MQTT 5.0, and knows no
// URLs, no TLS and no proxies: these belong to who dials.
package client

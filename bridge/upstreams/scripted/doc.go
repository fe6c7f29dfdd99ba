// Package scripted is an MQTT broker for tests whose limits and refusals are
// switches: for upstreams that cannot be had here, as their makers document them.
//
//	b, err := scripted.Listen(scripted.AWSIoT("gw-1"))
//	defer b.Close()
//	… a bridge connects to b.Address() …
//	b.Taken()    // what it has acknowledged
//	b.Offences() // what it has closed connections for
//
// It takes MQTT 3.1.1 and 5 in TCP or TLS, keeps everything in memory, and gives
// a message at once, and at QoS 0, to who has subscribed and is connected. What is
// retained is not given to new subscribers.
//
// What it does is what [Rules] say and no more: it is no model of how the real
// one behaves where its documents are silent.
package scripted

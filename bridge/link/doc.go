// Package link is how a bridge speaks to an upstream broker: what goes over
// one connection, and nothing of queues, routes or attempts.
//
//	net.Conn ─ Upstream.Connect ─ Link ─ Publish, Subscribe … Lost
//	                                └─ Session: what has to outlive it
//
// Two packages implement [Upstream]: v3 over eclipse/paho.mqtt.golang for MQTT
// 3.1 and 3.1.1, v5 over eclipse/paho.golang for MQTT 5. Package dial makes
// the net.Conn.
//
// # Whose the packet identifiers are
//
// The caller chooses the packet identifier of each message it publishes with
// QoS 1 or 2. A message keeps its identifier over connections and restarts of
// the process, so an upstream that keeps our session recognises a QoS 2 message
// that comes again. A Link never sends a message again by itself.
//
// # QoS 2
//
// Out: PUBLISH, PUBREC, [Session.Released] returns, PUBREL, PUBCOMP, and the
// receipt is settled. After a lost connection the caller publishes again, with
// Dup, what Released was not called for, and calls [Link.Release] for the rest.
// If the upstream has not kept the session, see [Link.Present], it publishes
// what Released was not called for; what was released has arrived.
//
// In: PUBLISH, [Session.Received], its stable returns, PUBREC, PUBREL,
// [Session.Forgotten] returns, PUBCOMP.
package link

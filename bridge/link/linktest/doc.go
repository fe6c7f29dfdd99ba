// Package linktest is what every [link.Upstream] has to pass: [TestUpstream]
// speaks to our own broker with it, over loopback, and holds the promises of
// package link that can be seen from there. What only a wire can show, bytes
// withheld and connections cut at a certain packet, each version tests itself.
//
// [TestMQTT5] is for those that speak MQTT 5, besides.
package linktest

package main

import "testing"

// TestMQTTJS runs mqtt.js, what pages and Node programs speak MQTT with.
func TestMQTTJS(t *testing.T) {
	node := needNode(t, "mqtt")
	h := openHouse(t)
	options := []string{"tcp=" + h.tcp, "ws=" + h.ws, "wss=" + h.wss, "locked=" + h.locked, "ca=" + h.file}
	for _, c := range []string{"properties", "sizes", "split", "aliases", "sessions", "keep_alive", "wills", "scram"} {
		t.Run(c, func(t *testing.T) {
			script(t, node, "mqttjs5.mjs", append([]string{c}, options...)...)
		})
	}
}

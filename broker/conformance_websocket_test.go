package broker

import (
	"testing"

	"github.com/coder/websocket"

	"gateway/broker/packet"
)

// MQTT over WebSocket, section 6, over real sockets.

func TestWebSocketFrames(t *testing.T) {
	// [MQTT-6.0.0-1] [MQTT-6.0.0-2] [MQTT-6.0.0-3] [MQTT-6.0.0-4]
	// [MQTT-6.0.0-1 v3] [MQTT-6.0.0-2 v3] [MQTT-6.0.0-3 v3] [MQTT-6.0.0-4 v3]
	_, _, address := listening(t)
	for _, tt := range []struct {
		name    string
		connect string
		v       packet.Version
	}{
		{"3.1.1", "10 0d 0004 'MQTT' 04 02 0000 0001 'c'", packet.V311},
		{"5.0", "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'", packet.V5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ws, err := dialWebSocket(t, address, &websocket.DialOptions{Subprotocols: []string{"mqtt", "other"}})
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			if got := ws.Subprotocol(); got != "mqtt" {
				t.Errorf("subprotocol %q", got)
			}
			c := &testClient{t: t, conn: websocket.NetConn(t.Context(), ws, websocket.MessageBinary), v: tt.v, in: make(chan received, 100)}
			go c.pump()
			pings := wire(t, "c0 00 c0 00")
			for _, b := range wire(t, tt.connect) { // a frame for each byte
				c.write([]byte{b})
			}
			expect[*packet.Connack](c)
			c.write(pings) // two packets in a frame
			expect[*packet.Pingresp](c)
			expect[*packet.Pingresp](c)
			c.write(pings[:3]) // one and a half
			expect[*packet.Pingresp](c)
			c.write(nil) // an empty frame
			c.write(pings[3:])
			expect[*packet.Pingresp](c)
			if err := ws.Write(t.Context(), websocket.MessageText, pings); err != nil {
				t.Fatal(err)
			}
			if r := <-c.in; r.err == nil {
				t.Errorf("after a text frame: %v", r.packet.Type())
			}
		})
	}
}

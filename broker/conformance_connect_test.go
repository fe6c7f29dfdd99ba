package broker

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"gateway/broker/packet"
)

// CONNECT and what comes of it, sections 3.1 and 3.2.

// TestConnackBytes looks at the answers as they are on the wire.
func TestConnackBytes(t *testing.T) {
	for _, tt := range []struct {
		name, send, want string
		v                packet.Version
		cfg              Config
	}{
		{"3.1", "10: 0006 'MQIsdp' 03 02 0000 0001 'c'", "20 02 00 00", packet.V31, Config{}},
		{"3.1.1", "10: 0004 'MQTT' 04 02 0000 0001 'c'", "20 02 00 00", packet.V311, Config{}}, // [MQTT-3.1.4-4 v3] [MQTT-3.2.0-1 v3]
		// Mosquitto's order of properties; the reserved flags are 0 [MQTT-3.1.4-5] [MQTT-3.2.2-1].
		{"5.0", "10: 0004 'MQTT' 05 02 0000 00 0001 'c'", "20: 00 00 0b 22 000a 27 001e8480 21 0014", packet.V5, Config{}},
		{"no aliases, QoS 1, nothing retained", "10: 0004 'MQTT' 05 02 0000 00 0001 'c'", "20: 00 00 0c 24 01 25 00 27 001e8480 21 0014", packet.V5,
			Config{MaxQoS: 1, ClientIDPrefix: "x"}}, // [MQTT-3.2.2-9]
		{"keep-alive", "10: 0004 'MQTT' 05 02 00ff 00 0001 'c'", "20: 00 00 0e 22 000a 13 003c 27 001e8480 21 0014", packet.V5,
			Config{MaxKeepAlive: time.Minute}}, // [MQTT-3.2.2-21]
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, b *testBroker) {
				r := b.raw(tt.v)
				r.write(wire(t, tt.send))
				if got, open := r.sofar(); string(got) != string(wire(t, tt.want)) || !open {
					t.Errorf("got  % x, open: %v\nwant % x", got, open, wire(t, tt.want))
				}
			})
		})
	}
}

// TestClientIDs: an identifier is any text, and names a session of its own.
func TestClientIDs(t *testing.T) { // [MQTT-3.1.3-2] [MQTT-3.1.3-2 v3] [MQTT-3.1.3-5] [MQTT-3.1.3-5 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		ids := []string{
			"0", "abcdefghijklmnopqrstuvw", "ABCDEFGHIJKLMNOPQRSTUVW", "xyzXYZ0123456789",
			"a", "A", "a ", " a", "\ufeffa", "a/+/#", "ä", "a\u0308", "\u00e4\u00e4", "$SYS",
		}
		if v > packet.V31 { // which knows 23 bytes and no more
			ids = append(ids, strings.Repeat("z", 24), strings.Repeat("long", 5000))
		}
		for i, id := range ids {
			c := b.connect(v, id, lasting(v))
			if c.connack.SessionPresent {
				t.Errorf("%.30q has the session of another", id)
			}
			c.subscribe(fmt.Sprint("t/", i), 1)
			c.leave()
		}
		for i := range ids {
			b.Publish(&Message{Topic: fmt.Sprint("t/", i), Payload: []byte(fmt.Sprint(i)), QoS: 1})
		}
		for i, id := range ids {
			c := b.connect(v, id, lasting(v))
			c.want(fmt.Sprint("t/", i), fmt.Sprint(i))
			c.silent()
		}
	})
}

// TestAssignedIDIsTheClients comes back with the identifier that the broker
// made.
func TestAssignedIDIsTheClients(t *testing.T) { // [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "", expires(1000))
		id := c.connack.Properties.AssignedClientID.V
		c.subscribe("t", 1)
		c.lose()
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 1})
		c = b.connect(packet.V5, id, resume)
		if !c.connack.SessionPresent || c.connack.Properties.AssignedClientID.OK {
			t.Errorf("CONNACK %+v", c.connack)
		}
		c.want("t", "x")
	})
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) { // two without an identifier are two [MQTT-3.1.3-6 v3]
		one, two := b.connect(packet.V311, ""), b.connect(packet.V311, "")
		one.subscribe("t", 0)
		two.silent()
		one.silent()
	})
}

func TestNoAssignedIDs(t *testing.T) { // [MQTT-3.1.3-8] [MQTT-3.1.3-9 v3] [MQTT-3.2.2-7] [MQTT-4.13.2-1]
	inBubble(t, Config{MaxQoS: 2, RetainAvailable: true}, func(t *testing.T, b *testBroker) {
		for _, v := range versions[1:] {
			b.refused(&packet.Connect{Version: v, CleanStart: true}, packet.ClientIdentifierNotValid)
		}
	})
}

// TestRestOfARefusedConnect sends more in the same write as a CONNECT that is
// refused.
func TestRestOfARefusedConnect(t *testing.T) { // [MQTT-3.1.4-6] [MQTT-3.1.4-5 v3] [MQTT-3.1.4-2]
	for _, tt := range []struct {
		v             packet.Version
		connect, want string
		publish       string
	}{
		{packet.V311, "10: 0004 'MQTT' 04 00 0000 0000", "20 02 00 02", "30: 0001 'a' 'x'"},
		{packet.V5, "10: 0004 'MQTT' 05 02 0000 04 15 0001 'M' 0001 'c'", "20 03 00 8c 00", "30: 0001 'a' 00 'x'"},
		{packet.V5, "10: 0004 'MQTT' 05 03 0000 00 0001 'c'", "20 03 00 81 00", "30: 0001 'a' 00 'x'"},
	} {
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			other := b.connect(packet.V5, "other")
			other.subscribe("#", 0)
			r := b.raw(tt.v)
			r.write(append(wire(t, tt.connect), wire(t, tt.publish)...))
			if got, closed := r.untilClosed(); !closed || string(got) != string(wire(t, tt.want)) {
				t.Errorf("%s: got % x, closed: %v", tt.connect, got, closed)
			}
			other.silent()
		})
	}
}

// TestAllAtOnce does not wait for CONNACK, and TestByteByByte sends one byte
// at a time: the broker sees the same packets.
func TestAllAtOnce(t *testing.T)    { testStream(t, math.MaxInt) }
func TestByteByByte(t *testing.T)   { testStream(t, 1) }
func TestSevenAtATime(t *testing.T) { testStream(t, 7) }

func testStream(t *testing.T, step int) {
	stream := "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'" +
		"82 07 0001 00 0001 'a' 01" +
		"32 07 0001 'a' 0009 00 'x'" +
		"c0 00"
	want := "20 0e 00 00 0b 22 000a 27 001e8480 21 0014" + "90 04 0001 00 01" + "32 07 0001 'a' 0001 00 'x'" + "40 02 0009" + "d0 00"
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		r := b.raw(packet.V5)
		go func() {
			for bytes := wire(t, stream); len(bytes) > 0; bytes = bytes[min(step, len(bytes)):] {
				_, _ = r.conn.Write(bytes[:min(step, len(bytes))])
			}
		}()
		if got, open := r.sofar(); string(got) != string(wire(t, want)) || !open {
			t.Errorf("got  % x, open: %v\nwant % x", got, open, wire(t, want))
		}
	})
}

// TestKeepAlive: one and a half times what the client says, from the last
// packet, unless it is told otherwise.
func TestKeepAlive(t *testing.T) { // [MQTT-3.1.2-22] [MQTT-3.1.2-24 v3] [MQTT-3.2.2-22]
	for _, v := range versions {
		for _, seconds := range []uint16{1, 7, 65535} {
			inBubble(t, Config{MaxKeepAlive: 65535 * time.Second}, func(t *testing.T, b *testBroker) {
				c := b.connect(v, "c", func(p *packet.Connect) { p.KeepAlive = seconds })
				if v == packet.V5 && c.connack.Properties.ServerKeepAlive.OK {
					t.Error("told another keep-alive")
				}
				c.publish("t", "", 1)
				began := time.Now()
				// A message to the client is no sign of life of the client.
				c.subscribe("t", 0)
				time.Sleep(time.Duration(seconds) * time.Second)
				b.Publish(&Message{Topic: "t"})
				expect[*packet.Publish](c)
				c.closed(packet.KeepAliveTimeout)
				if took, want := time.Since(began), time.Duration(seconds)*time.Second*3/2; took != want {
					t.Errorf("MQTT %v, keep-alive of %d s: closed after %v, want %v", v, seconds, took, want)
				}
			})
		}
	}
}

// TestTwoWithOneID takes a connection over: the first is told and closed.
func TestTwoWithOneID(t *testing.T) { // [MQTT-3.1.4-3] [MQTT-3.1.4-2 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		for _, second := range versions { // of whatever version
			one := b.connect(v, "c")
			two := b.connect(second, "c")
			one.closed(packet.SessionTakenOver)
			two.silent()
			two.leave()
		}
	})
}

func TestResponseInformationIfAsked(t *testing.T) { // [MQTT-3.1.2-28]
	inBubble(t, Config{ResponseInformation: "answers/%c"}, func(t *testing.T, b *testBroker) {
		for _, wants := range []byte{0, 1} {
			c := b.connect(packet.V5, "c", func(p *packet.Connect) {
				p.Properties = &packet.Properties{RequestResponseInfo: packet.Some(wants)}
			})
			if got := c.connack.Properties.ResponseInfo; got.OK != (wants == 1) || got.OK && got.V != "answers/c" {
				t.Errorf("asked %d, got %+v", wants, got)
			}
			c.leave()
		}
	})
}

// TestWillBeyondTheServer refuses a will that could not be published as the
// client wants.
func TestWillBeyondTheServer(t *testing.T) { // [MQTT-3.2.2-12] [MQTT-3.2.2-13]
	inBubble(t, Config{MaxQoS: 1, ClientIDPrefix: "x"}, func(t *testing.T, b *testBroker) {
		will := func(qos QoS, retain bool) *packet.Connect {
			return &packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true, Will: &packet.Will{Topic: "w", QoS: qos, Retain: retain}}
		}
		b.refused(will(2, false), packet.QoSNotSupported)
		b.refused(will(0, true), packet.RetainNotSupported)
		c := b.connect(packet.V5, "c", withWill("w", "x", func(w *packet.Will) { w.QoS = 1 }))
		if code := c.subscribe("t", 2); code != packet.GrantedQoS1 { // [MQTT-3.2.2-10]
			t.Errorf("granted %v", code)
		}
		c.send(&packet.Publish{Topic: "t", QoS: 2, ID: 1}) // [MQTT-3.2.2-11]
		c.closed(packet.QoSNotSupported)
		c = b.connect(packet.V5, "c")
		c.send(&packet.Publish{Topic: "t", Retain: true}) // [MQTT-3.2.2-14]
		c.closed(packet.RetainNotSupported)
	})
}

// TestReasonsFit: words are left out where they would make a packet larger
// than the client takes.
func TestReasonsFit(t *testing.T) {
	cfg, _ := guarded(t, rules)
	cfg.ReasonStrings = true
	for size := uint32(16); size < 120; size += 3 { // a CONNACK of success has 16 bytes
		inBubble(t, cfg, func(t *testing.T, b *testBroker) {
			maximum := func(p *packet.Connect) {
				if p.Properties == nil {
					p.Properties = new(packet.Properties)
				}
				p.Properties.MaximumPacketSize = packet.Some(size)
			}
			fits := func(p packet.Packet) packet.Packet {
				if p == nil {
					t.Fatalf("maximum packet size %d: no answer", size)
				}
				if got, err := p.Append(nil, packet.V5); err != nil || len(got) > int(size) {
					t.Errorf("%v of %d bytes, the client takes %d", p.Type(), len(got), size)
				}
				return p
			}
			c := b.connect(packet.V5, "c", as("bob", "pencil"), maximum)
			c.send(&packet.Publish{Topic: "secret", QoS: 1, ID: 1})
			fits(c.next()) // PUBACK [MQTT-3.4.2-2]
			c.send(&packet.Publish{Topic: "secret", QoS: 2, ID: 1})
			fits(c.next()) // PUBREC [MQTT-3.5.2-2]
			c.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "secret"}}})
			fits(c.next()) // SUBACK [MQTT-3.9.2-1]
			c.send(&packet.Pingresp{})
			d, ok := fits(c.next()).(*packet.Disconnect) // [MQTT-3.14.2-3]
			if !ok || d.Code != packet.ProtocolError || d.Properties != nil && d.Properties.SessionExpiry.OK {
				t.Errorf("got %+v", d)
			}
			c.gone() // [MQTT-3.14.4-1] [MQTT-3.14.4-2]
		})
	}
}

// TestNoExpiryInDisconnect ends a connection with words about why.
func TestNoExpiryInDisconnect(t *testing.T) { // [MQTT-3.14.2-2] [MQTT-3.14.2-1] [MQTT-4.13.2-1]
	inBubble(t, Config{ReasonStrings: true, SessionExpiry: time.Hour}, func(t *testing.T, b *testBroker) {
		for _, wrong := range [][]byte{{0x00, 0x00}, {0xd0, 0x00}, {0x30, 0xff, 0xff, 0xff, 0x7f}} {
			c := b.connect(packet.V5, "c", expires(100))
			c.write(wrong)
			if d := expect[*packet.Disconnect](c); d.Code < packet.UnspecifiedError || d.Properties == nil || !d.Properties.ReasonString.OK || d.Properties.SessionExpiry.OK {
				t.Errorf("DISCONNECT %+v %+v", d, d.Properties)
			}
			c.gone()
		}
	})
}

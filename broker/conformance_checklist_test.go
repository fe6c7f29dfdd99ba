package broker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"

	"gateway/broker/packet"
)

// What brokers get wrong in the field and the other conformance tests do not
// show.

// TestOneIdentifierBothWays: client and server number their messages apart.
func TestOneIdentifierBothWays(t *testing.T) { // section 2.2.1
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c")
		c.subscribe("t", 2)
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 2})
		p := expect[*packet.Publish](c)
		c.send(&packet.Publish{Topic: "u", QoS: 2, ID: p.ID})
		expect[*packet.Pubrec](c)
		c.send(&packet.Pubrec{ID: p.ID})
		expect[*packet.Pubrel](c)
		c.send(&packet.Pubrel{ID: p.ID})
		expect[*packet.Pubcomp](c)
		c.send(&packet.Pubcomp{ID: p.ID})
		c.silent()
	})
}

// TestTooLargeCountsAsDelivered, wherever the message comes from: what the
// client cannot take uses none of its quota and holds nothing up.
func TestTooLargeCountsAsDelivered(t *testing.T) { // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		limits := func(p *packet.Connect) {
			p.Properties.MaximumPacketSize, p.Properties.ReceiveMaximum = packet.Some(uint32(100)), packet.Some(uint16(1))
		}
		large := make([]byte, 500)
		b.Publish(&Message{Topic: "r", Payload: large, QoS: 1, Retain: true})
		c := b.connect(packet.V5, "c", lasting(packet.V5), limits)
		c.subscribe("r", 1)
		c.silent()
		c.subscribe("$share/g/s", 1)
		for range 3 {
			b.Publish(&Message{Topic: "s", Payload: large, QoS: 1})
			b.Publish(&Message{Topic: "r", Payload: large, QoS: 2})
		}
		c.silent()
		b.Publish(&Message{Topic: "r", Payload: []byte("fits"), QoS: 1})
		c.want("r", "fits")
		c.leave()
		for range 3 {
			b.Publish(&Message{Topic: "r", Payload: large, QoS: 1})
		}
		b.Publish(&Message{Topic: "r", Payload: []byte("waited"), QoS: 1})
		c = b.connect(packet.V5, "c", lasting(packet.V5), limits)
		c.want("r", "waited")
		c.silent()
	})
}

// TestDollarTopics: no wildcard at the front of a filter matches them, shared
// or not.
func TestDollarTopics(t *testing.T) { // [MQTT-4.7.2-1] [MQTT-4.7.2-1 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c")
		for _, f := range []string{"#", "+/x", "+/#", "+/+", "$share/g/#", "$share/g/+/x"} {
			c.subscribe(f, 1)
		}
		b.Publish(&Message{Topic: "$SYS/x", Payload: []byte("x"), QoS: 1, Retain: true})
		b.Publish(&Message{Topic: "$SYS", QoS: 1})
		c.silent()
		c.subscribe("$SYS/+", 1)
		c.want("$SYS/x", "x")
	})
}

// TestRetainedThenLive subscribes in the midst of messages that are all
// retained: the one that is kept comes first, then each that follows it.
func TestRetainedThenLive(t *testing.T) { // [MQTT-4.6.0-5] [MQTT-4.6.0-6 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		for round := range 20 {
			c, pub := b.connect(v, "c"), b.connect(v, "pub")
			name := fmt.Sprint("t", round)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := range 100 {
					pub.publish(name, fmt.Sprint(i), 1, retained)
				}
			}()
			time.Sleep(time.Nanosecond)
			c.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: name, QoS: 1}}})
			expect[*packet.Suback](c)
			<-done
			pub.publish(name, "100", 1, retained)
			next := -1
			for next != 101 {
				p := c.message()
				var n int
				_, _ = fmt.Sscan(string(p.Payload), &n)
				if next >= 0 && (n != next || p.Retain) { // only the first may be the one that was kept
					t.Fatalf("message %d, RETAIN %v, after %d", n, p.Retain, next-1)
				}
				next = n + 1
			}
			c.silent()
		}
	})
}

// TestEmptyRetainedAsPublished: who wants RETAIN as published sees that a
// message deletes.
func TestEmptyRetainedAsPublished(t *testing.T) { // [MQTT-3.3.1-6] [MQTT-3.3.1-13]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.subscribe("r", 1, func(s *packet.Subscription) { s.RetainAsPublished = true })
		c.publish("r", "x", 1, retained)
		c.want("r", "x")
		c.publish("r", "", 1, retained)
		if p := c.want("r", ""); !p.Retain {
			t.Errorf("got %+v", p)
		}
	})
}

// TestNothingAdded: a message without properties arrives without any, from a
// queue, the retained tree and an older client too.
func TestNothingAdded(t *testing.T) { // [MQTT-3.3.2-6] [MQTT-3.3.2-17]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		away := b.connect(packet.V5, "away", lasting(packet.V5))
		away.subscribe("#", 2)
		away.leave()
		for _, v := range versions {
			pub := b.connect(v, "pub")
			for qos := range QoS(3) {
				pub.publish(fmt.Sprint("t", v, qos), "", qos)
				pub.publish(fmt.Sprint("r", v, qos), "x", qos, retained)
			}
			pub.leave()
		}
		time.Sleep(30 * time.Minute)
		away = b.connect(packet.V5, "away", lasting(packet.V5))
		for range 12 {
			if p := away.message(); p.Properties != nil {
				t.Errorf("%s: %+v", p.Topic, p.Properties)
			}
		}
		late := b.connect(packet.V5, "late")
		late.subscribe("#", 2)
		for range 9 {
			if p := late.message(); p.Properties != nil {
				t.Errorf("%s: %+v", p.Topic, p.Properties)
			}
		}
	})
}

// TestReasonIsReadable writes on and on behind a malformed packet, over a
// real socket: the client can read why it was disconnected.
func TestReasonIsReadable(t *testing.T) { // [MQTT-4.13.1-1] [MQTT-4.13.2-1]
	_, tcp, _ := listening(t)
	for range 5 {
		nc, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		stream := wire(t, "10 0d 0004 'MQTT' 05 02 0000 00 0000"+"00 00")
		stream = append(stream, make([]byte, 300_000)...)
		go func() { _, _ = nc.Write(stream) }()
		_ = nc.SetReadDeadline(time.Now().Add(30 * time.Second))
		got, err := io.ReadAll(nc)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		if want := wire(t, "e0 01 81"); !bytes.HasSuffix(got, want) {
			t.Errorf("got % x, want it to end in % x", got, want)
		}
	}
}

// TestKeepAliveOverWebSocket is TestKeepAlive where a deadline breaks the
// stream.
func TestKeepAliveOverWebSocket(t *testing.T) { // [MQTT-3.1.2-22] [MQTT-3.1.2-24 v3]
	_, _, address := listening(t)
	ws, err := dialWebSocket(t, address, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	c := &testClient{t: t, conn: websocket.NetConn(t.Context(), ws, websocket.MessageBinary), v: packet.V5, in: make(chan received, 100)}
	go c.pump()
	c.send(&packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true, KeepAlive: 1})
	expect[*packet.Connack](c)
	c.silent()
	began := time.Now()
	if d := expect[*packet.Disconnect](c); d.Code != packet.KeepAliveTimeout {
		t.Errorf("DISCONNECT with %v", d.Code)
	}
	if took := time.Since(began); took < 1400*time.Millisecond {
		t.Errorf("closed after %v, want 1.5 s", took)
	}
}

// TestWrongAcknowledgement: an acknowledgement of another QoS ends nothing,
// and costs nobody the connection.
func TestWrongAcknowledgement(t *testing.T) { // [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c", lasting(v))
		c.subscribe("t", 2)
		b.Publish(&Message{Topic: "t", Payload: []byte("1"), QoS: 1})
		b.Publish(&Message{Topic: "t", Payload: []byte("2"), QoS: 2})
		one, two := expect[*packet.Publish](c), expect[*packet.Publish](c)
		c.send(&packet.Puback{ID: two.ID})
		c.send(&packet.Pubcomp{ID: two.ID})
		c.send(&packet.Pubcomp{ID: one.ID})
		c.silent()
		c.send(&packet.Pubrec{ID: one.ID})
		if rel := expect[*packet.Pubrel](c); v == packet.V5 && rel.Code != packet.PacketIdentifierNotFound {
			t.Errorf("PUBREL %+v", rel)
		}
		c.lose()
		c = b.connect(v, "c", lasting(v))
		for _, want := range []*packet.Publish{one, two} {
			if p := c.want("t", string(want.Payload)); p.ID != want.ID || p.QoS != want.QoS || !p.Dup {
				t.Errorf("got %+v, want %+v again", p, want)
			}
		}
		c.silent()
	})
}

// TestExpiryBehindTheQuota: a message that waits for the client's
// acknowledgements expires like any other.
func TestExpiryBehindTheQuota(t *testing.T) { // [MQTT-3.3.2-5] [MQTT-3.3.2-6]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", func(p *packet.Connect) {
			p.Properties = &packet.Properties{ReceiveMaximum: packet.Some(uint16(1))}
		})
		c.subscribe("t", 1)
		pub := b.connect(packet.V5, "pub")
		expiry := func(s uint32) func(*packet.Publish) {
			return func(p *packet.Publish) { p.Properties = &packet.Properties{MessageExpiry: packet.Some(s)} }
		}
		pub.publish("t", "sent", 1, expiry(5))
		pub.publish("t", "short", 1, expiry(5))
		pub.publish("t", "long", 1, expiry(50))
		first := expect[*packet.Publish](c)
		time.Sleep(20 * time.Second)
		c.send(&packet.Puback{ID: first.ID})
		if p := c.want("t", "long"); p.Properties == nil || p.Properties.MessageExpiry != packet.Some(uint32(30)) {
			t.Errorf("%+v", p.Properties)
		}
		c.silent()
	})
}

// TestOwnMessages: No Local keeps from a client what it said itself, also
// what is retained and its will.
func TestOwnMessages(t *testing.T) { // [MQTT-3.8.3-3]
	for _, noLocal := range []bool{false, true} {
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			option := func(s *packet.Subscription) { s.NoLocal = noLocal }
			c := b.connect(packet.V5, "c", lasting(packet.V5), withWill("w", "gone", func(w *packet.Will) { w.QoS = 1 }))
			c.publish("r", "mine", 1, retained)
			c.subscribe("r", 1, option)
			if !noLocal {
				c.want("r", "mine")
			}
			c.silent()
			c.subscribe("w", 1, option)
			c.lose()
			c = b.connect(packet.V5, "c", lasting(packet.V5))
			if !noLocal {
				c.want("w", "gone")
			}
			c.silent()
		})
	}
}

package broker

import (
	"fmt"
	"testing"
	"time"

	"gateway/broker/packet"
)

// The exchanges of QoS 0, 1 and 2, section 4.3, as sender and as receiver.

func TestSentIdentifiers(t *testing.T) {
	// [MQTT-2.2.1-4] [MQTT-2.3.1-4 v3] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c")
		c.subscribe("#", 2)
		used := make(map[uint16]packet.QoS)
		take := func() *packet.Publish {
			p := expect[*packet.Publish](c)
			if _, ok := used[p.ID]; ok || p.ID == 0 {
				t.Fatalf("identifier %d, in use: %v", p.ID, used)
			}
			used[p.ID] = p.QoS
			return p
		}
		for i := range 20 {
			b.Publish(&Message{Topic: "t", QoS: QoS(1 + i%2)})
			take()
		}
		for range 40 { // one becomes free, the next message takes one that is
			for id, qos := range used {
				if qos == 1 {
					c.send(&packet.Puback{ID: id})
				} else {
					c.send(&packet.Pubrec{ID: id})
					if rel := expect[*packet.Pubrel](c); rel.ID != id {
						t.Errorf("PUBREL of %d, want %d", rel.ID, id)
					}
					c.send(&packet.Pubcomp{ID: id})
				}
				delete(used, id)
				break
			}
			c.silent()
			b.Publish(&Message{Topic: "t", QoS: 2})
			take()
		}
	})
}

// TestSentBytes looks at each kind of PUBLISH as it leaves the first time.
func TestSentBytes(t *testing.T) {
	for _, tt := range []struct {
		v    packet.Version
		qos  QoS
		want string
	}{
		{packet.V5, 0, "30: 0001 'a' 00 'x'"}, // [MQTT-4.3.1-1] [MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT-2.2.2-1]
		{packet.V311, 0, "30: 0001 'a' 'x'"},  // [MQTT-4.3.1-1 v3] [MQTT-2.3.1-5 v3] [MQTT-3.3.1-2 v3]
		{packet.V5, 1, "32: 0001 'a' 0001 00 'x'"},
		{packet.V311, 1, "32: 0001 'a' 0001 'x'"}, // [MQTT-4.3.2-1 v3]
		{packet.V5, 2, "34: 0001 'a' 0001 00 'x'"},
		{packet.V311, 2, "34: 0001 'a' 0001 'x'"}, // [MQTT-4.3.3-1 v3]
	} { // [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-3.3.2-1] [MQTT-3.3.2-1 v3]
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			r := b.rawConnected(tt.v)
			subscribe := "82: 0001 00 0001 'a' 02"
			if tt.v < packet.V5 {
				subscribe = "82: 0001 0001 'a' 02"
			}
			r.write(wire(t, subscribe))
			r.sofar()
			b.Publish(&Message{Topic: "a", Payload: []byte("x"), QoS: tt.qos, Retain: true})
			if got, _ := r.sofar(); string(got) != string(wire(t, tt.want)) {
				t.Errorf("MQTT %v QoS %d: got % x, want % x", tt.v, tt.qos, got, wire(t, tt.want))
			}
		})
	}
}

// TestSendQoS1 loses the connection before and after PUBACK.
func TestSendQoS1(t *testing.T) {
	// [MQTT-4.3.2-3] [MQTT-4.3.2-1 v3] [MQTT-4.4.0-1] [MQTT-4.4.0-1 v3] [MQTT-3.3.1-1] [MQTT-3.3.1-1 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c", lasting(v))
		c.subscribe("t", 1)
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 1})
		first := expect[*packet.Publish](c)
		if first.Dup {
			t.Error("DUP on the first attempt")
		}
		time.Sleep(time.Hour) // only a reconnect sends again
		c.silent()
		for range 3 {
			c.lose()
			c = b.connect(v, "c", lasting(v))
			if p := expect[*packet.Publish](c); p.ID != first.ID || !p.Dup || p.QoS != 1 || string(p.Payload) != "x" {
				t.Errorf("got %+v, want message %d again", p, first.ID)
			}
			c.silent()
		}
		c.send(&packet.Puback{ID: first.ID})
		c.silent()
		c.lose()
		c = b.connect(v, "c", lasting(v))
		c.silent()
	})
}

// TestSendQoS2 loses the connection at each step.
func TestSendQoS2(t *testing.T) {
	// [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.3.3-1 v3] [MQTT-4.4.0-1]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c", lasting(v))
		c.subscribe("t", 2)
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 2})
		first := expect[*packet.Publish](c)
		again := func() {
			c.lose()
			c = b.connect(v, "c", lasting(v))
		}
		for range 2 {
			again()
			if p := expect[*packet.Publish](c); p.ID != first.ID || !p.Dup || p.QoS != 2 {
				t.Errorf("got %+v, want message %d again", p, first.ID)
			}
		}
		c.send(&packet.Pubrec{ID: first.ID})
		if p := expect[*packet.Pubrel](c); p.ID != first.ID || p.Code != packet.Success {
			t.Errorf("got %+v", p)
		}
		time.Sleep(time.Hour)
		c.silent()
		for range 2 { // the message itself does not come again
			again()
			if p := expect[*packet.Pubrel](c); p.ID != first.ID {
				t.Errorf("got %+v, want PUBREL %d again", p, first.ID)
			}
			c.silent()
		}
		c.send(&packet.Pubrec{ID: first.ID}) // repeated: PUBREL again
		if p := expect[*packet.Pubrel](c); p.ID != first.ID || p.Code != packet.Success {
			t.Errorf("got %+v", p)
		}
		c.send(&packet.Pubcomp{ID: first.ID})
		c.silent()
		again()
		c.silent()
	})
}

// TestResentInOrder resends half-acknowledged messages, then what waited.
func TestResentInOrder(t *testing.T) {
	// [MQTT-4.6.0-1] [MQTT-4.6.0-1 v3] [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT-4.6.0-5 v3] [MQTT-4.6.0-6 v3]
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			cfg := Config{MaxInflight: 5}
			inBubble(t, cfg, func(t *testing.T, b *testBroker) {
				pub := b.connect(v, "pub")
				c := b.connect(v, "c", lasting(v))
				c.subscribe("t", 2)
				for i := range 10 { // 5 are sent, 5 wait
					pub.publish("t", fmt.Sprint(i), 1)
				}
				var flight []*packet.Publish
				for range 5 {
					flight = append(flight, expect[*packet.Publish](c))
				}
				c.send(&packet.Puback{ID: flight[2].ID}) // out of order
				expect[*packet.Publish](c)
				c.lose()
				for i := 10; i < 15; i++ { // and 5 come meanwhile
					pub.publish("t", fmt.Sprint(i), 1)
				}
				c = b.connect(v, "c", lasting(v))
				for i, want := range []string{"0", "1", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"} {
					p := expect[*packet.Publish](c)
					if string(p.Payload) != want || p.Dup != (i < 5) {
						t.Fatalf("message %d: %q, DUP %v; want %q", i, p.Payload, p.Dup, want)
					}
					c.send(&packet.Puback{ID: p.ID})
				}
				c.silent()
			})
		})
	}
}

func TestReceiveQoS1(t *testing.T) {
	// [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT-4.3.2-2 v3] [MQTT-2.2.1-5] [MQTT-2.3.1-6 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("t", 1)
		for i, dup := range []bool{false, true, true, false} {
			payload := fmt.Sprint(i)
			pub.send(&packet.Publish{Topic: "t", Payload: []byte(payload), QoS: 1, ID: 65535, Dup: dup})
			if ack := expect[*packet.Puback](pub); ack.ID != 65535 || ack.Code != packet.Success {
				t.Errorf("PUBACK %+v", ack)
			}
			if p := sub.want("t", payload); p.Dup { // [MQTT-3.3.1-3] [MQTT-3.3.1-3 v3]
				t.Error("DUP of the publisher was passed on")
			}
		}
	})
}

// TestReceiveQoS2Content sends other content under an identifier before and
// after it is released.
func TestReceiveQoS2Content(t *testing.T) {
	// [MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT-4.3.3-2 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("t", 2)
		say := func(payload string, dup bool) {
			pub.send(&packet.Publish{Topic: "t", Payload: []byte(payload), QoS: 2, ID: 5, Dup: dup})
			if rec := expect[*packet.Pubrec](pub); rec.ID != 5 || rec.Code != packet.Success {
				t.Errorf("PUBREC %+v", rec)
			}
		}
		say("first", false)
		sub.want("t", "first")
		say("first", true)
		say("other", false)
		sub.silent()
		for range 2 { // the second PUBREL is answered too
			pub.send(&packet.Pubrel{ID: 5})
			if comp := expect[*packet.Pubcomp](pub); comp.ID != 5 {
				t.Errorf("PUBCOMP %+v", comp)
			}
		}
		say("second", true)
		if p := sub.want("t", "second"); p.Dup {
			t.Error("DUP of the publisher was passed on")
		}
	})
}

func TestReceiveQoS2Refused(t *testing.T) { // [MQTT-4.3.3-9]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		sub, pub := b.connect(packet.V5, "sub"), b.connect(packet.V5, "pub")
		sub.subscribe("t", 2)
		pub.send(&packet.Publish{Topic: "$SYS/x", QoS: 2, ID: 5})
		if rec := expect[*packet.Pubrec](pub); rec.Code != packet.NotAuthorized {
			t.Errorf("PUBREC %+v", rec)
		}
		pub.send(&packet.Publish{Topic: "t", Payload: []byte("new"), QoS: 2, ID: 5})
		if rec := expect[*packet.Pubrec](pub); rec.Code != packet.Success {
			t.Errorf("PUBREC %+v", rec)
		}
		sub.want("t", "new")
	})
}

// TestExpiryDuringExchange lets messages expire while they are exchanged.
func TestExpiryDuringExchange(t *testing.T) {
	expiring := func(p *packet.Publish) { p.Properties = &packet.Properties{MessageExpiry: packet.Some(uint32(5))} }
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		pub := b.connect(packet.V5, "pub")
		p := &packet.Publish{Topic: "t", QoS: 2, ID: 5}
		expiring(p)
		pub.send(p)
		expect[*packet.Pubrec](pub)
		time.Sleep(time.Minute)
		pub.send(&packet.Pubrel{ID: 5}) // [MQTT-4.3.3-13]
		if comp := expect[*packet.Pubcomp](pub); comp.Code != packet.Success {
			t.Errorf("PUBCOMP %+v", comp)
		}
		for qos := range packet.QoS(3) { // [MQTT-4.3.3-7]
			if qos == 0 {
				continue
			}
			id := fmt.Sprint("sub", qos)
			sub := b.connect(packet.V5, id, lasting(packet.V5))
			sub.subscribe("t", qos)
			pub.publish("t", "x", qos, expiring)
			first := expect[*packet.Publish](sub)
			sub.lose()
			time.Sleep(time.Minute)
			sub = b.connect(packet.V5, id, lasting(packet.V5))
			if p := expect[*packet.Publish](sub); p.ID != first.ID || !p.Dup {
				t.Errorf("QoS %d: got %+v, want message %d again", qos, p, first.ID)
			}
			sub.leave()
		}
	})
}

func TestRefusedByTheClient(t *testing.T) { // [MQTT-4.4.0-2]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", lasting(packet.V5))
		c.subscribe("t", 2)
		b.Publish(&Message{Topic: "t", QoS: 1})
		b.Publish(&Message{Topic: "t", QoS: 2})
		c.send(&packet.Puback{ID: expect[*packet.Publish](c).ID, Code: packet.QuotaExceeded})
		c.send(&packet.Pubrec{ID: expect[*packet.Publish](c).ID, Code: packet.UnspecifiedError})
		c.silent() // no PUBREL either
		c.lose()
		c = b.connect(packet.V5, "c", lasting(packet.V5))
		c.silent()
	})
}

// TestAcknowledgementsInOrder sends messages faster than they are answered.
func TestAcknowledgementsInOrder(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		pub := b.connect(v, "pub")
		var burst []byte
		for i := range 15 {
			p := &packet.Publish{Topic: "t", QoS: QoS(1 + i%2), ID: uint16(100 - i)}
			burst = must(p.Append(burst, v))
		}
		pub.write(burst)
		for i := range 15 { // [MQTT-4.6.0-2 v3] [MQTT-4.6.0-3 v3]
			var id uint16
			if i%2 == 0 {
				id = expect[*packet.Puback](pub).ID
			} else {
				id = expect[*packet.Pubrec](pub).ID
			}
			if id != uint16(100-i) {
				t.Errorf("answer %d is for %d, want %d", i, id, 100-i)
			}
		}
		c := b.connect(v, "c")
		c.subscribe("t", 2)
		var ids []uint16
		for range 5 {
			b.Publish(&Message{Topic: "t", QoS: 2})
			ids = append(ids, expect[*packet.Publish](c).ID)
		}
		ids[0], ids[3] = ids[3], ids[0]
		burst = nil
		for _, id := range ids {
			burst = must((&packet.Pubrec{ID: id}).Append(burst, v))
		}
		c.write(burst)
		for _, id := range ids { // [MQTT-4.6.0-4 v3]
			if rel := expect[*packet.Pubrel](c); rel.ID != id {
				t.Errorf("PUBREL of %d, want %d", rel.ID, id)
			}
		}
	})
}

// TestQuotaUsedUp: with no quota left everything goes on but PUBLISH of QoS 1
// and 2.
func TestQuotaUsedUp(t *testing.T) { // [MQTT-3.3.4-10] [MQTT-4.9.0-3] [MQTT-4.9.0-2]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", func(p *packet.Connect) {
			p.Properties = &packet.Properties{ReceiveMaximum: packet.Some(uint16(1))}
		})
		c.subscribe("t", 2)
		for i := range 3 {
			b.Publish(&Message{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: 2})
		}
		first := expect[*packet.Publish](c)
		c.silent() // PINGRESP
		c.subscribe("other", 0)
		b.Publish(&Message{Topic: "other", Payload: []byte("zero")})
		c.want("other", "zero")
		c.send(&packet.Unsubscribe{ID: 9, Filters: []string{"other"}})
		expect[*packet.Unsuback](c)
		c.publish("x", "", 1)
		c.publish("x", "", 2)
		c.send(&packet.Pubrec{ID: first.ID})
		expect[*packet.Pubrel](c)
		c.silent() // PUBREC gives nothing back
		c.send(&packet.Pubcomp{ID: first.ID})
		c.want("t", "1")
		c.want("t", "2")
	})
}

// TestQuotaOfTheNextConnection resumes a session with less quota than it has
// messages in flight.
func TestQuotaOfTheNextConnection(t *testing.T) { // [MQTT-4.9.0-1] [MQTT-3.3.4-9]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		quota := func(n uint16) func(*packet.Connect) {
			return func(p *packet.Connect) { p.Properties.ReceiveMaximum = packet.Some(n) }
		}
		c := b.connect(packet.V5, "c", lasting(packet.V5), quota(10))
		c.subscribe("t", 1)
		for i := range 12 {
			b.Publish(&Message{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: 1})
		}
		for range 10 {
			expect[*packet.Publish](c)
		}
		c.silent()
		c.lose()
		c = b.connect(packet.V5, "c", lasting(packet.V5), quota(2))
		for i := 0; i < 12; i += 2 {
			one, two := expect[*packet.Publish](c), expect[*packet.Publish](c)
			if string(one.Payload) != fmt.Sprint(i) || string(two.Payload) != fmt.Sprint(i+1) {
				t.Errorf("got %q and %q, want %d and %d", one.Payload, two.Payload, i, i+1)
			}
			c.silent()
			c.send(&packet.Puback{ID: one.ID})
			c.send(&packet.Puback{ID: two.ID})
		}
		c.silent()
	})
}

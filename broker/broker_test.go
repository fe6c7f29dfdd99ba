package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

var versions = []packet.Version{packet.V31, packet.V311, packet.V5}

// everyVersion runs a test with a fresh broker for each version.
func everyVersion(t *testing.T, test func(t *testing.T, b *testBroker, v packet.Version)) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *testBroker) { test(t, b, v) })
		})
	}
}

func TestPublishSubscribe(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		for granted := range packet.QoS(3) { // [MQTT-3.9.3-1]
			if code := sub.subscribe("a/+", granted); code != packet.ReasonCode(granted) {
				t.Errorf("granted %v, want %d", code, granted)
			}
			for qos := range packet.QoS(3) {
				payload := fmt.Sprintf("%d to %d", qos, granted)
				pub.publish("a/b", payload, qos)
				p := sub.want("a/b", payload)
				if p.QoS != min(qos, granted) || p.Retain || p.Dup { // [MQTT-3.8.4-8] [MQTT-3.3.1-12] [MQTT-3.3.1-3]
					t.Errorf("QoS %d to a subscription of %d: %+v", qos, granted, p)
				}
			}
		}
		sub.send(&packet.Unsubscribe{ID: 5, Filters: []string{"a/+", "never"}})
		ack := expect[*packet.Unsuback](sub)
		if ack.ID != 5 { // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
			t.Errorf("UNSUBACK %+v", ack)
		}
		if v == packet.V5 && (len(ack.Codes) != 2 || ack.Codes[0] != packet.Success || ack.Codes[1] != packet.NoSubscriptionExisted) {
			t.Errorf("UNSUBACK codes %v", ack.Codes)
		}
		pub.publish("a/b", "nobody", 1)
		sub.silent()
	})
}

func TestOrder(t *testing.T) { // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("#", 2)
		const n = 200
		for i := range n {
			pub.publish("t", fmt.Sprint(i), packet.QoS(1+i%2))
		}
		for i := range n {
			sub.want("t", fmt.Sprint(i))
		}
	})
}

func TestRetained(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		pub := b.connect(v, "pub")
		live := b.connect(v, "live")
		live.subscribe("r/#", 1)
		pub.publish("r/1", "one", 1, retained)
		if p := live.want("r/1", "one"); p.Retain { // [MQTT-3.3.1-12]
			t.Error("a live message has RETAIN set")
		}
		late := b.connect(v, "late")
		late.subscribe("r/+", 2)
		if p := late.want("r/1", "one"); !p.Retain || p.QoS != 1 { // [MQTT-3.3.1-8]
			t.Errorf("a retained message comes as %+v", p)
		}
		pub.publish("r/1", "", 1, retained) // [MQTT-3.3.1-6] [MQTT-3.3.1-7]
		live.want("r/1", "")
		late.want("r/1", "")
		if later := b.connect(v, "later"); later.subscribe("r/#", 1) == 1 {
			later.silent()
		}
		if n := b.Stats().Retained; n != 0 {
			t.Errorf("%d messages retained after the delete", n)
		}
	})
}

func TestRetainHandling(t *testing.T) { // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.publish("r", "kept", 1, retained)
		handling := func(h byte) func(*packet.Subscription) {
			return func(s *packet.Subscription) { s.RetainHandling = h }
		}
		c.subscribe("r", 1, handling(2))
		c.silent()
		c.subscribe("r", 1, handling(1))
		c.silent()
		c.subscribe("r", 1, handling(0))
		c.want("r", "kept")
		c.subscribe("+", 1, handling(1))
		c.want("r", "kept")
	})
}

func TestRetainAsPublished(t *testing.T) { // [MQTT-3.3.1-13]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.subscribe("r", 0, func(s *packet.Subscription) { s.RetainAsPublished = true })
		b.Publish(&Message{Topic: "r", Payload: []byte("x"), Retain: true})
		if p := c.want("r", "x"); !p.Retain {
			t.Error("RETAIN was cleared")
		}
	})
}

func TestNoLocal(t *testing.T) { // [MQTT-3.8.3-3]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c, other := b.connect(packet.V5, "c"), b.connect(packet.V5, "other")
		c.subscribe("t", 1, func(s *packet.Subscription) { s.NoLocal = true })
		c.publish("t", "mine", 1)
		c.silent()
		other.publish("t", "theirs", 1)
		c.want("t", "theirs")
		c.subscribe("+", 0) // an overlapping subscription without it does get it
		c.send(&packet.Publish{Topic: "t", Payload: []byte("mine too"), QoS: 1, ID: 1})
		for range 2 {
			if p, ok := c.recv().(*packet.Publish); ok && (string(p.Payload) != "mine too" || p.QoS != 0) {
				t.Errorf("got %+v", p)
			}
		}
	})
}

func TestOverlapping(t *testing.T) { // [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.5-1 v3]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		for i, filter := range []string{"a/#", "a/+", "a/b"} {
			c.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: filter, QoS: packet.QoS(i)}},
				Properties: &packet.Properties{SubscriptionIDs: []uint32{uint32(10 + i)}}})
			expect[*packet.Suback](c)
		}
		b.Publish(&Message{Topic: "a/b", Payload: []byte("x"), QoS: 2})
		p := c.want("a/b", "x")
		if p.QoS != 2 || p.Properties == nil || len(p.Properties.SubscriptionIDs) != 3 {
			t.Errorf("got %+v", p)
		}
		c.silent()
	})
}

func TestWill(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		sub := b.connect(v, "sub")
		sub.subscribe("will", 1)
		will := func(p *packet.Connect) {
			p.Will = &packet.Will{Topic: "will", Payload: []byte("gone"), QoS: 1, Retain: true}
		}
		b.connect(v, "1", will).conn.Close() // [MQTT-3.1.2-8]
		sub.want("will", "gone")
		polite := b.connect(v, "2", will)
		polite.send(&packet.Disconnect{}) // [MQTT-3.14.4-3]
		polite.gone()
		sub.silent()
		wrong := b.connect(v, "3", will)
		wrong.write([]byte{0x00, 0x00})
		sub.want("will", "gone")
		quiet := b.connect(v, "4", will, func(p *packet.Connect) { p.KeepAlive = 10 })
		began := time.Now()
		sub.want("will", "gone")
		if took := time.Since(began); took != 15*time.Second { // [MQTT-3.1.2-22]
			t.Errorf("keep-alive of 10 s ended after %v", took)
		}
		quiet.closed(packet.KeepAliveTimeout)
		empty := b.connect(v, "5", func(p *packet.Connect) { p.Will = &packet.Will{Topic: "will"} }) // [MQTT-3.1.2-9]
		empty.conn.Close()
		sub.want("will", "")
		late := b.connect(v, "late")
		late.subscribe("will", 1)
		late.want("will", "gone") // retained
	})
}

func TestWillDelay(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		sub := b.connect(packet.V5, "sub")
		sub.subscribe("will", 1)
		will := func(delay uint32) func(*packet.Connect) {
			return func(p *packet.Connect) {
				p.Will = &packet.Will{Topic: "will", Payload: []byte("gone"), Properties: &packet.Properties{WillDelay: packet.Some(delay)}}
			}
		}
		began := time.Now()
		b.connect(packet.V5, "c", will(30), expires(100)).conn.Close()
		sub.want("will", "gone")
		if took := time.Since(began); took != 30*time.Second { // never early, section 3.1.3.2.2
			t.Errorf("will after %v, want 30s", took)
		}
		b.connect(packet.V5, "c", will(30), expires(100)).conn.Close()
		time.Sleep(29 * time.Second)
		back := b.connect(packet.V5, "c", resume, expires(100)) // [MQTT-3.1.3-9]
		time.Sleep(time.Hour)
		sub.silent()
		back.send(&packet.Disconnect{})
		began = time.Now()
		b.connect(packet.V5, "short", will(30), expires(10)).conn.Close()
		sub.want("will", "gone")
		if took := time.Since(began); took != 10*time.Second { // the end of the session comes first
			t.Errorf("will after %v, want 10s", took)
		}
		leaver := b.connect(packet.V5, "leaver", will(0))
		leaver.send(&packet.Disconnect{Code: packet.DisconnectWithWill})
		sub.want("will", "gone")
		leaver.gone()
	})
}

func TestKeepAliveIsProlonged(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c", func(p *packet.Connect) { p.KeepAlive = 10 })
		for range 10 {
			time.Sleep(14 * time.Second)
			c.silent()
		}
		began := time.Now()
		c.closed(packet.KeepAliveTimeout)
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("closed after %v", took)
		}
		forever := b.connect(v, "forever")
		time.Sleep(24 * time.Hour)
		forever.silent()
	})
}

func TestConnectTimeout(t *testing.T) {
	inBubble(t, Config{ConnectTimeout: 7 * time.Second}, func(t *testing.T, b *testBroker) {
		c := b.dial(packet.V311)
		began := time.Now()
		c.gone()
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestSession(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		keep := expires(3600)
		if v < packet.V5 {
			keep = func(*packet.Connect) {}
		}
		c := b.connect(v, "c", resume, keep)
		if c.connack.SessionPresent {
			t.Error("session present for a new client")
		}
		c.subscribe("t", 2)
		c.send(&packet.Disconnect{})
		c.gone()
		for i := range 5 {
			b.Publish(&Message{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: QoS(i % 3)})
		}
		c = b.connect(v, "c", resume, keep)
		if !c.connack.SessionPresent && v > packet.V31 { // [MQTT-3.2.2-3]
			t.Error("session not present")
		}
		for _, want := range []string{"1", "2", "4"} { // QoS 0 is not kept
			if p := c.want("t", want); p.Dup {
				t.Errorf("DUP on the first delivery of %s", want)
			}
		}
		c.silent()
		c = b.connect(v, "c", keep) // [MQTT-3.1.2-4]
		if c.connack.SessionPresent {
			t.Error("session present after a clean start")
		}
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 1})
		c.silent()
	})
}

func TestSessionExpiry(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", resume, expires(60))
		c.subscribe("t", 1)
		c.conn.Close()
		time.Sleep(59 * time.Second)
		c = b.connect(packet.V5, "c", resume, expires(60))
		if !c.connack.SessionPresent {
			t.Error("session ended early")
		}
		c.send(&packet.Disconnect{Properties: &packet.Properties{SessionExpiry: packet.Some(uint32(10))}})
		c.gone()
		time.Sleep(11 * time.Second)
		if s := b.Stats(); s.Sessions != 0 || s.Subscriptions != 0 {
			t.Errorf("left after the end of the session: %+v", s)
		}
		if c = b.connect(packet.V5, "c", resume, expires(60)); c.connack.SessionPresent {
			t.Error("session present after its end")
		}
		zero := b.connect(packet.V5, "zero")
		zero.send(&packet.Disconnect{Properties: &packet.Properties{SessionExpiry: packet.Some(uint32(10))}})
		zero.closed(packet.ProtocolError)
	})
}

// TestResend breaks the connection at each point of the QoS 1 and 2
// exchanges: the same packet identifiers come again, in order, with DUP
// [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.3-4].
func TestResend(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		keep := expires(3600)
		if v < packet.V5 {
			keep = func(*packet.Connect) {}
		}
		c := b.connect(v, "c", resume, keep)
		c.subscribe("t", 2)
		for i := range 4 {
			b.Publish(&Message{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: QoS(1 + i%2)})
		}
		var ids []uint16
		for range 4 {
			ids = append(ids, expect[*packet.Publish](c).ID)
		}
		c.send(&packet.Pubrec{ID: ids[1]}) // of message 1, QoS 2
		expect[*packet.Pubrel](c)
		c.conn.Close()

		c = b.connect(v, "c", resume, keep)
		if p := expect[*packet.Publish](c); p.ID != ids[0] || !p.Dup || string(p.Payload) != "0" {
			t.Errorf("first: %+v", p)
		}
		if p := expect[*packet.Pubrel](c); p.ID != ids[1] {
			t.Errorf("second: %+v", p)
		}
		for i := 2; i < 4; i++ {
			if p := expect[*packet.Publish](c); p.ID != ids[i] || !p.Dup || string(p.Payload) != fmt.Sprint(i) {
				t.Errorf("message %d: %+v", i, p)
			}
		}
		c.send(&packet.Pubcomp{ID: ids[1]})
		c.send(&packet.Puback{ID: ids[0]})
		c.send(&packet.Puback{ID: ids[2]})
		c.send(&packet.Pubrec{ID: ids[3]})
		expect[*packet.Pubrel](c)
		c.send(&packet.Pubcomp{ID: ids[3]})
		c.silent()
		c.conn.Close()
		c = b.connect(v, "c", resume, keep)
		c.silent()
	})
}

// TestReceiveQoS2 repeats a QoS 2 message before it is released
// [MQTT-4.3.3-10], and uses its identifier again afterwards.
func TestReceiveQoS2(t *testing.T) {
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		keep := expires(3600)
		if v < packet.V5 {
			keep = func(*packet.Connect) {}
		}
		sub := b.connect(v, "sub")
		sub.subscribe("t", 0)
		pub := b.connect(v, "pub", resume, keep)
		p := &packet.Publish{Topic: "t", Payload: []byte("1"), QoS: 2, ID: 9}
		pub.send(p)
		expect[*packet.Pubrec](pub)
		pub.conn.Close()
		pub = b.connect(v, "pub", resume, keep)
		p.Dup = true
		pub.send(p)
		expect[*packet.Pubrec](pub)
		pub.send(&packet.Pubrel{ID: 9})
		if c := expect[*packet.Pubcomp](pub); c.ID != 9 || c.Code != packet.Success {
			t.Errorf("PUBCOMP %+v", c)
		}
		pub.publish("t", "2", 2, func(p *packet.Publish) { p.ID = 9 })
		sub.want("t", "1")
		sub.want("t", "2")
		sub.silent()
		// Unknown: answered, never punished; and no error from who comes back, who
		// may not have seen PUBCOMP.
		pub.send(&packet.Pubrel{ID: 99})
		if c := expect[*packet.Pubcomp](pub); c.Code != packet.Success {
			t.Errorf("PUBCOMP after a reconnect: %+v", c)
		}
		fresh := b.connect(v, "fresh")
		fresh.send(&packet.Pubrel{ID: 99})
		if c := expect[*packet.Pubcomp](fresh); v == packet.V5 && c.Code != packet.PacketIdentifierNotFound {
			t.Errorf("PUBCOMP for an unknown identifier: %+v", c)
		}
	})
}

func TestTakeover(t *testing.T) { // [MQTT-3.1.4-3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		keep := expires(3600)
		if v < packet.V5 {
			keep = func(*packet.Connect) {}
		}
		will := func(p *packet.Connect) { p.Will = &packet.Will{Topic: "will", Payload: []byte("w")} }
		sub := b.connect(v, "sub")
		sub.subscribe("will", 0)
		first := b.connect(v, "c", resume, keep, will)
		first.subscribe("t", 1)
		connected := make(chan *testClient)
		go func() { connected <- b.connect(v, "c", resume, keep, will) }()
		first.closed(packet.SessionTakenOver)
		second := <-connected
		if !second.connack.SessionPresent && v > packet.V31 {
			t.Error("session not present")
		}
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 1})
		second.want("t", "x")
		sub.silent() // the client goes on: no will
		go func() { connected <- b.connect(v, "c", keep) }()
		second.closed(packet.SessionTakenOver)
		third := <-connected
		sub.want("will", "w") // its session is over
		b.Publish(&Message{Topic: "t", Payload: []byte("y"), QoS: 1})
		third.silent()
		if n := b.Stats().Sessions; n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

func TestReceiveMaximum(t *testing.T) { // [MQTT-3.3.4-7] [MQTT-3.3.4-9] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", func(p *packet.Connect) {
			p.Properties = &packet.Properties{ReceiveMaximum: packet.Some(uint16(2))}
		})
		c.subscribe("#", 2)
		for i := range 4 {
			b.Publish(&Message{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: QoS(1 + i%2)})
		}
		b.Publish(&Message{Topic: "zero", Payload: []byte("z")})
		one, two := expect[*packet.Publish](c), expect[*packet.Publish](c)
		if p := expect[*packet.Publish](c); p.Topic != "zero" {
			t.Errorf("with no quota left came %+v", p)
		}
		c.silent()
		c.send(&packet.Pubrec{ID: two.ID, Code: packet.UnspecifiedError}) // gives its quota back
		c.send(&packet.Puback{ID: one.ID})
		c.want("t", "2")
		c.want("t", "3")
		// And the other way round: more than the broker allows ends the connection.
		for i := range Default().ReceiveMaximum + 1 {
			c.send(&packet.Publish{Topic: "x", QoS: 2, ID: uint16(i + 1)})
			p := c.recv()
			for p.Type() == packet.TypePublish {
				p = c.recv()
			}
			if i == Default().ReceiveMaximum {
				if d, ok := p.(*packet.Disconnect); !ok || d.Code != packet.ReceiveMaximumExceeded {
					t.Errorf("got %+v", p)
				}
			}
		}
	})
}

func TestMessageExpiry(t *testing.T) { // [MQTT-3.3.2-5] [MQTT-3.3.2-6]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		pub := b.connect(packet.V5, "pub")
		away := b.connect(packet.V5, "away", resume, expires(3600))
		away.subscribe("t/#", 1)
		away.conn.Close()
		synctest.Wait()
		expiry := func(s uint32) func(*packet.Publish) {
			return func(p *packet.Publish) { p.Properties = &packet.Properties{MessageExpiry: packet.Some(s)} }
		}
		pub.publish("t/short", "s", 1, expiry(10), retained)
		pub.publish("t/long", "l", 1, expiry(100), retained)
		pub.publish("t/ever", "e", 1)
		time.Sleep(40 * time.Second)
		away = b.connect(packet.V5, "away", resume, expires(3600))
		if p := away.want("t/long", "l"); p.Properties == nil || p.Properties.MessageExpiry != packet.Some(uint32(60)) {
			t.Errorf("queued: %+v", p.Properties)
		}
		if p := away.want("t/ever", "e"); p.Properties != nil {
			t.Errorf("properties that the publisher did not set: %+v", p.Properties)
		}
		old := b.connect(packet.V311, "old")
		old.subscribe("t/#", 1)
		old.want("t/long", "l")
		old.silent()
		time.Sleep(2 * time.Minute)
		if n := b.Stats().Retained; n != 0 {
			t.Errorf("%d retained messages left that have expired", n)
		}
	})
}

func TestPropertiesPassThrough(t *testing.T) { // [MQTT-3.3.2-4] [MQTT-3.3.2-15] to [MQTT-3.3.2-20]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.subscribe("t", 0)
		in := packet.Properties{
			PayloadFormat:   packet.Some(byte(1)),
			ContentType:     packet.Some("text/plain"),
			ResponseTopic:   packet.Some("answer"),
			CorrelationData: []byte{0, 1, 2},
			User:            []packet.UserProperty{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}, {Name: "b", Value: "3"}},
		}
		c.send(&packet.Publish{Topic: "t", Properties: &in})
		p := expect[*packet.Publish](c)
		if got, want := fmt.Sprintf("%+v", p.Properties), fmt.Sprintf("%+v", &in); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestTopicAlias(t *testing.T) {
	alias := func(n uint16, topic string) *packet.Publish {
		return &packet.Publish{Topic: topic, Payload: []byte(topic), Properties: &packet.Properties{TopicAlias: packet.Some(n)}}
	}
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.subscribe("#", 0)
		for _, step := range []struct {
			send *packet.Publish
			want string
		}{{alias(1, "one"), "one"}, {alias(10, "ten"), "ten"}, {alias(1, ""), "one"}, {alias(1, "uno"), "uno"}, {alias(1, ""), "uno"}, {alias(10, ""), "ten"}} {
			c.send(step.send)
			if p := expect[*packet.Publish](c); p.Topic != step.want {
				t.Errorf("got topic %q, want %q", p.Topic, step.want)
			}
		}
		c.send(alias(2, "")) // [MQTT-3.3.2-7]
		c.closed(packet.ProtocolError)
		c = b.connect(packet.V5, "c")
		c.send(alias(11, "x")) // [MQTT-3.3.2-9]
		c.closed(packet.TopicAliasInvalid)
	})
}

func TestRefusals(t *testing.T) {
	inBubble(t, Config{MaxPacketSize: 1000}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.send(&packet.Publish{Topic: "$SYS/mine", QoS: 1, ID: 1})
		if ack := expect[*packet.Puback](c); ack.Code != packet.NotAuthorized {
			t.Errorf("publish to $SYS: %v", ack.Code)
		}
		c.send(&packet.Publish{Topic: "nobody", QoS: 1, ID: 1})
		if ack := expect[*packet.Puback](c); ack.Code != packet.NoMatchingSubscribers {
			t.Errorf("publish to nobody: %v", ack.Code)
		}
		if code := c.subscribe("a/#/b", 1); code != packet.TopicFilterInvalid {
			t.Errorf("subscribe to a/#/b: %v", code)
		}
		c.write([]byte{0x30, 0xff, 0xff, 0x7f}) // [MQTT-3.2.2-15], before the body
		c.closed(packet.PacketTooLarge)

		c = b.connect(packet.V5, "c")
		c.send(&packet.Connect{Version: packet.V5, ClientID: "c"}) // [MQTT-3.1.0-2]
		c.closed(packet.ProtocolError)

		c = b.dial(packet.V311)
		c.send(&packet.Pingreq{}) // [MQTT-3.1.0-1]
		c.gone()

		c = b.dial(packet.V311)
		c.send(&packet.Connect{Version: packet.V311}) // [MQTT-3.1.3-8 v3]
		if ack := expect[*packet.Connack](c); ack.Code != packet.ClientIdentifierNotValid || ack.SessionPresent {
			t.Errorf("no client identifier and no clean session: %+v", ack)
		}
		c.gone()

		c = b.dial(packet.V5)
		c.write([]byte("\x10\x0d\x00\x04MQTT\x07\x02\x00\x00\x00\x00\x00")) // [MQTT-3.1.2-2]
		if ack := expect[*packet.Connack](c); ack.Code != packet.UnsupportedProtocolVersion {
			t.Errorf("version 7: %v", ack.Code)
		}
		c.gone()

		c = b.dial(packet.V5)
		c.send(&packet.Connect{Version: packet.V5, CleanStart: true, Properties: &packet.Properties{AuthMethod: packet.Some("X")}})
		if ack := expect[*packet.Connack](c); ack.Code != packet.BadAuthenticationMethod { // [MQTT-4.12.0-1]
			t.Errorf("unknown authentication method: %v", ack.Code)
		}
	})
}

func TestAssignedClientID(t *testing.T) { // [MQTT-3.1.3-6] [MQTT-3.2.2-16]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "")
		id := c.connack.Properties.AssignedClientID
		if !id.OK || !strings.HasPrefix(id.V, "auto-") {
			t.Errorf("assigned %+v", id)
		}
		if d := b.connect(packet.V5, ""); d.connack.Properties.AssignedClientID == id {
			t.Error("the same identifier twice")
		}
		b.connect(packet.V311, "")
	})
}

func TestServerKeepAlive(t *testing.T) { // [MQTT-3.2.2-21]
	inBubble(t, Config{MaxKeepAlive: time.Minute}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", func(p *packet.Connect) { p.KeepAlive = 120 })
		if k := c.connack.Properties.ServerKeepAlive; k != packet.Some(uint16(60)) {
			t.Errorf("server keep-alive %+v", k)
		}
		began := time.Now()
		c.closed(packet.KeepAliveTimeout)
		if took := time.Since(began); took != 90*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// TestSlowSubscriber fills the queue of a client that never reads: it costs
// that queue and nobody else.
func TestSlowSubscriber(t *testing.T) {
	inBubble(t, Config{MaxInflight: 20, MaxQueuedMessages: 10, MaxQueuedBytes: 1 << 20}, func(t *testing.T, b *testBroker) {
		good, pub := b.connect(packet.V5, "good"), b.connect(packet.V5, "pub")
		stuck := b.dialDeaf(packet.V5)
		stuck.send(&packet.Connect{Version: packet.V5, ClientID: "stuck", CleanStart: true})
		stuck.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "#", QoS: 1}}})
		good.subscribe("#", 1)
		for i := range 1000 {
			pub.publish("t", fmt.Sprint(i), 1)
			good.want("t", fmt.Sprint(i))
		}
		if s := b.Stats(); s.DroppedFull < 900 {
			t.Errorf("dropped %d", s.DroppedFull)
		}
		time.Sleep(time.Minute) // the write times out and the client is gone
		if n := b.Stats().Connections; n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}

func TestMaxPacketSizeOfClient(t *testing.T) { // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", func(p *packet.Connect) {
			p.Properties = &packet.Properties{MaximumPacketSize: packet.Some(uint32(100))}
		})
		c.subscribe("#", 1)
		b.Publish(&Message{Topic: "t", Payload: make([]byte, 97), QoS: 1})
		b.Publish(&Message{Topic: "t", Payload: []byte("fits"), QoS: 1})
		c.want("t", "fits")
		b.Publish(&Message{Topic: "t", Payload: make([]byte, 100-2-3-2-1), QoS: 1})
		c.message()
		if n := b.Stats().DroppedTooLarge; n != 1 {
			t.Errorf("dropped %d, want 1", n)
		}
	})
}

func TestShutdown(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		t.Cleanup(func() { c.closed(packet.ServerShuttingDown) })
	})
}

func TestBridgeBit(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V311, "bridge", func(p *packet.Connect) { p.Bridge = true })
		c.subscribe("#", 1)
		c.publish("t", "echo", 1)
		c.silent()
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), Retain: true})
		if p := c.want("t", "x"); !p.Retain {
			t.Error("RETAIN is not kept for a bridge")
		}
	})
}

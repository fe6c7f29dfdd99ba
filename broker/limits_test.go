package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// connectOn makes a connection by a listener of these terms.
func (b *testBroker) connectOn(l Listener, v packet.Version, p *packet.Connect) (*testClient, *packet.Connack) {
	b.t.Helper()
	c := b.dialOn(l, v)
	p.Version = v
	c.send(p)
	return c, expect[*packet.Connack](c)
}

func TestMaxQoS(t *testing.T) {
	inBubble(t, Config{MaxQoS: 1, AssignClientIDs: true}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		if got := c.connack.Properties.MaximumQoS; got != packet.Some(byte(1)) { // [MQTT-3.2.2-9]
			t.Errorf("Maximum QoS %+v", got)
		}
		if code := c.subscribe("t", 2); code != packet.GrantedQoS1 { // [MQTT-3.2.2-10]
			t.Errorf("granted %v", code)
		}
		c.send(&packet.Publish{Topic: "t", QoS: 2, ID: 1})
		c.closed(packet.QoSNotSupported) // [MQTT-3.2.2-11]
		_, ack := b.connectOn(Listener{}, packet.V5, &packet.Connect{ClientID: "w", CleanStart: true, Will: &packet.Will{Topic: "w", QoS: 2}})
		if ack.Code != packet.QoSNotSupported { // [MQTT-3.2.2-12]
			t.Errorf("CONNACK %v", ack.Code)
		}
		old := b.connect(packet.V311, "old")
		old.send(&packet.Publish{Topic: "t", QoS: 2, ID: 1})
		old.gone()
		zero := 0
		strict, _ := b.connectOn(Listener{MaxQoS: &zero}, packet.V5, &packet.Connect{ClientID: "zero", CleanStart: true})
		strict.send(&packet.Publish{Topic: "t", QoS: 1, ID: 1})
		strict.closed(packet.QoSNotSupported)
	})
}

func TestRetainUnavailable(t *testing.T) {
	inBubble(t, Config{MaxQoS: 2}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		if got := c.connack.Properties.RetainAvailable; got != packet.Some(byte(0)) {
			t.Errorf("Retain Available %+v", got)
		}
		c.send(&packet.Publish{Topic: "t", Retain: true})
		c.closed(packet.RetainNotSupported) // [MQTT-3.2.2-14]
		_, ack := b.connectOn(Listener{}, packet.V5, &packet.Connect{ClientID: "w", CleanStart: true, Will: &packet.Will{Topic: "w", Retain: true}})
		if ack.Code != packet.RetainNotSupported { // [MQTT-3.2.2-13]
			t.Errorf("CONNACK %v", ack.Code)
		}
	})
}

func TestRetainedBounds(t *testing.T) {
	inBubble(t, Config{MaxRetained: 3, MaxRetainedBytes: 100}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		for i := range 5 {
			c.publish(fmt.Sprint("t/", i), "x", 1, retained)
		}
		if st := b.Stats(); st.Retained != 3 || st.RetainedBytes != 12 || st.DroppedRetained != 2 {
			t.Errorf("%d retained of %d bytes, %d not", st.Retained, st.RetainedBytes, st.DroppedRetained)
		}
		// What does not fit must not leave an old value behind.
		c.publish("t/0", strings.Repeat("x", 200), 1, retained)
		c.subscribe("t/0", 0)
		c.silent()
		c.publish("t/1", "", 1, retained)
		c.publish("t/2", "", 1, retained)
		if st := b.Stats(); st.Retained != 0 || st.RetainedBytes != 0 {
			t.Errorf("%d retained of %d bytes", st.Retained, st.RetainedBytes)
		}
	})
}

// What is retained comes whole, however much it is and at every QoS, also when
// the client is slow to read it.
func TestRetainedReplayWhole(t *testing.T) {
	for qos := range QoS(3) {
		inBubble(t, Config{MaxQueuedMessages: 10, MaxQueuedBytes: 1000}, func(t *testing.T, b *testBroker) {
			const messages = 10_000
			for i := range messages {
				if err := b.Publish(&Message{Topic: fmt.Sprint("kept/", i), Payload: make([]byte, 100), QoS: 2, Retain: true}); err != nil {
					t.Fatal(err)
				}
			}
			c := b.connect(packet.V5, "c")
			c.subscribe("kept/#", qos)
			for i := range messages {
				if p := c.message(); !p.Retain || p.QoS != qos {
					t.Fatalf("message %d: RETAIN %v, QoS %d", i, p.Retain, p.QoS)
				}
			}
		})
	}
}

func TestTopicLevels(t *testing.T) {
	inBubble(t, Config{MaxTopicLevels: 3}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.publish("a/b/c", "x", 0)
		if code := c.subscribe("a/b/c/#", 0); code != packet.TopicFilterInvalid {
			t.Errorf("four levels: %v", code)
		}
		c.send(&packet.Publish{Topic: "a/b/c/d"})
		c.closed(packet.TopicNameInvalid)
	})
}

func TestMaxSubscriptions(t *testing.T) {
	inBubble(t, Config{MaxSubscriptions: 2}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.subscribe("a", 0)
		c.subscribe("b", 0)
		if code := c.subscribe("c", 0); code != packet.QuotaExceeded {
			t.Errorf("the third: %v", code)
		}
		if code := c.subscribe("a", 1); code != packet.GrantedQoS1 {
			t.Errorf("the first again: %v", code)
		}
	})
}

// TestQueueMemory bounds what waits for all clients together, and leaves some for
// one that comes later.
func TestQueueMemory(t *testing.T) {
	if *withStore != "" {
		t.Skip("what waits is in the store, not in memory")
	}
	inBubble(t, Config{MaxQueueMemory: 10_000}, func(t *testing.T, b *testBroker) {
		var away []*testClient
		for i := range 10 {
			c := b.connect(packet.V5, fmt.Sprint("away", i), expires(1000))
			c.subscribe("t", 1)
			c.send(&packet.Disconnect{})
			c.gone()
			away = append(away, c)
		}
		p := b.connect(packet.V5, "p")
		for range 100 {
			p.publish("t", strings.Repeat("x", 99), 1)
		}
		st := b.Stats()
		if st.QueuedBytes > 10_000 || st.Queued < 90 || st.Queued+st.DroppedMemory != 1000 { // each has as much as is left
			t.Errorf("%d bytes in %d messages wait, %d dropped", st.QueuedBytes, st.Queued, st.DroppedMemory)
		}
		late := b.connect(packet.V5, "late", expires(1000))
		late.subscribe("u", 1)
		late.send(&packet.Disconnect{})
		late.gone()
		for range 3 {
			p.publish("u", strings.Repeat("x", 99), 1)
		}
		late = b.connect(packet.V5, "late", resume)
		if n := late.count(); n != 3 {
			t.Errorf("the late one got %d of 3", n)
		}
		for i := range away {
			c := b.connect(packet.V5, fmt.Sprint("away", i), resume)
			if n := c.count(); n != 9 && n != 10 {
				t.Errorf("client %d got %d, want 9 or 10", i, n)
			}
			c.send(&packet.Disconnect{})
			c.gone()
		}
		synctest.Wait()
		if st := b.Stats(); st.QueuedBytes != 0 || st.Queued != 0 {
			t.Errorf("%d bytes in %d messages are left", st.QueuedBytes, st.Queued)
		}
	})
}

func TestQueueQoS0(t *testing.T) {
	for _, keep := range []bool{false, true} {
		inBubble(t, Config{QueueQoS0: keep}, func(t *testing.T, b *testBroker) {
			c := b.connect(packet.V5, "c", expires(1000))
			c.subscribe("t", 1)
			c.send(&packet.Disconnect{})
			c.gone()
			p := b.connect(packet.V5, "p")
			for _, qos := range []packet.QoS{0, 1, 0} {
				p.publish("t", fmt.Sprint(qos), qos)
			}
			c = b.connect(packet.V5, "c", resume)
			if keep {
				c.want("t", "0")
			}
			c.want("t", "1")
			if keep {
				c.want("t", "0")
			}
			c.silent()
		})
	}
}

func TestInflightBytes(t *testing.T) {
	inBubble(t, Config{MaxInflightBytes: 100}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V311, "c")
		c.subscribe("t", 1)
		for i := range 5 {
			b.Publish(&Message{Topic: "t", Payload: []byte(strings.Repeat(fmt.Sprint(i), 60)), QoS: 1})
		}
		synctest.Wait()
		if len(c.in) != 2 {
			t.Errorf("%d messages of 61 bytes are on their way, want 2", len(c.in))
		}
		if n := c.count(); n != 5 {
			t.Errorf("got %d of 5", n)
		}
	})
}

func TestMountPoint(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		guests := Listener{MountPoint: "guests/"}
		all := b.connect(packet.V5, "all")
		all.subscribe("#", 1)
		guest, _ := b.connectOn(guests, packet.V5, &packet.Connect{
			ClientID: "guest", CleanStart: true, Will: &packet.Will{Topic: "bye", Payload: []byte("!")},
		})
		other, _ := b.connectOn(guests, packet.V311, &packet.Connect{ClientID: "other", CleanStart: true})
		other.subscribe("#", 1)
		other.subscribe("$share/g/a/+", 1)
		guest.publish("a/b", "x", 1, retained)
		all.want("guests/a/b", "x")
		other.want("a/b", "x")
		other.want("a/b", "x") // the shared one
		all.publish("a/b", "not for guests", 1)
		all.want("a/b", "not for guests")
		late, _ := b.connectOn(guests, packet.V5, &packet.Connect{
			ClientID: "late", CleanStart: true, Properties: &packet.Properties{TopicAliasMaximum: packet.Some(uint16(2))},
		})
		late.subscribe("a/#", 0)
		if p := late.want("a/b", "x"); p.Properties == nil || p.Properties.TopicAlias.V != 1 {
			t.Errorf("properties %+v", p.Properties)
		}
		guest.conn.Close()
		all.want("guests/bye", "!")
		other.want("bye", "!")
		other.silent()
	})
}

func TestUsernameAsClientID(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		l := Listener{UsernameAsClientID: true}
		_, ack := b.connectOn(l, packet.V5, &packet.Connect{ClientID: "c", CleanStart: true})
		if ack.Code != packet.NotAuthorized {
			t.Errorf("without a user name: %v", ack.Code)
		}
		first, _ := b.connectOn(l, packet.V5, &packet.Connect{ClientID: "c", CleanStart: true, Username: packet.Some("kitchen")})
		b.connectOn(l, packet.V5, &packet.Connect{ClientID: "d", CleanStart: true, Username: packet.Some("kitchen")})
		first.closed(packet.SessionTakenOver)
	})
}

// TestAliasesGiven sends each topic once, and then its number.
func TestAliasesGiven(t *testing.T) { // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		with := func(n uint16) func(*packet.Connect) {
			return func(p *packet.Connect) {
				p.Properties = &packet.Properties{TopicAliasMaximum: packet.Some(n)}
			}
		}
		c := b.connect(packet.V5, "c", with(2))
		none := b.connect(packet.V5, "none", with(0))
		many := b.connect(packet.V5, "many", with(65535))
		for _, c := range []*testClient{c, none, many} {
			c.subscribe("#", 1)
		}
		want := []struct {
			topic, sent string
			alias       uint16
		}{{"a", "a", 1}, {"a", "", 1}, {"b", "b", 2}, {"c", "c", 0}, {"b", "", 2}, {"a", "", 1}, {"c", "c", 0}}
		for i, w := range want {
			b.Publish(&Message{Topic: w.topic, Payload: []byte("x"), QoS: QoS(i % 2)})
			got := c.message()
			var alias uint16
			if got.Properties != nil {
				alias = got.Properties.TopicAlias.V
			}
			if got.Topic != w.sent || alias != w.alias {
				t.Errorf("message %d: topic %q, alias %d; want %q, %d", i, got.Topic, alias, w.sent, w.alias)
			}
			if p := none.want(w.topic, "x"); p.Properties != nil {
				t.Errorf("message %d: a client that takes no alias got %+v", i, p.Properties)
			}
		}
		for i := range 20 {
			b.Publish(&Message{Topic: fmt.Sprint("t", i)})
		}
		synctest.Wait()
		most := uint16(0)
		for len(many.in) > 0 {
			if p := many.message(); p.Properties != nil {
				most = max(most, p.Properties.TopicAlias.V)
			}
		}
		if most != 10 {
			t.Errorf("the highest alias is %d, max_topic_alias is 10", most)
		}
	})
}

func TestResponseInformation(t *testing.T) { // [MQTT-3.1.2-28]
	inBubble(t, Config{ResponseInformation: "response/%c/"}, func(t *testing.T, b *testBroker) {
		if c := b.connect(packet.V5, "c"); c.connack.Properties.ResponseInfo.OK {
			t.Error("response information that nobody asked for")
		}
		c := b.connect(packet.V5, "c", func(p *packet.Connect) {
			p.Properties = &packet.Properties{RequestResponseInfo: packet.Some(byte(1))}
		})
		if got := c.connack.Properties.ResponseInfo; got != packet.Some("response/c/") {
			t.Errorf("response information %+v", got)
		}
	})
}

func TestWillExpiry(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", func(p *packet.Connect) {
			p.Will = &packet.Will{Topic: "w", Payload: []byte("bye"), Retain: true, Properties: &packet.Properties{
				MessageExpiry: packet.Some(uint32(100)), WillDelay: packet.Some(uint32(50)),
			}}
			p.Properties = &packet.Properties{SessionExpiry: packet.Some(uint32(1000))}
		})
		c.conn.Close()
		time.Sleep(80 * time.Second) // published 30 s ago
		s := b.connect(packet.V5, "s")
		s.subscribe("w", 0)
		if p := s.want("w", "bye"); p.Properties == nil || p.Properties.MessageExpiry != packet.Some(uint32(70)) || p.Properties.WillDelay.OK {
			t.Errorf("properties %+v, want an expiry of 70 s", p.Properties)
		}
		time.Sleep(71 * time.Second)
		old := b.connect(packet.V311, "old") // which cannot be told, and is not sent it
		old.subscribe("w", 0)
		old.silent()
	})
}

func TestMaxMessageSize(t *testing.T) {
	inBubble(t, Config{MaxMessageSize: 4, ReasonStrings: true}, func(t *testing.T, b *testBroker) {
		reader := b.connect(packet.V311, "reader")
		reader.subscribe("#", 1)
		c := b.connect(packet.V5, "c")
		c.send(&packet.Publish{Topic: "t", Payload: []byte("large"), QoS: 1, ID: 1})
		if ack := answer[*packet.Puback](c); ack.Code != packet.ImplementationSpecificError || !strings.Contains(ack.Properties.ReasonString.V, "larger") {
			t.Errorf("PUBACK %+v", ack)
		}
		c.send(&packet.Publish{Topic: "t", Payload: []byte("large"), QoS: 2, ID: 2})
		if rec := answer[*packet.Pubrec](c); rec.Code != packet.ImplementationSpecificError {
			t.Errorf("PUBREC %+v", rec)
		}
		c.publish("t", "large", 0)
		old := b.connect(packet.V311, "old")
		old.publish("t", "large", 1) // cannot be told
		c.publish("t", "fits", 1)
		reader.want("t", "fits")
		if st := b.Stats(); st.RefusedTooLarge != 4 {
			t.Errorf("%d counted", st.RefusedTooLarge)
		}
	})
}

func TestVersionsOfListener(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		l := Listener{Versions: []string{"3.1.1"}}
		for v, want := range map[packet.Version]string{packet.V31: "20 02 00 01", packet.V311: "20 02 00 00", packet.V5: "20 03 00 84 00"} {
			c := b.dialOn(l, v)
			c.send(&packet.Connect{Version: v, ClientID: "c", CleanStart: true}) // [MQTT-3.1.2-2]
			ack := expect[*packet.Connack](c)
			if got, _ := ack.Append(nil, v); fmt.Sprintf("% x", got) != want {
				t.Errorf("%v: got % x, want %s", v, got, want)
			}
			if v != packet.V311 {
				c.gone()
			}
		}
	})
}

// TestMountPointWithoutSlash runs into the first level of topics, as with
// Mosquitto, and must not make a wildcard of a part of a level.
func TestMountPointWithoutSlash(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		all := b.connect(packet.V5, "all")
		all.subscribe("#", 0)
		c, _ := b.connectOn(Listener{MountPoint: "run"}, packet.V5, &packet.Connect{ClientID: "c", CleanStart: true})
		if code := c.subscribe("a/+", 0); code != packet.Success {
			t.Errorf("a/+: %v", code)
		}
		if code := c.subscribe("#", 0); code != packet.UnspecifiedError {
			t.Errorf("#: %v", code)
		}
		c.publish("a/b", "x", 0)
		c.want("a/b", "x")
		all.want("runa/b", "x")
	})
}

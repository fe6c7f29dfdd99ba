package broker

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// Sessions, sections 3.1.2.4, 3.1.2.11.2 and 4.1.

// TestSessionPresent goes through the ways from one connection to the next.
func TestSessionPresent(t *testing.T) {
	// [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT-3.2.2-1 v3] [MQTT-3.2.2-2 v3] [MQTT-3.2.2-3 v3]
	// [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-4 v3] [MQTT-3.1.2-6 v3]
	// [MQTT-3.1.4-4] [MQTT-3.1.4-3 v3] [MQTT-3.1.2-23]
	const kept, dropped = 1000, 0
	type step struct {
		clean  bool
		expiry uint32 // MQTT 5; for 3.1.1 a session lasts if it is not clean
		want   bool
	}
	for _, tt := range []struct {
		name  string
		v     packet.Version
		steps []step
	}{
		{"new, then there, then clean, then gone", packet.V311, []step{{false, kept, false}, {false, kept, true}, {true, dropped, false}, {false, kept, false}, {false, kept, true}}},
		{"clean all the time", packet.V311, []step{{true, dropped, false}, {true, dropped, false}, {false, kept, false}, {true, dropped, false}}},
		{"new, then there, then clean, then there", packet.V5, []step{{false, kept, false}, {false, kept, true}, {true, kept, false}, {false, kept, true}}},
		{"ends with the connection", packet.V5, []step{{false, dropped, false}, {false, dropped, false}, {true, kept, false}, {false, dropped, true}, {false, dropped, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, how := range []string{"DISCONNECT", "lost", "taken over"} {
				inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
					for i, s := range tt.steps {
						c := b.connect(tt.v, "c", func(p *packet.Connect) {
							p.CleanStart = s.clean
							if tt.v == packet.V5 {
								expires(s.expiry)(p)
							}
						})
						if c.connack.SessionPresent != s.want {
							t.Errorf("%s, connection %d: session present %v", how, i, c.connack.SessionPresent)
						}
						switch how {
						case "DISCONNECT":
							c.leave()
						case "lost":
							c.lose()
						}
					}
				})
			}
		})
	}
}

// TestWhatASessionKeeps leaves with everything a session has, and comes back.
func TestWhatASessionKeeps(t *testing.T) {
	// [MQTT-3.1.2-5 v3] [MQTT-3.1.2-4 v3] [MQTT-3.1.2-5] [MQTT-4.1.0-1 v3] [MQTT-4.5.0-1] [MQTT-4.5.0-1 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c", lasting(v))
		c.subscribe("a/+", 1)
		c.subscribe("b", 2)
		c.subscribe("gone", 2)
		c.send(&packet.Unsubscribe{ID: 1, Filters: []string{"gone"}})
		expect[*packet.Unsuback](c)
		c.send(&packet.Publish{Topic: "mine", QoS: 2, ID: 7}) // not released
		expect[*packet.Pubrec](c)
		c.lose()
		pub := b.connect(v, "pub")
		mine := b.connect(v, "mine")
		mine.subscribe("mine", 0)
		pub.publish("a/1", "1", 2)
		pub.publish("b", "2", 2)
		pub.publish("gone", "3", 2)
		pub.publish("a/2", "4", 1)
		c = b.connect(v, "c", lasting(v))
		for _, want := range []struct {
			topic, payload string
			qos            QoS
		}{{"a/1", "1", 1}, {"b", "2", 2}, {"a/2", "4", 1}} {
			if p := c.want(want.topic, want.payload); p.QoS != want.qos || p.Dup {
				t.Errorf("%s came at QoS %d, DUP %v", want.topic, p.QoS, p.Dup)
			}
		}
		c.silent()
		c.send(&packet.Publish{Topic: "mine", QoS: 2, ID: 7, Dup: true})
		expect[*packet.Pubrec](c)
		mine.silent() // it was published before
		pub.publish("a/3", "5", 1)
		c.want("a/3", "5")
	})
}

// TestCleanSessionEnds leaves nothing of a clean session behind, except what
// it retained.
func TestCleanSessionEnds(t *testing.T) { // [MQTT-3.1.2-6 v3] [MQTT-3.1.2-7 v3] [MQTT-3.1.2-4]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c")
		c.subscribe("t", 2)
		c.publish("kept", "x", 1, retained)
		c.publish("u", "", 2, func(p *packet.Publish) { p.ID = 3 })
		b.Publish(&Message{Topic: "t", QoS: 2}) // never acknowledged
		expect[*packet.Publish](c)
		c.lose()
		if s := b.Stats(); s.Sessions != 0 || s.Subscriptions != 0 || s.QueuedBytes != 0 || s.Retained != 1 {
			t.Errorf("left behind: %+v", s)
		}
		c = b.connect(v, "c", lasting(v))
		if c.connack.SessionPresent {
			t.Error("session present")
		}
		b.Publish(&Message{Topic: "t", QoS: 2})
		c.silent()
		c.subscribe("kept", 1)
		c.want("kept", "x")
	})
}

// TestSessionLastsAsLongAsItsConnection, however short its expiry.
func TestSessionLastsAsLongAsItsConnection(t *testing.T) { // [MQTT-4.1.0-1] [MQTT-4.1.0-2 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		with := expires(1)
		if v < packet.V5 {
			with = func(*packet.Connect) {}
		}
		c := b.connect(v, "c", with)
		c.subscribe("t", 1)
		time.Sleep(100 * time.Hour)
		b.Publish(&Message{Topic: "t", Payload: []byte("x"), QoS: 1})
		c.want("t", "x")
	})
}

func TestSessionExpiryIsExact(t *testing.T) { // [MQTT-4.1.0-2] [MQTT-3.1.2-23]
	for _, tt := range []struct {
		expiry uint32
		away   time.Duration
		want   bool
	}{
		{0, 0, false},
		{10, 10*time.Second - 1, true},
		{10, 10*time.Second + 1, false},
		{math.MaxUint32 - 1, 30 * 24 * time.Hour, true},
		{math.MaxUint32, 30 * 24 * time.Hour, true}, // for ever
	} {
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			c := b.connect(packet.V5, "c", expires(tt.expiry))
			c.lose()
			time.Sleep(tt.away)
			synctest.Wait()
			if c = b.connect(packet.V5, "c", resume); c.connack.SessionPresent != tt.want {
				t.Errorf("expiry of %d s, away %v: session present %v", tt.expiry, tt.away, c.connack.SessionPresent)
			}
		})
	}
}

// TestExpiryOfDisconnect changes the expiry while leaving.
func TestExpiryOfDisconnect(t *testing.T) { // section 3.14.2.2.2
	for _, tt := range []struct {
		first, last uint32
		away        time.Duration
		want        bool
	}{
		{100, 0, 0, false},
		{100, 10, 11 * time.Second, false},
		{10, 100, 99 * time.Second, true},
		{10, math.MaxUint32, 100 * time.Hour, true},
		{math.MaxUint32, 5, 6 * time.Second, false},
		{0, 0, 0, false},
	} {
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			c := b.connect(packet.V5, "c", expires(tt.first))
			c.send(&packet.Disconnect{Properties: &packet.Properties{SessionExpiry: packet.Some(tt.last)}})
			c.gone()
			time.Sleep(tt.away)
			synctest.Wait()
			if c = b.connect(packet.V5, "c", resume); c.connack.SessionPresent != tt.want {
				t.Errorf("expiry of %d, then %d s, away %v: session present %v", tt.first, tt.last, tt.away, c.connack.SessionPresent)
			}
		})
	}
}

// TestEverybodyGetsIt: each subscriber, here or away, gets its own copy.
func TestEverybodyGetsIt(t *testing.T) { // [MQTT-4.5.0-1] [MQTT-4.5.0-1 v3] [MQTT-3.3.2-3] [MQTT-3.3.2-3 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		filters := []string{"a/b", "a/+", "+/b", "#", "a/#", "+/+", "a/b/#"}
		others := []string{"a", "b/a", "a/b/c", "A/b", "/a/b", "a/b/", "+", "a/+/+", "$SYS/#", "+/b/+"}
		for i, f := range append(filters, others...) {
			c := b.connect(v, fmt.Sprint("away", i), lasting(v))
			c.subscribe(f, 1)
			c.leave()
			b.connect(v, fmt.Sprint("here", i)).subscribe(f, 1)
		}
		pub := b.connect(v, "pub")
		pub.publish("a/b", "x", 1)
		for i := range append(filters, others...) {
			for _, c := range []*testClient{b.connect(v, fmt.Sprint("away", i), lasting(v))} {
				if i < len(filters) {
					c.want("a/b", "x")
				}
				c.silent()
			}
		}
		if n := b.Stats().Sent; n != int64(2*len(filters)) {
			t.Errorf("%d messages sent, want %d", n, 2*len(filters))
		}
	})
}

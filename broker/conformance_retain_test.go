package broker

import (
	"fmt"
	"testing"
	"time"

	"gateway/broker/packet"
)

// Retained messages, sections 3.3.1.3 and 3.8.3.1.

// TestRetainedOneAfterTheOther publishes to one topic and looks each time at
// what a new subscription gets.
func TestRetainedOneAfterTheOther(t *testing.T) {
	// [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8]
	// [MQTT-3.3.1-5 v3] [MQTT-3.3.1-6 v3] [MQTT-3.3.1-7 v3] [MQTT-3.3.1-8 v3] [MQTT-3.3.1-9 v3]
	// [MQTT-3.3.1-10 v3] [MQTT-3.3.1-11 v3] [MQTT-3.3.1-12 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		pub := b.connect(v, "pub")
		live := b.connect(v, "live")
		live.subscribe("t", 2)
		for i, step := range []struct {
			payload string
			qos     QoS
			retain  bool
			want    string // what is retained then
			wantQoS QoS
		}{
			{"", 1, true, "", 0},
			{"plain", 1, false, "", 0},
			{"one", 1, true, "one", 1},
			{"plain", 2, false, "one", 1},
			{"", 2, false, "one", 1},
			{"two", 2, true, "two", 2},
			{"zero", 0, true, "zero", 0},
			{"two", 2, true, "two", 2},
			{"", 0, true, "", 0},
			{"", 0, true, "", 0},
			{"back", 1, true, "back", 1},
		} {
			pub.publish("t", step.payload, step.qos, func(p *packet.Publish) { p.Retain = step.retain })
			if p := live.want("t", step.payload); p.Retain || p.QoS != step.qos {
				t.Errorf("step %d: live %+v", i, p)
			}
			late := b.connect(v, "late")
			late.subscribe("t", 2)
			if step.want != "" {
				if p := late.want("t", step.want); !p.Retain || p.Dup || p.QoS != step.wantQoS {
					t.Errorf("step %d: retained %+v", i, p)
				}
			}
			late.silent()
			late.leave()
		}
	})
}

// TestRetainedForFilters: a subscription gets the last message of each topic
// it matches, behind its SUBACK and before anything newer.
func TestRetainedForFilters(t *testing.T) { // [MQTT-3.3.1-9] [MQTT-3.3.1-6 v3] [MQTT-4.7.2-1] [MQTT-4.7.2-1 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		topics := []string{"a", "a/b", "a/b/c", "a//c", "/a", "b", "$SYS/x", "$SYS/a/b"}
		for _, name := range topics {
			b.Publish(&Message{Topic: name, Payload: []byte(name), Retain: true})
		}
		for filter, want := range map[string][]string{
			"#":       {"a", "a/b", "a/b/c", "a//c", "/a", "b"},
			"+":       {"a", "b"},
			"a/#":     {"a", "a/b", "a/b/c", "a//c"},
			"a/+":     {"a/b"},
			"a/+/c":   {"a/b/c", "a//c"},
			"+/+":     {"a/b", "/a"},
			"+/x":     nil,
			"/+":      {"/a"},
			"/#":      {"/a"},
			"$SYS/#":  {"$SYS/x", "$SYS/a/b"},
			"$SYS/+":  {"$SYS/x"},
			"a/b/":    nil,
			"A":       nil,
			"a/b/c/#": {"a/b/c"},
		} {
			c := b.connect(v, "c")
			c.subscribe(filter, 0)
			got := make(map[string]bool)
			for range want {
				p := c.message()
				if !p.Retain || p.Topic != string(p.Payload) {
					t.Errorf("%s: %+v", filter, p)
				}
				got[p.Topic] = true
			}
			c.silent()
			for _, name := range want {
				if !got[name] {
					t.Errorf("%s: nothing from %s, got %v", filter, name, got)
				}
			}
			c.leave()
		}
	})
}

// TestRetainHandlingByHistory: what "did not exist" means, over the ways that
// a subscription goes away.
func TestRetainHandlingByHistory(t *testing.T) { // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		b.Publish(&Message{Topic: "r", Payload: []byte("kept"), Retain: true})
		subscribe := func(c *testClient, handling byte, want int) {
			t.Helper()
			for _, filter := range []string{"r", "+"} {
				c.subscribe(filter, 0, func(s *packet.Subscription) { s.RetainHandling = handling })
				for range want {
					c.want("r", "kept")
				}
				c.silent()
			}
		}
		c := b.connect(packet.V5, "c", lasting(packet.V5))
		subscribe(c, 1, 1)
		subscribe(c, 1, 0)
		subscribe(c, 0, 1)
		subscribe(c, 2, 0)
		c.lose()
		c = b.connect(packet.V5, "c", lasting(packet.V5)) // it exists over a reconnect
		subscribe(c, 1, 0)
		subscribe(c, 0, 1)
		c.send(&packet.Unsubscribe{ID: 1, Filters: []string{"r", "+"}})
		expect[*packet.Unsuback](c)
		subscribe(c, 2, 0) // now it exists
		subscribe(c, 1, 0)
		c.leave()
		c = b.connect(packet.V5, "c")
		subscribe(c, 1, 1)
	})
}

// TestRetainFlag goes through all that decide on RETAIN.
func TestRetainFlag(t *testing.T) { // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		pub := b.connect(packet.V5, "pub")
		for _, asPublished := range []bool{false, true} {
			for _, retain := range []bool{false, true} {
				for qos := range packet.QoS(3) {
					name := fmt.Sprint("t/", asPublished, retain, qos)
					option := func(s *packet.Subscription) { s.RetainAsPublished = asPublished }
					live := b.connect(packet.V5, "live")
					live.subscribe(name, 2, option)
					away := b.connect(packet.V5, "away", lasting(packet.V5))
					away.subscribe(name, 2, option)
					away.leave()
					pub.publish(name, "x", qos, func(p *packet.Publish) { p.Retain = retain })
					if p := live.want(name, "x"); p.Retain != (retain && asPublished) {
						t.Errorf("%s: live %+v", name, p)
					}
					if qos > 0 { // the flag waits with the message
						away = b.connect(packet.V5, "away", lasting(packet.V5))
						if p := away.want(name, "x"); p.Retain != (retain && asPublished) {
							t.Errorf("%s: from the queue %+v", name, p)
						}
					}
					live.leave()
				}
			}
		}
	})
}

// TestRetainedExpires: the time left goes down, and then there is nothing.
func TestRetainedExpires(t *testing.T) { // [MQTT-3.3.2-5] [MQTT-3.3.2-6]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		pub := b.connect(packet.V5, "pub")
		pub.publish("r", "x", 1, retained, func(p *packet.Publish) {
			p.Properties = &packet.Properties{MessageExpiry: packet.Some(uint32(100))}
		})
		for _, left := range []uint32{100, 60, 20, 0, 0} {
			c := b.connect(packet.V5, "c")
			c.subscribe("r", 0)
			if left > 0 {
				if p := c.want("r", "x"); p.Properties == nil || p.Properties.MessageExpiry != packet.Some(left) {
					t.Errorf("%+v, want %d s left", p.Properties, left)
				}
			}
			c.silent()
			c.leave()
			time.Sleep(40 * time.Second)
		}
		pub.publish("r", "y", 1, retained) // without expiry in place of one with
		time.Sleep(time.Hour)
		c := b.connect(packet.V5, "c")
		c.subscribe("r", 0)
		if p := c.want("r", "y"); p.Properties != nil {
			t.Errorf("%+v, nothing was said of expiry", p.Properties)
		}
	})
}

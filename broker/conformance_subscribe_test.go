package broker

import (
	"fmt"
	"slices"
	"testing"

	"gateway/broker/packet"
)

// SUBSCRIBE, UNSUBSCRIBE and what is delivered for them, sections 3.8 to 3.11
// and 4.7.

// TestSubscribeAnswers: one SUBACK with a code for each filter, in order.
func TestSubscribeAnswers(t *testing.T) {
	// [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-2.2.1-6]
	// [MQTT-3.8.4-1 v3] [MQTT-3.8.4-2 v3] [MQTT-3.8.4-4 v3] [MQTT-3.8.4-5 v3] [MQTT-3.9.3-1 v3] [MQTT-3.9.3-2 v3] [MQTT-2.3.1-7 v3]
	// [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2]
	// [MQTT-3.10.4-4 v3] [MQTT-3.10.4-5 v3] [MQTT-3.10.4-6 v3] [MQTT-3.12.4-1] [MQTT-3.12.4-1 v3]
	cfg, _ := guarded(t, rules) // by which bob may not have garden
	for _, tt := range []struct {
		v          packet.Version
		send, want string
	}{
		{packet.V5, "82: 1234 00 0001 'a' 02 0006 'garden' 01 0006 'house/' 01 0002 '#+' 00 0001 '#' 00", "90: 1234 00 87 87 01 8f 00"},
		{packet.V311, "82: 1234 0006 'garden' 02 0006 'house/' 01 0001 '#' 00", "90: 1234 80 01 00"},
		{packet.V5, "82: ffff 00 0007 'house/x' 01", "90: ffff 00 01"},
		{packet.V311, "82: 0001 0001 '#' 01 0001 '#' 02 0001 '#' 00", "90: 0001 01 02 00"},
		{packet.V5, "a2: 1234 00 0001 'a' 0006 'house/' 0001 '#' 0001 '#'", "b0: 1234 00 11 00 00 11"},
		{packet.V311, "a2: 1234 0001 'a' 0006 'house/' 0001 '#'", "b0: 1234"},
		{packet.V5, "c0 00", "d0 00"},
		{packet.V311, "c0 00", "d0 00"},
	} {
		inBubble(t, cfg, func(t *testing.T, b *testBroker) {
			r := b.raw(tt.v)
			setup := "10: 0004 'MQTT' 05 c2 0000 00 0001 'c' 0003 'bob' 0006 'pencil'"
			sub := "82: 0001 00 0006 'house/' 00 0001 '#' 00"
			if tt.v < packet.V5 {
				setup = "10: 0004 'MQTT' 04 c2 0000 0001 'c' 0003 'bob' 0006 'pencil'"
				sub = "82: 0001 0006 'house/' 00 0001 '#' 00"
			}
			r.write(wire(t, setup))
			r.accepted()
			if tt.send[:2] == "a2" {
				r.write(wire(t, sub))
				r.sofar()
			}
			r.write(wire(t, tt.send))
			if got, open := r.sofar(); string(got) != string(wire(t, tt.want)) || !open {
				t.Errorf("%s\ngot  % x, open: %v\nwant % x", tt.send, got, open, wire(t, tt.want))
			}
		})
	}
}

// TestSubscribeReplaces: the same filter again has the new options from then
// on, gets what is retained again, and misses nothing.
func TestSubscribeReplaces(t *testing.T) {
	// [MQTT-3.8.4-3] [MQTT-3.8.4-4] [MQTT-3.8.4-3 v3] [MQTT-3.8.4-8] [MQTT-3.8.4-6 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c, pub := b.connect(v, "c"), b.connect(v, "pub")
		pub.publish("t/kept", "kept", 2, retained)
		for i := range 20 {
			qos := QoS(i % 3)
			c.subscribe("t/+", qos)
			if p := c.want("t/kept", "kept"); !p.Retain || p.QoS != qos {
				t.Errorf("%d: retained %+v", i, p)
			}
			pub.publish("t/x", fmt.Sprint(i), 2)
			if p := c.want("t/x", fmt.Sprint(i)); p.QoS != qos {
				t.Errorf("%d: QoS %d, want %d", i, p.QoS, qos)
			}
			c.silent() // one copy
		}
		if n := b.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		// Messages that come while it is replaced are all delivered, in order.
		var burst []byte
		for i := range 50 {
			burst = must((&packet.Subscribe{ID: uint16(i + 1), Filters: []packet.Subscription{{Filter: "t/y", QoS: QoS(1 + i%2)}}}).Append(burst, v))
			burst = must((&packet.Publish{Topic: "t/y", Payload: []byte(fmt.Sprint(i)), QoS: 1, ID: uint16(i + 1)}).Append(burst, v))
		}
		c.send(&packet.Unsubscribe{ID: 99, Filters: []string{"t/+"}})
		expect[*packet.Unsuback](c)
		go func() { _, _ = c.conn.Write(burst) }()
		var got []string
		for acks := 0; acks < 100 || len(got) < 50; {
			switch p := c.recv().(type) {
			case *packet.Publish:
				got = append(got, string(p.Payload))
				if p.QoS == 1 {
					c.send(&packet.Puback{ID: p.ID})
				} else {
					c.send(&packet.Pubrec{ID: p.ID})
				}
			case *packet.Pubrel:
				c.send(&packet.Pubcomp{ID: p.ID})
			default:
				acks++
			}
		}
		for i, payload := range got {
			if payload != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, payload)
			}
		}
	})
}

// TestSubscribeReplacesOptions in MQTT 5: also no local, retain as published
// and the identifier.
func TestSubscribeReplacesOptions(t *testing.T) { // [MQTT-3.8.4-3] [MQTT-3.3.4-3] [MQTT-3.8.3-3]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		for i, step := range []struct {
			s  packet.Subscription
			id uint32
		}{
			{packet.Subscription{QoS: 1, RetainAsPublished: true, RetainHandling: 2}, 5},
			{packet.Subscription{QoS: 1, RetainHandling: 2}, 268435455},
			{packet.Subscription{QoS: 1, NoLocal: true, RetainHandling: 2}, 0},
			{packet.Subscription{QoS: 0, RetainAsPublished: true, RetainHandling: 2}, 0},
		} {
			step.s.Filter = "t"
			sub := &packet.Subscribe{ID: 1, Filters: []packet.Subscription{step.s}}
			if step.id > 0 {
				sub.Properties = &packet.Properties{SubscriptionIDs: []uint32{step.id}}
			}
			c.send(sub)
			expect[*packet.Suback](c)
			c.publish("t", "mine", 1, retained)
			if step.s.NoLocal {
				c.silent()
				continue
			}
			p := c.want("t", "mine")
			var ids []uint32
			if p.Properties != nil {
				ids = p.Properties.SubscriptionIDs
			}
			if p.Retain != step.s.RetainAsPublished || p.QoS != step.s.QoS || (len(ids) == 1) != (step.id > 0) || step.id > 0 && ids[0] != step.id {
				t.Errorf("step %d: %+v %v", i, p, ids)
			}
		}
	})
}

// TestUnsubscribeIsExact: a filter goes away by its own bytes only.
func TestUnsubscribeIsExact(t *testing.T) { // [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-1 v3] [MQTT-3.10.4-2 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c")
		c.subscribe("a/+", 1)
		c.send(&packet.Unsubscribe{ID: 1, Filters: []string{"a/b", "a/#", "#", "+/+", "A/+", "a/+/", "/a/+", "a//+"}})
		expect[*packet.Unsuback](c)
		b.Publish(&Message{Topic: "a/b", Payload: []byte("still"), QoS: 1})
		c.want("a/b", "still")
		c.subscribe("a/b", 1)
		c.send(&packet.Unsubscribe{ID: 1, Filters: []string{"a/+"}})
		expect[*packet.Unsuback](c)
		b.Publish(&Message{Topic: "a/b", Payload: []byte("by the other"), QoS: 1})
		c.want("a/b", "by the other")
		b.Publish(&Message{Topic: "a/c", QoS: 1})
		c.silent()
		c.send(&packet.Unsubscribe{ID: 1, Filters: []string{"a/b"}})
		expect[*packet.Unsuback](c)
		b.Publish(&Message{Topic: "a/b", QoS: 1})
		c.silent()
	})
}

// TestUnsubscribeCompletes what was begun.
func TestUnsubscribeCompletes(t *testing.T) { // [MQTT-3.10.4-3] [MQTT-3.10.4-3 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		c := b.connect(v, "c", lasting(v))
		c.subscribe("t", 2)
		for i := range 3 {
			b.Publish(&Message{Topic: "t", Payload: []byte(fmt.Sprint(i)), QoS: QoS(i%2 + 1)})
		}
		var flight []*packet.Publish
		for range 3 {
			flight = append(flight, expect[*packet.Publish](c))
		}
		c.send(&packet.Unsubscribe{ID: 1, Filters: []string{"t"}})
		expect[*packet.Unsuback](c)
		b.Publish(&Message{Topic: "t", QoS: 2})
		c.silent()
		c.send(&packet.Puback{ID: flight[0].ID})
		c.lose()
		c = b.connect(v, "c", lasting(v))
		for _, want := range flight[1:] {
			if p := c.want("t", string(want.Payload)); p.ID != want.ID || !p.Dup {
				t.Errorf("got %+v, want %d again", p, want.ID)
			}
		}
		c.silent()
	})
}

// TestFiltersAreNotNormalised: names that look alike are different.
func TestFiltersAreNotNormalised(t *testing.T) { // [MQTT-4.7.3-4] [MQTT-4.7.3-4 v3] [MQTT-1.5.4-3] [MQTT-1.5.3-3 v3]
	everyVersion(t, func(t *testing.T, b *testBroker, v packet.Version) {
		names := []string{"é", "e\u0301", "a/b", "a//b", "/a/b", "a/b/", "A/b", " a/b", "\ufeffa/b", "a\u200b/b", "a/./b", "a%2fb", "ａ/b"}
		c, pub := b.connect(v, "c"), b.connect(v, "pub")
		for _, name := range names {
			c.subscribe(name, 1)
		}
		for _, name := range names {
			pub.publish(name, name, 1)
			c.want(name, name)
			c.silent()
			c.send(&packet.Unsubscribe{ID: 1, Filters: []string{name}})
			expect[*packet.Unsuback](c)
			pub.publish(name, name, 1)
			c.silent()
		}
	})
}

// TestOverlappingBytes: one copy, with every identifier that matches.
func TestOverlappingBytes(t *testing.T) {
	// [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.5-1 v3]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c, old := b.connect(packet.V5, "c"), b.connect(packet.V311, "old")
		for i, s := range []packet.Subscription{{Filter: "a/#", QoS: 2}, {Filter: "a/+", QoS: 0}, {Filter: "+/b", QoS: 1}, {Filter: "#", QoS: 0}, {Filter: "x", QoS: 2}} {
			sub := &packet.Subscribe{ID: 1, Filters: []packet.Subscription{s}}
			if i != 1 { // which has no identifier
				sub.Properties = &packet.Properties{SubscriptionIDs: []uint32{uint32(100 * (i + 1))}}
			}
			c.send(sub)
			expect[*packet.Suback](c)
			old.subscribe(s.Filter, s.QoS)
		}
		for topic, want := range map[string]struct {
			ids []uint32
			qos QoS
		}{
			"a/b": {[]uint32{100, 300, 400}, 2}, "a/c": {[]uint32{100, 400}, 2}, "c/b": {[]uint32{300, 400}, 1}, "y": {[]uint32{400}, 0}, "x": {[]uint32{400, 500}, 2},
		} {
			b.Publish(&Message{Topic: topic, Payload: []byte(topic), QoS: 2})
			p := c.want(topic, topic)
			ids := slices.Sorted(slices.Values(p.Properties.SubscriptionIDs))
			if p.QoS != want.qos || !slices.Equal(ids, want.ids) {
				t.Errorf("%s: QoS %d, identifiers %v, want %+v", topic, p.QoS, ids, want)
			}
			c.silent()
			if p := old.want(topic, topic); p.QoS != want.qos {
				t.Errorf("%s: 3.1.1 gets QoS %d, want %d", topic, p.QoS, want.qos)
			}
			old.silent()
		}
	})
}

// TestSharedQoS: each member gets what it was granted.
func TestSharedQoS(t *testing.T) { // [MQTT-4.8.2-3] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		members := make([]*testClient, 3)
		for i := range members {
			members[i] = b.connect(packet.V5, fmt.Sprint("member", i))
			members[i].subscribe("$share/g/t", QoS(i))
		}
		for i := range 12 {
			b.Publish(&Message{Topic: "t", QoS: QoS(i % 3)})
			got := 0
			for granted, m := range members {
				if p, ok := m.next().(*packet.Publish); ok {
					got++
					if p.QoS != min(QoS(granted), QoS(i%3)) {
						t.Errorf("message %d of QoS %d came at %d to who was granted %d", i, i%3, p.QoS, granted)
					}
				}
			}
			if got != 1 {
				t.Errorf("message %d went to %d members", i, got)
			}
		}
	})
}

// TestGivenAliases: the broker counts up from 1 to the client's maximum, for
// each connection anew.
func TestGivenAliases(t *testing.T) { // [MQTT-3.3.2-11] [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-7]
	for _, tt := range []struct {
		maximum uint16
		want    [6]uint16 // of one, two, three, one, two, three
	}{{0, [6]uint16{}}, {1, [6]uint16{1, 0, 0, 1, 0, 0}}, {2, [6]uint16{1, 2, 0, 1, 2, 0}}, {65535, [6]uint16{1, 2, 3, 1, 2, 3}}} {
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			maximum := func(p *packet.Connect) { p.Properties.TopicAliasMaximum = packet.Some(tt.maximum) }
			c := b.connect(packet.V5, "c", lasting(packet.V5), maximum)
			c.subscribe("#", 1)
			for range 2 { // connections
				known := make(map[uint16]string)
				for i, want := range tt.want {
					name := []string{"one", "two", "three"}[i%3]
					b.Publish(&Message{Topic: name, Payload: []byte(name), QoS: QoS(i % 2)})
					p := c.message()
					alias := uint16(0)
					if p.Properties != nil {
						alias = p.Properties.TopicAlias.V
					}
					switch {
					case alias != want:
						t.Errorf("maximum %d, message %d: alias %d, want %d", tt.maximum, i, alias, want)
					case p.Topic != "" && alias > 0:
						known[alias] = p.Topic
					case p.Topic == "":
						p.Topic = known[alias]
					}
					if p.Topic != name {
						t.Errorf("maximum %d, message %d: topic %q, alias %d", tt.maximum, i, p.Topic, alias)
					}
				}
				c.lose()
				c = b.connect(packet.V5, "c", lasting(packet.V5), maximum)
			}
		})
	}
}

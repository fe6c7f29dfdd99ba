package broker

import (
	"fmt"
	"testing"
	"testing/synctest"

	"gateway/broker/packet"
)

// count returns how many messages have come, and acknowledges them.
func (c *testClient) count() (n int) {
	c.t.Helper()
	for synctest.Wait(); len(c.in)+len(c.held) > 0; synctest.Wait() {
		c.message()
		n++
	}
	return n
}

func TestSharedTurns(t *testing.T) {
	for _, qos := range []packet.QoS{0, 1, 2} {
		t.Run(fmt.Sprint(qos), func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
				var members []*testClient
				for i := range 3 {
					c := b.connect(packet.V5, fmt.Sprint("member", i))
					c.subscribe("$share/g/a/+", qos)
					members = append(members, c)
				}
				other := b.connect(packet.V311, "other")
				other.subscribe("$share/h/a/+", qos) // another group of the same filter
				p := b.connect(packet.V5, "p")
				got := 0
				for i := range 30 {
					p.publish(fmt.Sprint("a/", i), "x", qos)
					for _, m := range members {
						got += m.count()
					}
				}
				if got != 30 {
					t.Errorf("the members got %d, want 30", got)
				}
				if n := other.count(); n != 30 {
					t.Errorf("the only member of its group got %d, want 30", n)
				}
			})
		})
	}
}

func TestSharedFair(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		var members []*testClient
		for i := range 3 {
			c := b.connect(packet.V5, fmt.Sprint("member", i))
			c.subscribe("$share/g/a", 0)
			members = append(members, c)
		}
		p := b.connect(packet.V5, "p")
		for range 30 {
			p.publish("a", "x", 0)
		}
		p.silent()
		for i, m := range members {
			if n := m.count(); n != 10 {
				t.Errorf("member %d got %d of 30, want 10", i, n)
			}
		}
	})
}

func TestSharedMemberAway(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		away := b.connect(packet.V5, "away", expires(1000))
		away.subscribe("$share/g/a", 1)
		here := b.connect(packet.V5, "here")
		here.subscribe("$share/g/a", 1)
		away.send(&packet.Disconnect{})
		away.gone()
		p := b.connect(packet.V5, "p")
		for range 10 {
			p.publish("a", "x", 1)
		}
		if n := here.count(); n != 10 {
			t.Errorf("who is there got %d of 10", n)
		}
		here.send(&packet.Disconnect{})
		here.gone()
		p.publish("a", "all away", 1) // waits for who may come back
		away = b.connect(packet.V5, "away", resume, expires(1000))
		away.want("a", "all away")
	})
}

func TestSharedMemberDies(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		dies := b.connect(packet.V5, "dies", expires(1000))
		dies.subscribe("$share/g/a", 2)
		p := b.connect(packet.V5, "p")
		p.publish("a", "acknowledged", 1)
		dies.want("a", "acknowledged")
		p.publish("a", "once", 1)
		p.publish("a", "twice", 2)
		if m := expect[*packet.Publish](dies); string(m.Payload) != "once" {
			t.Fatalf("got %q", m.Payload)
		}
		if m := expect[*packet.Publish](dies); string(m.Payload) != "twice" {
			t.Fatalf("got %q", m.Payload)
		}
		heir := b.connect(packet.V5, "heir")
		heir.subscribe("$share/g/a", 2)
		dies.conn.Close()
		synctest.Wait()
		if m := heir.want("a", "once"); m.Dup {
			t.Error("the first attempt to this client has DUP set")
		}
		heir.silent()
		// What was sent at QoS 2 stays with its client [MQTT-4.8.2-4].
		dies = b.connect(packet.V5, "dies", resume, expires(1000))
		if m := dies.want("a", "twice"); !m.Dup {
			t.Error("the second attempt has no DUP")
		}
		dies.silent()
	})
}

func TestSharedMemberEnds(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		ends := b.connect(packet.V5, "ends", func(p *packet.Connect) {
			p.Properties = &packet.Properties{ReceiveMaximum: packet.Some(uint16(2))}
		})
		ends.subscribe("$share/g/a", 2)
		p := b.connect(packet.V5, "p")
		for i := range 4 {
			p.publish("a", fmt.Sprint("exactly ", i), 2)
		}
		expect[*packet.Publish](ends)
		expect[*packet.Publish](ends) // the window is full: two wait
		heir := b.connect(packet.V5, "heir")
		heir.subscribe("$share/g/a", 2)
		ends.conn.Close()
		synctest.Wait()
		// What was sent goes to nobody else [MQTT-4.8.2-5]; what waited does.
		heir.want("a", "exactly 2")
		heir.want("a", "exactly 3")
		heir.silent()
	})
}

func TestSharedRefused(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		refuses := b.connect(packet.V5, "refuses")
		refuses.subscribe("$share/g/a", 1)
		p := b.connect(packet.V5, "p")
		p.publish("a", "unwanted", 1)
		other := b.connect(packet.V5, "other")
		other.subscribe("$share/g/a", 1)
		m := expect[*packet.Publish](refuses)
		refuses.send(&packet.Puback{ID: m.ID, Code: packet.NotAuthorized}) // [MQTT-4.8.2-6]
		refuses.conn.Close()
		other.silent()
	})
}

func TestSharedNothingRetainedNoLocal(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.publish("a", "kept", 0, retained)
		c.subscribe("$share/g/a", 1)
		c.silent()
		c.send(&packet.Unsubscribe{ID: 3, Filters: []string{"$share/g/a", "a"}})
		ack := expect[*packet.Unsuback](c)
		if ack.Codes[0] != packet.Success || ack.Codes[1] != packet.NoSubscriptionExisted {
			t.Errorf("UNSUBACK %v", ack.Codes)
		}
		c.publish("a", "nobody", 0)
		c.silent()
		if len(b.groups) != 0 || b.subs.Len() != 0 {
			t.Error("the group is left over")
		}
		c.send(&packet.Subscribe{ID: 4, Filters: []packet.Subscription{{Filter: "$share/g/a", NoLocal: true}}})
		c.closed(packet.ProtocolError) // [MQTT-3.8.3-4]
	})
}

func TestSharedBesideOwn(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.subscribe("a", 1)
		c.subscribe("$share/g/#", 1)
		c.publish("a", "x", 1)
		if n := c.count(); n != 2 {
			t.Errorf("a subscription and a shared one got %d copies, want 2", n)
		}
		c.publish("$SYS", "x", 0) // refused
		if err := b.Publish(&Message{Topic: "$SYS/x"}); err != nil {
			t.Fatal(err)
		}
		c.silent() // '#' does not match it in a shared subscription either [MQTT-4.7.2-1]
	})
}

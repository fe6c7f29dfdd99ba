package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// What is sent is never sent again [MQTT-4.3.1-1].
func TestPublishQoS0(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		m := &packet.Publish{Topic: "a/b", Payload: []byte("1"), Retain: true, Dup: true, ID: 7}
		if code, err := c.Publish(t.Context(), m); code != packet.Success || err != nil {
			t.Errorf("%v, %v", code, err)
		}
		got := expect[*packet.Publish](p)
		if got.Topic != "a/b" || string(got.Payload) != "1" || !got.Retain || got.Dup || got.QoS != 0 {
			t.Errorf("sent %+v", got)
		}
		if !m.Dup || m.ID != 7 {
			t.Errorf("the caller's packet is now %+v", m)
		}
	})
}

func TestPublishQoS1(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		again := message("a", "1", 1, 0)
		again.Dup = true
		r := publish(c, t.Context(), again)
		got := expect[*packet.Publish](p)
		if got.QoS != 1 || got.ID == 0 || got.Dup { // [MQTT-4.3.2-2]
			t.Errorf("sent %+v", got)
		}
		synctest.Wait()
		select {
		case <-r:
			t.Error("Publish returned before PUBACK")
		default:
		}
		p.send(&packet.Puback{ID: got.ID})
		if r := <-r; r.code != packet.Success || r.err != nil {
			t.Errorf("%v, %v", r.code, r.err)
		}
	})
}

func TestPublishQoS2(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		again := message("a", "1", 2, 0)
		again.Dup = true
		r := publish(c, t.Context(), again)
		sent := expect[*packet.Publish](p)
		if sent.QoS != 2 || sent.ID == 0 || sent.Dup { // [MQTT-4.3.3-2]
			t.Errorf("sent %+v", sent)
		}
		id := sent.ID
		// A PUBREC that comes twice gets its answer twice.
		for range 2 {
			p.send(&packet.Pubrec{ID: id})
			if rel := expect[*packet.Pubrel](p); rel.ID != id || rel.Code != packet.Success {
				t.Errorf("%+v", rel)
			}
		}
		synctest.Wait()
		select {
		case <-r:
			t.Error("Publish returned before PUBCOMP")
		default:
		}
		p.send(&packet.Pubcomp{ID: id})
		if r := <-r; r.code != packet.Success || r.err != nil {
			t.Errorf("%v, %v", r.code, r.err)
		}
	})
}

// What the server says of a message of MQTT 5.0.
func TestPublishCodes(t *testing.T) {
	reason := &packet.Properties{ReasonString: packet.Some("not you")}
	tests := map[string]struct {
		qos    packet.QoS
		answer func(id uint16) packet.Packet
		code   packet.ReasonCode
		words  string
	}{
		"nobody there": {1, func(id uint16) packet.Packet { return &packet.Puback{ID: id, Code: packet.NoMatchingSubscribers} }, packet.NoMatchingSubscribers, ""},
		"PUBACK refuses": {1, func(id uint16) packet.Packet {
			return &packet.Puback{ID: id, Code: packet.NotAuthorized, Properties: reason}
		}, packet.NotAuthorized, `publish to "a": refused by the server: Not authorized (0x87), "not you"`},
		"PUBREC [MQTT-4.3.3-4]": {2, func(id uint16) packet.Packet { return &packet.Pubrec{ID: id, Code: packet.QuotaExceeded} }, packet.QuotaExceeded, "Quota exceeded (0x97)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := dial(t, Options{Version: packet.V5}, &packet.Connack{Properties: &packet.Properties{ReceiveMaximum: packet.Some(uint16(1))}})
				// Twice, as the first must give its place back.
				for range 2 {
					r := publish(c, t.Context(), message("a", "1", test.qos, 0))
					p.send(test.answer(expect[*packet.Publish](p).ID))
					got := <-r
					if got.code != test.code {
						t.Errorf("code %v, want %v", got.code, test.code)
					}
					var refused *PublishError
					if test.words == "" {
						if got.err != nil {
							t.Error(got.err)
						}
						continue
					}
					if wantError(t, got.err, test.words); !errors.As(got.err, &refused) || refused.Code != test.code {
						t.Errorf("%#v is no *PublishError", got.err)
					}
				}
				p.quiet() // no PUBREL
			})
		})
	}
}

// Many publish at once, and the answers come in the opposite order; every
// caller gets its own.
func TestPublishOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, nil)
		const n = 50
		codes := []packet.ReasonCode{packet.Success, packet.NoMatchingSubscribers}
		results := make(map[string]<-chan result)
		for i := range n {
			topic := fmt.Sprint(i)
			results[topic] = publish(c, t.Context(), message(topic, "", packet.QoS(1+i%2), 0))
		}
		var sent []*packet.Publish
		ids := make(map[uint16]bool)
		for range n {
			m := expect[*packet.Publish](p)
			if ids[m.ID] { // [MQTT-2.2.1-3]
				t.Errorf("identifier %d twice", m.ID)
			}
			ids[m.ID] = true
			sent = append(sent, m)
		}
		for i := range sent {
			m := sent[n-1-i]
			code := codes[i%3%2]
			if m.QoS == 1 {
				p.send(&packet.Puback{ID: m.ID, Code: code})
			} else {
				p.send(&packet.Pubrec{ID: m.ID, Code: code})
				if rel := expect[*packet.Pubrel](p); rel.ID != m.ID { // [MQTT-4.6.0-4]
					t.Errorf("PUBREL %d, want %d", rel.ID, m.ID)
				}
				p.send(&packet.Pubcomp{ID: m.ID})
				code = packet.Success
			}
			if r := <-results[m.Topic]; r.code != code || r.err != nil {
				t.Errorf("topic %s: %v, %v; want %v", m.Topic, r.code, r.err, code)
			}
		}
	})
}

// One goroutine's messages keep their order.
func TestPublishOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{}, nil)
		for i := range 100 {
			if _, err := c.Publish(t.Context(), message("a", fmt.Sprint(i), 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 100 {
			if m := expect[*packet.Publish](p); string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload)
			}
		}
	})
}

func TestPublishReceiveMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, &packet.Connack{Properties: &packet.Properties{ReceiveMaximum: packet.Some(uint16(2))}})
		first := publish(c, t.Context(), message("1", "", 1, 0))
		one := expect[*packet.Publish](p)
		second := publish(c, t.Context(), message("2", "", 2, 0))
		two := expect[*packet.Publish](p)
		third := publish(c, t.Context(), message("3", "", 1, 0))
		p.quiet()
		// PUBREC does not make room, QoS 0 needs none [MQTT-3.3.4-7].
		p.send(&packet.Pubrec{ID: two.ID})
		expect[*packet.Pubrel](p)
		if _, err := c.Publish(t.Context(), message("0", "", 0, 0)); err != nil {
			t.Error(err)
		}
		expect[*packet.Publish](p)
		p.quiet()
		p.send(&packet.Pubcomp{ID: two.ID})
		three := expect[*packet.Publish](p)
		p.send(&packet.Puback{ID: three.ID}, &packet.Puback{ID: one.ID})
		for _, r := range []<-chan result{first, second, third} {
			if r := <-r; r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

// A caller that gives up leaves its place and its identifier taken until the
// server has answered, and no longer.
func TestPublishGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, &packet.Connack{Properties: &packet.Properties{ReceiveMaximum: packet.Some(uint16(1))}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Publish(ctx, message("a", "", 1, 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		first := expect[*packet.Publish](p)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Publish(ctx, message("b", "", 1, 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		p.quiet() // the second was never sent
		p.send(&packet.Puback{ID: first.ID})
		r := publish(c, t.Context(), message("c", "", 1, 0))
		p.send(&packet.Puback{ID: expect[*packet.Publish](p).ID})
		if r := <-r; r.err != nil {
			t.Error(r.err)
		}
	})
}

// What the server said that it does not take, and what nobody takes, is not
// sent.
func TestPublishRefusedHere(t *testing.T) {
	limits := &packet.Properties{
		MaximumPacketSize: packet.Some(uint32(50)),
		MaximumQoS:        packet.Some(byte(1)),
		RetainAvailable:   packet.Some(byte(0)),
		TopicAliasMaximum: packet.Some(uint16(3)),
	}
	alias := func(n uint16) *packet.Properties { return &packet.Properties{TopicAlias: packet.Some(n)} }
	tests := map[string]struct {
		p     packet.Publish
		code  packet.ReasonCode
		words string
	}{
		"QoS 3 [MQTT-3.3.1-4]":            {packet.Publish{Topic: "a", QoS: 3}, packet.MalformedPacket, `publish to "a": QoS 3`},
		"no topic [MQTT-4.7.3-1]":         {packet.Publish{}, packet.TopicNameInvalid, "the topic is empty"},
		"plus [MQTT-3.3.2-2]":             {packet.Publish{Topic: "a/+"}, packet.TopicNameInvalid, "wildcards"},
		"hash [MQTT-3.3.2-2]":             {packet.Publish{Topic: "#"}, packet.TopicNameInvalid, "wildcards"},
		"QoS [MQTT-3.2.2-11]":             {packet.Publish{Topic: "a", QoS: 2}, packet.QoSNotSupported, "the server takes at most 1"},
		"retain [MQTT-3.2.2-14]":          {packet.Publish{Topic: "a", Retain: true}, packet.RetainNotSupported, "retains nothing"},
		"packet size [MQTT-3.2.2-15]":     {packet.Publish{Topic: "a", Payload: big(45)}, packet.PacketTooLarge, "PUBLISH of 51 bytes: the server takes 50"},
		"packet size, 1 [MQTT-3.2.2-15]":  {packet.Publish{Topic: "a", Payload: big(45), QoS: 1}, packet.PacketTooLarge, "PUBLISH of 53 bytes: the server takes 50"},
		"topic alias [MQTT-3.3.2-9]":      {packet.Publish{Topic: "a", Properties: alias(4)}, packet.TopicAliasInvalid, "takes 1 to 3"},
		"topic alias of 0 [MQTT-3.3.2-8]": {packet.Publish{Topic: "a", Properties: alias(0)}, packet.TopicAliasInvalid, "topic alias 0"},
		"a property of another packet":    {packet.Publish{Topic: "a", Properties: &packet.Properties{ServerKeepAlive: packet.Some(uint16(1))}}, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := dial(t, Options{Version: packet.V5}, &packet.Connack{Properties: limits})
				_, err := c.Publish(t.Context(), &test.p)
				wantError(t, err, test.words)
				if got := faultOf(err); got != test.code {
					t.Errorf("%v: code %v, want %v", err, got, test.code)
				}
				p.quiet()
				// One that is just right still goes, so nothing is held.
				last := publish(c, t.Context(), &packet.Publish{Topic: "a", QoS: 1, Payload: big(42)})
				p.send(&packet.Puback{ID: expect[*packet.Publish](p).ID})
				if r := <-last; r.err != nil {
					t.Error(r.err)
				}
			})
		})
	}
}

func TestPublishTopicAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, &packet.Connack{Properties: &packet.Properties{TopicAliasMaximum: packet.Some(uint16(3))}})
		for _, topic := range []string{"a", ""} {
			m := &packet.Publish{Topic: topic, Properties: &packet.Properties{TopicAlias: packet.Some(uint16(3))}}
			if _, err := c.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if got := expect[*packet.Publish](p); got.Topic != topic || got.Properties.TopicAlias.V != 3 {
				t.Errorf("sent %+v", got)
			}
		}
	})
}

// While much waits to be written, who sends waits as well, for as long as its
// context allows, and then nothing of its packet is written.
func TestPublishServerReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipe(t, packet.V311, true)
		c := newClient(conn, &packet.Connect{Version: packet.V311}, Options{})
		c.accept(new(packet.Connack))
		c.start()
		defer c.Close()
		on := publish(c, t.Context(), message("1", string(big(maxQueued)), 0, 0))
		synctest.Wait() // it is in the writer's hands
		queued := publish(c, t.Context(), message("2", string(big(maxQueued)), 0, 0))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for qos := range packet.QoS(3) {
			if _, err := c.Publish(ctx, message("late", "", qos, 0)); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		waiting := publish(c, t.Context(), message("3", "", 0, 0))
		synctest.Wait()
		go p.pump()
		for _, r := range []<-chan result{on, queued, waiting} {
			if r := <-r; r.err != nil {
				t.Error(r.err)
			}
		}
		for _, topic := range []string{"1", "2", "3"} {
			if m := expect[*packet.Publish](p); m.Topic != topic {
				t.Errorf("topic %q, want %q", m.Topic, topic)
			}
		}
		p.quiet()
	})
}

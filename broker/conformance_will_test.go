package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// Wills, sections 3.1.2.5 and 3.1.3.2.

// TestWillByEnd ends connections in every way and tells whether the will is
// published.
func TestWillByEnd(t *testing.T) {
	// [MQTT-3.1.2-8] [MQTT-3.1.2-8 v3] [MQTT-3.1.2-10] [MQTT-3.1.2-10 v3] [MQTT-3.14.4-3] [MQTT-3.14.4-3 v3] [MQTT-3.1.2-7]
	raw := func(s string) func(*testClient) {
		return func(c *testClient) { c.write(wire(c.t, s)) }
	}
	for _, tt := range []struct {
		name string
		v    []packet.Version
		end  func(*testClient)
		want bool
	}{
		{"connection lost", versions, func(c *testClient) { c.conn.Close() }, true},
		{"DISCONNECT", versions, raw("e0 00"), false},
		{"DISCONNECT with code 0", versions[2:], raw("e0: 00"), false},
		{"DISCONNECT with code 0 and properties", versions[2:], raw("e0: 00 05 11 00000005"), false},
		{"DISCONNECT with will", versions[2:], raw("e0: 04"), true},
		{"DISCONNECT that is wrong", versions[2:], raw("e0: 01"), true},
		{"DISCONNECT with flags", versions, raw("e1 00"), true},
		{"half a DISCONNECT", versions, func(c *testClient) { c.write([]byte{0xe0}); c.conn.Close() }, true},
		{"malformed packet", versions, raw("00 00"), true},
		{"protocol error", versions, raw("d0 00"), true},
		{"second CONNECT", versions, raw("10: 0004 'MQTT' 05 02 0000 00 0001 'c'"), true},
		{"packet too large", versions, raw("30 ff ff ff 7f"), true},
		{"QoS 3", versions, raw("36: 0001 'a' 0001 00"), true},
		{"silence", versions, func(*testClient) { time.Sleep(time.Minute) }, true},
	} {
		for _, v := range tt.v {
			t.Run(fmt.Sprintf("%s %v", tt.name, v), func(t *testing.T) {
				inBubble(t, Config{MaxPacketSize: 1000}, func(t *testing.T, b *testBroker) {
					sub := b.connect(packet.V5, "sub")
					sub.subscribe("#", 2)
					c := b.connect(v, "c", lasting(v), withWill("will", "gone"), func(p *packet.Connect) { p.KeepAlive = 30 })
					tt.end(c)
					synctest.Wait()
					if tt.want {
						sub.want("will", "gone")
					}
					sub.silent()
					// Once, and never again: not with the next connection, nor with its end,
					// nor with the end of the session [MQTT-3.1.2-12 v3].
					again := b.connect(v, "c", lasting(v))
					if !again.connack.SessionPresent && v > packet.V31 && tt.name != "DISCONNECT with code 0 and properties" {
						t.Error("the session has ended")
					}
					again.lose()
					time.Sleep(3 * time.Hour)
					sub.silent()
				})
			})
		}
	}
}

// TestWillIsAMessage like any other: its QoS, RETAIN and properties.
func TestWillIsAMessage(t *testing.T) {
	// [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT-3.1.2-16 v3] [MQTT-3.1.2-17 v3] [MQTT-3.1.2-9]
	for _, v := range versions {
		for qos := range packet.QoS(3) {
			for _, retain := range []bool{false, true} {
				inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
					sub := b.connect(v, "sub")
					sub.subscribe("will", 2)
					b.connect(v, "c", withWill("will", "gone", func(w *packet.Will) { w.QoS, w.Retain = qos, retain })).lose()
					if p := sub.want("will", "gone"); p.QoS != qos || p.Retain {
						t.Errorf("MQTT %v QoS %d retain %v: %+v", v, qos, retain, p)
					}
					late := b.connect(v, "late")
					late.subscribe("will", 2)
					if retain {
						if p := late.want("will", "gone"); p.QoS != qos || !p.Retain {
							t.Errorf("MQTT %v QoS %d: retained %+v", v, qos, p)
						}
					}
					late.silent()
					// An empty one deletes what is retained.
					b.connect(v, "c", withWill("will", "", func(w *packet.Will) { w.Retain = true })).lose()
					sub.want("will", "")
					if n := b.Stats().Retained; n != 0 {
						t.Errorf("%d retained", n)
					}
				})
			}
		}
	}
}

func TestWillProperties(t *testing.T) { // [MQTT-3.1.3-10]
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		sub := b.connect(packet.V5, "sub")
		sub.subscribe("will", 1)
		away := b.connect(packet.V5, "away", lasting(packet.V5))
		away.subscribe("will", 1)
		away.leave()
		in := packet.Properties{
			WillDelay:       packet.Some(uint32(20)),
			PayloadFormat:   packet.Some(byte(1)),
			MessageExpiry:   packet.Some(uint32(30)),
			ContentType:     packet.Some("text/plain"),
			ResponseTopic:   packet.Some("answer"),
			CorrelationData: []byte{9, 0, 8},
			User:            []packet.UserProperty{{Name: "z", Value: "1"}, {Name: "a", Value: "2"}, {Name: "z", Value: "1"}, {}},
		}
		b.connect(packet.V5, "c", expires(100), withWill("will", "gone", func(w *packet.Will) { w.QoS, w.Properties = 1, &in })).lose()
		want := in
		want.WillDelay = packet.Opt[uint32]{} // is nobody else's; the expiry runs from the publication
		if p := sub.want("will", "gone"); fmt.Sprintf("%+v", p.Properties) != fmt.Sprintf("%+v", &want) {
			t.Errorf("got  %+v\nwant %+v", p.Properties, &want)
		}
		time.Sleep(10 * time.Second)
		want.MessageExpiry = packet.Some(uint32(20))
		away = b.connect(packet.V5, "away", lasting(packet.V5))
		if p := away.want("will", "gone"); fmt.Sprintf("%+v", p.Properties) != fmt.Sprintf("%+v", &want) {
			t.Errorf("got  %+v\nwant %+v", p.Properties, &want)
		}
	})
}

// TestWillTime measures when a will comes: after its delay or with the end of
// the session, whichever is first, and never early.
func TestWillTime(t *testing.T) { // [MQTT-3.1.2-8] [MQTT-3.1.2-7]
	for _, tt := range []struct {
		delay, expiry uint32
		want          time.Duration
	}{
		{0, 0, 0}, {0, 100, 0}, {5, 0, 0}, {1, 100, time.Second}, {50, 100, 50 * time.Second}, {100, 100, 100 * time.Second},
		{100, 50, 50 * time.Second}, {1<<32 - 1, 7, 7 * time.Second}, {7, 1<<32 - 1, 7 * time.Second},
	} {
		inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
			sub := b.connect(packet.V5, "sub")
			sub.subscribe("will", 1)
			began := time.Now()
			b.connect(packet.V5, "c", expires(tt.expiry), withWill("will", "gone", func(w *packet.Will) {
				w.Properties = &packet.Properties{WillDelay: packet.Some(tt.delay)}
			})).conn.Close()
			sub.want("will", "gone")
			if took := time.Since(began); took != tt.want {
				t.Errorf("delay %d s, expiry %d s: came after %v, want %v", tt.delay, tt.expiry, took, tt.want)
			}
		})
	}
}

// TestWillAndTheNextConnection: coming back in time prevents a will, unless
// the session ends by that.
func TestWillAndTheNextConnection(t *testing.T) { // [MQTT-3.1.3-9]
	for _, tt := range []struct {
		name  string
		clean bool
		taken bool // the next connection comes while the first is open
		want  bool
	}{
		{"back in time", false, false, false},
		{"back with a clean start", true, false, true},
		{"taken over", false, true, false},
		{"taken over with a clean start", true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
				sub := b.connect(packet.V5, "sub")
				sub.subscribe("will", 1)
				c := b.connect(packet.V5, "c", expires(1000), withWill("will", "gone", func(w *packet.Will) {
					w.Properties = &packet.Properties{WillDelay: packet.Some(uint32(100))}
				}))
				if !tt.taken {
					c.lose()
					time.Sleep(99 * time.Second)
					sub.silent()
				}
				b.connect(packet.V5, "c", expires(1000), func(p *packet.Connect) { p.CleanStart = tt.clean })
				began := time.Now()
				if tt.want {
					sub.want("will", "gone")
				}
				sub.silent()
				if took := time.Since(began); took != 0 {
					t.Errorf("the will came %v after the next connection", took)
				}
				time.Sleep(time.Hour)
				sub.silent()
			})
		})
	}
}

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

func TestNext(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		p.send(message("a/b", "0", 0, 0))
		m := next(t, c, "0")
		if m.Topic != "a/b" || m.QoS != 0 || m.Retain {
			t.Errorf("%+v", m)
		}
		p.quiet()
	})
}

// PUBACK goes out when the message is taken, not before.
func TestNextQoS1(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		p.send(message("a", "1", 1, 11), message("a", "2", 1, 12))
		p.quiet()
		for i, payload := range []string{"1", "2"} {
			next(t, c, payload)
			if ack := expect[*packet.Puback](p); int(ack.ID) != 11+i {
				t.Errorf("PUBACK %d", ack.ID)
			}
			p.quiet()
		}
	})
}

// PUBREC goes out when the message is taken; what comes again before PUBREL is
// answered and not delivered [MQTT-4.3.3-10]. After it, which is answered
// [MQTT-4.3.3-11], the identifier is free [MQTT-4.3.3-12].
func TestNextQoS2(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		for _, payload := range []string{"first", "second"} {
			again := message("a", "again", 2, 5)
			again.Dup = true
			p.send(message("a", payload, 2, 5), again)
			p.quiet()
			next(t, c, payload)
			if rec := expect[*packet.Pubrec](p); rec.ID != 5 || rec.Code != packet.Success {
				t.Errorf("%+v", rec)
			}
			p.send(again)
			if rec := expect[*packet.Pubrec](p); rec.ID != 5 {
				t.Errorf("%+v", rec)
			}
			p.send(&packet.Pubrel{ID: 5})
			if comp := expect[*packet.Pubcomp](p); comp.ID != 5 || comp.Code != packet.Success {
				t.Errorf("%+v", comp)
			}
		}
		p.quiet()
		if len(c.inbound) != 0 || c.unacked != 0 {
			t.Errorf("%d identifiers and %d messages are left over", len(c.inbound), c.unacked)
		}
	})
}

// The halves of transfers that began on an earlier connection.
func TestUnknownIdentifiers(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		code := packet.Success
		if v == packet.V5 {
			code = packet.PacketIdentifierNotFound
		}
		c, p := dial(t, Options{Version: v, ClientID: "id"}, nil)
		p.send(&packet.Pubrel{ID: 9})
		if comp := expect[*packet.Pubcomp](p); comp.ID != 9 || comp.Code != code {
			t.Errorf("%+v", comp)
		}
		p.send(&packet.Pubrec{ID: 10})
		if rel := expect[*packet.Pubrel](p); rel.ID != 10 || rel.Code != code {
			t.Errorf("%+v", rel)
		}
		p.send(&packet.Pubcomp{ID: 10, Code: code}, message("a", "on", 0, 0))
		next(t, c, "on")
	})
}

func TestNextContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		// The second waits for the first.
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// A context that has ended takes nothing.
		p.send(message("a", "1", 1, 1))
		p.quiet()
		if _, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		p.quiet()
		next(t, c, "1")
	})
}

// However many take messages, each gets others, and the acknowledgements keep
// the order of the messages [MQTT-4.6.0-2] [MQTT-4.6.0-3].
func TestNextConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{}, nil)
		const n = 200
		var mu sync.Mutex
		got := make(map[string]bool)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range n / 4 {
					m, err := c.Next(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					got[string(m.Payload)] = true
					mu.Unlock()
				}
			})
		}
		for i := range n {
			p.send(message("a", fmt.Sprint(i), packet.QoS(1+i%2), uint16(i+1)))
		}
		wg.Wait()
		if len(got) != n {
			t.Errorf("%d messages, want %d", len(got), n)
		}
		for i := range n {
			var id uint16
			if i%2 == 0 {
				id = expect[*packet.Puback](p).ID
			} else {
				id = expect[*packet.Pubrec](p).ID
			}
			if int(id) != i+1 {
				t.Fatalf("acknowledged %d, want %d", id, i+1)
			}
		}
	})
}

// A consumer that is slow makes the server wait; nothing is lost, and pings go
// on meanwhile.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const buffer, n = 4, 20
		c, p := dial(t, Options{Buffer: buffer, KeepAlive: time.Minute}, nil)
		sent := make(chan int, n)
		go func() {
			for i := range n {
				p.send(message("a", fmt.Sprint(i), 0, 0))
				sent <- i
			}
		}()
		synctest.Wait()
		// One is in the reader's hands. The pipe itself holds none.
		if len(sent) != buffer+1 {
			t.Errorf("%d messages were read, want %d", len(sent), buffer+1)
		}
		// The silence of an hour is not the server's fault.
		time.Sleep(time.Hour)
		if pings := len(p.in); pings < 60 {
			t.Errorf("%d pings in an hour", pings)
		}
		for i := range n {
			next(t, c, fmt.Sprint(i))
			if i < n-buffer-1 { // then the reader waits for us
				time.Sleep(10 * time.Minute)
			}
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
		// Now it is.
		ended(t, c, "no PINGRESP")
	})
}

// What a server may not do ends the connection, and in MQTT 5.0 it is told.
func TestProtocolErrors(t *testing.T) {
	alias := message("a", "", 0, 0)
	alias.Properties = &packet.Properties{TopicAlias: packet.Some(uint16(1))}
	tests := map[string]struct {
		v       packet.Version // 0: each
		packets []packet.Packet
		code    packet.ReasonCode
		words   string
	}{
		"topic alias [MQTT-3.1.2-27]":     {packet.V5, []packet.Packet{alias}, packet.TopicAliasInvalid, "PUBLISH with topic alias 1"},
		"too many [MQTT-3.3.4-9]":         {packet.V5, []packet.Packet{message("a", "", 1, 1), message("a", "", 2, 2), message("a", "", 1, 3)}, packet.ReceiveMaximumExceeded, "2 messages are not acknowledged"},
		"PUBREL too early [MQTT-4.3.3-4]": {0, []packet.Packet{message("a", "", 2, 1), &packet.Pubrel{ID: 1}}, packet.ProtocolError, "PUBREL for packet identifier 1 before its PUBREC (Protocol Error, MQTT-4.3.3-4)"},
		"PUBACK for nothing":              {0, []packet.Packet{&packet.Puback{ID: 5}}, packet.ProtocolError, "PUBACK for packet identifier 5, which waits for nothing"},
		"SUBACK for nothing":              {0, []packet.Packet{&packet.Suback{ID: 5, Codes: []packet.ReasonCode{0}}}, packet.ProtocolError, "SUBACK for packet identifier 5"},
		"PUBREC that refuses nothing":     {packet.V5, []packet.Packet{&packet.Pubrec{ID: 5, Code: packet.NotAuthorized}}, packet.ProtocolError, "PUBREC for packet identifier 5"},
		"second CONNACK [MQTT-3.2.0-2]":   {0, []packet.Packet{new(packet.Connack)}, packet.ProtocolError, "CONNACK from a server"},
		"PINGREQ":                         {0, []packet.Packet{new(packet.Pingreq)}, packet.ProtocolError, "PINGREQ from a server"},
		"SUBSCRIBE":                       {0, []packet.Packet{&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "a"}}}}, packet.ProtocolError, "SUBSCRIBE from a server"},
		"AUTH":                            {packet.V5, []packet.Packet{&packet.Auth{Code: packet.ReAuthenticate, Properties: &packet.Properties{AuthMethod: packet.Some("x")}}}, packet.ProtocolError, "AUTH from a server"},
		"DISCONNECT in MQTT 3":            {packet.V311, []packet.Packet{new(packet.Disconnect)}, packet.ProtocolError, "DISCONNECT from a server"},
		"large packet [MQTT-3.1.2-24]":    {0, []packet.Packet{message("a", string(big(1000)), 0, 0)}, packet.PacketTooLarge, "PUBLISH of"},
		"malformed":                       {0, []packet.Packet{raw{0x30, 2, 0, 9}}, packet.MalformedPacket, "PUBLISH"},
		"no packet":                       {0, []packet.Packet{raw("HTTP/1.1 400 Bad Request\r\n" + strings.Repeat(" ", 100))}, packet.MalformedPacket, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v packet.Version) {
				if test.v != 0 && test.v != v {
					t.Skip("not in this version")
				}
				o := Options{Version: v, MaxPacketSize: 500, Properties: &packet.Properties{ReceiveMaximum: packet.Some(uint16(2))}}
				c, p := dial(t, o, nil)
				p.send(test.packets...)
				if v == packet.V5 { // section 4.13.1
					if d := expect[*packet.Disconnect](p); d.Code != test.code {
						t.Errorf("DISCONNECT %v, want %v", d.Code, test.code)
					}
				} else {
					p.closed()
				}
				err := ended(t, c, test.words)
				wantError(t, err, "the server broke the protocol: ")
				if got := faultOf(err); got != test.code {
					t.Errorf("%v: code %v, want %v", err, got, test.code)
				}
			})
		})
	}
}

// An answer of another kind than the one that is due.
func TestWrongAnswers(t *testing.T) {
	tests := map[string]struct {
		qos    packet.QoS
		answer func(id uint16) packet.Packet
		words  string
	}{
		"PUBREC for QoS 1":       {1, func(id uint16) packet.Packet { return &packet.Pubrec{ID: id} }, "PUBREC for packet identifier 1, which waits for PUBACK"},
		"PUBACK for QoS 2":       {2, func(id uint16) packet.Packet { return &packet.Puback{ID: id} }, "PUBACK for packet identifier 1, which waits for PUBREC"},
		"PUBCOMP before PUBREC":  {2, func(id uint16) packet.Packet { return &packet.Pubcomp{ID: id} }, "PUBCOMP for packet identifier 1, which waits for PUBREC"},
		"UNSUBACK for a message": {1, func(id uint16) packet.Packet { return &packet.Unsuback{ID: id} }, "UNSUBACK for packet identifier 1, which waits for PUBACK"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := dial(t, Options{}, nil)
				r := publish(c, t.Context(), message("a", "", test.qos, 0))
				p.send(test.answer(expect[*packet.Publish](p).ID))
				wantError(t, (<-r).err, `publish to "a": the server broke the protocol: `+test.words)
				ended(t, c, test.words)
			})
		})
	}
}

// A server that asks and asks and never reads is not given memory for ever.
func TestAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipe(t, packet.V311, true)
		c := newClient(conn, &packet.Connect{Version: packet.V311}, Options{})
		c.accept(new(packet.Connack))
		c.start()
		defer c.Close()
		one, err := (&packet.Pubrel{ID: 1}).Append(nil, p.v)
		if err != nil {
			t.Fatal(err)
		}
		var many []byte
		for range 1024 {
			many = append(many, one...)
		}
		for range 2 * maxAnswers / 1024 {
			if _, err := p.conn.Write(many); err != nil {
				break
			}
		}
		ended(t, c, "the server takes none of 262144 answers")
	})
}

// raw is what the test writes as it is.
type raw []byte

// Type implements packet.Packet.
func (raw) Type() packet.Type { return 0 }

// Append implements packet.Packet.
func (r raw) Append(dst []byte, _ packet.Version) ([]byte, error) { return append(dst, r...), nil }

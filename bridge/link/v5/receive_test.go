package v5

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestTheSessionGetsTheWholeMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, f, s := plain(t)
		f.send(&packet.Publish{
			Topic: "a/b", Payload: []byte("x"), QoS: 1, Retain: true, Dup: true, ID: 77,
			Properties: &packet.Properties{
				PayloadFormat: packet.Some[byte](1), MessageExpiry: packet.Some[uint32](2), ContentType: packet.Some("application/json"),
				ResponseTopic: packet.Some("r"), CorrelationData: []byte{0, 1}, SubscriptionIDs: []uint32{4, 5},
				User: []packet.UserProperty{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}, {Name: "b", Value: "3"}},
			},
		}, &packet.Publish{Topic: "plain"}, &packet.Publish{Topic: "late", Properties: &packet.Properties{MessageExpiry: packet.Some[uint32](0)}})
		want := link.Message{
			Topic: "a/b", Payload: []byte("x"), QoS: 1, Retain: true, Dup: true, ID: 77, Expiry: 2 * time.Second,
			Properties: &packet.Properties{
				PayloadFormat: packet.Some[byte](1), ContentType: packet.Some("application/json"), ResponseTopic: packet.Some("r"), CorrelationData: []byte{0, 1},
				User: []packet.UserProperty{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}, {Name: "b", Value: "3"}},
			},
		}
		if got := <-s.got; !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%+v, want\n%+v", got, want)
		}
		if got := <-s.got; got.Properties != nil || got.Expiry != 0 {
			t.Errorf("of nothing it made %+v", got)
		}
		if got := <-s.got; got.Expiry <= 0 || got.Expiry > time.Second {
			t.Errorf("of an expiry of 0 s it made %v", got.Expiry)
		}
	})
}

func TestAcknowledgementsGoOutWhenStable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, g := newSession(), newGate()
		s.stable = g.waitMessage
		_, f := open(t, link.Hello{}, nil, s)
		f.send(in(1, 5, "a"), in(2, 6, "b"), in(0, 0, "c"))
		for range 3 {
			<-s.got
		}
		f.quiet()
		g.open()
		g.open()
		if p := expect[*packet.Puback](f); p.ID != 5 || p.Code != 0 {
			t.Errorf("PUBACK %+v", p)
		}
		if p := expect[*packet.Pubrec](f); p.ID != 6 || p.Code != 0 {
			t.Errorf("PUBREC %+v", p)
		}
		f.quiet()
	})
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
func TestAcknowledgementsHaveTheOrderOfTheMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, first := newSession(), newGate()
		s.stable = func(ctx context.Context, m link.Message) error {
			if m.ID == 1 {
				return first.wait(ctx)
			}
			return nil
		}
		_, f := open(t, link.Hello{}, nil, s)
		for id := range uint16(5) {
			f.send(in(1, id+1, "x"))
		}
		f.quiet()
		first.open()
		for id := range uint16(5) {
			if p := expect[*packet.Puback](f); p.ID != id+1 {
				t.Errorf("PUBACK %d, want %d", p.ID, id+1)
			}
		}
	})
}

func TestPubcompGoesOutAfterForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, g := newSession(), newGate()
		s.forgotten = g.waitID
		_, f := open(t, link.Hello{}, nil, s)
		f.send(in(2, 6, "a"))
		expect[*packet.Pubrec](f)
		f.send(&packet.Pubrel{ID: 6}, &packet.Pubrel{ID: 7}) // 7 is of an earlier connection
		f.quiet()
		g.open()
		g.open()
		for _, id := range []uint16{6, 7} {
			if p := expect[*packet.Pubcomp](f); p.ID != id || p.Code != 0 {
				t.Errorf("PUBCOMP %+v", p)
			}
		}
		f.send(in(2, 6, "b")) // the identifier is free
		expect[*packet.Pubrec](f)
	})
}

// The upstream may send a message again on a connection that goes on, though it
// should not: whether it is known is the session's to say.
func TestAMessageThatComesAgainIsTheSessionsToKnow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, f, s := plain(t)
		f.send(in(2, 6, "a"))
		expect[*packet.Pubrec](f)
		f.send(&packet.Publish{Topic: "t", Payload: []byte("a"), QoS: 2, ID: 6, Dup: true})
		expect[*packet.Pubrec](f)
		<-s.got
		if m := <-s.got; !m.Dup || m.ID != 6 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestErrorsOfTheSessionEndTheConnection(t *testing.T) {
	full := errors.New("disk full")
	for name, s := range map[string]*session{
		"received":  {refuse: func(link.Message) error { return full }},
		"stable":    {stable: func(context.Context, link.Message) error { return full }},
		"forgotten": {forgotten: func(context.Context, uint16) error { return full }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s.got = make(chan link.Message, 10)
				l, f := open(t, link.Hello{}, nil, s)
				f.send(in(2, 6, "a"))
				if name == "forgotten" {
					expect[*packet.Pubrec](f)
					f.send(&packet.Pubrel{ID: 6})
				}
				if p := expect[*packet.Disconnect](f); p.Code != packet.ImplementationSpecificError {
					t.Errorf("DISCONNECT %+v", p)
				}
				if err := ended(t, l, "disk full"); !errors.Is(err, full) {
					t.Errorf("cause %v", err)
				}
			})
		})
	}
}

// Mosquitto 2.0.11 does that after its restart, for ever.
func TestMoreThanTheReceiveMaximumIsTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, g := newSession(), newGate()
		s.stable = g.waitMessage
		_, f := open(t, link.Hello{ReceiveMaximum: 2}, nil, s)
		f.send(in(1, 5, "a"), in(2, 6, "b"), in(1, 7, "c"))
		for range 3 {
			<-s.got
			g.open()
		}
		expect[*packet.Puback](f)
		expect[*packet.Pubrec](f)
		if p := expect[*packet.Puback](f); p.ID != 7 || p.Code != 0 {
			t.Errorf("PUBACK %+v", p)
		}
	})
}

func TestUpstreamsThatBreakTheProtocolAreToldSo(t *testing.T) {
	publish := func(change func(*packet.Publish)) []byte {
		p := in(1, 5, "x")
		change(p)
		return encode(t, p)
	}
	for name, test := range map[string]struct {
		b    []byte
		code packet.ReasonCode
	}{
		"topic alias":          {publish(func(p *packet.Publish) { p.Properties = &packet.Properties{TopicAlias: packet.Some[uint16](1)} }), packet.TopicAliasInvalid},
		"identifier twice":     {append(publish(func(*packet.Publish) {}), publish(func(*packet.Publish) {})...), packet.ProtocolError},
		"PUBREL before PUBREC": {append(encode(t, in(2, 5, "x")), encode(t, &packet.Pubrel{ID: 5})...), packet.ProtocolError},
		"too large":            {publish(func(p *packet.Publish) { p.Payload = make([]byte, 2000) }), packet.PacketTooLarge},
		"QoS 3":                {[]byte{0x36, 6, 0, 1, 't', 0, 1, 0}, packet.MalformedPacket},
		"identifier 0":         {[]byte{0x32, 6, 0, 1, 't', 0, 0, 0}, packet.ProtocolError},
		"no topic":             {[]byte{0x30, 3, 0, 0, 0}, packet.ProtocolError},
		"short PUBLISH":        {[]byte{0x30, 1, 0}, packet.MalformedPacket},
		"short PUBACK":         {[]byte{0x40, 1, 0}, packet.MalformedPacket},
		"identifier 0 in ack":  {[]byte{0x40, 2, 0, 0}, packet.ProtocolError},
		"flags":                {[]byte{0x41, 2, 0, 1}, packet.MalformedPacket},
		"properties of 4 GiB":  {[]byte{0x40, 8, 0, 1, 0x80, 0xff, 0xff, 0xff, 0xff, 0x0f}, 0},
		"length of five bytes": {[]byte{0x40, 0xff, 0xff, 0xff, 0xff, 0x0f}, packet.MalformedPacket},
		"CONNECT":              {encode(t, &packet.Connect{Version: packet.V5}), packet.ProtocolError},
		"second CONNACK":       {encode(t, new(packet.Connack)), packet.ProtocolError},
		"PINGREQ":              {[]byte{0xc0, 0}, packet.ProtocolError},
		"SUBSCRIBE":            {encode(t, &packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "a"}}}), packet.ProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSession()
				s.stable = newGate().waitMessage // no acknowledgements
				l, f := open(t, link.Hello{MaxPacketSize: 1000, ReceiveMaximum: 2}, nil, s)
				if _, err := f.conn.Write(test.b); err != nil && test.code == 0 {
					t.Fatal(err)
				}
				if test.code == 0 { // paho takes it on 64 bits; what counts is that nothing panics
					l.Close()
					return
				}
				if p := expect[*packet.Disconnect](f); p.Code != test.code {
					t.Errorf("DISCONNECT %+v, want %v", p, test.code)
				}
				ended(t, l, "broke the protocol")
			})
		})
	}
}

// Every packet comes one byte at a time.
func TestChunksOfOneByte(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, s := plain(t)
		r := l.Publish(out(2, 5, "a"))
		expect[*packet.Publish](f)
		slowly := func(ps ...packet.Packet) {
			for _, p := range ps {
				for _, b := range encode(t, p) {
					if _, err := f.conn.Write([]byte{b}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		slowly(&packet.Pubrec{ID: 5})
		expect[*packet.Pubrel](f)
		slowly(in(2, 9, "b"))
		expect[*packet.Pubrec](f)
		slowly(&packet.Pubcomp{ID: 5}, &packet.Pubrel{ID: 9})
		expect[*packet.Pubcomp](f)
		if err := settled(t, r); err != nil {
			t.Error(err)
		}
		if m := <-s.got; string(m.Payload) != "b" {
			t.Errorf("got %+v", m)
		}
	})
}

// An upstream that reads nothing while it writes 8 MiB, as we write 8 MiB to it,
// is read.
func TestLargeMessagesPassEachOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		conn, f := pipe(t, true)
		s := newSession()
		r := packet.NewReader(f.conn, 0)
		go func() {
			_, _ = read(r)
			f.send(new(packet.Connack))
		}()
		l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{KeepAlive: time.Minute}, s)
		if err != nil {
			t.Fatal(err)
		}
		big := string(make([]byte, 8<<20))
		receipts := make(chan *link.Receipt, 3)
		go func() {
			for id := range uint16(3) {
				receipts <- l.Publish(out(1, id+1, big))
			}
		}()
		for id := range uint16(3) {
			f.send(in(1, id+1, big)) // and reads nothing
		}
		go func() {
			for {
				p, err := read(r)
				if err != nil {
					return
				}
				if m, ok := p.(*packet.Publish); ok {
					go f.send(&packet.Puback{ID: m.ID})
				}
			}
		}()
		for range 3 {
			if m := <-s.got; len(m.Payload) != 8<<20 {
				t.Errorf("got %d bytes", len(m.Payload))
			}
		}
		for range 3 {
			if err := settled(t, <-receipts); err != nil {
				t.Error(err)
			}
		}
		f.conn.Close()
		ended(t, l, "")
	})
}

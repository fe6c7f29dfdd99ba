package v5

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestPublishCarriesTheWholeMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		l.Publish(link.Message{
			Topic: "a/b", Payload: []byte("x"), QoS: 1, Retain: true, Dup: true, ID: 77, Expiry: 1001 * time.Millisecond,
			Properties: &packet.Properties{
				PayloadFormat: packet.Some[byte](1), ContentType: packet.Some("application/json"), ResponseTopic: packet.Some("r"), CorrelationData: []byte{0, 1},
				User:       []packet.UserProperty{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}, {Name: "b", Value: "3"}},
				TopicAlias: packet.Some[uint16](3), SubscriptionIDs: []uint32{1}, MessageExpiry: packet.Some[uint32](99),
			},
		})
		want := &packet.Publish{
			Topic: "a/b", Payload: []byte("x"), QoS: 1, Retain: true, Dup: true, ID: 77,
			Properties: &packet.Properties{
				PayloadFormat: packet.Some[byte](1), MessageExpiry: packet.Some[uint32](2), ContentType: packet.Some("application/json"), ResponseTopic: packet.Some("r"), CorrelationData: []byte{0, 1},
				User: []packet.UserProperty{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}, {Name: "b", Value: "3"}},
			},
		}
		if got := expect[*packet.Publish](f); !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%+v, want\n%+v", got, want)
		}
	})
}

func TestQoS0IsSettledWhenWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		conn, f := pipe(t, true)
		go func() {
			r := packet.NewReader(f.conn, 0)
			_, _ = read(r)
			f.send(new(packet.Connack))
		}()
		l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{}, newSession())
		if err != nil {
			t.Fatal(err)
		}
		r := l.Publish(out(0, 0, "x"))
		unsettled(t, r)
		if p, err := read(packet.NewReader(f.conn, 0)); err != nil || p.Type() != packet.TypePublish {
			t.Fatal(p, err)
		}
		if err := settled(t, r); err != nil {
			t.Error(err)
		}
		f.conn.Close()
		ended(t, l, "closed the connection")
	})
}

func TestQoS1IsSettledByPuback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		a, b, c := l.Publish(out(1, 5, "a")), l.Publish(out(1, 6, "b")), l.Publish(out(1, 7, "c"))
		unsettled(t, a, b, c)
		f.send(&packet.Puback{ID: 6, Code: packet.QuotaExceeded, Properties: &packet.Properties{ReasonString: packet.Some("too many")}},
			&packet.Puback{ID: 5, Code: packet.NoMatchingSubscribers}, &packet.Puback{ID: 9})
		if err := settled(t, a); err != nil {
			t.Error(err)
		}
		if r := refused(t, settled(t, b), "PUBACK", link.QuotaExceeded); r.Reason != "too many" {
			t.Errorf("reason %q", r.Reason)
		}
		unsettled(t, c)
		f.send(&packet.Puback{ID: 7}) // the connection goes on
		if err := settled(t, c); err != nil {
			t.Error(err)
		}
	})
}

func TestPubrelGoesOutAfterReleased(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, g := newSession(), newGate()
		s.released = g.waitID
		l, f := open(t, link.Hello{}, nil, s)
		r := l.Publish(out(2, 5, "a"))
		expect[*packet.Publish](f)
		f.send(&packet.Pubrec{ID: 5}, &packet.Pubrec{ID: 5})
		f.quiet()
		if got := s.called(); !reflect.DeepEqual(got, []string{"released 5"}) {
			t.Errorf("calls %v", got)
		}
		g.open()
		if p := expect[*packet.Pubrel](f); p.ID != 5 || p.Code != 0 {
			t.Errorf("PUBREL %+v", p)
		}
		unsettled(t, r)
		f.send(&packet.Pubcomp{ID: 5})
		if err := settled(t, r); err != nil {
			t.Error(err)
		}
		f.quiet()
	})
}

// [MQTT-4.6.0-4]
func TestPubrelsHaveTheOrderOfTheirPubrecs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, first := newSession(), newGate()
		s.released = func(ctx context.Context, id uint16) error {
			if id == 1 {
				return first.wait(ctx)
			}
			return nil
		}
		l, f := open(t, link.Hello{}, nil, s)
		for id := range uint16(3) {
			l.Publish(out(2, id+1, "x"))
			expect[*packet.Publish](f)
		}
		f.send(&packet.Pubrec{ID: 1}, &packet.Pubrec{ID: 3}, &packet.Pubrec{ID: 2})
		f.quiet()
		first.open()
		for _, want := range []uint16{1, 3, 2} {
			if p := expect[*packet.Pubrel](f); p.ID != want {
				t.Errorf("PUBREL %d, want %d", p.ID, want)
			}
		}
	})
}

func TestPubrecWithACodeSettles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, s := plain(t)
		r := l.Publish(out(2, 5, "a"))
		f.send(&packet.Pubrec{ID: 5, Code: packet.NotAuthorized})
		refused(t, settled(t, r), "PUBREC", link.NotAuthorized)
		if got := s.called(); len(got) > 0 {
			t.Errorf("calls %v", got)
		}
		again := l.Publish(out(1, 5, "b")) // the identifier is free
		f.send(&packet.Puback{ID: 5})
		if err := settled(t, again); err != nil {
			t.Error(err)
		}
	})
}

func TestReleaseSettlesWhateverTheUpstreamKnows(t *testing.T) {
	for _, code := range []packet.ReasonCode{packet.Success, packet.PacketIdentifierNotFound} {
		t.Run(code.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, f, s := plain(t)
				r := l.Release(9)
				if p := expect[*packet.Pubrel](f); p.ID != 9 || p.Code != 0 {
					t.Errorf("PUBREL %+v", p)
				}
				f.send(&packet.Pubcomp{ID: 9, Code: code})
				if err := settled(t, r); err != nil {
					t.Error(err)
				}
				if got := s.called(); len(got) > 0 {
					t.Errorf("calls %v", got)
				}
			})
		})
	}
}

func TestReleasedEndsTheConnectionWithAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSession()
		s.released = func(context.Context, uint16) error { return errors.New("disk full") }
		l, f := open(t, link.Hello{}, nil, s)
		r := l.Publish(out(2, 5, "a"))
		expect[*packet.Publish](f)
		f.send(&packet.Pubrec{ID: 5})
		if p := expect[*packet.Disconnect](f); p.Code != packet.ImplementationSpecificError {
			t.Errorf("DISCONNECT %+v", p)
		}
		ended(t, l, "disk full")
		lossOf(t, settled(t, r))
	})
}

func TestWhatTheUpstreamWouldEndTheConnectionForIsNotSent(t *testing.T) {
	ack := &packet.Connack{Properties: &packet.Properties{
		MaximumQoS: packet.Some[byte](1), RetainAvailable: packet.Some[byte](0), MaximumPacketSize: packet.Some[uint32](100)}}
	for name, test := range map[string]struct {
		m    link.Message
		what string
		code byte
	}{
		"QoS":        {out(2, 1, "x"), "CONNACK", link.QoSNotSupported},
		"retain":     {link.Message{Topic: "t", Retain: true}, "CONNACK", link.RetainNotSupported},
		"size":       {out(0, 0, strings.Repeat("x", 95)), "CONNACK", link.PacketTooLarge},
		"identifier": {out(1, 0, "x"), "PUBLISH", link.ProtocolError},
		"wildcard":   {link.Message{Topic: "a/#"}, "PUBLISH", link.TopicNameInvalid},
		"no topic":   {link.Message{}, "PUBLISH", link.TopicNameInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, f := open(t, link.Hello{}, ack, newSession())
				refused(t, settled(t, l.Publish(test.m)), test.what, test.code)
				f.quiet()
				if err := settled(t, l.Publish(out(0, 0, strings.Repeat("x", 94)))); err != nil { // 100 bytes
					t.Error(err)
				}
			})
		})
	}
	t.Run("long", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			l, f, _ := plain(t)
			long := strings.Repeat("x", 65536)
			refused(t, settled(t, l.Publish(link.Message{Topic: long})), "PUBLISH", link.TopicNameInvalid)
			refused(t, settled(t, l.Publish(link.Message{Topic: "t", Properties: &packet.Properties{ContentType: packet.Some(long)}})), "PUBLISH", link.MalformedPacket)
			f.quiet()
		})
	})
}

// [MQTT-3.3.4-9]
func TestNoMoreAreUnderWayThanTheUpstreamTakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f := open(t, link.Hello{}, &packet.Connack{Properties: &packet.Properties{ReceiveMaximum: packet.Some[uint16](2)}}, newSession())
		published := make(chan *link.Receipt, 10)
		go func() {
			for id := range uint16(5) {
				published <- l.Publish(out(1+byte(id)%2, id+1, "x"))
			}
		}()
		for range 2 {
			expect[*packet.Publish](f)
		}
		f.quiet()
		f.send(&packet.Pubrec{ID: 2}) // is not enough
		expect[*packet.Pubrel](f)
		f.quiet()
		f.send(&packet.Pubcomp{ID: 2})
		expect[*packet.Publish](f)
		f.quiet()
		f.send(&packet.Puback{ID: 1, Code: packet.NotAuthorized}, &packet.Puback{ID: 3})
		expect[*packet.Publish](f)
		expect[*packet.Publish](f)
		f.quiet()
	})
}

func TestPublishBlocksNoLongerThanTheConnectionLasts(t *testing.T) {
	t.Run("no acknowledgements", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			l, f := open(t, link.Hello{}, &packet.Connack{Properties: &packet.Properties{ReceiveMaximum: packet.Some[uint16](1)}}, newSession())
			l.Publish(out(1, 1, "x"))
			done := make(chan *link.Receipt)
			go func() { done <- l.Publish(out(1, 2, "x")) }()
			synctest.Wait()
			f.conn.Close()
			lossOf(t, settled(t, <-done))
		})
	})
	t.Run("takes nothing", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			conn, f := pipe(t, true)
			go func() {
				_, _ = read(packet.NewReader(f.conn, 0))
				f.send(new(packet.Connack))
			}()
			l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{}, newSession())
			if err != nil {
				t.Fatal(err)
			}
			var receipts []*link.Receipt
			done := make(chan bool)
			go func() {
				defer close(done)
				for range 1000 {
					receipts = append(receipts, l.Publish(out(0, 0, strings.Repeat("x", 1000))))
				}
			}()
			synctest.Wait()
			f.conn.Close()
			<-done
			ended(t, l, "")
			for _, r := range receipts {
				lossOf(t, settled(t, r))
			}
			if n := len(receipts); n != 1000 {
				t.Errorf("%d receipts", n)
			}
		})
	})
}

func TestAnIdentifierIsUnderWayOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		a := l.Publish(out(2, 5, "a"))
		expect[*packet.Publish](f)
		refused(t, settled(t, l.Publish(out(1, 5, "b"))), "PUBLISH", link.PacketIdentifierInUse)
		refused(t, settled(t, l.Release(5)), "PUBREL", link.PacketIdentifierInUse)
		f.quiet()
		unsettled(t, a)
	})
}

// A request has taken the identifier that the message has: it goes behind it.
func TestAMessageWaitsForTheRequestWithItsIdentifier(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		go func() { _, _ = l.Subscribe(t.Context(), []link.Subscription{{Filter: "a"}}) }()
		id := expect[*packet.Subscribe](f).ID
		go l.Publish(out(1, id, "x"))
		f.quiet()
		f.send(&packet.Suback{ID: id, Codes: []packet.ReasonCode{0}})
		expect[*packet.Publish](f)
	})
}

// section 3.6.2.1
func TestAPubrecNobodyWaitsForIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, f, s := plain(t)
		f.send(&packet.Pubrec{ID: 5}, &packet.Pubcomp{ID: 5}, &packet.Pubrec{ID: 6, Code: packet.UnspecifiedError})
		if p := expect[*packet.Pubrel](f); p.ID != 5 || p.Code != packet.PacketIdentifierNotFound {
			t.Errorf("PUBREL %+v", p)
		}
		f.quiet()
		if got := s.called(); len(got) > 0 {
			t.Errorf("calls %v", got)
		}
	})
}

func TestAnswersOfTheWrongKindEndTheConnection(t *testing.T) {
	for name, test := range map[string]struct {
		qos    byte
		answer packet.Packet
	}{
		"PUBREC to QoS 1":       {1, &packet.Pubrec{ID: 5}},
		"PUBACK to QoS 2":       {2, &packet.Puback{ID: 5}},
		"PUBCOMP before PUBREC": {2, &packet.Pubcomp{ID: 5}},
		"SUBACK":                {1, &packet.Suback{ID: 5, Codes: []packet.ReasonCode{0}}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, f, _ := plain(t)
				r := l.Publish(out(test.qos, 5, "a"))
				expect[*packet.Publish](f)
				f.send(test.answer)
				if p := expect[*packet.Disconnect](f); p.Code != packet.ProtocolError {
					t.Errorf("DISCONNECT %+v", p)
				}
				ended(t, l, "broke the protocol")
				lossOf(t, settled(t, r))
			})
		})
	}
}

package v5

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestSubscribeHasEightFiltersInAPacket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		go func() {
			for _, n := range []int{8, 8, 4} {
				p := expect[*packet.Subscribe](f)
				if len(p.Filters) != n {
					t.Errorf("%d filters, want %d", len(p.Filters), n)
				}
				a := &packet.Suback{ID: p.ID}
				for _, s := range p.Filters {
					var i int
					_, _ = fmt.Sscanf(s.Filter, "f/%d", &i)
					a.Codes = append(a.Codes, packet.ReasonCode(i%3))
				}
				f.send(a)
			}
		}()
		var subs []link.Subscription
		var want []byte
		for i := range 20 {
			subs = append(subs, link.Subscription{Filter: fmt.Sprintf("f/%d", i)})
			want = append(want, byte(i%3))
		}
		codes, err := l.Subscribe(t.Context(), subs)
		if err != nil || !reflect.DeepEqual(codes, want) {
			t.Errorf("codes %v, %v", codes, err)
		}
	})
}

func TestSubscribeHasItsOptionsAndItsCodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		go func() {
			p := expect[*packet.Subscribe](f)
			want := []packet.Subscription{
				{Filter: "a", QoS: 1, NoLocal: true}, {Filter: "b/#", QoS: 2, RetainAsPublished: true}, {Filter: "c", RetainHandling: 1},
			}
			if !reflect.DeepEqual(p.Filters, want) || p.Properties != nil {
				t.Errorf("SUBSCRIBE %+v", p)
			}
			f.send(&packet.Suback{ID: p.ID, Codes: []packet.ReasonCode{0, packet.NotAuthorized, 2}})
		}()
		codes, err := l.Subscribe(t.Context(), []link.Subscription{
			{Filter: "a", QoS: 1, NoLocal: true}, {Filter: "b/#", QoS: 2, RetainAsPublished: true}, {Filter: "c", SkipRetained: true},
		})
		if err != nil || !reflect.DeepEqual(codes, []byte{0, link.NotAuthorized, 2}) {
			t.Errorf("codes %x, %v", codes, err)
		}
	})
}

func TestFiltersTheUpstreamDoesNotTakeAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f := open(t, link.Hello{}, &packet.Connack{Properties: &packet.Properties{
			WildcardSubscriptionAvailable: packet.Some[byte](0), MaximumPacketSize: packet.Some[uint32](50)}}, newSession())
		go func() {
			for range 3 { // 30 and 10 bytes do not go together, with their 6 and the head
				p := expect[*packet.Subscribe](f)
				if len(p.Filters) != 1 {
					t.Errorf("%d filters", len(p.Filters))
				}
				f.send(&packet.Suback{ID: p.ID, Codes: []packet.ReasonCode{1}})
			}
			p := expect[*packet.Unsubscribe](f)
			f.send(&packet.Unsuback{ID: p.ID, Codes: []packet.ReasonCode{packet.NoSubscriptionExisted}})
		}()
		codes, err := l.Subscribe(t.Context(), []link.Subscription{
			{Filter: "a/#"}, {Filter: strings.Repeat("x", 30)}, {Filter: strings.Repeat("y", 10)}, {Filter: strings.Repeat("z", 41)}, {Filter: ""}, {Filter: strings.Repeat("z", 39)},
		})
		if err != nil || !reflect.DeepEqual(codes, []byte{link.WildcardsNotSupported, 1, 1, link.PacketTooLarge, link.TopicFilterInvalid, 1}) {
			t.Errorf("codes %x, %v", codes, err)
		}
		refused(t, l.Unsubscribe(t.Context(), []string{strings.Repeat("z", 41), "a"}), "CONNACK", link.PacketTooLarge)
	})
}

func TestUnsubscribe(t *testing.T) {
	for code, refuses := range map[packet.ReasonCode]bool{packet.Success: false, packet.NoSubscriptionExisted: false, packet.NotAuthorized: true} {
		t.Run(code.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, f, _ := plain(t)
				go func() {
					for _, n := range []int{8, 1} {
						p := expect[*packet.Unsubscribe](f)
						if len(p.Filters) != n {
							t.Errorf("%d filters, want %d", len(p.Filters), n)
						}
						f.send(&packet.Unsuback{ID: p.ID, Codes: append([]packet.ReasonCode{code}, make([]packet.ReasonCode, n-1)...)})
					}
				}()
				err := l.Unsubscribe(t.Context(), strings.Split("abcdefghi", ""))
				if refuses {
					refused(t, err, "UNSUBACK", link.NotAuthorized)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestRequestsTakeFreeIdentifiers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		l.Publish(out(1, 65535, "x"))
		expect[*packet.Publish](f)
		for range 2 {
			go func() { _, _ = l.Subscribe(t.Context(), []link.Subscription{{Filter: "a"}}) }()
		}
		a, b := expect[*packet.Subscribe](f).ID, expect[*packet.Subscribe](f).ID
		if a == 65535 || b == 65535 || a == b {
			t.Errorf("identifiers %d and %d", a, b)
		}
	})
}

// The answer may still come: nobody waits for it, and nothing else has its
// identifier until then.
func TestARequestEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := l.Subscribe(ctx, []link.Subscription{{Filter: "a"}})
			failed <- err
		}()
		id := expect[*packet.Subscribe](f).ID
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		r := make(chan *link.Receipt, 1)
		go func() { r <- l.Publish(out(1, id, "x")) }()
		f.quiet()
		f.send(&packet.Suback{ID: id, Codes: []packet.ReasonCode{0}})
		expect[*packet.Publish](f)
		unsettled(t, <-r)
	})
}

func TestARequestEndsWithTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		failed := make(chan error)
		go func() {
			_, err := l.Subscribe(t.Context(), []link.Subscription{{Filter: "a"}})
			failed <- err
			failed <- l.Unsubscribe(t.Context(), []string{"a"})
		}()
		expect[*packet.Subscribe](f)
		synctest.Wait()
		f.conn.Close()
		lossOf(t, <-failed)
		lossOf(t, <-failed)
	})
}

func TestAnAnswerThatDoesNotBelongToTheRequestEndsTheConnection(t *testing.T) {
	for name, answer := range map[string]packet.Packet{
		"codes":    &packet.Suback{Codes: []packet.ReasonCode{0, 0}},
		"UNSUBACK": &packet.Unsuback{Codes: []packet.ReasonCode{0}},
		"PUBACK":   &packet.Puback{},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, f, _ := plain(t)
				failed := make(chan error, 1)
				go func() {
					_, err := l.Subscribe(t.Context(), []link.Subscription{{Filter: "a"}})
					failed <- err
				}()
				id := expect[*packet.Subscribe](f).ID
				switch a := answer.(type) {
				case *packet.Suback:
					a.ID = id
				case *packet.Unsuback:
					a.ID = id
				case *packet.Puback:
					a.ID = id
				}
				f.send(answer)
				expect[*packet.Disconnect](f)
				if err := <-failed; err == nil {
					t.Error("no error")
				}
				ended(t, l, "broke the protocol")
			})
		})
	}
}

package client

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// asked is what a request in another goroutine returned.
type asked struct {
	codes []packet.ReasonCode
	err   error
}

func subscribe(c *Client, ctx context.Context, filters ...packet.Subscription) <-chan asked {
	r := make(chan asked, 1)
	go func() {
		codes, err := c.Subscribe(ctx, filters)
		r <- asked{codes, err}
	}()
	return r
}

func unsubscribe(c *Client, ctx context.Context, filters ...string) <-chan asked {
	r := make(chan asked, 1)
	go func() {
		codes, err := c.Unsubscribe(ctx, filters...)
		r <- asked{codes, err}
	}()
	return r
}

func TestSubscribe(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		filters := []packet.Subscription{{Filter: "a/#", QoS: 2}, {Filter: "b", QoS: 1}, {Filter: "$SYS/#"}}
		if v == packet.V5 {
			filters[0].NoLocal, filters[1].RetainAsPublished, filters[2].RetainHandling = true, true, 2
		}
		r := subscribe(c, t.Context(), filters...)
		got := expect[*packet.Subscribe](p)
		if !reflect.DeepEqual(got.Filters, filters) {
			t.Errorf("sent %+v, want %+v", got.Filters, filters)
		}
		codes := []packet.ReasonCode{packet.GrantedQoS1, packet.UnspecifiedError, packet.Success}
		// Messages may come before the answer does.
		p.send(message("a/1", "early", 0, 0), &packet.Suback{ID: got.ID, Codes: codes})
		if r := <-r; !reflect.DeepEqual(r.codes, codes) || r.err != nil {
			t.Errorf("%v, %v; want %v", r.codes, r.err, codes)
		}
		next(t, c, "early")
	})
}

func TestUnsubscribe(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		r := unsubscribe(c, t.Context(), "a/#", "b")
		got := expect[*packet.Unsubscribe](p)
		if !reflect.DeepEqual(got.Filters, []string{"a/#", "b"}) {
			t.Errorf("sent %+v", got.Filters)
		}
		var codes []packet.ReasonCode
		if v == packet.V5 {
			codes = []packet.ReasonCode{packet.Success, packet.NoSubscriptionExisted}
		}
		p.send(&packet.Unsuback{ID: got.ID, Codes: codes})
		if r := <-r; !reflect.DeepEqual(r.codes, codes) || r.err != nil {
			t.Errorf("%v, %v; want %v", r.codes, r.err, codes)
		}
	})
}

// Requests of several goroutines are on their way at once, and each gets its
// own answer.
func TestRequestsOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{}, nil)
		a := subscribe(c, t.Context(), packet.Subscription{Filter: "a"})
		idA := expect[*packet.Subscribe](p).ID
		b := subscribe(c, t.Context(), packet.Subscription{Filter: "b"})
		idB := expect[*packet.Subscribe](p).ID
		m := publish(c, t.Context(), message("c", "", 1, 0))
		idM := expect[*packet.Publish](p).ID
		if idA == idB || idB == idM || idA == idM { // [MQTT-2.2.1-3]
			t.Errorf("identifiers %d, %d, %d", idA, idB, idM)
		}
		p.send(
			&packet.Puback{ID: idM},
			&packet.Suback{ID: idB, Codes: []packet.ReasonCode{1}},
			&packet.Suback{ID: idA, Codes: []packet.ReasonCode{0}},
		)
		if a, b, m := <-a, <-b, <-m; a.err != nil || b.err != nil || m.err != nil || a.codes[0] != 0 || b.codes[0] != 1 {
			t.Errorf("%v, %v, %v", a, b, m)
		}
	})
}

func TestRequestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, &packet.Connack{Properties: &packet.Properties{MaximumPacketSize: packet.Some(uint32(30))}})
		_, err := c.Subscribe(t.Context(), nil) // [MQTT-3.8.3-2]
		wantError(t, err, "subscribe: no topic filter")
		_, err = c.Unsubscribe(t.Context()) // [MQTT-3.10.3-2]
		wantError(t, err, "unsubscribe: no topic filter")
		_, err = c.Subscribe(t.Context(), []packet.Subscription{{Filter: string(big(30))}})
		wantError(t, err, "SUBSCRIBE of 38 bytes: the server takes 30")
		_, err = c.Unsubscribe(t.Context(), "a", string(big(30)))
		wantError(t, err, `unsubscribe from "a" and 1 more: UNSUBSCRIBE of 40 bytes`)
		p.quiet()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Subscribe(ctx, []packet.Subscription{{Filter: "a"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		// The answer that comes late bothers nobody.
		p.send(&packet.Suback{ID: expect[*packet.Subscribe](p).ID, Codes: []packet.ReasonCode{0}})
		p.quiet()
	})
}

// A server that answers for another number of filters [MQTT-3.8.4-6]
// [MQTT-3.11.3-1].
func TestWrongNumberOfCodes(t *testing.T) {
	two := []packet.ReasonCode{0, 0}
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, nil)
		r := subscribe(c, t.Context(), packet.Subscription{Filter: "a"})
		p.send(&packet.Suback{ID: expect[*packet.Subscribe](p).ID, Codes: two})
		wantError(t, (<-r).err, "SUBACK with 2 reason codes, for 1 topic filters")
		if d := expect[*packet.Disconnect](p); d.Code != packet.ProtocolError {
			t.Errorf("DISCONNECT %v", d.Code)
		}
		ended(t, c, "the server broke the protocol")
	})
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, nil)
		r := unsubscribe(c, t.Context(), "a")
		p.send(&packet.Unsuback{ID: expect[*packet.Unsubscribe](p).ID, Codes: two})
		wantError(t, (<-r).err, "UNSUBACK with 2 reason codes")
		ended(t, c, "the server broke the protocol")
	})
}

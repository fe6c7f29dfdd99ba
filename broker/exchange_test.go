package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// drainText acknowledges everything that waits and returns the payloads.
func drainText(t *testing.T, s *Subscription) string {
	t.Helper()
	var all []string
	for {
		d, ok, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return strings.Join(all, " ")
		}
		switch {
		case d.Released:
			all = append(all, fmt.Sprint("released:", d.PacketID()))
		case d.Backlog:
			all = append(all, string(d.Payload)+"*")
		default:
			all = append(all, string(d.Payload))
		}
		s.Ack(d)
	}
}

func TestSubscriptionMaxAge(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n", MaxAge: time.Hour}, "#")
		defer s.Close()
		for i := range 5 {
			put(t, b, "a", fmt.Sprint(i))
			time.Sleep(20 * time.Minute)
		}
		if st := s.Stats(); st.Waiting != 4 || st.TooOld != 1 {
			t.Errorf("stats when the last came: %+v", st)
		}
		time.Sleep(25 * time.Minute)
		if got := drainText(t, s); got != "4" {
			t.Errorf("it delivers %s", got)
		}
		if st := s.Stats(); st.TooOld != 4 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestSubscriptionLatest(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n", Latest: []string{"a/#"}}, "#")
		defer s.Close()
		for i := range 1000 {
			put(t, b, fmt.Sprint("a/", i%3), fmt.Sprint(i))
		}
		put(t, b, "b", "x")
		put(t, b, "b", "y")
		if st := s.Stats(); st.Waiting != 5 || st.Superseded != 997 || s.waiting.rest.len > 200 {
			t.Errorf("stats %+v, %d places", st, s.waiting.rest.len)
		}
		put(t, b, "a/0", "1000")
		d := next(t, s, "a/1", "997")
		put(t, b, "a/1", "1001") // what is with the reader stays
		s.Ack(d)
		if got := drainText(t, s); got != "998 x y 1000 1001" {
			t.Errorf("it delivers %s", got)
		}
		if len(s.latest) != 0 || s.waiting.void != 0 {
			t.Errorf("it remembers %d topics, and %d empty places", len(s.latest), s.waiting.void)
		}
	})
}

func TestSubscriptionSkip(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n", Skip: func(m *Message) bool { return m.Origin == "me" }}, "#")
		defer s.Close()
		for _, origin := range []string{"", "me", "other"} {
			if err := b.Publish(&Message{Topic: "a", Payload: []byte("from " + origin), Origin: origin}); err != nil {
				t.Fatal(err)
			}
		}
		if got := drainText(t, s); got != "from  from other" {
			t.Errorf("it delivers %s", got)
		}
	})
}

func TestSubscriptionLive(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n"}, "#")
		defer s.Close()
		for _, p := range []string{"1", "2", "3"} {
			put(t, b, "a", p)
		}
		s.Live()
		one := next(t, s, "a", "1")
		put(t, b, "a", "4")
		put(t, b, "a", "5")
		four := next(t, s, "a", "4")
		if !one.Backlog || four.Backlog {
			t.Error("the wrong one is backlog")
		}
		s.Rewind()
		put(t, b, "a", "6")
		s.Mark()
		put(t, b, "a", "7")
		if got := drainText(t, s); got != "1* 2* 3* 4* 5* 6* 7" {
			t.Errorf("after Rewind it delivers %s", got)
		}
		put(t, b, "a", "8")
		s.Live()
		put(t, b, "a", "9")
		if got := drainText(t, s); got != "9 8*" {
			t.Errorf("it delivers %s", got)
		}
	})
}

func TestPacketIDs(t *testing.T) {
	for seq, want := range map[uint64]uint16{1: 1, 65535: 65535, 65536: 1, 131071: 1, 131070: 65535} {
		if got := (Delivery{seq: seq}).PacketID(); got != want {
			t.Errorf("delivery %d has the packet identifier %d, want %d", seq, got, want)
		}
	}
}

// What a receiver has recorded is delivered by its number only, also after a
// restart, and what came in is known by its identifier.
func TestExchangesSurviveARestart(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		b := l.testBroker
		s := subscribe(t, b, SubscribeOptions{Name: "n"}, "out")
		for _, p := range []string{"1", "2", "3"} {
			if err := b.Publish(&Message{Topic: "out", Payload: []byte(p), QoS: 2}); err != nil {
				t.Fatal(err)
			}
		}
		first, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Next(t.Context())
		if err != nil || first.Again || first.PacketID() != 1 || second.Seq() != 2 {
			t.Fatal(first, second, err)
		}
		if err := s.Release(t.Context(), second); err != nil {
			t.Error(err)
		}
		for id := range uint16(3) {
			again, stable, err := s.Receive(&Message{Topic: "in", Payload: []byte("x"), QoS: 2}, id+1)
			if err != nil || again {
				t.Errorf("Receive: %t %v", again, err)
			}
			if err := stable(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := s.Forget(t.Context(), 2); err != nil {
			t.Error(err)
		}
		l.crash()
		b = l.testBroker
		s = subscribe(t, b, SubscribeOptions{Name: "n"}, "out")
		for id, want := range map[uint16]bool{1: true, 2: false, 3: true} {
			again, _, err := s.Receive(&Message{Topic: "in", Payload: []byte("x"), QoS: 2}, id)
			if err != nil || again != want {
				t.Errorf("Receive of %d: %t %v", id, again, err)
			}
		}
		if err := s.ForgetAll(t.Context()); err != nil {
			t.Error(err)
		}
		if again, _, err := s.Receive(&Message{Topic: "in", Payload: []byte("x"), QoS: 2}, 1); err != nil || again {
			t.Errorf("Receive after ForgetAll: %t %v", again, err)
		}
		var got []string
		for range 3 {
			x, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%d %s %t %t", x.PacketID(), x.Payload, x.Released, x.Again))
			s.Ack(x)
		}
		if want := []string{"1 1 false true", "2  true true", "3 3 false true"}; !slices.Equal(got, want) {
			t.Errorf("it delivers %q, want %q", got, want)
		}
	})
}

func TestIsRetained(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n"}, "#")
		defer s.Close()
		retain := func(p string) {
			if err := b.Publish(&Message{Topic: "a", Payload: []byte(p), Retain: true}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for _, p := range []string{"1", "2", "2", ""} {
			retain(p)
		}
		for _, want := range []bool{false, false, false, true} {
			d, err := s.Next(context.Background())
			if err != nil || b.IsRetained(d.Message) != want {
				t.Errorf("%q is retained: %t, %v", d.Payload, !want, err)
			}
		}
		retain("3")
		d, _ := s.Next(context.Background())
		if !b.IsRetained(d.Message) {
			t.Error("the newest is not retained")
		}
		synctest.Wait()
	})
}

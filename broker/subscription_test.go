package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// next wants the next delivery to be this, without waiting.
func next(t *testing.T, s *Subscription, topic, payload string) Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	d, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("Next: %v, want %s %s", err, topic, payload)
	}
	if d.Topic != topic || string(d.Payload) != payload {
		t.Fatalf("Next: %s %s, want %s %s", d.Topic, d.Payload, topic, payload)
	}
	return d
}

// none wants nothing to wait in s.
func none(t *testing.T, s *Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if d, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Next: %v, %v, want nothing", d.Message, err)
	}
}

func put(t *testing.T, b *testBroker, topic, payload string, with ...func(*Message)) {
	t.Helper()
	m := &Message{Topic: topic, Payload: []byte(payload), QoS: 1}
	for _, f := range with {
		f(m)
	}
	if err := b.Publish(m); err != nil {
		t.Fatal(err)
	}
}

func keep(m *Message) { m.Retain = true }

func subscribe(t *testing.T, b *testBroker, o SubscribeOptions, filters ...string) *Subscription {
	t.Helper()
	s, err := b.Subscribe(o, filters...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLiveSubscription(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		put(t, b, "a/kept", "1", keep)
		s := subscribe(t, b, SubscribeOptions{}, "a/#", "b")
		if d := next(t, s, "a/kept", "1"); !d.Replay || !d.Retain {
			t.Errorf("the retained message: replay %v, retain %v", d.Replay, d.Retain)
		}
		put(t, b, "a/x", "2", keep)
		put(t, b, "c", "3")
		b.connect(packet.V311, "client").publish("b", "4", 2)
		if d := next(t, s, "a/x", "2"); d.Replay || !d.Retain {
			t.Errorf("a new message: replay %v, retain %v", d.Replay, d.Retain)
		}
		next(t, s, "b", "4")
		none(t, s)
		s.Close()
		if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
		if n := b.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
}

func TestLiveSubscriptionDropsTheOldest(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{MaxMessages: 3}, "#")
		defer s.Close()
		for i := range 10 {
			put(t, b, "a", fmt.Sprint(i))
		}
		if st := s.Stats(); st.Waiting != 3 || st.Dropped != 7 || st.Arrived != 10 {
			t.Errorf("stats %+v", st)
		}
		for i := 7; i < 10; i++ {
			next(t, s, "a", fmt.Sprint(i))
		}
		none(t, s)
	})
}

func TestLiveSubscriptionIsBoundedInBytes(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{MaxBytes: 3000}, "#")
		defer s.Close()
		for i := range 5 {
			put(t, b, "a", fmt.Sprint(i)+strings.Repeat("x", 1000))
		}
		if st := s.Stats(); st.Bytes > 3000 || st.Dropped == 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// What is retained is never dropped for want of room: the subscriber would
// not know of it at all.
func TestReplayIsNotDropped(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		for i := range 20 {
			put(t, b, fmt.Sprintf("a/%02d", i), "x", keep)
		}
		s := subscribe(t, b, SubscribeOptions{MaxMessages: 5}, "a/#")
		defer s.Close()
		if st := s.Stats(); st.Waiting != 20 || st.Dropped != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestLiveSubscriptionPassesOverExpired(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{}, "a")
		defer s.Close()
		put(t, b, "a", "short", func(m *Message) { m.Expires = time.Now().Add(time.Second) })
		put(t, b, "a", "long", func(m *Message) { m.Expires = time.Now().Add(time.Hour) })
		time.Sleep(2 * time.Second)
		next(t, s, "a", "long")
		if st := s.Stats(); st.Expired != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestNextWaits(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{}, "a")
		got := make(chan string)
		go func() {
			d, err := s.Next(context.Background())
			got <- fmt.Sprint(d.Topic, " ", err)
			_, err = s.Next(context.Background())
			got <- fmt.Sprint(err)
		}()
		time.Sleep(time.Hour)
		put(t, b, "a", "1")
		if g := <-got; g != "a <nil>" {
			t.Errorf("Next: %s", g)
		}
		synctest.Wait()
		s.Close()
		if g := <-got; g != ErrClosed.Error() {
			t.Errorf("Next while closed: %s", g)
		}
	})
}

func TestDurableSubscription(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		o := SubscribeOptions{Name: "bridge/cloud"}
		s := subscribe(t, b, o, "a/#")
		for i := range 5 {
			put(t, b, "a/x", fmt.Sprint(i), func(m *Message) { m.Expires = time.Now().Add(time.Second) })
		}
		time.Sleep(time.Hour) // what expired is still of interest to who collects
		first := next(t, s, "a/x", "0")
		second := next(t, s, "a/x", "1")
		next(t, s, "a/x", "2")
		s.Ack(second)
		s.Ack(second) // does nothing
		if st := s.Stats(); st.Waiting != 2 || st.Unacked != 2 || st.Complete != 1 || st.Oldest.IsZero() {
			t.Errorf("stats %+v", st)
		}

		s.Rewind()
		d := next(t, s, "a/x", "0")
		s.Ack(d)
		s.Ack(first) // the first delivery of the same message
		next(t, s, "a/x", "2")

		s.Close()
		put(t, b, "a/x", "5") // collected while nobody is there
		s = subscribe(t, b, o, "a/#")
		for _, payload := range []string{"2", "3", "4", "5"} {
			s.Ack(next(t, s, "a/x", payload))
		}
		none(t, s)
		if st := s.Stats(); st.Waiting+st.Unacked != 0 || st.Bytes != 0 || st.Complete != 6 || !st.Oldest.IsZero() {
			t.Errorf("stats %+v", st)
		}
		s.Close()
	})
}

func TestDurableSubscriptionIsOpenOnce(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n"}, "a")
		if _, err := b.Subscribe(SubscribeOptions{Name: "n"}, "a"); err == nil || !strings.Contains(err.Error(), `"n" is open already`) {
			t.Errorf("a second Subscribe: %v", err)
		}
		s.Close()
		s.Close()
		subscribe(t, b, SubscribeOptions{Name: "n"}, "a").Close()
	})
}

// New filters replace the old ones; what a filter that stays has retained is
// not replayed again.
func TestDurableSubscriptionChangesFilters(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		o := SubscribeOptions{Name: "n"}
		put(t, b, "a", "kept", keep)
		put(t, b, "c", "kept", keep)
		s := subscribe(t, b, o, "a", "b")
		s.Ack(next(t, s, "a", "kept"))
		s.Close()
		s = subscribe(t, b, o, "a", "c")
		s.Ack(next(t, s, "c", "kept"))
		put(t, b, "b", "1")
		put(t, b, "a", "2")
		s.Ack(next(t, s, "a", "2"))
		none(t, s)
		s.Close()
	})
}

func TestDurableSubscriptionIsBounded(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n", MaxMessages: 4}, "a")
		defer s.Close()
		for i := range 4 {
			put(t, b, "a", fmt.Sprint(i))
		}
		for i := range 4 {
			next(t, s, "a", fmt.Sprint(i))
		}
		put(t, b, "a", "newest") // everything that fits is with the reader
		if st := s.Stats(); st.Unacked != 4 || st.Waiting != 0 || st.Dropped != 1 {
			t.Errorf("stats %+v", st)
		}
		s.Rewind()
		put(t, b, "a", "newer") // whoever got the others may know of them
		s.Ack(next(t, s, "a", "0"))
		put(t, b, "a", "5")
		put(t, b, "a", "6")
		for _, want := range []string{"1", "2", "3", "6"} { // the oldest that nobody got made room
			s.Ack(next(t, s, "a", want))
		}
		if st := s.Stats(); st.Dropped != 3 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestSubscribeErrors(t *testing.T) {
	b := New(Default(), testLog())
	for filter, want := range map[string]string{
		"a/#/b":      "#",
		"":           "empty",
		"$share/g/a": "cannot be shared",
	} {
		if _, err := b.Subscribe(SubscribeOptions{}, filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Subscribe(%q): %v, want %q in it", filter, err, want)
		}
	}
}

func TestPublishErrors(t *testing.T) {
	b := New(Default(), testLog())
	for _, m := range []*Message{{Topic: ""}, {Topic: "a/+"}, {Topic: "a", QoS: 3}, {Topic: "a\x00"}} {
		if err := b.Publish(m); err == nil {
			t.Errorf("Publish(%+v) worked", m)
		}
	}
}

// A subscriber that never reads does not hold up anybody.
func TestPublishNeverWaits(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{}, "#")
		defer s.Close()
		deaf := b.dialDeaf(packet.V311)
		go deaf.conn.Write(must((&packet.Connect{Version: packet.V311, ClientID: "deaf", CleanStart: true}).Append(nil, packet.V311)))
		synctest.Wait()
		began := time.Now()
		for range 10_000 {
			put(t, b, "a", "x")
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("10,000 messages took %v", d)
		}
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

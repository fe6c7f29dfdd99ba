package broker

import (
	"fmt"
	"testing"
	"time"

	"gateway/broker/packet"
)

func TestRate(t *testing.T) {
	var r rate
	now := time.Unix(1000, 0)
	for i := range 10 { // as many at once as a second has
		if wait := r.take(10, now); wait != 0 {
			t.Fatalf("message %d waits %v", i, wait)
		}
	}
	if wait := r.take(10, now); wait != 100*time.Millisecond {
		t.Errorf("the next waits %v, want 100ms", wait)
	}
	now = now.Add(time.Hour)
	for i := range 10 {
		if wait := r.take(10, now); wait != 0 {
			t.Fatalf("after an hour message %d waits %v", i, wait)
		}
	}
	if wait := r.take(10, now); wait == 0 {
		t.Error("an hour of silence allows more than a second's worth at once")
	}
}

// TestPublishRate publishes faster than is allowed: everything arrives, later.
func TestPublishRate(t *testing.T) {
	inBubble(t, Config{MaxPublishRate: 10}, func(t *testing.T, b *testBroker) {
		sub, pub := b.connect(packet.V5, "sub"), b.connect(packet.V5, "pub")
		sub.subscribe("t", 1)
		started := time.Now()
		for i := range 100 {
			pub.publish("t", fmt.Sprint(i), 1)
		}
		if took := time.Since(started); took < 8900*time.Millisecond || took > 9100*time.Millisecond {
			t.Errorf("100 messages at 10/s, 10 of them at once, took %v", took)
		}
		for i := range 100 {
			sub.want("t", fmt.Sprint(i))
		}
	})
}

// A client that is being slowed down can still be taken over and stopped.
func TestPublishRateTakeover(t *testing.T) {
	inBubble(t, Config{MaxPublishRate: 1}, func(t *testing.T, b *testBroker) {
		pub := b.connect(packet.V5, "pub")
		var all []byte
		for range 10_000 { // hours
			all, _ = (&packet.Publish{Topic: "t"}).Append(all, packet.V5)
		}
		go pub.conn.Write(all)
		time.Sleep(time.Second)
		started := time.Now()
		b.connect(packet.V5, "pub")
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("takeover took %v", took)
		}
		pub.closed(packet.SessionTakenOver)
	})
}

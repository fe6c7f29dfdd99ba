package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// These tests speak to the real broker over loopback.

// listening runs a broker until the test ends, and returns its address.
func listening(tb testing.TB, change func(*broker.Config)) string {
	tb.Helper()
	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
	if change != nil {
		change(&cfg)
	}
	b := broker.New(cfg, slog.New(slog.DiscardHandler))
	if err := b.Listen(); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return b.Addrs()[0].String()
}

// connect connects to the broker at an address.
func connect(tb testing.TB, address string, o client.Options) *client.Client {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := client.Connect(tb.Context(), conn, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// soon returns a context for what must not take long.
func soon(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

func subscribe(tb testing.TB, c *client.Client, filter string, qos packet.QoS) {
	tb.Helper()
	codes, err := c.Subscribe(soon(tb), []packet.Subscription{{Filter: filter, QoS: qos}})
	if err != nil || len(codes) != 1 || codes[0] != packet.ReasonCode(qos) {
		tb.Fatalf("subscribe to %q: %v, %v", filter, codes, err)
	}
}

// Every version and QoS, from one client to another and on to its end.
func TestBroker(t *testing.T) {
	address := listening(t, nil)
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		for qos := range packet.QoS(3) {
			t.Run(fmt.Sprintf("%v QoS %d", v, qos), func(t *testing.T) {
				sub := connect(t, address, client.Options{Version: v, ClientID: "sub", CleanStart: true, KeepAlive: time.Minute})
				pub := connect(t, address, client.Options{Version: v, ClientID: "pub", CleanStart: true})
				subscribe(t, sub, "t/#", qos)
				const n = 200
				var wg sync.WaitGroup
				wg.Go(func() {
					for i := range n {
						m := &packet.Publish{Topic: "t/a", Payload: fmt.Append(nil, i), QoS: qos}
						if _, err := pub.Publish(soon(t), m); err != nil {
							t.Error(err)
							return
						}
					}
				})
				for i := range n {
					m, err := sub.Next(soon(t))
					if err != nil {
						t.Fatal(err)
					}
					if m.Topic != "t/a" || string(m.Payload) != fmt.Sprint(i) || m.QoS != qos {
						t.Fatalf("message %d is %+v", i, m)
					}
				}
				wg.Wait()
				if _, err := sub.Unsubscribe(soon(t), "t/#"); err != nil {
					t.Error(err)
				}
				for _, c := range []*client.Client{pub, sub} {
					if err := c.Disconnect(packet.Success); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// Many publishers at once, through the window that the broker allows.
func TestBrokerManyPublishers(t *testing.T) {
	address := listening(t, func(cfg *broker.Config) { cfg.ReceiveMaximum = 3 })
	sub := connect(t, address, client.Options{Version: packet.V5, CleanStart: true, Buffer: 1})
	pub := connect(t, address, client.Options{Version: packet.V5, CleanStart: true})
	if got := pub.Connack().Properties.ReceiveMaximum.V; got != 3 {
		t.Fatalf("Receive Maximum %d", got)
	}
	subscribe(t, sub, "#", 2)
	const publishers, each = 8, 25
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			for range each {
				m := &packet.Publish{Topic: fmt.Sprint(i), QoS: packet.QoS(1 + i%2)}
				if _, err := pub.Publish(soon(t), m); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	count := make(map[string]int)
	for range publishers * each {
		m, err := sub.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		count[m.Topic]++
	}
	wg.Wait()
	for i := range publishers {
		if got := count[fmt.Sprint(i)]; got != each {
			t.Errorf("publisher %d: %d messages, want %d", i, got, each)
		}
	}
}

// A session that is resumed gives what was not acknowledged.
func TestBrokerResumedSession(t *testing.T) {
	address := listening(t, nil)
	o := client.Options{ClientID: "keeps"}
	sub := connect(t, address, o)
	subscribe(t, sub, "a", 1)
	pub := connect(t, address, client.Options{CleanStart: true})
	for _, payload := range []string{"1", "2"} {
		if _, err := pub.Publish(soon(t), &packet.Publish{Topic: "a", Payload: []byte(payload), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := sub.Next(soon(t)); err != nil || string(m.Payload) != "1" {
		t.Fatal(m, err)
	}
	if err := sub.Disconnect(packet.Success); err != nil {
		t.Fatal(err)
	}
	sub = connect(t, address, o)
	if !sub.Connack().SessionPresent {
		t.Fatal("no session")
	}
	if m, err := sub.Next(soon(t)); err != nil || string(m.Payload) != "2" {
		t.Fatal(m, err)
	}
}

// The broker's reasons arrive in words.
func TestBrokerSaysWhy(t *testing.T) {
	address := listening(t, nil)
	first := connect(t, address, client.Options{Version: packet.V5, ClientID: "same", CleanStart: true})
	connect(t, address, client.Options{Version: packet.V5, ClientID: "same", CleanStart: true})
	select {
	case <-first.Done():
	case <-soon(t).Done():
		t.Fatal("the first is still connected")
	}
	if err := first.Err(); err == nil || !strings.Contains(err.Error(), "the server disconnected: Session taken over") {
		t.Errorf("Err %v", err)
	}

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Connect(soon(t), conn, client.Options{}) // no name and no clean session
	var refused *client.ConnectError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "identifier rejected (return code 2)") {
		t.Errorf("Connect: %v", err)
	}
}

// The will is published when nothing was said, and not after DISCONNECT.
func TestBrokerWill(t *testing.T) {
	address := listening(t, nil)
	sub := connect(t, address, client.Options{CleanStart: true})
	subscribe(t, sub, "will/#", 0)
	for _, end := range []string{"disconnected", "closed"} {
		c := connect(t, address, client.Options{CleanStart: true, Will: &packet.Will{Topic: "will/" + end}})
		if end == "closed" {
			c.Close()
		} else if err := c.Disconnect(packet.Success); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := sub.Next(soon(t)); err != nil || m.Topic != "will/closed" {
		t.Error(m, err)
	}
}

func BenchmarkPublish(b *testing.B) {
	for qos := range packet.QoS(3) {
		b.Run(fmt.Sprintf("QoS%d", qos), func(b *testing.B) {
			c := connect(b, listening(b, nil), client.Options{CleanStart: true})
			m := &packet.Publish{Topic: "home/kitchen/air", Payload: make([]byte, 64), QoS: qos}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Publish(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

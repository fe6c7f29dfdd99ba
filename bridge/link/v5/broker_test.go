package v5

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/bridge/link/linktest"
	"gateway/bridge/upstreams"
	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// These tests speak to brokers over loopback: our own and Mosquitto.

// eachBroker runs test against each of them.
func eachBroker(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("ours", func(t *testing.T) { test(t, ourBroker(t)) })
	t.Run("mosquitto", func(t *testing.T) {
		u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{Forget: true})
		if errors.As(err, new(*upstreams.Missing)) && os.Getenv("GATEWAY_TEST_ALL") == "" {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { u.Close() })
		test(t, u.Address())
	})
}

// ourBroker runs our broker until the test ends, and returns its address.
func ourBroker(t testing.TB) string {
	t.Helper()
	return linktest.Serve(t, func(*broker.Config) {}).Addrs()[0].String()
}

// reach connects to the broker at an address.
func reach(t testing.TB, address string, h link.Hello, s link.Session) (link.Link, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Upstream{}.Connect(soon(t), conn, h, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, conn
}

// soon returns a context for what must not take long.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// observer is another client that is subscribed to everything.
func observer(t testing.TB, address string) *client.Client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(soon(t), conn, client.Options{Version: packet.V5, ClientID: "observer", CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Subscribe(soon(t), []packet.Subscription{{Filter: "#", QoS: 2}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMessagesGoThereAndBack(t *testing.T) {
	eachBroker(t, func(t *testing.T, address string) {
		s := newSession()
		l, _ := reach(t, address, link.Hello{ClientID: "gw", CleanStart: true, KeepAlive: time.Minute}, s)
		codes, err := l.Subscribe(soon(t), []link.Subscription{{Filter: "a/#", QoS: 2}, {Filter: "b", QoS: 1}})
		if err != nil || len(codes) != 2 || codes[0] != 2 || codes[1] != 1 {
			t.Fatal(codes, err)
		}
		const n = 300
		var receipts []*link.Receipt
		for i := range n {
			receipts = append(receipts, l.Publish(link.Message{
				Topic: "a/b", Payload: fmt.Append(nil, i), QoS: byte(i % 3), ID: uint16(i + 1), Expiry: time.Hour,
				Properties: &packet.Properties{User: []packet.UserProperty{{Name: "n", Value: fmt.Sprint(i)}}},
			}))
		}
		for _, r := range receipts {
			if err := settled(t, r); err != nil {
				t.Fatal(err)
			}
		}
		next := [3]int{0, 1, 2} // in order within a QoS: Mosquitto passes QoS 2 on after PUBREL
		for range n {
			m := <-s.got
			i := next[m.QoS]
			next[m.QoS] += 3
			if string(m.Payload) != fmt.Sprint(i) || m.Topic != "a/b" || m.Expiry <= 0 || m.Properties.User[0].Value != fmt.Sprint(i) {
				t.Fatalf("message %d is %+v", i, m)
			}
		}
		if err := l.Unsubscribe(soon(t), []string{"a/#", "b", "never"}); err != nil {
			t.Error(err)
		}
		l.Close()
	})
}

func TestLargeMessagesGoThereAndBack(t *testing.T) {
	eachBroker(t, func(t *testing.T, address string) {
		s := newSession()
		l, _ := reach(t, address, link.Hello{ClientID: "gw", CleanStart: true, KeepAlive: time.Minute}, s)
		if _, err := l.Subscribe(soon(t), []link.Subscription{{Filter: "#", QoS: 1}}); err != nil {
			t.Fatal(err)
		}
		size := 4 << 20
		if most := int(l.Limits().MaxPacketSize); most > 0 {
			size = min(size, most-100)
		}
		big := string(make([]byte, size))
		var receipts []*link.Receipt
		for id := range uint16(5) {
			receipts = append(receipts, l.Publish(out(1, id+1, big)))
		}
		for _, r := range receipts {
			if err := settled(t, r); err != nil {
				t.Fatal(err)
			}
			if m := <-s.got; len(m.Payload) != size {
				t.Errorf("got %d bytes", len(m.Payload))
			}
		}
	})
}

func TestSubscriptionOptions(t *testing.T) {
	eachBroker(t, func(t *testing.T, address string) {
		o := observer(t, address)
		say := func(topic string, retain bool) {
			t.Helper()
			if _, err := o.Publish(soon(t), &packet.Publish{Topic: topic, QoS: 1, Retain: retain}); err != nil {
				t.Fatal(err)
			}
		}
		o.Publish(soon(t), &packet.Publish{Topic: "kept", Payload: []byte("x"), QoS: 1, Retain: true})
		s := newSession()
		l, _ := reach(t, address, link.Hello{ClientID: "gw", CleanStart: true}, s)
		subs := []link.Subscription{{Filter: "#", QoS: 1, NoLocal: true, RetainAsPublished: true, SkipRetained: true}}
		expect := func(topic string, retain bool) {
			t.Helper()
			if m := <-s.got; m.Topic != topic || m.Retain != retain {
				t.Errorf("got %+v, want %q, retain %v", m, topic, retain)
			}
		}
		for range 2 { // the second brings nothing that is retained
			if _, err := l.Subscribe(soon(t), subs); err != nil {
				t.Fatal(err)
			}
		}
		if err := settled(t, l.Publish(link.Message{Topic: "own", QoS: 1, ID: 1})); err != nil {
			t.Fatal(err)
		}
		say("live", true)
		say("live", false)
		expect("kept", true)
		expect("live", true)
		expect("live", false)
	})
}

func TestAnotherConnectionTakesOver(t *testing.T) {
	eachBroker(t, func(t *testing.T, address string) {
		h := link.Hello{ClientID: "gw", SessionExpiry: time.Hour}
		first, _ := reach(t, address, h, newSession())
		if first.Present() {
			t.Error("a session is present at first")
		}
		second, _ := reach(t, address, h, newSession())
		if err := ended(t, first, ""); !errors.Is(err, io.EOF) { // as Mosquitto 2.0.11 does, without a word
			refused(t, err, "DISCONNECT", link.SessionTakenOver)
		}
		if !second.Present() {
			t.Error("the session is not present")
		}
	})
}

func TestCloseTakesTheWillBack(t *testing.T) {
	eachBroker(t, func(t *testing.T, address string) {
		o := observer(t, address)
		for _, payload := range []string{"closed", "cut"} {
			l, conn := reach(t, address, link.Hello{ClientID: "gw", Will: &link.Message{Topic: "will", Payload: []byte(payload)}}, newSession())
			if payload == "cut" {
				conn.Close()
			}
			l.Close()
		}
		m, err := o.Next(soon(t))
		if err != nil || string(m.Payload) != "cut" {
			t.Errorf("got %+v, %v", m, err)
		}
	})
}

// ledger is a session that outlives connections, as the bridge's does.
type ledger struct {
	mu       sync.Mutex
	released map[uint16]bool // of ours: PUBREC came
	open     map[uint16]bool // of theirs: received and not forgotten
	got      map[string]int  // how often each message was delivered
}

func (b *ledger) Released(_ context.Context, id uint16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released[id] = true
	return nil
}

func (b *ledger) Received(m link.Message) (func(context.Context) error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[m.ID] {
		return nil, nil
	}
	b.open[m.ID] = true
	b.got[string(m.Payload)]++
	return func(ctx context.Context) error { return ctx.Err() }, nil
}

func (b *ledger) Forgotten(_ context.Context, id uint16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, id)
	return nil
}

// cutting is a connection that breaks after some bytes, in the middle of a
// packet.
type cutting struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (c *cutting) spend(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left -= n; c.left <= 0 {
		c.Conn.Close()
	}
}

func (c *cutting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.spend(n)
	return n, err
}

func (c *cutting) Write(b []byte) (int, error) {
	c.mu.Lock()
	n := min(len(b), max(c.left, 0))
	c.mu.Unlock()
	n, err := c.Conn.Write(b[:n])
	c.spend(len(b))
	if err == nil && n < len(b) {
		err = net.ErrClosed
	}
	return n, err
}

// Over connections that break anywhere, each message of QoS 2 arrives once, in
// both directions, if the caller keeps the session as [link.Link] says.
func TestExactlyOnceOverManyConnections(t *testing.T) {
	eachBroker(t, func(t *testing.T, address string) {
		o := observer(t, address)
		b := &ledger{released: map[uint16]bool{}, open: map[uint16]bool{}, got: map[string]int{}}
		const n = 300
		sent := make(map[uint16]bool)
		left := make(map[uint16]bool)
		for id := range uint16(n) {
			left[id+1] = true
		}
		connections := 0
		for ; len(left) > 0 || !b.complete(n); connections++ {
			if connections == 2000 {
				t.Fatalf("%d messages are left after %d connections", len(left), connections)
			}
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			cut := &cutting{Conn: conn, left: 200 + rand.IntN(3000)}
			l, err := Upstream{}.Connect(soon(t), cut, link.Hello{ClientID: "gw", SessionExpiry: time.Hour, KeepAlive: time.Minute, ReceiveMaximum: 20}, b)
			if err != nil {
				continue
			}
			// To be sent on and back: an own message comes in again.
			if _, err := l.Subscribe(soon(t), []link.Subscription{{Filter: "x", QoS: 2, SkipRetained: true}}); err == nil {
				b.push(t, l, left, sent, n)
			}
			if len(left) == 0 { // the rest comes in
				select {
				case <-l.Lost():
				case <-time.After(50 * time.Millisecond):
				}
			}
			l.Close()
		}
		seen := map[string]int{}
		for range n {
			m, err := o.Next(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			seen[string(m.Payload)]++
		}
		for id := range n {
			key := fmt.Sprint(id + 1)
			if seen[key] != 1 || b.got[key] != 1 {
				t.Errorf("message %s went out %d times and came in %d times", key, seen[key], b.got[key])
			}
		}
		t.Logf("%d connections", connections)
	})
}

func (b *ledger) complete(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got) >= n
}

// push sends what is left until the connection is lost or nothing is.
func (b *ledger) push(t *testing.T, l link.Link, left, sent map[uint16]bool, n uint16) {
	t.Helper()
	receipts := map[uint16]*link.Receipt{}
	for id := uint16(1); id <= n; id++ {
		if !left[id] {
			continue
		}
		b.mu.Lock()
		released := b.released[id]
		b.mu.Unlock()
		switch {
		case released && !l.Present():
			t.Fatalf("the session is gone")
		case released:
			receipts[id] = l.Release(id)
		default:
			receipts[id] = l.Publish(link.Message{Topic: "x", Payload: fmt.Append(nil, id), QoS: 2, ID: id, Dup: sent[id]})
			sent[id] = true
		}
		select {
		case <-l.Lost():
			id = n
		default:
		}
	}
	for id, r := range receipts {
		if settled(t, r) == nil {
			delete(left, id)
		}
	}
}

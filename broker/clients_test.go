package broker

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"gateway/broker/packet"
)

// one returns what the broker knows of a client.
func (b *testBroker) one(id string) Client {
	b.t.Helper()
	c, ok := b.Client(id)
	if !ok {
		b.t.Fatalf("no client %q among %+v", id, b.Clients())
	}
	return c
}

func TestClients(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		began := time.Now()
		c := b.connect(packet.V5, "c", expires(3600), func(p *packet.Connect) {
			p.KeepAlive = 60
			p.Will = &packet.Will{Topic: "gone/c", Payload: []byte("x")}
		})
		c.subscribe("a/#", 1)
		c.subscribe("$share/g/b", 0)
		p := b.connect(packet.V311, "p")
		time.Sleep(time.Second)
		for range 3 {
			p.publish("a/b", "0123456789", 1)
			c.want("a/b", "0123456789")
		}
		c.silent()

		all := b.Clients()
		if len(all) != 2 || all[0].ID != "c" || all[1].ID != "p" {
			t.Fatalf("%+v", all)
		}
		got := all[0]
		if !got.Connected || got.Version != "5.0" || got.Transport != "unix" || got.KeepAlive != time.Minute || got.Expiry != time.Hour ||
			got.Will != "gone/c" || got.Subscriptions != 2 || !got.Since.Equal(began) || got.Address != "pipe" || got.Last != nil {
			t.Errorf("%+v", got)
		}
		if f := got.Flow; f.Messages != 0 || f.SentMessages != 3 || f.Bytes < 50 || f.SentBytes < 60 {
			t.Errorf("%+v", f)
		}
		if f := all[1].Flow; f.Messages != 3 || f.SentMessages != 0 || f.Bytes < 50 {
			t.Errorf("%+v", f)
		}
		if all[1].Expiry != 0 || all[1].Version != "3.1.1" || all[1].Will != "" {
			t.Errorf("%+v", all[1])
		}

		subs := b.Subscriptions("c", 10)
		if !slices.EqualFunc(subs, []string{"$share/g/b", "a/#"}, func(s Subscribed, f string) bool { return s.Filter == f }) || subs[1].QoS != 1 {
			t.Errorf("%+v", subs)
		}
		if n := len(b.Subscriptions("c", 1)); n != 1 {
			t.Errorf("%d, want the first only", n)
		}
		if b.Subscriptions("nobody", 10) != nil {
			t.Error("nobody has subscriptions")
		}

		c.send(&packet.Unsubscribe{ID: 5, Filters: []string{"$share/g/b"}})
		expect[*packet.Unsuback](c)
		c.send(&packet.Disconnect{Code: packet.DisconnectWithWill})
		c.gone()
		left := time.Now()
		time.Sleep(time.Minute)
		p.publish("a/b", "0123456789", 1)
		away := b.one("c")
		if away.Connected || away.Subscriptions != 1 || away.Waiting != 1 || away.WaitingBytes < 10 || away.Version != "" ||
			!away.Since.Equal(left) || !away.Ends.Equal(left.Add(time.Hour)) || away.Last == nil || away.Last.Cause != ByClient {
			t.Errorf("%+v", away)
		}
		time.Sleep(2 * time.Hour)
		if _, ok := b.Client("c"); ok {
			t.Error("the session has expired")
		}
	})
}

// TestClientsDropped counts what a client does not get, by connection and after.
func TestClientsDropped(t *testing.T) {
	inBubble(t, Config{MaxQueuedMessages: 2}, func(t *testing.T, b *testBroker) {
		small := b.connect(packet.V5, "c", expires(3600), func(p *packet.Connect) {
			p.Properties = &packet.Properties{MaximumPacketSize: packet.Some(uint32(30)), SessionExpiry: packet.Some(uint32(3600))}
		})
		small.subscribe("t", 1)
		p := b.connect(packet.V5, "p")
		p.publish("t", "fits", 0)
		small.want("t", "fits")
		p.publish("t", "0123456789012345678901234567890123456789", 0)
		p.publish("t", "0123456789012345678901234567890123456789", 1)
		small.silent()
		if got := b.one("c"); got.Dropped != 2 {
			t.Errorf("%d were dropped, want 2", got.Dropped)
		}
		small.send(&packet.Disconnect{})
		small.gone()
		for range 5 {
			p.publish("t", "x", 1)
		}
		if got := b.one("c"); got.Dropped != 2+3 || got.Waiting != 2 {
			t.Errorf("%d were dropped, want 5; %d wait, want 2", got.Dropped, got.Waiting)
		}
	})
}

// TestForget ends sessions for good, of who is there and of who is away.
func TestForget(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		if b.Forget("nobody", "") {
			t.Error("there is nobody")
		}
		for _, there := range []bool{true, false} {
			c := b.connect(packet.V5, "c", expires(3600))
			c.subscribe("t", 1)
			if !there {
				c.send(&packet.Disconnect{})
				c.gone()
			}
			if !b.Forget("c", "") {
				t.Error("not forgotten")
			}
			if there {
				c.closed(packet.AdministrativeAction)
			}
			time.Sleep(5 * time.Second)
			if st := b.Stats(); st.Sessions != 0 || st.Subscriptions != 0 {
				t.Errorf("there %v: %+v", there, st)
			}
			again := b.connect(packet.V5, "c", resume)
			if again.connack.SessionPresent {
				t.Error("the session is still there")
			}
			again.send(&packet.Disconnect{})
			again.gone()
		}
	})
}

// TestDisconnectKeepsTheSession: who is kicked may come back, and its will says
// that it is gone.
func TestDisconnectKeepsTheSession(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		watch := b.connect(packet.V5, "watch")
		watch.subscribe("gone/c", 0)
		c := b.connect(packet.V311, "c", resume, func(p *packet.Connect) { p.Will = &packet.Will{Topic: "gone/c", Payload: []byte("x")} })
		if !b.Disconnect("c", "") {
			t.Error("not disconnected")
		}
		c.gone()
		watch.want("gone/c", "x")
		if again := b.connect(packet.V311, "c", resume); !again.connack.SessionPresent {
			t.Error("the session is gone")
		}
	})
}

func TestRates(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		if r := b.Rates(); r != (Rates{}) {
			t.Errorf("before anything: %+v", r)
		}
		c := b.connect(packet.V5, "c")
		c.subscribe("t", 0)
		for range 300 {
			time.Sleep(500 * time.Millisecond)
			c.publish("t", "x", 0)
		}
		c.take(300)
		r := b.Rates()
		if r.Messages < 1.9 || r.Messages > 2.1 || r.SentMessages < 1.9 || r.SentMessages > 2.1 || r.Bytes < 10 || r.SentBytes < 10 {
			t.Errorf("2 a second are %+v", r)
		}
		time.Sleep(2 * time.Minute)
		if r := b.Rates(); r != (Rates{}) {
			t.Errorf("two minutes later: %+v", r)
		}
	})
}

// take takes so many messages.
func (c *testClient) take(n int) {
	for range n {
		c.message()
	}
}

// TestDoorFigures counts by listener.
func TestDoorFigures(t *testing.T) {
	b, tcp, _ := listening(t)
	nc, err := net.Dial("tcp", tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := &testClient{t: t, conn: nc, v: packet.V5, in: make(chan received, 100)}
	go c.pump()
	c.send(&packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true})
	expect[*packet.Connack](c)
	doors := b.Doors()
	if doors[0].Clients != 1 || doors[0].Open != 1 || doors[0].Accepted != 1 || doors[0].Protocol != "tcp" || doors[0].Address != tcp || doors[1].Clients != 0 {
		t.Errorf("%+v", doors)
	}
	if got, ok := b.Client("c"); !ok || got.Address != nc.LocalAddr().String() || got.Listener != "tcp "+tcp {
		t.Errorf("%+v", got)
	}
}

// TestClientsWhileTheyWork looks at clients that come, subscribe, publish and go.
func TestClientsWhileTheyWork(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		done := make(chan struct{})
		var look sync.WaitGroup
		look.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					for _, c := range b.Clients() {
						b.Subscriptions(c.ID, 100)
					}
					b.Ends()
					b.Doors()
					b.Disconnect("c3", "")
					time.Sleep(time.Millisecond)
				}
			}
		})
		terms := b.termsOf(Listener{})
		var work sync.WaitGroup
		for i := range 8 {
			work.Go(func() {
				for range 20 {
					here, there := net.Pipe()
					b.serve(there, terms, func() {})
					go swallow(here)
					for _, p := range []packet.Packet{
						&packet.Connect{Version: packet.V5, ClientID: fmt.Sprint("c", i), CleanStart: i%2 == 0},
						&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "t/#", QoS: 1}}},
						&packet.Publish{Topic: "t/a", Payload: []byte("x")},
						&packet.Unsubscribe{ID: 2, Filters: []string{"t/#"}},
						&packet.Disconnect{},
					} {
						raw, err := p.Append(nil, packet.V5)
						if err != nil {
							t.Error(err)
						}
						if _, err := here.Write(raw); err != nil {
							break // disconnected
						}
						time.Sleep(time.Millisecond)
					}
					here.Close()
				}
			})
		}
		work.Wait()
		close(done)
		look.Wait()
	})
}

func swallow(c net.Conn) {
	buf := make([]byte, 1000)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// BenchmarkClients is what the page costs with a thousand clients.
func BenchmarkClients(b *testing.B) {
	broker := New(Default(), testLog())
	for i := range 1000 {
		s := newSession(broker, fmt.Sprint("client-", i))
		broker.sessions[s.id] = s
	}
	for b.Loop() {
		if n := len(broker.Clients()); n != 1000 {
			b.Fatal(n)
		}
	}
}

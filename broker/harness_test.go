package broker

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
)

// The tests speak to the broker over pipes in memory, byte for byte, inside
// synctest bubbles: time passes at once and nothing depends on the machine.

// testBroker is a broker that runs.
type testBroker struct {
	*Broker
	t *testing.T
}

// inBubble runs test with a broker, and then wants everything to end.
func inBubble(t *testing.T, cfg Config, test func(t *testing.T, b *testBroker)) {
	t.Helper()
	if cfg.MaxQoS == 0 && !cfg.RetainAvailable { // most tests do not care
		cfg.MaxQoS, cfg.RetainAvailable, cfg.AssignClientIDs = 2, true, true
		cfg.ClientIDPrefix, cfg.MaxTopicAlias = "auto-", 10
	}
	synctest.Test(t, func(t *testing.T) {
		b := &testBroker{openTest(t, cfg), t}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := b.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		test(t, b)
		cancel()
		wg.Wait()
		// A goroutine left over would make synctest fail here.
	})
}

// withStore has every test of this package run with a store: memory or disk.
var withStore = flag.String("store", "", "run with a store, memory or disk")

// openTest makes a broker as the flags say.
func openTest(t *testing.T, cfg Config) *Broker {
	t.Helper()
	var p Persistence
	switch *withStore {
	case "memory":
		p.Store = store.NewMemory()
	case "disk":
		d, err := store.Open(t.TempDir(), store.Options{Interval: 5 * time.Second, MaxBytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		p.Store = d
	}
	b := Open(cfg, p, testLog())
	return b
}

func testLog() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// testClient is a client that does only what the test says.
type testClient struct {
	t       *testing.T
	conn    net.Conn
	v       packet.Version
	connack *packet.Connack
	in      chan received   // what comes, read as it comes
	held    []packet.Packet // messages that came while something else was expected
}

// received is a packet, or why there is none any more.
type received struct {
	packet packet.Packet
	err    error
}

// pump reads what the broker sends until the connection ends.
func (c *testClient) pump() {
	r := packet.NewReader(c.conn, 0)
	for {
		first, body, err := r.Next()
		if err != nil {
			c.in <- received{err: err}
			return
		}
		p, err := packet.Decode(first, body, c.v)
		c.in <- received{p, err}
	}
}

// dial makes a connection on which nothing was said.
func (b *testBroker) dial(v packet.Version) *testClient {
	b.t.Helper()
	return b.dialOn(Listener{}, v)
}

// dialOn is dial by a listener of its own.
func (b *testBroker) dialOn(l Listener, v packet.Version) *testClient {
	b.t.Helper()
	return b.dialTerms(b.termsOf(l), v)
}

// termsOf returns the terms of a listener that only this machine reaches.
func (b *testBroker) termsOf(l Listener) *terms {
	b.t.Helper()
	if l.Protocol == "" {
		l.Protocol = "unix"
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	cfg := b.cfg()
	p := &doorPlan{b: b.Broker, was: cfg, next: cfg, shared: b.shared}
	guard, err := p.guard(l, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.shared = p.shared
	return b.terms(cfg, l, guard)
}

func (b *testBroker) dialTerms(terms *terms, v packet.Version) *testClient {
	b.t.Helper()
	c := b.dialDeafTerms(terms, v)
	go c.pump()
	return c
}

// dialDeaf makes a connection from which nobody reads.
func (b *testBroker) dialDeaf(v packet.Version) *testClient {
	b.t.Helper()
	return b.dialDeafTerms(b.termsOf(Listener{}), v)
}

func (b *testBroker) dialDeafTerms(terms *terms, v packet.Version) *testClient {
	b.t.Helper()
	here, there := net.Pipe()
	b.serve(there, terms, func() {})
	c := &testClient{t: b.t, conn: here, v: v, in: make(chan received, 100_000)}
	b.t.Cleanup(func() { here.Close() })
	return c
}

// connect makes a connection and says CONNECT with a clean start.
func (b *testBroker) connect(v packet.Version, id string, with ...func(*packet.Connect)) *testClient {
	b.t.Helper()
	c := b.dial(v)
	p := &packet.Connect{Version: v, ClientID: id, CleanStart: true}
	for _, f := range with {
		f(p)
	}
	c.send(p)
	c.connack = expect[*packet.Connack](c)
	if c.connack.Code != packet.Success {
		b.t.Fatalf("CONNECT of %q: %v", id, c.connack.Code)
	}
	return c
}

// resume and expire are for connect.
func resume(p *packet.Connect) { p.CleanStart = false }

func expires(seconds uint32) func(*packet.Connect) {
	return func(p *packet.Connect) {
		if p.Properties == nil {
			p.Properties = new(packet.Properties)
		}
		p.Properties.SessionExpiry = packet.Some(seconds)
	}
}

func (c *testClient) send(p packet.Packet) {
	c.t.Helper()
	b, err := p.Append(nil, c.v)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(b)
}

func (c *testClient) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// recv returns the next packet. One that does not come fails the test after
// a day, which takes no time.
func (c *testClient) recv() packet.Packet {
	c.t.Helper()
	if len(c.held) > 0 {
		p := c.held[0]
		c.held = c.held[1:]
		return p
	}
	return c.recvNew()
}

func (c *testClient) recvNew() packet.Packet {
	c.t.Helper()
	select {
	case r := <-c.in:
		if r.err != nil {
			c.t.Fatalf("read: %v", r.err)
		}
		return r.packet
	case <-time.After(24 * time.Hour):
		c.t.Fatal("nothing came")
	}
	return nil
}

// expect wants the next packet to be a P.
func expect[P packet.Packet](c *testClient) P {
	c.t.Helper()
	p := c.recv()
	got, ok := p.(P)
	if !ok {
		c.t.Fatalf("got %v %+v, want a %T", p.Type(), p, got)
	}
	return got
}

// answer wants the next packet that is no PUBLISH to be a P.
func answer[P packet.Packet](c *testClient) P {
	c.t.Helper()
	for {
		p := c.recvNew()
		if got, ok := p.(P); ok {
			return got
		}
		if p.Type() != packet.TypePublish {
			c.t.Fatalf("got %v %+v, want a %T", p.Type(), p, *new(P))
		}
		c.held = append(c.held, p)
	}
}

// message wants the next packet to be a PUBLISH, and acknowledges it.
func (c *testClient) message() *packet.Publish {
	c.t.Helper()
	p := expect[*packet.Publish](c)
	switch p.QoS {
	case 1:
		c.send(&packet.Puback{ID: p.ID})
	case 2:
		c.send(&packet.Pubrec{ID: p.ID})
		if rel := answer[*packet.Pubrel](c); rel.ID != p.ID || rel.Code != packet.Success {
			c.t.Fatalf("PUBREL %+v for PUBREC %d", rel, p.ID)
		}
		c.send(&packet.Pubcomp{ID: p.ID})
	}
	return p
}

// want wants the next message to have this topic and payload.
func (c *testClient) want(topic, payload string) *packet.Publish {
	c.t.Helper()
	p := c.message()
	if p.Topic != topic || string(p.Payload) != payload {
		c.t.Fatalf("got %q %q, want %q %q", p.Topic, p.Payload, topic, payload)
	}
	return p
}

// silent wants nothing to come.
func (c *testClient) silent() {
	c.t.Helper()
	c.send(&packet.Pingreq{})
	expect[*packet.Pingresp](c)
}

// closed wants the connection to be closed, after reason if the version has
// a packet for that.
func (c *testClient) closed(reason packet.ReasonCode) {
	c.t.Helper()
	if c.v == packet.V5 {
		if d := expect[*packet.Disconnect](c); d.Code != reason {
			c.t.Errorf("DISCONNECT with %v, want %v", d.Code, reason)
		}
	}
	c.gone()
}

// gone wants the connection to end without another packet.
func (c *testClient) gone() {
	c.t.Helper()
	select {
	case r := <-c.in:
		if r.err == nil {
			c.t.Fatalf("got %v, want the connection closed", r.packet.Type())
		}
		if !errors.Is(r.err, io.EOF) && !errors.Is(r.err, io.ErrClosedPipe) {
			c.t.Errorf("connection ends with %v", r.err)
		}
	case <-time.After(24 * time.Hour):
		c.t.Fatal("the connection was not closed")
	}
}

func (c *testClient) subscribe(filter string, qos packet.QoS, with ...func(*packet.Subscription)) packet.ReasonCode {
	c.t.Helper()
	s := packet.Subscription{Filter: filter, QoS: qos}
	for _, f := range with {
		f(&s)
	}
	c.send(&packet.Subscribe{ID: 77, Filters: []packet.Subscription{s}})
	ack := expect[*packet.Suback](c)
	if ack.ID != 77 || len(ack.Codes) != 1 {
		c.t.Fatalf("SUBACK %+v", ack)
	}
	return ack.Codes[0]
}

// publish publishes and waits for all acknowledgements.
func (c *testClient) publish(topic, payload string, qos packet.QoS, with ...func(*packet.Publish)) {
	c.t.Helper()
	p := &packet.Publish{Topic: topic, Payload: []byte(payload), QoS: qos}
	if qos > 0 {
		p.ID = 1000
	}
	for _, f := range with {
		f(p)
	}
	c.send(p)
	switch qos {
	case 1:
		if ack := answer[*packet.Puback](c); ack.ID != p.ID || ack.Code >= packet.UnspecifiedError {
			c.t.Fatalf("PUBACK %+v", ack)
		}
	case 2:
		if rec := answer[*packet.Pubrec](c); rec.ID != p.ID || rec.Code >= packet.UnspecifiedError {
			c.t.Fatalf("PUBREC %+v", rec)
		}
		c.send(&packet.Pubrel{ID: p.ID})
		if comp := answer[*packet.Pubcomp](c); comp.ID != p.ID || comp.Code != packet.Success {
			c.t.Fatalf("PUBCOMP %+v", comp)
		}
	}
}

func retained(p *packet.Publish) { p.Retain = true }

//go:build linux

package emulated_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gateway/bridge/badline/ledger"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// load is what clients of this machine publish to a board whose power is going
// to be cut, with the books of what was acknowledged. It lasts over the cuts.
type load struct {
	books [3]*ledger.Ledger // of what waits for the far client, by QoS; QoS 0 promises nothing
	lanes []*lane
	acked atomic.Int64 // messages
}

// lane is a sequence of messages, one after the other is acknowledged: the order
// of its topics is that of its numbers.
type lane struct {
	qos    packet.QoS
	number int
	random *rand.Rand
	sent   uint64 // the number of the last message

	tree []leaf // topics of retained messages that it goes around; nil: it publishes to the far client's queue
}

// leaf is a topic of retained messages.
type leaf struct {
	topic string
	acked uint64 // the last one that was acknowledged, or was seen; 0: none
	sent  uint64 // the last one that was sent
}

const (
	farClient = "far"
	queue     = "cut/queue/"
	retained  = "cut/retained/"
)

func newLoad(seed uint64) *load {
	l := &load{books: [3]*ledger.Ledger{1: ledger.New(ledger.AtLeastOnce), 2: ledger.New(ledger.ExactlyOnce)}}
	for i := range 16 {
		n := &lane{qos: packet.QoS(1 + i%2), number: i, random: rand.New(rand.NewPCG(seed, uint64(i)))}
		if i >= 12 {
			for k := range 20 {
				n.tree = append(n.tree, leaf{topic: fmt.Sprintf("%s%d/%d", retained, i, k)})
			}
		}
		l.lanes = append(l.lanes, n)
	}
	return l
}

// begin has the far client subscribe and leave: its session stays.
func (l *load) begin(t *testing.T, address string) {
	t.Helper()
	c := dial(t, address, client.Options{ClientID: farClient})
	if codes, err := c.Subscribe(t.Context(), []packet.Subscription{{Filter: queue + "#", QoS: 2}}); err != nil || codes[0] != 2 {
		t.Fatalf("subscribe: %v %v", codes, err)
	}
	if err := c.Disconnect(packet.Success); err != nil {
		t.Fatal(err)
	}
}

// dial connects to the board's broker.
func dial(t *testing.T, address string, o client.Options) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	o.Buffer = 1000
	c, err := client.Connect(ctx, conn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// run publishes at full speed until enough messages more are acknowledged; then
// it calls cut, while it goes on, and returns when the last connection has ended.
func (l *load) run(t *testing.T, address string, enough int64, cut func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enough += l.acked.Load()
	reached := make(chan struct{})
	var once sync.Once
	var lanes sync.WaitGroup
	clients := make([]*client.Client, 4)
	for i := range clients {
		clients[i] = dial(t, address, client.Options{CleanStart: true, ClientID: fmt.Sprintf("near-%d", i)})
	}
	for i, n := range l.lanes {
		c := clients[i%len(clients)]
		lanes.Go(func() {
			for l.publish(ctx, c, n) == nil {
				if l.acked.Add(1) >= enough {
					once.Do(func() { close(reached) })
				}
			}
		})
	}
	select {
	case <-reached:
	case <-ctx.Done():
		t.Errorf("%d messages more were to be acknowledged: %v", enough-l.acked.Load(), ctx.Err())
	}
	cut()
	for _, c := range clients {
		c.Close()
	}
	lanes.Wait()
}

// publish publishes the next message of a lane. Without an error it is
// acknowledged.
func (l *load) publish(ctx context.Context, c *client.Client, n *lane) error {
	n.sent++
	p := &packet.Publish{QoS: n.qos}
	size := n.random.IntN(300)
	if n.random.IntN(40) == 0 {
		size = n.random.IntN(20000) // more than a page of the card
	}
	if n.tree == nil {
		p.Topic = fmt.Sprintf("%s%d", queue, n.number)
		p.Payload = body(n.sent, size)
		l.books[n.qos].Published(p.Topic, n.sent)
		_, err := c.Publish(ctx, p)
		if err == nil {
			l.books[n.qos].Acknowledged(p.Topic, n.sent)
		}
		return err
	}
	leaf := &n.tree[n.sent%uint64(len(n.tree))]
	leaf.sent = n.sent
	p.Topic, p.Retain = leaf.topic, true
	if !cleared(n.sent) {
		p.Payload = body(n.sent, size)
	}
	_, err := c.Publish(ctx, p)
	if err == nil {
		leaf.acked = n.sent
	}
	return err
}

// cleared tells which messages take the retained one of their topic away.
func cleared(n uint64) bool { return n == 0 || n%7 == 0 }

// body says the number of a message, and is a little longer than size bytes.
func body(n uint64, size int) []byte {
	return append(strconv.AppendUint(nil, n, 10), bytes.Repeat([]byte{' '}, size)...)
}

// number reads what body has.
func number(t *testing.T, m *packet.Publish) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimRight(string(m.Payload), " "), 10, 64)
	if err != nil {
		t.Fatalf("%s has a message that nobody sent: %.60q", m.Topic, m.Payload)
	}
	return n
}

// drain has the far client come back and take all that waits, and compares it
// with the books.
func (l *load) drain(t *testing.T, address string) {
	t.Helper()
	c := dial(t, address, client.Options{ClientID: farClient})
	if !c.Connack().SessionPresent {
		t.Fatal("the session of the far client is lost")
	}
	defer func() {
		if err := c.Disconnect(packet.Success); err != nil {
			t.Error(err)
		}
	}()
	l.upTo(t, address, c, queue+"end", func(m *packet.Publish) {
		of, _ := strconv.Atoi(strings.TrimPrefix(m.Topic, queue))
		l.books[l.lanes[of].qos].Arrived(m.Topic, number(t, m))
	})
	for qos, book := range l.books {
		if book == nil {
			continue
		}
		r := book.Report()
		if err := r.Err(); err != nil {
			t.Errorf("QoS %d: %v", qos, err)
		}
		t.Logf("QoS %d: %v", qos, r)
	}
}

// upTo hands on all that comes to c, up to a message that is published now.
func (l *load) upTo(t *testing.T, address string, c *client.Client, end string, do func(*packet.Publish)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := dial(t, address, client.Options{CleanStart: true})
	if _, err := p.Publish(ctx, &packet.Publish{Topic: end, QoS: 1}); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for {
		m, err := c.Next(ctx)
		if err != nil {
			t.Fatalf("%s did not come: %v", end, err)
		}
		if m.Topic == end {
			return
		}
		do(m)
	}
}

// tree compares the retained messages with what was acknowledged: each topic has
// the last one that was, or the one that was on its way.
func (l *load) tree(t *testing.T, address string) {
	t.Helper()
	c := dial(t, address, client.Options{CleanStart: true})
	defer c.Close()
	if _, err := c.Subscribe(t.Context(), []packet.Subscription{{Filter: retained + "#", QoS: 1}}); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	l.upTo(t, address, c, retained+"end", func(m *packet.Publish) { got[m.Topic] = number(t, m) })
	for _, n := range l.lanes {
		for i := range n.tree {
			if err := n.tree[i].see(got[n.tree[i].topic]); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d retained messages", len(got))
}

// see compares what a topic has, 0 for nothing, and keeps it: it may not go back.
func (f *leaf) see(n uint64) error {
	switch {
	case n == f.sent || n == 0 && cleared(f.sent):
		f.acked = f.sent
	case n == f.acked || n == 0 && cleared(f.acked):
		f.sent = f.acked // that one was lost
	default:
		return fmt.Errorf("%s has message %d; acknowledged is %d, and %d was the last one sent", f.topic, n, f.acked, f.sent)
	}
	return nil
}

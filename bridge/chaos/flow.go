//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gateway/bridge/badline/ledger"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// topics is how many topics a flow has. The first is retained.
const topics = 3

// pace is the mean time between an acknowledgement and the next message of a
// topic.
const pace = 20 * time.Millisecond

// flow is the messages of one QoS that go one way, and their books.
type flow struct {
	name  string // what their topics begin with
	qos   packet.QoS
	from  func() string // address of the broker that they are published to
	books *ledger.Ledger
	last  [topics]atomic.Uint64 // the number that was acknowledged last, by topic
}

func newFlow(name string, qos packet.QoS, from func() string) *flow {
	return &flow{name: name, qos: qos, from: from, books: ledger.New(ledger.Promise(qos))}
}

func (f *flow) topic(i int) string { return fmt.Sprintf("%s/%d", f.name, i) }

// publish publishes to topic i until ctx ends, or stop is closed.
func (f *flow) publish(ctx context.Context, i int, random *rand.Rand, stop <-chan struct{}) {
	for n := uint64(1); ctx.Err() == nil; {
		c, err := f.connect(ctx, fmt.Sprintf("publisher-%s-%d", f.name, i))
		if err != nil {
			_ = pause(ctx, 10*time.Millisecond)
			if stopped(stop) {
				return
			}
			continue
		}
		for err == nil {
			_ = pause(ctx, time.Duration(random.Int64N(int64(2*pace))))
			if stopped(stop) {
				_ = c.Disconnect(packet.Success)
				return
			}
			err = f.one(ctx, c, i, n, random)
			n++
		}
		c.Close()
	}
}

// one publishes message n and waits for the acknowledgement.
func (f *flow) one(ctx context.Context, c *client.Client, i int, n uint64, random *rand.Rand) error {
	size := random.IntN(200)
	if random.IntN(100) == 0 { // many segments of the line
		size = random.IntN(20_000)
	}
	payload := append(strconv.AppendUint(nil, n, 10), strings.Repeat(".", size)...)
	f.books.Published(f.topic(i), n)
	_, err := c.Publish(ctx, &packet.Publish{Topic: f.topic(i), Payload: payload, QoS: f.qos, Retain: i == 0})
	if err == nil {
		f.books.Acknowledged(f.topic(i), n)
		f.last[i].Store(n)
	}
	return err
}

func (f *flow) connect(ctx context.Context, id string) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", f.from())
	if err != nil {
		return nil, err
	}
	return client.Connect(ctx, nc, client.Options{ClientID: id, CleanStart: true})
}

// probe publishes, besides the flow, until that has come through.
func (f *flow) probe(ctx context.Context, through <-chan struct{}) error {
	c, err := f.connect(ctx, "probe")
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if _, err := c.Publish(ctx, &packet.Publish{Topic: f.name + probe, QoS: 1}); err != nil {
			return err
		}
		select {
		case <-through:
			return nil
		default:
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// probe is the end of the topic of probes.
const probe = "/probe"

// number reads what one has written.
func number(payload []byte) (uint64, error) {
	return strconv.ParseUint(strings.TrimRight(string(payload), "."), 10, 64)
}

func stopped(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

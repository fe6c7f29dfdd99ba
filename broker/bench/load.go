//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/bench/machine"
)

// load is the clients of one measurement.
type load struct {
	ctx     context.Context
	broker  *broker
	seconds float64
	lost    int64 // messages that were published and not delivered

	mu      sync.Mutex
	conns   []net.Conn
	closed  bool
	err     error
	running sync.WaitGroup
}

// dial connects a client that close ends.
func (l *load) dial(id string) (net.Conn, error) {
	nc, err := dial(l.broker.address, id)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, nc)
	return nc, nil
}

// close ends all clients and waits for their goroutines.
func (l *load) close() {
	l.mu.Lock()
	l.closed = true
	for _, nc := range l.conns {
		nc.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

// do runs a client; an error that does not come from close fails the
// measurement.
func (l *load) do(client func() error) {
	l.running.Go(func() {
		err := client()
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil && !l.closed && l.err == nil {
			l.err = err
		}
	})
}

func (l *load) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// subscribe lets a client subscribe and count what it gets in all of counts.
func (l *load) subscribe(id string, qos byte, filters []string, counts ...*atomic.Int64) error {
	nc, err := l.dial(id)
	if err != nil {
		return err
	}
	if err := ask(nc, subscribePacket(qos, filters...), 4+len(filters), 0x90); err != nil {
		return fmt.Errorf("SUBSCRIBE: %w", err)
	}
	l.do(func() error {
		r := newReader(nc)
		for {
			n := int64(0)
			if err := r.next(func(p []byte, _ int) {
				if p[0]>>4 == 3 {
					n++
				}
			}); err != nil {
				return err
			}
			for _, c := range counts {
				c.Add(n)
			}
		}
	})
	return nil
}

// flow is publishers that wait for what they publish to be delivered.
type flow struct {
	qos    byte
	retain bool
	size   int          // of a payload, bytes
	ahead  int64        // how far a publisher may be ahead of the subscribers, messages
	stop   *atomic.Bool // set when it is to end
	sent   *atomic.Int64
}

// Publishers may be ahead of the subscribers by fewer messages than a broker
// queues for a client: at QoS 0 by 400 kB in all, and at QoS 1 and 2 by 900
// messages, 20 each, which is what one may have unacknowledged.
const (
	aheadQoS0 = 500
	aheadMost = 400_000
	aheadAll  = 900
	aheadEach = 20
	batch     = 8 << 10 // bytes in a write
)

func newFlow(qos byte, size, publishers int) flow {
	f := flow{qos: qos, size: size, stop: new(atomic.Bool), sent: new(atomic.Int64), ahead: int64(max(4, min(aheadQoS0, aheadMost/(publishers*size))))}
	if qos > 0 {
		f.ahead = int64(max(1, min(aheadEach, aheadAll/publishers)))
	}
	return f
}

// publish lets a client publish to its topics in turn. delivered counts copies
// that came of what it and its like published, each of which makes share of
// them.
func (l *load) publish(id string, f flow, topics []string, delivered *atomic.Int64, share float64) error {
	nc, err := l.dial(id)
	if err != nil {
		return err
	}
	packets, ids := make([][]byte, len(topics)), make([]int, len(topics))
	for i, t := range topics {
		packets[i], ids[i], _ = publishPacket(t, f.qos, f.retain, make([]byte, f.size))
	}
	if f.qos == 0 {
		l.do(func() error { return f.atMostOnce(l, nc, packets, delivered, share) })
		return nil
	}
	p := &acknowledged{flow: f, nc: nc, packets: packets, ids: ids}
	l.do(func() error { return p.read() })
	l.do(func() error { return p.write(l, delivered, share) })
	return nil
}

// progress is how many of one publisher's messages were delivered.
func progress(delivered *atomic.Int64, share float64) int64 {
	return int64(float64(delivered.Load()) / share)
}

func (f flow) atMostOnce(l *load, nc net.Conn, packets [][]byte, delivered *atomic.Int64, share float64) error {
	var buf []byte
	for mine := int64(0); !f.stop.Load() && l.ctx.Err() == nil; {
		buf = buf[:0]
		room := progress(delivered, share) + f.ahead - mine
		for ; len(buf) < batch && room > 0; room-- {
			buf = append(buf, packets[mine%int64(len(packets))]...)
			mine++
			f.sent.Add(1)
		}
		if len(buf) == 0 {
			time.Sleep(50 * time.Microsecond)
			continue
		}
		if _, err := nc.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged is a publisher of QoS 1 or 2.
type acknowledged struct {
	flow
	nc      net.Conn
	packets [][]byte
	ids     []int
	acks    atomic.Int64
}

func (p *acknowledged) read() error {
	r := newReader(p.nc)
	for {
		n := int64(0)
		if err := r.next(func(b []byte, _ int) {
			if t := b[0] >> 4; t == 4 || t == 7 {
				n++
			}
		}); err != nil {
			return err
		}
		p.acks.Add(n)
	}
}

func (p *acknowledged) write(l *load, delivered *atomic.Int64, share float64) error {
	var buf []byte
	id := uint16(0)
	for mine := int64(0); !p.stop.Load() && l.ctx.Err() == nil; {
		buf = buf[:0]
		for mine-p.acks.Load() < p.ahead && mine-progress(delivered, share) < p.ahead {
			if id++; id == 0 {
				id = 1
			}
			i := int(mine) % len(p.packets)
			binary.BigEndian.PutUint16(p.packets[i][p.ids[i]:], id)
			buf = append(buf, p.packets[i]...)
			mine++
			p.sent.Add(1)
		}
		if len(buf) == 0 {
			time.Sleep(20 * time.Microsecond)
			continue
		}
		if _, err := p.nc.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// slowest is how long a machine that is busy with other things may take to
// deliver anything.
const slowest = 30 * time.Second

// cost lets the clients come up to speed, and returns the broker's CPU time for
// each message that delivered counts, µs. It measures longer than it is to while
// nothing is delivered: with a short time another program may have the processor
// for all of it.
func (l *load) cost(delivered *atomic.Int64) (float64, error) {
	if err := l.wait(300 * time.Millisecond); err != nil {
		return 0, err
	}
	n0 := delivered.Load()
	c0, err := machine.CPU(l.broker.pid())
	if err != nil {
		return 0, err
	}
	n1 := n0
	for began := time.Now(); n1 == n0; n1 = delivered.Load() {
		if time.Since(began) > slowest {
			return 0, errors.New("nothing was delivered")
		}
		if err := l.wait(time.Duration(l.seconds * float64(time.Second))); err != nil {
			return 0, err
		}
	}
	c1, err := machine.CPU(l.broker.pid())
	if err != nil {
		return 0, err
	}
	return float64((c1 - c0).Nanoseconds()) / 1000 / float64(n1-n0), nil
}

// settle ends a flow, and counts what was not delivered of it.
func (l *load) settle(f flow, delivered *atomic.Int64, copies int64) {
	f.stop.Store(true)
	for range 200 {
		if delivered.Load() >= f.sent.Load()*copies {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.lost = f.sent.Load()*copies - delivered.Load()
}

func (l *load) wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return l.failure()
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

// percentile returns the value that p of all, sorted here, are not above.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(p*float64(len(values))))]
}

func median(values []float64) float64 { return percentile(slices.Clone(values), 0.5) }

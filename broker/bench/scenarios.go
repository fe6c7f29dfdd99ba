//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/bench/machine"
)

// scenario is one figure of each broker.
type scenario struct {
	name   string
	what   string // in the table
	unit   string
	group  string
	target float64 // 0: none
	ratio  bool    // target is for the ratio of gateway to mosquitto; else for the gateway's figure
	more   bool    // more is better
	once   bool    // one round is enough

	durable     bool // with what the brokers keep on disk
	gatewayOnly bool
	run         func(*load) (float64, error)
}

// scenarios are all there are, in the table's order.
func scenarios() []scenario {
	var all []scenario
	targets := map[string]float64{
		"fan-in q0": 0.25, "fan-out q0": 0.12, "pairs q0": 0.30, "fan-in q1": 0.20, "pairs q1": 0.25, "fan-in q2": 0.20, "pairs q2": 0.20,
	}
	patterns := []struct {
		name, what string
		run        func(*load, byte, int) (float64, error)
	}{
		{"fan-in", "50 publishers to 1 subscriber", fanIn},
		{"fan-out", "1 publisher to 50 subscribers", fanOut},
		{"pairs", "20 publishers, each to its own subscriber", pairs},
		{"tree", "200 sensors, retained, to 5 subscribers with wildcards", tree},
	}
	for _, size := range []int{64, 1024} {
		for _, p := range patterns {
			for qos := range byte(3) {
				s := scenario{
					name: fmt.Sprintf("%s q%d %d", p.name, qos, size), unit: "µs",
					what:  fmt.Sprintf("%s, QoS %d, %d B", p.what, qos, size),
					group: "CPU time of the broker for each message delivered", ratio: true,
					run: func(l *load) (float64, error) { return p.run(l, qos, size) },
				}
				if size == 64 {
					s.target = targets[fmt.Sprintf("%s q%d", p.name, qos)]
				}
				all = append(all, s)
			}
		}
	}
	for qos := range byte(2) {
		all = append(all, scenario{
			name: fmt.Sprintf("calm q%d", qos), what: fmt.Sprintf("10 publishers, each to its own subscriber, 5,000/s in all, QoS %d, 64 B", qos), unit: "µs",
			group: "CPU time of the broker for each message delivered", ratio: true, run: func(l *load) (float64, error) { _, cost, err := steady(l, qos); return cost, err },
		})
	}
	for qos := range byte(2) {
		all = append(all, scenario{
			name: fmt.Sprintf("latency q%d", qos), what: fmt.Sprintf("99 of 100 messages at 5,000/s, QoS %d", qos), unit: "ms",
			group: "Latency", ratio: true, target: 1, run: func(l *load) (float64, error) { late, _, err := steady(l, qos); return late, err },
		})
	}
	all = append(all,
		scenario{name: "idle rss", what: "process without clients", unit: "MiB", group: "Memory, resident", target: 16, run: idle},
		scenario{name: "idle 1000", what: "for each of 1,000 idle connections", unit: "KiB", group: "Memory, resident", target: 6, once: true,
			run: func(l *load) (float64, error) { return idleConnections(l, 1000) }},
		scenario{name: "idle 5000", what: "for each of 5,000 idle connections", unit: "KiB", group: "Memory, resident", target: 6, once: true,
			run: func(l *load) (float64, error) { return idleConnections(l, 5000) }},
		scenario{name: "stuck memory", what: "most, with 5 subscribers that never read, QoS 1", unit: "MiB", group: "Memory, resident", target: 24, once: true,
			run: func(l *load) (float64, error) { m, _, err := stuck(l); return m, err }},
		scenario{name: "stuck share", what: "what 5 others get meanwhile, of what is published", unit: "%", group: "Many filters, retained messages, deaf subscribers", target: 90, more: true, once: true,
			run: func(l *load) (float64, error) { _, s, err := stuck(l); return s, err }},
		scenario{name: "filters", what: "a publish among 100,000 filters, times what it costs among 10", unit: "×", group: "Many filters, retained messages, deaf subscribers", target: 2, once: true, run: filters},
		scenario{name: "retained", what: "50,000 retained messages to a new subscriber", unit: "s", group: "Many filters, retained messages, deaf subscribers", once: true, run: retained},
	)
	return append(all, durableScenarios()...)
}

func fanIn(l *load, qos byte, size int) (float64, error) {
	const publishers = 50
	f, n := newFlow(qos, size, publishers), new(atomic.Int64)
	if err := l.subscribe("sub", qos, []string{"in/#"}, n); err != nil {
		return 0, err
	}
	for i := range publishers {
		if err := l.publish(fmt.Sprint("pub", i), f, []string{fmt.Sprint("in/", i)}, n, publishers); err != nil {
			return 0, err
		}
	}
	defer l.settle(f, n, 1)
	return l.cost(n)
}

func fanOut(l *load, qos byte, size int) (float64, error) {
	const subscribers = 50
	f, n := newFlow(qos, size, 1), new(atomic.Int64)
	for i := range subscribers {
		if err := l.subscribe(fmt.Sprint("sub", i), qos, []string{"out"}, n); err != nil {
			return 0, err
		}
	}
	if err := l.publish("pub", f, []string{"out"}, n, subscribers); err != nil {
		return 0, err
	}
	defer l.settle(f, n, subscribers)
	return l.cost(n)
}

func pairs(l *load, qos byte, size int) (float64, error) {
	f, n := newFlow(qos, size, 1), new(atomic.Int64)
	for i := range 20 {
		topic, own := fmt.Sprint("pair/", i), new(atomic.Int64)
		if err := l.subscribe(fmt.Sprint("sub", i), qos, []string{topic}, n, own); err != nil {
			return 0, err
		}
		if err := l.publish(fmt.Sprint("pub", i), f, []string{topic}, own, 1); err != nil {
			return 0, err
		}
	}
	defer l.settle(f, n, 1)
	return l.cost(n)
}

// tree is a house: each sensor's topic is site/room/sensor, and each message
// goes to three of the five subscribers.
func tree(l *load, qos byte, size int) (float64, error) {
	const publishers, copies = 200, 3
	f, n := newFlow(qos, size, publishers*copies), new(atomic.Int64) // one subscriber may be behind the others
	f.retain = true
	for i, filter := range []string{"#", "site/#", "site/+/climate", "site/+/door", "+/room1/+"} {
		if err := l.subscribe(fmt.Sprint("sub", i), qos, []string{filter}, n); err != nil {
			return 0, err
		}
	}
	for i := range publishers {
		sensor := [...]string{"climate", "door"}[i%2]
		topic := fmt.Sprintf("site/room%d/%s", 10+i/2, sensor)
		if err := l.publish(fmt.Sprint("pub", i), f, []string{topic}, n, publishers*copies); err != nil {
			return 0, err
		}
	}
	defer l.settle(f, n, copies)
	return l.cost(n)
}

// steady publishes 5,000 messages a second, whether those before have arrived
// or not, and returns what 99 of 100 of them take at most, ms, and the broker's
// CPU time for each, µs.
func steady(l *load, qos byte) (late, cost float64, err error) {
	const clients, perSecond = 10, 5000
	var mu sync.Mutex
	var all []float64
	for i := range clients {
		topic := fmt.Sprint("late/", i)
		sub, err := l.dial(fmt.Sprint("sub", i))
		if err != nil {
			return 0, 0, err
		}
		if err := ask(sub, subscribePacket(qos, topic), 5, 0x90); err != nil {
			return 0, 0, err
		}
		l.do(func() error {
			r := newReader(sub)
			var mine []float64
			for {
				if err := r.next(func(p []byte, _ int) {
					if p[0]>>4 == 3 {
						sent := int64(binary.BigEndian.Uint64(p[len(p)-64:]))
						mine = append(mine, float64(time.Now().UnixNano()-sent)/1e6)
					}
				}); err != nil {
					return err
				}
				mu.Lock()
				all = append(all, mine...)
				mu.Unlock()
				mine = mine[:0]
			}
		})
		pub, err := l.dial(fmt.Sprint("pub", i))
		if err != nil {
			return 0, 0, err
		}
		l.do(func() error { _, err := io.Copy(io.Discard, pub); return err })
		l.do(func() error { return onTime(l, pub, topic, qos, clients*time.Second/perSecond) })
	}
	if err := l.wait(500 * time.Millisecond); err != nil {
		return 0, 0, err
	}
	mu.Lock()
	all = all[:0]
	mu.Unlock()
	c0, err := machine.CPU(l.broker.pid())
	if err != nil {
		return 0, 0, err
	}
	if err := l.wait(time.Duration(l.seconds * float64(time.Second))); err != nil {
		return 0, 0, err
	}
	c1, err := machine.CPU(l.broker.pid())
	if err != nil {
		return 0, 0, err
	}
	mu.Lock()
	defer mu.Unlock()
	if len(all) == 0 {
		return 0, 0, errors.New("nothing arrived")
	}
	return percentile(all, 0.99), float64((c1 - c0).Nanoseconds()) / 1000 / float64(len(all)), nil
}

// onTime publishes at each interval.
func onTime(l *load, nc net.Conn, topic string, qos byte, interval time.Duration) error {
	p, idAt, payloadAt := publishPacket(topic, qos, false, make([]byte, 64))
	id := uint16(0)
	for due := time.Now(); l.ctx.Err() == nil; due = due.Add(interval) {
		time.Sleep(time.Until(due))
		if id++; id == 0 {
			id = 1
		}
		if qos > 0 {
			binary.BigEndian.PutUint16(p[idAt:], id)
		}
		// The time it is, and not the one that was due: a Go program oversleeps by
		// up to a millisecond, which is no broker's fault.
		binary.BigEndian.PutUint64(p[payloadAt:], uint64(time.Now().UnixNano()))
		if _, err := nc.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func idle(l *load) (float64, error) {
	if err := l.wait(time.Second); err != nil {
		return 0, err
	}
	kib, err := machine.Memory(l.broker.pid(), "VmRSS")
	return kib / 1024, err
}

// idleConnections connects n clients, each subscribed to a topic of its own,
// and returns what each adds to the process, KiB.
func idleConnections(l *load, n int) (float64, error) {
	if err := l.wait(time.Second); err != nil {
		return 0, err
	}
	before, err := machine.Memory(l.broker.pid(), "VmRSS")
	if err != nil {
		return 0, err
	}
	for i := range n {
		nc, err := l.dial(fmt.Sprint("idle", i))
		if err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
		if err := ask(nc, subscribePacket(0, fmt.Sprint("idle/", i)), 5, 0x90); err != nil {
			return 0, err
		}
	}
	if err := l.wait(2 * time.Second); err != nil {
		return 0, err
	}
	after, err := machine.Memory(l.broker.pid(), "VmRSS")
	return (after - before) / float64(n), err
}

// stuck publishes 10,000 messages a second of 1 KiB, QoS 1, to five subscribers
// and to five that never read; it returns the most memory the process had, MiB,
// and how much of it all the former got, percent.
func stuck(l *load) (memory, share float64, err error) {
	const others, rate, size = 5, 10_000, 1024
	n := new(atomic.Int64)
	for i := range others {
		deaf, err := l.dial(fmt.Sprint("deaf", i))
		if err != nil {
			return 0, 0, err
		}
		if err := ask(deaf, subscribePacket(1, "stuck"), 5, 0x90); err != nil {
			return 0, 0, err
		}
		if err := l.subscribe(fmt.Sprint("sub", i), 1, []string{"stuck"}, n); err != nil {
			return 0, 0, err
		}
	}
	pub, err := l.dial("pub")
	if err != nil {
		return 0, 0, err
	}
	l.do(func() error { _, err := io.Copy(io.Discard, pub); return err })
	p, idAt, _ := publishPacket("stuck", 1, false, make([]byte, size))
	sent := 0
	started := time.Now()
	for time.Since(started) < 5*time.Second {
		for ; float64(sent) < min(5, time.Since(started).Seconds())*rate && time.Since(started) < 10*time.Second; sent++ {
			binary.BigEndian.PutUint16(p[idAt:], uint16(sent%65_535+1))
			if _, err := pub.Write(p); err != nil {
				return 0, 0, err
			}
		}
		if err := l.wait(time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	if err := l.wait(time.Second); err != nil {
		return 0, 0, err
	}
	kib, err := machine.Memory(l.broker.pid(), "VmHWM")
	return kib / 1024, 100 * float64(n.Load()) / float64(others*sent), err
}

// filters returns what a message costs among 100,000 filters of others, over
// what it costs among 10.
func filters(l *load) (float64, error) {
	one := func() (float64, error) {
		f, n := newFlow(0, 64, 1), new(atomic.Int64)
		topic := fmt.Sprint("site/room3/own", time.Now().UnixNano())
		if err := l.subscribe(topic, 0, []string{topic}, n); err != nil {
			return 0, err
		}
		if err := l.publish(topic+"p", f, []string{topic}, n, 1); err != nil {
			return 0, err
		}
		cost, err := l.cost(n)
		l.settle(f, n, 1)
		return cost, err
	}
	side, err := l.dial("side")
	if err != nil {
		return 0, err
	}
	made := 0
	more := func(until int) error {
		for made < until {
			var batch []string
			for ; len(batch) < 50 && made < until; made++ {
				batch = append(batch, fmt.Sprintf("site/room%d/sensor%d", made%1000, made))
			}
			if err := ask(side, subscribePacket(0, batch...), 4+len(batch), 0x90); err != nil {
				return err
			}
		}
		return nil
	}
	if err := more(10); err != nil {
		return 0, err
	}
	few, err := one()
	if err != nil {
		return 0, err
	}
	if err := more(100_000); err != nil {
		return 0, err
	}
	many, err := one()
	return many / few, err
}

// retained returns how long it takes until a new subscriber has 50,000 retained
// messages, s.
func retained(l *load) (float64, error) {
	const messages = 50_000
	pub, err := l.dial("pub")
	if err != nil {
		return 0, err
	}
	var buf []byte
	for i := range messages {
		p, _, _ := publishPacket(fmt.Sprintf("kept/room%d/sensor%d", i%500, i), 0, true, make([]byte, 64))
		buf = append(buf, p...)
	}
	if _, err := pub.Write(append(buf, 0xc0, 0)); err != nil { // PINGREQ
		return 0, err
	}
	if _, err := io.ReadFull(pub, make([]byte, 2)); err != nil { // all are retained
		return 0, err
	}
	n := new(atomic.Int64)
	started := time.Now()
	if err := l.subscribe("sub", 0, []string{"kept/#"}, n); err != nil {
		return 0, err
	}
	for time.Since(started) < 20*time.Second {
		if n.Load() >= messages {
			return time.Since(started).Seconds(), nil
		}
		time.Sleep(time.Millisecond)
	}
	l.lost = messages - n.Load()
	return time.Since(started).Seconds(), nil
}

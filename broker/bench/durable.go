//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gateway/broker/bench/machine"
)

// What is kept on disk. Mosquitto has persistence with autosave_interval 1 and
// autosave_on_changes: it writes its file anew at every change, and syncs it.

// durableScenarios are all of them.
func durableScenarios() []scenario {
	const group = "On disk: what is acknowledged is stable"
	rate := func(name, what string, publishers int, ahead int64, target float64) scenario {
		return scenario{
			name: name, what: what, unit: "/s", group: group, ratio: true, target: target, more: true, durable: true,
			run: func(l *load) (float64, error) { return durable(l, publishers, ahead) },
		}
	}
	alone := func(name, what, unit string, target float64, run func(*load) (float64, error)) scenario {
		return scenario{name: name, what: what, unit: unit, group: group, target: target, once: true, durable: true, gatewayOnly: true, run: run}
	}
	var million recovery // measured once for both figures
	return []scenario{
		rate("durable 1", "QoS 1 messages for a client that is away, 1 publisher, 1 on its way", 1, 1, 0),
		rate("durable 100", "the same, 100 publishers, 1 on its way each", 100, 1, 4),
		rate("durable 100x20", "the same, 100 publishers, 20 on their way each", 100, 20, 4),
		alone("written", "bytes written for each byte of topic and payload, 100 publishers, 200 B", "×", 2, writtenPerByte),
		alone("day up", "written in a day, 20 sensors at 10 s, bridge connected", "MB", 100, func(l *load) (float64, error) { return day(l, true) }),
		alone("day down", "written in a day, 20 sensors at 10 s, bridge's line down", "MB", 100, func(l *load) (float64, error) { return day(l, false) }),
		alone("recover time", "to start with 1,000,000 messages of 200 B waiting", "s", 5, func(l *load) (float64, error) { return million.of(l, false) }),
		alone("recover memory", "resident then", "MiB", 150, func(l *load) (float64, error) { return million.of(l, true) }),
		alone("start retained", "to start with 50,000 retained messages", "s", 0, startRetained),
	}
}

// lasting connects a client whose session outlives it.
func lasting(address, id string) (net.Conn, error) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	p := connectPacket(id)
	p[9] = 0 // not clean
	if err := ask(nc, p, 4, 0x20); err != nil {
		nc.Close()
		return nil, fmt.Errorf("CONNECT: %w", err)
	}
	return nc, nil
}

// away leaves a session behind that subscribes to everything below d.
func away(l *load) error {
	nc, err := lasting(l.broker.address, "away")
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := ask(nc, subscribePacket(1, "d/#"), 5, 0x90); err != nil {
		return err
	}
	_, err = nc.Write([]byte{0xe0, 0}) // DISCONNECT
	return err
}

// feed has publishers publish for a client that is away until stop is set, and
// counts what is acknowledged.
func feed(l *load, publishers, size int, ahead int64, stop *atomic.Bool, acked *atomic.Int64) error {
	for i := range publishers {
		nc, err := l.dial(fmt.Sprint("feed", i))
		if err != nil {
			return err
		}
		b, at, _ := publishPacket(fmt.Sprintf("d/%d", i), 1, false, make([]byte, size))
		l.do(func() error { return keepGoing(nc, b, at, ahead, stop, acked) })
	}
	return nil
}

// keepGoing publishes b again and again: ahead messages at first, and then one
// for each that is acknowledged.
func keepGoing(nc net.Conn, b []byte, idAt int, ahead int64, stop *atomic.Bool, acked *atomic.Int64) error {
	var buf []byte
	id := uint16(0)
	r := newReader(nc)
	for n := ahead; ; {
		buf = buf[:0]
		for range n {
			if id++; id == 0 {
				id = 1
			}
			binary.BigEndian.PutUint16(b[idAt:], id)
			buf = append(buf, b...)
		}
		if _, err := nc.Write(buf); err != nil {
			return err
		}
		n = 0
		for n == 0 {
			if err := r.next(func(p []byte, _ int) {
				if p[0]>>4 == 4 {
					n++
				}
			}); err != nil {
				return err
			}
			acked.Add(n)
			if stop.Load() {
				n = 0
			}
		}
	}
}

// durable returns how many messages are acknowledged each second.
func durable(l *load, publishers int, ahead int64) (float64, error) {
	if err := away(l); err != nil {
		return 0, err
	}
	stop, acked := new(atomic.Bool), new(atomic.Int64)
	defer stop.Store(true)
	if err := feed(l, publishers, 64, ahead, stop, acked); err != nil {
		return 0, err
	}
	if err := l.wait(300 * time.Millisecond); err != nil {
		return 0, err
	}
	n, began := acked.Load(), time.Now()
	if err := l.wait(time.Duration(l.seconds * float64(time.Second))); err != nil {
		return 0, err
	}
	return float64(acked.Load()-n) / time.Since(began).Seconds(), nil
}

// writtenPerByte returns what the process writes for each byte of what it is
// given.
func writtenPerByte(l *load) (float64, error) {
	if err := away(l); err != nil {
		return 0, err
	}
	stop, acked := new(atomic.Bool), new(atomic.Int64)
	before, err := l.broker.written()
	if err != nil {
		return 0, err
	}
	if err := feed(l, 100, 200, 20, stop, acked); err != nil {
		return 0, err
	}
	err = l.wait(3 * time.Second)
	stop.Store(true)
	if err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond)
	after, err := l.broker.written()
	return float64(after-before) / float64(acked.Load()*204), err
}

// written returns the bytes that the process has caused to be written, in pages:
// what a card gets, but for the file system's own.
func (b *broker) written() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", b.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			return strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		}
	}
	return 0, errors.New("no write_bytes in the process's figures")
}

// daySeconds is how long a day is watched, s: every sensor is read that often.
const daySeconds = 60

// day returns what a gateway with 20 sensors writes in a day, MB. The bridge goes
// to a broker of its own, or nowhere.
func day(l *load, up bool) (float64, error) {
	upstream := "127.0.0.1:1" // nobody listens there
	if up {
		m, err := startBroker(l.ctx, "mosquitto", "", l.broker.dir, false)
		if err != nil {
			return 0, err
		}
		defer m.stop()
		upstream = m.address
	}
	var config strings.Builder
	fmt.Fprintf(&config, "site: home\nlog: {level: error}\ndashboard: {address: \"\"}\nbroker: {listeners: []}\npersistence: {path: %q}\n", filepath.Join(l.broker.dir, fmt.Sprint("day", up)))
	fmt.Fprintf(&config, "bridges: [{name: up, address: \"mqtt://%s\", topics: [{filter: \"home/#\", qos: 1}]}]\nsensors:\n", upstream)
	for i := range 20 {
		fmt.Fprintf(&config, "  - {driver: sim, room: room%d, name: climate, interval: 10s, options: {profile: climate, seed: %d}}\n", i, i)
	}
	g := &broker{name: "day", gateway: l.broker.gateway, dir: l.broker.dir}
	if err := g.run(l.ctx, config.String()); err != nil {
		return 0, err
	}
	defer g.stop()
	if err := l.wait(15 * time.Second); err != nil { // the files are made
		return 0, err
	}
	before, err := g.written()
	if err != nil {
		return 0, err
	}
	if err := l.wait(daySeconds * time.Second); err != nil {
		return 0, err
	}
	after, err := g.written()
	return float64(after-before) / 1e6 * 86400 / daySeconds, err
}

// recovery is a start with very many messages.
type recovery struct {
	done   bool
	took   time.Duration
	memory float64
}

func (r *recovery) of(l *load, memory bool) (float64, error) {
	if !r.done {
		if err := r.measure(l); err != nil {
			return 0, err
		}
		r.done = true
	}
	if memory {
		return r.memory, nil
	}
	return r.took.Seconds(), nil
}

func (r *recovery) measure(l *load) error {
	const messages = 1_000_000
	if err := away(l); err != nil {
		return err
	}
	stop, acked := new(atomic.Bool), new(atomic.Int64)
	if err := feed(l, 20, 200, 500, stop, acked); err != nil {
		return err
	}
	for acked.Load() < messages {
		if err := l.wait(10 * time.Millisecond); err != nil {
			return fmt.Errorf("after %d messages: %w", acked.Load(), err)
		}
	}
	stop.Store(true)
	l.close()
	took, err := l.broker.again(l.ctx)
	if err != nil {
		return err
	}
	r.took = took
	if r.memory, err = machine.Memory(l.broker.pid(), "VmHWM"); err != nil {
		return err
	}
	r.memory /= 1024
	return r.drain(l)
}

// drain reads a little of what was recovered, to see that it is there.
func (r *recovery) drain(l *load) error {
	nc, err := lasting(l.broker.address, "away")
	if err != nil {
		return err
	}
	defer nc.Close()
	n := 0
	reader := newReader(nc)
	for n < 10_000 {
		_ = nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		if err := reader.next(func(p []byte, _ int) {
			if p[0]>>4 == 3 {
				n++
			}
		}); err != nil {
			return fmt.Errorf("after %d recovered messages: %w", n, err)
		}
	}
	return nil
}

// startRetained returns how long it takes to start with 50,000 retained
// messages, s.
func startRetained(l *load) (float64, error) {
	const messages = 50_000
	nc, err := l.dial("keeper")
	if err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, nc, 4*messages)
		done <- err
	}()
	for i := range messages {
		b, at, _ := publishPacket(fmt.Sprintf("site/room%d/sensor%d", i/100, i%100), 1, true, make([]byte, 100))
		binary.BigEndian.PutUint16(b[at:], uint16(i%65535)+1)
		if _, err := nc.Write(b); err != nil {
			return 0, err
		}
	}
	if err := <-done; err != nil {
		return 0, err
	}
	took, err := l.broker.again(l.ctx)
	return took.Seconds(), err
}

// again kills the broker and starts it again, and returns how long that took.
func (b *broker) again(ctx context.Context) (time.Duration, error) {
	_ = b.cmd.Process.Signal(syscall.SIGKILL)
	_ = b.cmd.Wait()
	began := time.Now()
	err := b.start(ctx)
	return time.Since(began), err
}

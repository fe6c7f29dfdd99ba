package bustest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"gateway/sensors/bus"
)

// OpenSerial opens the line as a serial port in memory. It is a client's
// opener.
func (l *ModbusLine) OpenSerial(name string, m bus.SerialMode) (bus.SerialPort, error) {
	p := &modbusPort{line: l, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	l.modes = append(l.modes, m)
	l.mu.Unlock()
	if err := l.attach(p); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return p, nil
}

// modbusPort is a serial port in memory. It is read by one goroutine.
type modbusPort struct {
	line *ModbusLine
	wake chan struct{} // cap 1: look again

	mu      sync.Mutex
	timeout time.Duration
	sent    []byte  // and not yet understood by a slave
	coming  []piece // in the order in which they arrive
	got     []byte  // and not yet read
	broken  bool
}

// piece is something that arrives.
type piece struct {
	at time.Time
	b  []byte
}

func (p *modbusPort) SetReadTimeout(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timeout = d
	return p.err()
}

// err is what a port says that was unplugged.
func (p *modbusPort) err() error {
	if p.broken {
		return fmt.Errorf("the fake port is unplugged: %w", syscall.EIO)
	}
	return nil
}

func (p *modbusPort) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.err(); err != nil {
		return 0, err
	}
	p.sent = append(p.sent, b...)
	for {
		r, rest, ok := cutRTURequest(p.sent)
		p.sent = rest
		if !ok {
			return len(b), nil
		}
		answer, at, hangup := p.line.ask(r, rtu)
		if answer != nil {
			p.coming = append(p.coming, piece{at, answer})
			slices.SortStableFunc(p.coming, func(a, b piece) int { return a.at.Compare(b.at) })
		}
		if hangup {
			p.broken = true
		}
	}
}

// Read implements [bus.SerialPort].
func (p *modbusPort) Read(b []byte) (int, error) {
	p.mu.Lock()
	end := time.Now().Add(p.timeout)
	for {
		next, err := p.arriveLocked(end)
		if n := copy(b, p.got); n > 0 || err != nil {
			p.got = p.got[n:]
			p.mu.Unlock()
			if n > 0 {
				err = nil
			}
			return n, err
		}
		wait := time.Until(next)
		p.mu.Unlock()
		if wait <= 0 {
			return 0, bus.ErrSilent
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-p.wake:
		}
		t.Stop()
		p.mu.Lock()
	}
}

// arriveLocked moves to got what has arrived, and returns when there may be
// more, end at the latest.
func (p *modbusPort) arriveLocked(end time.Time) (time.Time, error) {
	now := time.Now()
	for len(p.coming) > 0 && !p.coming[0].at.After(now) {
		p.got = append(p.got, p.coming[0].b...)
		p.coming = p.coming[1:]
	}
	if len(p.coming) > 0 && p.coming[0].at.Before(end) {
		end = p.coming[0].at
	}
	return end, p.err()
}

func (p *modbusPort) Discard() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.arriveLocked(time.Now())
	p.got = nil
	return err
}

func (p *modbusPort) Close() error {
	p.line.detach(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// DialTCP connects to the line over Modbus/TCP in memory. It is a client's
// dialer. What serves the connection ends when it is closed.
func (l *ModbusLine) DialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	return l.dial(l.ServeTCP)
}

// DialRTU is DialTCP with frames of RTU.
func (l *ModbusLine) DialRTU(ctx context.Context, network, address string) (net.Conn, error) {
	return l.dial(func(c net.Conn) error { return l.ServeRTU(c) })
}

func (l *ModbusLine) dial(serve func(net.Conn) error) (net.Conn, error) {
	client, server := net.Pipe()
	l.mu.Lock()
	l.dials++
	broken := l.broken
	l.mu.Unlock()
	if broken {
		client.Close()
		server.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	go serve(server)
	return client, nil
}

// ServeListener accepts connections until the listener is closed, and serves
// each with serve, ServeTCP for one, until it is closed; then it returns.
func (l *ModbusLine) ServeListener(ln net.Listener, serve func(net.Conn) error) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Hangup()
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.dials++
		l.mu.Unlock()
		wg.Go(func() { serve(c) })
	}
}

// ServeTCP answers requests of Modbus/TCP until c ends, and closes it.
func (l *ModbusLine) ServeTCP(c net.Conn) error {
	return l.serve(c, tcp, cutTCPRequest)
}

// ServeRTU answers requests of RTU until rw ends, and closes it.
func (l *ModbusLine) ServeRTU(rw io.ReadWriteCloser) error {
	return l.serve(rw, rtu, func(b []byte) (r ModbusRequest, rest []byte, ok bool, err error) {
		r, rest, ok = cutRTURequest(b)
		return r, rest, ok, nil
	})
}

func (l *ModbusLine) serve(rw io.ReadWriteCloser, frame func(ModbusAnswer) []byte,
	cut func([]byte) (ModbusRequest, []byte, bool, error)) error {
	if err := l.attach(rw); err != nil {
		rw.Close()
		return err
	}
	defer l.detach(rw)
	// Answers leave in the order of their requests: a late one keeps those
	// behind it.
	answers := make(chan piece, 64)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer rw.Close() // before waiting: nobody may be reading
	defer close(answers)
	wg.Go(func() {
		for a := range answers {
			time.Sleep(time.Until(a.at))
			rw.Write(a.b) // an error is one of the next Read too
		}
	})
	var got []byte
	var buf [256]byte
	for {
		n, err := rw.Read(buf[:])
		if err != nil {
			return err
		}
		got = append(got, buf[:n]...)
		for {
			r, rest, ok, err := cut(got)
			got = rest
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			b, at, hangup := l.ask(r, frame)
			if hangup {
				return nil
			}
			if b != nil {
				answers <- piece{at, b}
			}
		}
	}
}

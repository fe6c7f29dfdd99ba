//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"

	"gateway/broker/packet"
)

// upstream is what the gateway's bridge sends to: the least of a broker, in this
// process, because then it is known for each message whether it arrived and
// whether that was acknowledged. It is down unless it is told otherwise, and
// now and then breaks a connection instead of acknowledging.
type upstream struct {
	address string
	sink    *sink
	journal *journal
	random  *rand.Rand // under mu

	mu      sync.Mutex
	steady  bool         // no connection breaks by itself any more
	ln      net.Listener // nil: down
	conns   map[net.Conn]bool
	serving sync.WaitGroup
}

// up lets connections in. It does nothing if they are.
func (u *upstream) up() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", u.address)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	u.ln = ln
	u.serving.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			if u.ln != ln {
				nc.Close()
			} else {
				u.conns[nc] = true
				u.serving.Go(func() { u.serve(nc) })
			}
			u.mu.Unlock()
		}
	})
	return nil
}

// down breaks all connections, and lets nobody in.
func (u *upstream) down() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ln != nil {
		u.ln.Close()
		u.ln = nil
	}
	for nc := range u.conns {
		nc.Close()
	}
}

// stay is up, and stays so.
func (u *upstream) stay() error {
	u.mu.Lock()
	u.steady = true
	u.mu.Unlock()
	return u.up()
}

// close ends it.
func (u *upstream) close() {
	u.down()
	u.serving.Wait()
}

// idle tells whether nobody is connected.
func (u *upstream) idle() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.conns) == 0
}

// breaks decides whether the connection breaks now.
func (u *upstream) breaks() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.steady && u.random.IntN(1000) == 0
}

func (u *upstream) serve(nc net.Conn) {
	defer func() {
		nc.Close()
		u.mu.Lock()
		delete(u.conns, nc)
		u.mu.Unlock()
	}()
	l := &link{nc: nc, version: packet.V311, reader: packet.NewReader(nc, 0)}
	for {
		p, err := l.next()
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packet.Connect:
			l.version = p.Version
			err = l.send(&packet.Connack{})
		case *packet.Publish:
			u.journal.receive(u.sink, u.sink.name, p)
			if u.breaks() {
				return
			}
			if p.QoS == 1 {
				err = l.ack(packet.TypePuback, p.ID)
			}
		case *packet.Pingreq:
			err = l.send(&packet.Pingresp{})
		default:
			return
		}
		if err != nil {
			return
		}
	}
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// patience is how long a broker may take to answer, or to take what it is sent.
const patience = 10 * time.Second

// subscriber takes what arrives of a flow. Its session lasts, and it keeps its
// half of that as the specification has it: the identifiers of QoS 2 messages
// until PUBREL [MQTT-4.3.3-2].
type subscriber struct {
	flow *flow
	at   func() string // address
	note func(format string, args ...any)
	seen atomic.Int64 // when something came last, ns since 1970

	known  chan struct{} // closed when the session and the subscription are there
	probed chan struct{} // has one when a probe has come

	received map[uint16]bool
}

func newSubscriber(f *flow, at func() string, note func(string, ...any)) *subscriber {
	return &subscriber{flow: f, at: at, note: note, known: make(chan struct{}), probed: make(chan struct{}, 1), received: make(map[uint16]bool)}
}

// run is connected, again and again, until ctx ends.
func (s *subscriber) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.session(ctx); err != nil && ctx.Err() == nil {
			_ = pause(ctx, 10*time.Millisecond)
		}
	}
}

// session uses one connection until it ends.
func (s *subscriber) session(ctx context.Context) error {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", s.at())
	if err != nil {
		return err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	r := packet.NewReader(nc, 0)
	if err := send(nc, &packet.Connect{Version: packet.V311, ClientID: "subscriber-" + s.flow.name}); err != nil {
		return err
	}
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	p, err := next(r)
	if err != nil {
		return err
	}
	_ = nc.SetReadDeadline(time.Time{})
	ack, ok := p.(*packet.Connack)
	if !ok || ack.Code != packet.Success {
		return fmt.Errorf("CONNECT is answered with %v", p)
	}
	if !ack.SessionPresent {
		if stopped(s.known) {
			s.note("the session of the subscriber of %s is gone", s.flow.name)
		}
		clear(s.received)
		if err := send(nc, &packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: s.flow.name + "/#", QoS: s.flow.qos}}}); err != nil {
			return err
		}
	}
	for {
		p, err := next(r)
		if err != nil {
			return err
		}
		if err := s.take(nc, p); err != nil {
			return err
		}
	}
}

// take handles a packet.
func (s *subscriber) take(nc net.Conn, p packet.Packet) error {
	switch p := p.(type) {
	case *packet.Suback:
		if len(p.Codes) != 1 || p.Codes[0] >= 0x80 {
			return errors.New("the subscription is refused")
		}
		if !stopped(s.known) {
			close(s.known)
		}
	case *packet.Pubrel:
		delete(s.received, p.ID)
		return ack(nc, packet.TypePubcomp, p.ID)
	case *packet.Publish:
		switch {
		case p.QoS < 2:
			s.arrived(p)
		case !s.received[p.ID]:
			s.received[p.ID] = true
			s.arrived(p)
		}
		switch p.QoS {
		case 1:
			return ack(nc, packet.TypePuback, p.ID)
		case 2:
			return ack(nc, packet.TypePubrec, p.ID)
		}
	}
	return nil
}

func (s *subscriber) arrived(p *packet.Publish) {
	if p.Topic == s.flow.name+probe {
		select {
		case s.probed <- struct{}{}:
		default:
		}
		return
	}
	s.seen.Store(time.Now().UnixNano())
	n, err := number(p.Payload)
	if err != nil || p.QoS != s.flow.qos {
		s.note("the subscriber of %s got %.40q on %s at QoS %d, which nobody sent", s.flow.name, p.Payload, p.Topic, p.QoS)
		return
	}
	s.flow.books.Arrived(p.Topic, n)
}

// quiet is how long nothing has come.
func (s *subscriber) quiet() time.Duration { return time.Since(time.Unix(0, s.seen.Load())) }

func next(r *packet.Reader) (packet.Packet, error) {
	first, body, err := r.Next()
	if err != nil {
		return nil, err
	}
	return packet.Decode(first, body, packet.V311)
}

func send(nc net.Conn, p packet.Packet) error {
	b, err := p.Append(nil, packet.V311)
	if err != nil {
		return err
	}
	return write(nc, b)
}

func ack(nc net.Conn, t packet.Type, id uint16) error {
	return write(nc, packet.AppendAck(nil, t, id, packet.Success, packet.V311))
}

func write(nc net.Conn, b []byte) error {
	_ = nc.SetWriteDeadline(time.Now().Add(patience))
	_, err := nc.Write(b)
	return err
}

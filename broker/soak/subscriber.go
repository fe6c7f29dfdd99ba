//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// presence is when a subscriber is connected.
type presence int

const (
	always   presence = iota
	onAndOff          // at random
	offDuty           // for moments while members share, and at the end
	atTheEnd
)

// subscriber has a session that lasts, and keeps its half of it as the
// specification has it: identifiers of QoS 2 messages until PUBREL.
type subscriber struct {
	client
	filter   string
	qos      packet.QoS
	presence presence
	theme    *atomic.Pointer[theme]
	sink     *sink
	journal  *journal
	random   *rand.Rand

	subscribed bool            // SUBACK has come
	received   map[uint16]bool // identifiers of QoS 2 messages that PUBREL has not come for
}

// begin makes the session and the subscription.
func (s *subscriber) begin(ctx context.Context, address string) error {
	l, _, err := s.persist(ctx, address, s.journal)
	if err != nil {
		return err
	}
	defer s.online.Store(false)
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	if err := s.subscribe(l); err != nil {
		return err
	}
	for !s.subscribed {
		if err := s.one(l); err != nil {
			return err
		}
	}
	return l.send(&packet.Disconnect{})
}

// run is connected from time to time, or always, and once draining is closed
// in any case, until ctx ends.
func (s *subscriber) run(ctx context.Context, address string, draining <-chan struct{}) {
	if s.presence == atTheEnd {
		select {
		case <-draining:
		case <-ctx.Done():
			return
		}
	}
	for {
		if s.presence == offDuty && s.await(ctx, draining) != nil {
			return
		}
		l, present, err := s.persist(ctx, address, s.journal)
		if err != nil {
			return
		}
		s.session(ctx, l, present, draining)
		s.online.Store(false)
		if s.leaves() && !closed(draining) {
			_ = pause(ctx, time.Duration(s.random.IntN(300))*time.Millisecond)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// await returns when somebody who is there off duty may connect.
func (s *subscriber) await(ctx context.Context, draining <-chan struct{}) error {
	for !closed(draining) && s.theme.Load().prefix != "load/shared/" {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// session uses one connection until it ends.
func (s *subscriber) session(ctx context.Context, l *link, present bool, draining <-chan struct{}) {
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	if s.leaves() && !closed(draining) {
		politely := s.random.IntN(2) == 0
		leave := time.AfterFunc(time.Duration(20+s.random.IntN(500))*time.Millisecond, func() {
			if politely {
				_ = l.send(&packet.Disconnect{})
			}
			l.close()
		})
		defer leave.Stop()
	}
	if !present {
		s.received, s.subscribed = nil, false
	}
	if !s.subscribed {
		if s.subscribe(l) != nil {
			return
		}
	}
	for s.one(l) == nil {
	}
}

// leaves tells whether the subscriber comes and goes.
func (s *subscriber) leaves() bool { return s.presence == onAndOff || s.presence == offDuty }

func (s *subscriber) subscribe(l *link) error {
	return l.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: s.filter, QoS: s.qos, RetainHandling: s.retainHandling()}}})
}

// retainHandling asks for no retained messages where that can be asked for.
func (s *subscriber) retainHandling() byte {
	if s.version == packet.V5 {
		return 2
	}
	return 0
}

// one handles the next packet.
func (s *subscriber) one(l *link) error {
	p, err := l.next()
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packet.Publish:
		return s.message(l, p)
	case *packet.Pubrel:
		delete(s.received, p.ID)
		return l.ack(packet.TypePubcomp, p.ID)
	case *packet.Suback:
		s.subscribed = len(p.Codes) == 1 && p.Codes[0] < 0x80
		if !s.subscribed {
			s.journal.note("%s: %s is refused: %v", s.id, s.filter, p.Codes)
		}
	case *packet.Disconnect:
		s.journal.note("%s got DISCONNECT: %v", s.id, p.Code)
	}
	return nil
}

func (s *subscriber) message(l *link, p *packet.Publish) error {
	switch p.QoS {
	case 0:
		s.journal.receive(s.sink, s.id, p)
		return nil
	case 1:
		s.journal.receive(s.sink, s.id, p)
		return l.ack(packet.TypePuback, p.ID)
	}
	if !s.received[p.ID] {
		if s.received == nil {
			s.received = make(map[uint16]bool)
		}
		s.received[p.ID] = true
		s.journal.receive(s.sink, s.id, p)
	}
	return l.ack(packet.TypePubrec, p.ID)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

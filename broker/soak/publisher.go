//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// window is how many messages of one publisher are on their way at once, below
// the receive maximum of every broker here.
const window = 12

// theme is what publishers publish.
type theme struct {
	prefix string // of the topics, with a slash at the end
	retain bool
}

// publisher sends messages until it is told to stop, and repeats after each
// loss of the connection what was not acknowledged, as the specification has
// it.
type publisher struct {
	client
	number  int // in the journal
	qos     packet.QoS
	pace    time.Duration // mean time between two messages
	theme   *atomic.Pointer[theme]
	journal *journal
	random  *rand.Rand

	flight []outgoing // in the order in which they were sent
	lastID uint16
}

// outgoing is a message that the handshake of its QoS is not over for.
type outgoing struct {
	seq      int
	publish  *packet.Publish
	received bool // PUBREC has come: PUBREL is sent, and not the message
}

// run publishes until stop is closed, and returns when everything is
// acknowledged, or ctx ends.
func (p *publisher) run(ctx context.Context, address string, stop <-chan struct{}) {
	for {
		l, present, err := p.persist(ctx, address, p.journal)
		if err != nil {
			return
		}
		if !present {
			p.flight = nil // begin anew
		}
		done := p.publish(ctx, l, stop)
		p.online.Store(false)
		if done {
			return
		}
	}
}

// publish uses one connection, until it ends or nothing is left to do.
func (p *publisher) publish(ctx context.Context, l *link, stop <-chan struct{}) (done bool) {
	answers := make(chan packet.Packet)
	go func() {
		defer close(answers)
		for {
			a, err := l.next()
			if err != nil {
				return
			}
			answers <- a
		}
	}()
	defer func() {
		giveUp := time.AfterFunc(patience, l.close)
		defer giveUp.Stop()
		for a := range answers { // what has come still counts
			_ = p.answer(l, a)
		}
		l.close()
	}()
	defer context.AfterFunc(ctx, l.close)()
	if err := p.resume(l); err != nil {
		return false
	}
	next := time.NewTimer(0)
	defer next.Stop()
	due := next.C
	for {
		select {
		case a, ok := <-answers:
			if !ok || p.answer(l, a) != nil {
				return false
			}
		case <-due:
			if len(p.flight) < window {
				if err := p.send(l); err != nil {
					return false
				}
			}
			next.Reset(time.Duration(p.random.Int64N(int64(2 * p.pace))))
		case <-stop:
			stop, due = nil, nil
		}
		if stop == nil && len(p.flight) == 0 {
			_ = l.send(&packet.Disconnect{})
			l.close()
			return true
		}
	}
}

// resume sends again what the session has on its way, in its order
// [MQTT-4.4.0-1].
func (p *publisher) resume(l *link) error {
	for _, o := range p.flight {
		var err error
		if o.received {
			err = l.ack(packet.TypePubrel, o.publish.ID)
		} else {
			o.publish.Dup = true
			err = l.send(o.publish)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// send sends a new message.
func (p *publisher) send(l *link) error {
	th := p.theme.Load()
	topic := fmt.Sprintf("%s%d/%d", th.prefix, p.number, p.random.IntN(3))
	m := message{topic: topic, qos: p.qos, retain: th.retain, clear: th.retain && p.random.IntN(6) == 0}
	seq := p.journal.send(p.number, m)
	o := outgoing{seq: seq, publish: &packet.Publish{QoS: p.qos, Retain: th.retain, Topic: topic, ID: p.freeID()}}
	if !m.clear {
		size := p.random.IntN(300)
		if p.random.IntN(40) == 0 { // more than a page of the disk
			size = p.random.IntN(20000)
		}
		o.publish.Payload = payload(key{p.number, seq}, p.qos, topic, size)
	}
	p.flight = append(p.flight, o)
	return l.send(o.publish)
}

// freeID returns a packet identifier that is not in use.
func (p *publisher) freeID() uint16 {
	for {
		p.lastID++
		if p.lastID != 0 && p.find(p.lastID) < 0 {
			return p.lastID
		}
	}
}

func (p *publisher) find(id uint16) int {
	return slices.IndexFunc(p.flight, func(o outgoing) bool { return o.publish.ID == id })
}

// answer handles what the broker sends.
func (p *publisher) answer(l *link, a packet.Packet) error {
	switch a := a.(type) {
	case *packet.Puback:
		p.acknowledged(a.ID, a.Code, true)
	case *packet.Pubrec:
		if !p.acknowledged(a.ID, a.Code, a.Code >= 0x80) {
			return nil // of a session that is no more
		}
		if a.Code < 0x80 {
			return l.ack(packet.TypePubrel, a.ID)
		}
	case *packet.Pubcomp:
		if i := p.find(a.ID); i >= 0 && p.flight[i].received {
			p.flight = slices.Delete(p.flight, i, i+1)
		}
	case *packet.Disconnect:
		p.journal.note("%s got DISCONNECT: %v", p.id, a.Code)
	}
	return nil
}

// acknowledged notes that the broker has the message; over is true when that
// ends the handshake.
func (p *publisher) acknowledged(id uint16, code packet.ReasonCode, over bool) bool {
	i := p.find(id)
	if i < 0 {
		return false
	}
	p.journal.ack(key{p.number, p.flight[i].seq}, code)
	p.flight[i].received = true
	if over {
		p.flight = slices.Delete(p.flight, i, i+1)
	}
	return true
}

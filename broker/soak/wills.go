//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"gateway/broker/packet"
)

// mortal is a client with a will. It is connected when the broker is killed, or
// has been a little before.
type mortal struct {
	client
	record  *will
	journal *journal
	drops   time.Duration // breaks its connection after that time; 0: the broker does
	returns bool          // comes back when it can, without a will
}

// mortals are the clients with wills of one round.
func mortals(j *journal, round int) []*mortal {
	var all []*mortal
	for i, m := range []*mortal{
		{client: client{version: packet.V5}, record: &will{qos: 2}},
		{client: client{version: packet.V5}, record: &will{qos: 1, delay: time.Second}},
		{client: client{version: packet.V5}, record: &will{qos: 2, delay: 2 * time.Second}},
		{client: client{version: packet.V5}, record: &will{qos: 2, delay: 2 * time.Second}, returns: true},
		{client: client{version: packet.V5}, record: &will{qos: 2, delay: time.Second}, drops: 250 * time.Millisecond},
		{client: client{version: packet.V5}, record: &will{qos: 2}, drops: 300 * time.Millisecond},
		{client: client{version: packet.V311, clean: true}, record: &will{qos: 1}},
		{client: client{version: packet.V311}, record: &will{qos: 2}},
	} {
		w := m.record
		w.name, w.round = fmt.Sprintf("%d-%d", round, i), round
		m.id, m.journal = "mortal-"+w.name, j
		m.will = &packet.Will{Topic: "load/will/of/" + w.name, QoS: w.qos, Payload: []byte("will " + w.name)}
		if w.delay > 0 {
			m.will.Properties = &packet.Properties{WillDelay: packet.Some(uint32(w.delay / time.Second))}
		}
		all = append(all, m)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range all {
		j.wills = append(j.wills, m.record)
	}
	return all
}

// run lives once, and perhaps once more.
func (m *mortal) run(ctx context.Context, address string) {
	l, _, err := m.connect(ctx, address, m.journal)
	if err != nil {
		return
	}
	m.journal.mu.Lock()
	m.record.connected = m.journal.now()
	m.journal.mu.Unlock()
	defer context.AfterFunc(ctx, l.close)()
	if m.drops > 0 {
		drop := time.AfterFunc(m.drops, func() {
			m.journal.goes(m.record)
			l.close()
		})
		defer drop.Stop()
	}
	for {
		if _, err := l.next(); err != nil {
			break
		}
	}
	l.close()
	m.online.Store(false)
	if !m.returns {
		return
	}
	m.will = nil
	m.journal.mu.Lock()
	m.record.tried = true
	m.journal.mu.Unlock()
	if l, _, err = m.persist(ctx, address, m.journal); err != nil {
		return
	}
	m.journal.mu.Lock()
	m.record.back = m.journal.now()
	m.journal.mu.Unlock()
	_ = pause(ctx, 50*time.Millisecond)
	_ = l.send(&packet.Disconnect{})
	l.close()
}

// goes notes that a client with a will loses its connection now, if it has not
// before.
func (j *journal) goes(w *will) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.lost == 0 {
		w.lost = j.now()
	}
}

// allGo notes that all of them do: the broker is about to be killed.
func (j *journal) allGo() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range j.wills {
		if w.lost == 0 {
			w.lost = j.now()
		}
	}
}

package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that lasts as long as the process. The zero Memory is not
// ready; make one with [NewMemory].
type Memory struct {
	mu       sync.Mutex
	next     SessionID
	sessions map[SessionID]*memorySession
	retained map[string]*Message
}

type memorySession struct {
	name     string
	data     []byte
	subs     map[string][]byte
	received map[uint16]struct{}
	queue    map[uint64]*memoryDelivery
	next     uint64
}

type memoryDelivery struct {
	m        *Message // nil: released
	flags    byte
	extra    []byte
	released bool
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{next: 1, sessions: make(map[SessionID]*memorySession), retained: make(map[string]*Message)}
}

// NewSession implements [Store].
func (m *Memory) NewSession() SessionID {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	return m.next - 1
}

// Stable implements [Store]: everything always is.
func (m *Memory) Stable() Mark { return 0 }

// Watch implements [Store].
func (m *Memory) Watch(func(Mark)) {}

// Wait implements [Store]: there is nothing to wait for.
func (m *Memory) Wait(context.Context, Mark) error { return nil }

// Append implements [Store].
func (m *Memory) Append(_ Urgency, changes ...Change) (Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range changes {
		m.change(&changes[i])
	}
	return 0, nil
}

func (m *Memory) change(c *Change) {
	s := m.sessions[c.Session]
	switch {
	case c.Op == PutSession && s == nil:
		m.sessions[c.Session] = &memorySession{
			name: c.Name, data: bytes.Clone(c.Data), next: 1,
			subs:     make(map[string][]byte),
			received: make(map[uint16]struct{}),
			queue:    make(map[uint64]*memoryDelivery),
		}
	case c.Op == Publish:
		m.publish(c, s)
	case c.Op == ClearRetained:
		delete(m.retained, c.Name)
	case s == nil:
	case c.Op == PutSession:
		s.name, s.data = c.Name, bytes.Clone(c.Data)
	case c.Op == EndSession:
		delete(m.sessions, c.Session)
	case c.Op == Subscribe:
		s.subs[c.Name] = bytes.Clone(c.Data)
	case c.Op == Unsubscribe:
		delete(s.subs, c.Name)
	case c.Op == Done:
		delete(s.queue, c.Seq)
	case c.Op == Release:
		if d := s.queue[c.Seq]; d != nil {
			d.m, d.extra, d.released = nil, nil, true
		}
	case c.Op == Forget:
		delete(s.received, c.PacketID)
	}
}

func (m *Memory) publish(c *Change, s *memorySession) {
	kept := *c.Message
	kept.Payload, kept.Properties = bytes.Clone(kept.Payload), bytes.Clone(kept.Properties)
	if s != nil && c.PacketID != 0 {
		s.received[c.PacketID] = struct{}{}
	}
	if c.Retain {
		m.retained[kept.Topic] = &kept
	}
	for _, to := range c.To {
		if s := m.sessions[to.Session]; s != nil {
			s.queue[to.Seq] = &memoryDelivery{m: &kept, flags: to.Flags, extra: bytes.Clone(to.Extra)}
			s.next = max(s.next, to.Seq+1)
		}
	}
}

// Read implements [Store].
func (m *Memory) Read(id SessionID, seq uint64) (*Message, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	if s == nil || s.queue[seq] == nil || s.queue[seq].m == nil {
		return nil, nil, ErrNoMessage
	}
	d := s.queue[seq]
	return d.m.clone(), bytes.Clone(d.extra), nil
}

func (m *Message) clone() *Message {
	c := *m
	c.Payload, c.Properties = bytes.Clone(m.Payload), bytes.Clone(m.Properties)
	return &c
}

// Load implements [Store].
func (m *Memory) Load(session func(*Session), retained func(*Message)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.sessions {
		subs := make(map[string][]byte, len(s.subs))
		for filter, options := range s.subs {
			subs[filter] = bytes.Clone(options)
		}
		session(&Session{
			ID: id, Name: s.name, Data: bytes.Clone(s.data),
			Subscriptions: subs,
			Received:      slices.Collect(maps.Keys(s.received)),
			Next:          s.next, Waiting: len(s.queue),
			Queue: func(yield func(Queued) bool) {
				for _, seq := range slices.Sorted(maps.Keys(s.queue)) {
					d := s.queue[seq]
					q := Queued{Seq: seq, Flags: d.flags, Extra: len(d.extra) > 0, Released: d.released}
					if d.m != nil {
						q.Size = len(d.m.Topic) + len(d.m.Payload) + len(d.m.Properties)
					}
					if !yield(q) {
						return
					}
				}
			},
		})
	}
	for _, r := range m.retained {
		retained(r.clone())
	}
	return nil
}

package broker

import (
	"context"
	"fmt"

	"gateway/broker/store"
	"gateway/broker/topic"
)

// What a durable subscription keeps of QoS 2, so that a part of this process
// that carries messages to and from another broker can do so exactly once: of
// messages that go out, that the other one has recorded them; of those that come
// in, their packet identifiers. It is what the session of a client has, too.

// Release notes that the receiver of a delivery has recorded it: it is not
// delivered again, but for its number, until it is acknowledged. It returns when
// that is on stable storage; calls that wait at the same time share the write.
func (s *Subscription) Release(ctx context.Context, d Delivery) error {
	s.mu.Lock()
	i, ok := s.unackedAt(d.seq)
	if !ok || s.unacked[i].released {
		s.mu.Unlock()
		return nil
	}
	u := &s.unacked[i]
	s.bytes -= int64(u.size)
	u.released, u.msg, u.size = true, nil, 0
	mark := s.promise(store.Change{Op: store.Release, Session: s.num, Seq: d.seq})
	s.mu.Unlock()
	return s.waitFor(ctx, mark)
}

// promise stores a change that somebody waits for.
func (s *Subscription) promise(c store.Change) store.Mark {
	if s.num == 0 {
		return 0
	}
	return s.b.promise(c)
}

func (s *Subscription) waitFor(ctx context.Context, mark store.Mark) error {
	if mark == 0 || s.num == 0 {
		return nil
	}
	return s.b.store.Wait(ctx, mark)
}

// Receive publishes a message that came from another broker. If id is not 0 it is
// the packet identifier of a QoS 2 message, which is noted together with the
// message: until Forget is called for it, a message of that id is the same one
// again, and not published.
//
// stable returns when all of that is on stable storage, and the message may be
// acknowledged; it may be called at any time, by any goroutine. Receive itself
// does not wait for the disk. It fails if the message could not be kept for
// everybody it is for, and nothing is noted then.
func (s *Subscription) Receive(m *Message, id uint16) (again bool, stable func(ctx context.Context) error, err error) {
	if err := topic.CheckName(m.Topic); err != nil {
		return false, nil, fmt.Errorf("publish: %w", err)
	}
	if id != 0 && !s.noteReceived(id) {
		s.mu.Lock()
		mark := s.noted
		s.mu.Unlock()
		return true, s.stable(mark), nil
	}
	m.extra = sizeOf(m.Properties)
	s.b.counters.publishReceived.Add(1)
	s.b.counters.payloadReceived.Add(int64(len(m.Payload)))
	var mark store.Mark
	before := func(k *keeping) {
		k.urgent = m.QoS > 0
		if id != 0 {
			k.session, k.id = s.num, id
		}
	}
	s.b.publishWith(m, before, func(k *keeping) {
		mark, err = k.mark, k.err
		if err == nil && k.refused {
			err = errNotTaken
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && id != 0 {
		delete(s.received, id)
		s.promise(store.Change{Op: store.Forget, Session: s.num, PacketID: id})
	}
	if err != nil {
		return false, nil, fmt.Errorf("publish to %q: %w", m.Topic, err)
	}
	s.noted = max(s.noted, mark)
	return false, s.stable(mark), nil
}

func (s *Subscription) stable(mark store.Mark) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if mark == 0 || s.b.store == nil {
			return nil
		}
		return s.b.store.Wait(ctx, mark)
	}
}

// noteReceived notes the id of a QoS 2 message, and reports false if it was noted
// before.
func (s *Subscription) noteReceived(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.received[id]; ok {
		return false
	}
	if s.received == nil {
		s.received = make(map[uint16]struct{})
	}
	s.received[id] = struct{}{}
	return true
}

// Forget ends what Receive has noted of an id, which then stands for a new
// message. It returns when that is on stable storage.
func (s *Subscription) Forget(ctx context.Context, id uint16) error {
	s.mu.Lock()
	var mark store.Mark
	if _, ok := s.received[id]; ok {
		delete(s.received, id)
		mark = s.promise(store.Change{Op: store.Forget, Session: s.num, PacketID: id})
	}
	s.mu.Unlock()
	return s.waitFor(ctx, mark)
}

// ForgetAll is Forget for every id: the other broker has forgotten our session.
func (s *Subscription) ForgetAll(ctx context.Context) error {
	s.mu.Lock()
	var mark store.Mark
	for id := range s.received {
		mark = max(mark, s.promise(store.Change{Op: store.Forget, Session: s.num, PacketID: id}))
	}
	clear(s.received)
	s.mu.Unlock()
	return s.waitFor(ctx, mark)
}

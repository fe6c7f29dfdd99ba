package broker

import (
	"context"
	"fmt"
	"slices"

	"gateway/broker/store"
)

// What a Subscription keeps of the exchanges of QoS 2 with whom its reader
// speaks to: out, which deliveries the other side has recorded; in, which
// packet identifiers of the other side stand for a message that was taken.

// Release notes that the receiver has recorded the message of a delivery, which
// is not acknowledged yet, and returns when that is stable: it is not delivered
// as a message any more. After Rewind or a restart Next returns the delivery
// with Released, so that the receiver hears of it, until Ack. It fails with ctx's
// error or the store's. Many at once share a write.
func (s *Subscription) Release(ctx context.Context, d Delivery) error {
	mark, err := s.release(d.seq)
	if err == nil {
		err = s.b.waitStable(ctx, mark)
	}
	if err != nil {
		return fmt.Errorf("release %d of %q: %w", d.seq, s.options.Name, err)
	}
	return nil
}

func (s *Subscription) release(seq uint64) (store.Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var x *delivery
	if i, ok := slices.BinarySearchFunc(s.unacked, seq, bySeq); ok {
		x = &s.unacked[i]
	} else if i, ok := slices.BinarySearchFunc(s.again, seq, bySeq); ok {
		x = &s.again[i]
	} else {
		return 0, nil
	}
	if x.released || s.num == 0 {
		s.releasedLocked(x, x.mark)
		return x.mark, nil
	}
	mark, err := s.b.store.Append(store.Now, store.Change{Op: store.Release, Session: s.num, Seq: seq})
	if err != nil {
		return 0, err
	}
	s.releasedLocked(x, mark)
	return mark, nil
}

// releasedLocked lets go of the message of x.
func (s *Subscription) releasedLocked(x *delivery, mark store.Mark) {
	s.bytes -= int64(x.size)
	x.released, x.msg, x.size, x.mark = true, nil, 0, mark
}

// Receive publishes a message that came from whom the reader speaks to, as
// [Broker.Publish] does. If id, which is its packet identifier at QoS 2, is not 0,
// it is noted in the same change of the store, and as long as it is, Receive
// publishes nothing for it and reports again.
//
// Stable, which is never nil, returns when what is promised by acknowledging
// the message is on stable storage; it may be called later and by another
// goroutine. If err is not nil the message must not be acknowledged: it will be
// received once more. Messages are published in the order of the calls.
func (s *Subscription) Receive(m *Message, id uint16) (again bool, stable func(context.Context) error, err error) {
	if err := s.b.checkOwn(m); err != nil {
		return false, nothingToWaitFor, err
	}
	if id != 0 {
		s.mu.Lock()
		mark, known := s.received[id]
		if !known {
			s.received[id] = unstored // two at once would both be published
		}
		s.mu.Unlock()
		if known {
			return true, s.b.whenStable(mark), nil
		}
	}
	k := keeping{urgent: m.QoS > 0 || id != 0}
	if s.num != 0 && id != 0 {
		k.session, k.id = s.num, id
	}
	_, mark, err := s.b.publishAs(m, k)
	if id != 0 {
		s.mu.Lock()
		if s.received[id] = mark; err != nil {
			delete(s.received, id)
			s.b.note(s.forgetChange(id))
		}
		s.mu.Unlock()
	}
	if err != nil {
		return false, nothingToWaitFor, fmt.Errorf("publish to %q: %w", m.Topic, err)
	}
	return false, s.b.whenStable(mark), nil
}

func (s *Subscription) forgetChange(id uint16) store.Change {
	return store.Change{Op: store.Forget, Session: s.num, PacketID: id}
}

// Forget removes an identifier from those that Receive knows, and returns when
// that is stable: it may stand for a new message from then on.
func (s *Subscription) Forget(ctx context.Context, id uint16) error {
	return s.forgetIDs(ctx, func() []uint16 {
		if _, ok := s.received[id]; ok {
			return []uint16{id}
		}
		return nil
	})
}

// ForgetAll is Forget for all identifiers: the other side has no session any
// more.
func (s *Subscription) ForgetAll(ctx context.Context) error {
	return s.forgetIDs(ctx, func() (ids []uint16) {
		for id := range s.received {
			ids = append(ids, id)
		}
		return ids
	})
}

// forgetAtOnce is how many are forgotten in one change.
const forgetAtOnce = 256

func (s *Subscription) forgetIDs(ctx context.Context, which func() []uint16) error {
	s.mu.Lock()
	ids := which()
	var err error
	for chunk := range slices.Chunk(ids, forgetAtOnce) {
		changes := make([]store.Change, len(chunk))
		for i, id := range chunk {
			delete(s.received, id)
			changes[i] = s.forgetChange(id)
		}
		if s.num != 0 && err == nil {
			s.forgot, err = s.b.store.Append(store.Now, changes...)
		}
	}
	mark, name := s.forgot, s.options.Name
	s.mu.Unlock()
	if err == nil {
		err = s.b.waitStable(ctx, mark)
	}
	if err != nil {
		return fmt.Errorf("forget identifiers of %q: %w", name, err)
	}
	return nil
}

// whenStable returns a function that waits until the store has stable what has
// that mark.
func (b *Broker) whenStable(mark store.Mark) func(context.Context) error {
	if b.store == nil || mark == 0 {
		return nothingToWaitFor
	}
	return func(ctx context.Context) error { return b.waitStable(ctx, mark) }
}

func nothingToWaitFor(context.Context) error { return nil }

func (b *Broker) waitStable(ctx context.Context, mark store.Mark) error {
	if b.store == nil || mark == 0 {
		return nil
	}
	return b.store.Wait(ctx, mark)
}

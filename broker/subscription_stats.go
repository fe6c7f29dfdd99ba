package broker

import "time"

// Stats returns the figures of this moment. It may read a message from the store
// to tell how old the oldest is, once for each that becomes so.
func (s *Subscription) Stats() SubscriptionStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq, came := s.oldestLocked()
	st := s.stats
	st.Waiting = len(s.again) + s.waiting.len() + s.fresh.len()
	st.Unacked = len(s.unacked)
	st.Bytes = s.size()
	if came != 0 {
		st.Oldest = time.Unix(int64(came), 0)
		st.Earliest = st.Oldest.Add(-s.steps.back(seq))
	}
	return st
}

// oldestLocked returns the number of the oldest message that is kept, and when it
// came, 0 if there is none or nobody can tell. mu is not held while it is read.
func (s *Subscription) oldestLocked() (seq uint64, came uint32) {
	if s.options.Name == "" {
		return 0, 0
	}
	var oldest *delivery
	look := func(d *delivery) {
		if d != nil && (oldest == nil || d.seq < oldest.seq) {
			oldest = d
		}
	}
	for _, ds := range [][]delivery{s.unacked, s.again} {
		for i := range ds {
			if d := &ds[i]; !d.released {
				look(d)
				break
			}
		}
	}
	look(s.waiting.first())
	look(s.fresh.first())
	switch {
	case oldest == nil:
		return 0, 0
	case oldest.came != 0:
		return oldest.seq, oldest.came
	case s.oldest.seq != oldest.seq:
		seq, came := oldest.seq, uint32(0)
		s.mu.Unlock()
		if m, err := s.b.read(s.num, seq); err == nil {
			came = cameSeconds(m)
		}
		s.mu.Lock()
		s.oldest.seq, s.oldest.came = seq, came
	}
	return s.oldest.seq, s.oldest.came
}

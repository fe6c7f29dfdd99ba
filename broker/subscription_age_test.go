package broker

import (
	"fmt"
	"testing"
	"time"

	"gateway/broker/store"
)

// stuckStore lets nobody read until it is closed.
type stuckStore struct {
	store.Store
	stuck chan struct{}
}

func (s *stuckStore) Read(id store.SessionID, seq uint64) (*store.Message, []byte, error) {
	<-s.stuck
	return s.Store.Read(id, seq)
}

// TestPublishersDoNotWaitForOldMessages publishes while the disk reads nothing,
// though what waits is to be dropped for its age and somebody asks for how old it
// is.
func TestPublishersDoNotWaitForOldMessages(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		o := bridged(func(o *SubscribeOptions) { o.MaxAge = time.Hour })
		s := subscribe(t, l.testBroker, o, "#")
		const n = 2 * ahead
		for i := range n {
			put(t, l.testBroker, "a", fmt.Sprint(i))
		}
		l.restart()
		disk := l.store
		stuck := &stuckStore{Store: disk, stuck: make(chan struct{})}
		l.store = stuck
		s = subscribe(t, l.testBroker, o, "#")
		time.Sleep(2 * time.Hour)
		stats := make(chan SubscriptionStats)
		go func() { stats <- s.Stats() }()
		put(t, l.testBroker, "a", "new") // or the bubble is stuck
		close(stuck.stuck)
		<-stats
		time.Sleep(2 * sweepInterval)
		// Nobody reads, and what was not delivered has gone even so.
		if st := s.Stats(); st.TooOld == 0 || st.Waiting+int(st.TooOld) != n+1 {
			t.Errorf("%+v", st)
		}
	})
}

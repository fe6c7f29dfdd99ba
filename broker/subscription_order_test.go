package broker

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"gateway/broker/store"
)

// TestLostOfTwoLines counts nothing twice of what was taken out of a line that
// becomes part of another.
func TestLostOfTwoLines(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		o := bridged(func(o *SubscribeOptions) { o.Latest = []string{"latest"} })
		s := subscribe(t, l.testBroker, o, "#")
		const n = 5 * lineEnd
		for i := range n {
			put(t, l.testBroker, "a", fmt.Sprint(i))
		}
		s.Live()
		disk := l.store
		l.store = &fullStore{Store: disk}
		if _, _, err := s.Receive(&Message{Topic: "latest", QoS: 1}, 1); !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
		l.store = disk
		s.Rewind()
		if st := s.Stats(); st.Waiting != n {
			t.Errorf("%d wait, not %d", st.Waiting, n)
		}
	})
}

// TestIdentifierComesRound has the backlog reach the identifier of what was live
// and is to be delivered again.
func TestIdentifierComesRound(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, bridged(), "#")
		put(t, b, "a", "old0")
		put(t, b, "a", "old1")
		s.Live()
		s.mu.Lock()
		s.seq = 2 + maxSpan - 1
		s.mu.Unlock()
		for i := range 3 {
			put(t, b, "a", fmt.Sprint("new", i))
			next(t, s, "a", fmt.Sprint("new", i))
		}
		s.Rewind()
		next(t, s, "a", "old0")
		d := next(t, s, "a", "new0") // which has the identifier of old1
		none(t, s)
		s.Ack(d)
		next(t, s, "a", "old1")
		next(t, s, "a", "new1")
		next(t, s, "a", "new2")
	})
}

// laterStore has nothing stable until it is told.
type laterStore struct {
	store.Store
	stable atomic.Uint64
}

func (s *laterStore) Stable() store.Mark { return store.Mark(s.stable.Load()) }

// TestExactlyOnceWaitsForTheStore delivers a message of QoS 2 no sooner than it
// would be there after a crash.
func TestExactlyOnceWaitsForTheStore(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		disk := l.store
		later := &laterStore{Store: disk}
		l.store = later
		send := func(payload string, qos QoS) {
			if err := l.Publish(&Message{Topic: "a", Payload: []byte(payload), QoS: qos}); err != nil {
				t.Fatal(err)
			}
		}
		send("1", 1)
		send("2", 2)
		next(t, s, "a", "1")
		got := make(chan string)
		go func() {
			d, _ := s.Next(t.Context())
			got <- string(d.Payload)
		}()
		synctest.Wait()
		select {
		case p := <-got:
			t.Errorf("%s is delivered before it is stable", p)
			return
		default:
		}
		if m := disk.Stable(); m == 0 {
			t.Error("nobody has hurried")
		}
		later.stable.Store(1 << 60)
		l.advanced(0)
		if p := <-got; p != "2" {
			t.Errorf("got %s", p)
		}
	})
}

// TestNumberOfWhatWasNotStored is of no other message after a crash: the other
// side may take the one for the other.
func TestNumberOfWhatWasNotStored(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		send := func(payload string) error {
			return l.Publish(&Message{Topic: "a", Payload: []byte(payload), QoS: 2})
		}
		if err := send("stored"); err != nil {
			t.Fatal(err)
		}
		s.Ack(next(t, s, "a", "stored"))
		settle(t, l.Broker)
		full := &fullStore{Store: l.store}
		l.store = full
		seqs := make(map[uint64]bool)
		for range 3 * ahead {
			if err := send("not stored"); err == nil {
				t.Fatal("it is stored")
			}
			seqs[next(t, s, "a", "not stored").Seq()] = true
		}
		synctest.Wait()
		settle(t, l.Broker)
		again()
		s = subscribe(t, l.testBroker, bridged(), "#")
		if err := send("new"); err != nil {
			t.Fatal(err)
		}
		if d := next(t, s, "a", "new"); seqs[d.Seq()] {
			t.Errorf("%d is of two messages", d.Seq())
		}
	})
}

package broker

import (
	"testing"
	"time"
)

// set has the clock of a subscription put forward, or back.
func (s *Subscription) set(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps.note(by, s.seq+1)
}

// A clock that is put forward by a year makes nothing a year old: what waits is
// kept for as long as it would have been.
func TestMaxAgeIsNotReachedBySettingTheClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, by := range map[string]time.Duration{"forward": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
				s := subscribe(t, b, SubscribeOptions{Name: "n", MaxAge: time.Hour}, "#")
				put(t, b, "a", "1")
				// In a bubble time cannot be set: what came shows the time of before.
				s.mu.Lock()
				s.waiting.first().came -= uint32(by / time.Second)
				s.mu.Unlock()
				s.set(by)
				time.Sleep(30 * time.Minute)
				put(t, b, "a", "2")
				if st := s.Stats(); st.TooOld != 0 || st.Waiting != 2 {
					t.Errorf("after half an hour: %+v", st)
				}
				time.Sleep(45 * time.Minute)
				next(t, s, "a", "2")
				if st := s.Stats(); st.TooOld != 1 {
					t.Errorf("after more than an hour: %+v", st)
				}
			})
		})
	}
}

// Of what waits nothing shows a time before Earliest, whenever the clock was put
// back.
func TestEarliestIsBeforeWhatCameWhenTheClockWasPutBack(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, SubscribeOptions{Name: "n"}, "#")
		put(t, b, "a", "1")
		put(t, b, "a", "2")
		if st := s.Stats(); !st.Earliest.Equal(st.Oldest) || st.Oldest.IsZero() {
			t.Errorf("the clock was not set: %+v", st)
		}
		s.set(-time.Hour)
		put(t, b, "a", "3")
		s.set(2 * time.Hour)
		for _, payload := range []string{"1", "2"} {
			if st := s.Stats(); st.Oldest.Sub(st.Earliest) != time.Hour {
				t.Errorf("%s waits: %+v", payload, st)
			}
			s.Ack(next(t, s, "a", payload))
		}
		if st := s.Stats(); !st.Earliest.Equal(st.Oldest) {
			t.Errorf("what came before is gone: %+v", st)
		}
	})
}

// Of very many steps the sum remains, for what waits from before all of them.
func TestStepsAreBounded(t *testing.T) {
	var c steps
	now := time.Now()
	c.look(now, 1)
	c.look(now.Add(time.Hour), 2) // time that has passed is no step
	for i := range 10 * maxSteps {
		c.note(time.Minute, uint64(i+2))
		c.note(time.Second, uint64(i+2)) // a clock that is put right as it goes
	}
	if len(c.all) != maxSteps || c.since(1) != 10*maxSteps*time.Minute || c.since(10*maxSteps+1) != 0 {
		t.Errorf("%d steps, %v since the first", len(c.all), c.since(1))
	}
}

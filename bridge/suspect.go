package bridge

import (
	"sync"
	"time"
)

// A message on which the upstream drops the connection every time would be sent
// for ever, and everything behind it would wait. Which one it is shows when it
// is sent alone; that it is the message and not the line shows when others go
// through.

// Losses of the connection with a message as the oldest that was unacknowledged:
// after tryAlone it is sent alone; after letOthers more it steps aside until
// another message was acknowledged, or for parkTime; if the connection is lost
// with it again after others went through, finalTries times, it is set aside.
const (
	tryAlone   = 2
	letOthers  = 2
	finalTries = 1

	parkTime = 10 * time.Minute
)

// suspects knows which messages may be what the upstream drops the connection
// for; there may be several, one behind the other. The zero value knows of none.
type suspects struct {
	mu  sync.Mutex
	all map[uint64]*suspicion // by number
}

// suspicion is against one message.
type suspicion struct {
	losses int
	finals int  // of them, after others went through
	proven bool // others went through since the last loss
	last   time.Time
}

func (s *suspicion) stepsAside() bool { return s.losses >= tryAlone+letOthers && !s.proven }

// lost notes that the connection was lost, not by us, while the message with that
// number was the oldest that was unacknowledged. It tells whether that message is
// to be set aside.
func (s *suspects) lost(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[uint64]*suspicion)
	}
	is := s.all[seq]
	if is == nil {
		is = new(suspicion)
		s.all[seq] = is
	}
	is.losses++
	is.last = time.Now()
	if is.proven {
		is.finals++
	}
	is.proven = false
	if is.finals < finalTries {
		return false
	}
	delete(s.all, seq)
	return true
}

// acked notes that a message was acknowledged.
func (s *suspects) acked(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, seq)
	for _, is := range s.all {
		if is.stepsAside() {
			is.proven = true
		}
	}
}

// clear ends the suspicion against a message.
func (s *suspects) clear(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, seq)
}

// count returns how often the connection was lost with a message.
func (s *suspects) count(seq uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if is := s.all[seq]; is != nil {
		return is.losses
	}
	return 0
}

// alone tells whether messages have to be sent one by one. A message that was not
// tried for long is gone, by the bounds of the queue.
func (s *suspects) alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	alone := false
	for seq, is := range s.all {
		if time.Since(is.last) > 3*parkTime {
			delete(s.all, seq)
			continue
		}
		alone = alone || is.losses >= tryAlone
	}
	return alone
}

// holds tells whether a message has to let others go first.
func (s *suspects) holds(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.all[seq]
	return is != nil && is.stepsAside()
}

// proven tells whether others went through since the connection was last lost with
// a message: its next attempt is the last.
func (s *suspects) proven(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.all[seq]
	return is != nil && is.proven
}

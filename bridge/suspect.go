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

// suspects knows which message may be what the upstream drops the connection
// for. The zero value knows of none.
type suspects struct {
	mu     sync.Mutex
	seq    uint64 // of the message under suspicion; 0 for none
	losses int
	finals int  // of them, after others went through
	proven bool // others went through since the last loss
}

// lost notes that the connection was lost, not by us, while the message with that
// number was the oldest that was unacknowledged. It tells whether that message is
// to be set aside.
func (s *suspects) lost(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq != s.seq {
		s.begin(seq)
	}
	s.losses++
	if s.proven {
		s.finals++
	}
	s.proven = false
	if s.finals < finalTries {
		return false
	}
	s.begin(0)
	return true
}

func (s *suspects) begin(seq uint64) {
	s.seq, s.losses, s.finals, s.proven = seq, 0, 0, false
}

// acked notes that a message was acknowledged.
func (s *suspects) acked(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.seq == 0:
	case seq == s.seq:
		s.begin(0)
	case s.stepsAsideLocked():
		s.proven = true
	}
}

// clear ends the suspicion.
func (s *suspects) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(0)
}

// count returns how often the connection was lost with the message under
// suspicion.
func (s *suspects) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.losses
}

// alone tells whether messages have to be sent one by one.
func (s *suspects) alone() bool { return s.count() >= tryAlone }

// stepsAside tells whether the message under suspicion has to let others go
// first.
func (s *suspects) stepsAside() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stepsAsideLocked()
}

func (s *suspects) stepsAsideLocked() bool { return s.losses >= tryAlone+letOthers && !s.proven }

// holds tells whether the message is the one that has to.
func (s *suspects) holds(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq != 0 && seq == s.seq && s.stepsAsideLocked()
}

package linktest

import (
	"context"
	"sync"

	"gateway/bridge/link"
)

// session notes what is called, as a bridge's does.
type session struct {
	came      chan link.Message
	released  chan uint16
	forgotten chan uint16
	// stable, if there is one, is what Received returns.
	stable func(ctx context.Context) error

	mu   sync.Mutex
	over bool // nothing may be called any more
	late string
}

func newSession() *session {
	return &session{came: make(chan link.Message, 10000), released: make(chan uint16, 10000), forgotten: make(chan uint16, 10000)}
}

func (s *session) Released(_ context.Context, id uint16) error {
	s.called("Released")
	s.released <- id
	return nil
}

func (s *session) Received(m link.Message) (func(context.Context) error, error) {
	s.called("Received")
	s.came <- m
	return s.stable, nil
}

func (s *session) Forgotten(_ context.Context, id uint16) error {
	s.called("Forgotten")
	s.forgotten <- id
	return nil
}

func (s *session) called(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		s.late = what
	}
}

// end is that the Link is lost; it returns what was called after the one
// before.
func (s *session) end() (late string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.late
}

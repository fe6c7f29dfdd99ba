package interop

import (
	"sync"

	"gateway/broker"
)

// shelf counts what is set aside.
type shelf struct {
	mu sync.Mutex
	n  int
}

func (s *shelf) Put(*broker.Message, string, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return nil
}

func (s *shelf) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

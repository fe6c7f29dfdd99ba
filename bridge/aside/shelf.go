package aside

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gateway/broker"
)

// Shelf is what a bridge has set aside. All methods may be called concurrently;
// those that change it wait for the disk.
type Shelf struct {
	name string
	file string // "": it is kept in memory only
	log  *slog.Logger
	sync func(*os.File) error // makes a file durable

	mu      sync.Mutex
	index   index
	seen    fs.FileInfo // the file that index is of; nil if there is none, or one of which nothing is known
	unnamed bool        // the file is new, and its name may not be durable
	told    bool        // that parts of it cannot be read
	dropped uint64
	said    time.Time // when it was last said that messages are dropped
}

// Open opens what the bridge called name has set aside in a folder, which need
// not exist yet; "" keeps it in memory. The name can be the name of a file. It
// changes nothing, and fails only if there is a file that cannot be read.
func Open(folder, name string, log *slog.Logger) (*Shelf, error) {
	s := &Shelf{name: name, log: log, sync: (*os.File).Sync}
	s.index.limits = DefaultLimits()
	if folder == "" {
		return s, nil
	}
	s.file = filepath.Join(folder, name+".aside.jsonl")
	if err := s.refresh(); err != nil {
		return nil, fmt.Errorf("what was set aside: %w", err) // names the file
	}
	return s, nil
}

// Limit sets other bounds than DefaultLimits; both are at least 1. It is called
// before anything else, and what is beyond them goes with the next Put.
func (s *Shelf) Limit(l Limits) {
	s.index.limits = l
	s.seen = nil // it is read again
}

// Put keeps a message that was to be published upstream to remote, with the
// reason why it was not. When it returns nil, the message is on stable storage,
// and the oldest may be gone for it; otherwise nothing has changed. It keeps
// nothing of m.
func (s *Shelf) Put(m *broker.Message, remote, reason string) error {
	a := newMessage(m, remote, reason)
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.change(true, func() error {
		a.ID = s.index.last + 1
		line, err := a.line(s.index.limits.MaxBytes)
		if err == nil {
			err = s.append(line)
		}
		if err != nil {
			return err
		}
		e := entry{id: a.ID, size: int64(len(line))}
		if s.file == "" {
			e.line = line
		}
		s.countDropped(s.index.add(e))
		s.tidy()
		return nil
	})
	if err != nil {
		return fmt.Errorf("set aside a message of %q: %w", m.Topic, err)
	}
	return nil
}

// Len returns how many messages there are.
func (s *Shelf) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.refresh() // if the file cannot be read now, it is as it was
	return len(s.index.entries)
}

// Dropped returns how many messages the bounds have taken since Open.
func (s *Shelf) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// List returns all messages, the oldest first.
func (s *Shelf) List() ([]Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == "" {
		return s.index.read(nil), nil
	}
	all := []Message{}
	err := s.change(false, func() error {
		f, err := os.Open(s.file)
		if err == nil {
			all = s.index.read(f)
			err = f.Close()
		}
		return err
	})
	return all, err
}

// Remove takes messages away for good and returns how many of them there were.
func (s *Shelf) Remove(ids ...uint64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	err := s.change(false, func() error {
		rest := s.index.clone()
		gone := rest.remove(ids)
		if gone == 0 {
			return nil
		}
		line, err := marshal(forgetLine{ids})
		if err == nil {
			line = append(line, '\n')
			err = s.append(line)
		}
		if err == nil {
			rest.end += int64(len(line))
			s.index, n = rest, gone
		}
		return err
	})
	return n, err
}

// Clear takes all messages away for good and returns how many there were.
func (s *Shelf) Clear() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	err := s.change(false, func() error {
		if err := s.cut(0); err != nil {
			return err
		}
		n = len(s.index.entries)
		s.index = index{limits: s.index.limits, last: s.index.last}
		return nil
	})
	return n, err
}

// countDropped notes what the bounds took, and says so, at most once an hour.
func (s *Shelf) countDropped(n int) {
	s.dropped += uint64(n)
	if n > 0 && time.Since(s.said) >= time.Hour {
		s.said = time.Now()
		s.log.Warn("so much is set aside that the oldest of it is dropped; gateway bridge aside shows why", "bridge", s.name, "dropped", s.dropped)
	}
}

package badline

import (
	"sync"
	"time"
)

// chunk is bytes under way, or the end behind them.
type chunk struct {
	due  time.Time
	data []byte
	end  bool
	hard bool // the end is a reset
}

// size is what the chunk counts for, so that many small ones are bounded too.
func (c chunk) size() int { return len(c.data) + 64 }

// queue is the delay line of one direction, for one who pushes and one who
// pops.
type queue struct {
	mu     sync.Mutex
	chunks []chunk
	size   int
	more   chan struct{} // has one token after a push
	less   chan struct{} // has one token after a pop
}

func newQueue() *queue {
	return &queue{more: make(chan struct{}, 1), less: make(chan struct{}, 1)}
}

// push waits until less than room is under way, and adds c. It returns false if
// stop was closed.
func (q *queue) push(c chunk, room int, stop <-chan struct{}) bool {
	for {
		select {
		case <-stop:
			return false
		default:
		}
		if q.add(c, room) {
			signal(q.more)
			return true
		}
		select {
		case <-q.less:
		case <-stop:
			return false
		}
	}
}

func (q *queue) add(c chunk, room int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size >= room {
		return false
	}
	q.chunks = append(q.chunks, c)
	q.size += c.size()
	return true
}

// pop waits for a chunk and takes it off. It returns false if stop was closed.
func (q *queue) pop(stop <-chan struct{}) (chunk, bool) {
	for {
		select {
		case <-stop:
			return chunk{}, false
		default:
		}
		if c, ok := q.take(); ok {
			signal(q.less)
			return c, true
		}
		select {
		case <-q.more:
		case <-stop:
			return chunk{}, false
		}
	}
}

func (q *queue) take() (chunk, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) == 0 {
		return chunk{}, false
	}
	c := q.chunks[0]
	q.chunks[0] = chunk{} // let go of the bytes
	q.chunks = q.chunks[1:]
	q.size -= c.size()
	return c, true
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

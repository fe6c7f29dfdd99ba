package badline

import "time"

// Direction is one way over the line, or both.
type Direction uint8

// Up is from the client, the bridge, to the upstream; Down is back.
const (
	Up   Direction = 1
	Down Direction = 2
	Both           = Up | Down
)

// ways is how many directions there are; way 0 is Up, way 1 is Down.
const ways = 2

// each calls f with every way in d.
func (d Direction) each(f func(way int)) {
	for way := range ways {
		if d&(1<<way) != 0 {
			f(way)
		}
	}
}

const (
	segment  = 1460     // bytes that are lost together
	largest  = 32 << 10 // bytes in one read, and in one write
	roomMost = 8 << 20  // bytes under way in one direction of a connection
	roomLow  = 64 << 10 // what a slow modem buffers beyond what is on the air
)

// shape is what one direction does to bytes.
type shape struct {
	latency time.Duration // from reading to writing
	rate    int64         // bytes/s, 0 without limit
	pause   time.Duration // after each single byte, 0 for none
	loss    loss
}

// room is how many bytes may be under way.
func (s shape) room() int {
	if s.rate == 0 {
		return roomMost
	}
	air := float64(s.rate) * (s.latency + s.loss.extra).Seconds()
	return roomLow + int(min(air, roomMost-roomLow))
}

// chunk is how many bytes share one fate on entering.
func (s shape) chunk() int {
	if s.loss.share > 0 {
		return segment
	}
	return largest
}

// piece is how many bytes are written at once.
func (s shape) piece() int {
	switch {
	case s.pause > 0:
		return 1
	case s.rate > 0:
		return int(min(max(s.rate/100, 1), largest))
	}
	return largest
}

// next is when the following piece may leave after one of n bytes that could
// leave from free on and left at now. A timer that rang up to 20 ms late is made
// up for, so that the rate is kept.
func (s shape) next(free, now time.Time, n int) time.Time {
	if s.pause > 0 {
		return now.Add(s.pause)
	}
	if s.rate == 0 {
		return now
	}
	if late := now.Add(-20 * time.Millisecond); free.Before(late) {
		free = late
	}
	return free.Add(time.Duration(float64(n) / float64(s.rate) * float64(time.Second)))
}

// Latency delays what enters from now on by d each way, in order and at full
// throughput: up to 8 MiB, counting 64 bytes more for each read, are under way in
// each direction of a connection, so 16 MiB/s pass at 500 ms. Nothing is early;
// on an idle machine it is about 0.1 ms late. What is under way when the latency
// is changed keeps its time.
func (l *Line) Latency(dir Direction, d time.Duration) {
	l.bend(dir, func(s *shape) { s.latency = max(d, 0) })
}

// Slow limits each connection to rate bytes/s; 0 lifts the limit. What waits
// is bounded by 64 KiB beyond what the latency holds.
func (l *Line) Slow(dir Direction, rate int64) {
	l.bend(dir, func(s *shape) { s.rate = max(rate, 0) })
}

// Stall passes one byte at a time with a pause after each; 0 lifts it at once,
// also for a pause that has begun.
func (l *Line) Stall(dir Direction, pause time.Duration) {
	l.bend(dir, func(s *shape) { s.pause = max(pause, 0) })
}

// Lossy holds back a share (0 to 1) of the chunks by extra, and with them what
// comes behind, as a lost segment does until TCP sends it again. A chunk is what
// came at once, at most 1460 bytes. Which ones it meets follows from seed, the
// direction and the number of the connection alone.
func (l *Line) Lossy(dir Direction, share float64, extra time.Duration, seed uint64) {
	l.bend(dir, func(s *shape) {
		s.loss = loss{share: share, extra: max(extra, 0), seed: seed, edition: s.loss.edition + 1}
	})
}

// Restore lifts every fault: refusals, those of the way and a CutAfter not yet
// reached. What is cut or half open stays so.
func (l *Line) Restore() error {
	l.bend(Both, func(s *shape) { *s = shape{loss: loss{edition: s.loss.edition + 1}} })
	l.CutAfter(Both, 0, Reset)
	return l.Refuse(Nobody)
}

func (l *Line) bend(dir Direction, f func(*shape)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir.each(func(way int) { f(&l.shapes[way]) })
	l.changedLocked()
}

// changedLocked wakes the pipes that pause.
func (l *Line) changedLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// shape returns what way does now, and what is closed when that changes.
func (l *Line) shape(way int) (shape, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shapes[way], l.changed
}

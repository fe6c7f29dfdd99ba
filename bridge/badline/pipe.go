package badline

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"
)

// pipe is one direction of a pair: read puts on the delay line, write takes
// off. Both return when the pair has stopped.
type pipe struct {
	pair     *pair
	way      int
	from, to *net.TCPConn
	queue    *queue

	dice    dice // of read
	entered int  // of read: bytes put on the delay line

	left int       // of write: bytes taken by the peer's socket
	free time.Time // of write: when the next piece may leave
}

// read reads until the end of from. After a Finish it goes on and throws away,
// so that the peer can close in order.
func (f *pipe) read() {
	buf := make([]byte, largest)
	for {
		n, err := f.from.Read(buf)
		if !f.enter(buf[:n]) {
			break
		}
		if err != nil {
			f.enterEnd(err)
			break
		}
	}
	if f.pair.now() == finishing {
		io.Copy(io.Discard, f.from) // its end is what counts
	}
}

// enter copies b onto the delay line. It waits for room, and returns false if
// the pair has stopped.
func (f *pipe) enter(b []byte) bool {
	s, _ := f.pair.line.shape(f.way)
	now := time.Now()
	for len(b) > 0 {
		n := min(len(b), s.chunk())
		due := now.Add(s.latency + f.dice.late(s.loss, f.pair.number<<1|uint64(f.way)))
		// Counted before, lest it leave before it has come.
		f.entered += n
		f.pair.line.count(func(fig *Figures) { fig.UnderWay += n })
		if !f.queue.push(chunk{due: due, data: bytes.Clone(b[:n])}, s.room(), f.pair.stop) {
			return false
		}
		b = b[n:]
	}
	return true
}

// enterEnd puts the end of from behind all that was read.
func (f *pipe) enterEnd(err error) {
	s, _ := f.pair.line.shape(f.way)
	end := chunk{due: time.Now().Add(s.latency), end: true, hard: !errors.Is(err, io.EOF)}
	f.queue.push(end, s.room(), f.pair.stop)
}

// write writes what is due, until the end.
func (f *pipe) write() {
	for {
		c, ok := f.queue.pop(f.pair.stop)
		if !ok || !waitUntil(c.due, f.pair.stop) {
			return
		}
		switch {
		case c.end && c.hard:
			f.pair.leave(true)
			return
		case c.end:
			f.to.CloseWrite()
			return
		case !f.pass(c.data):
			return
		}
	}
}

// pass writes b, piece by piece as the shape has it. It returns false if the
// pair has stopped.
func (f *pipe) pass(b []byte) bool {
	line := f.pair.line
	for len(b) > 0 {
		s, changed := line.shape(f.way)
		n, last := line.allow(f.way, min(len(b), s.piece()))
		if n == 0 { // another connection is about to cut us
			if !f.pause(time.Now().Add(time.Hour), changed) {
				return false
			}
			continue
		}
		if !f.send(b[:n]) {
			return false
		}
		if last {
			line.cutNow(f.way)
			return false
		}
		b = b[n:]
		f.free = s.next(f.free, time.Now(), n)
		if !f.pause(f.free, changed) {
			return false
		}
	}
	return true
}

// send writes b at once. A peer that is gone takes the whole pair with it.
func (f *pipe) send(b []byte) bool {
	n, err := f.to.Write(b)
	f.left += n
	f.pair.line.count(func(fig *Figures) {
		fig.UnderWay -= n
		if f.way == 0 {
			fig.Up += uint64(n)
		} else {
			fig.Down += uint64(n)
		}
	})
	if err == nil {
		return true
	}
	if f.pair.now() == flowing {
		f.pair.leave(true)
	}
	return false
}

// pause waits until t, or until a fault is switched. It returns false if the
// pair has stopped.
func (f *pipe) pause(t time.Time, changed <-chan struct{}) bool {
	d := time.Until(t)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
		return true
	case <-f.pair.stop:
		return false
	}
}

package v3

import (
	"fmt"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// life is when something happened last, as time since the connection began:
// the clock of a gateway may jump.
type life struct {
	began   time.Time
	packet  atomic.Int64 // a packet came
	bytes   atomic.Int64 // anything came
	written atomic.Int64 // something was written
	pinged  atomic.Int64 // PINGREQ was written
	reading atomic.Bool  // the connection is being read
}

func (l *life) begin()                          { l.began = time.Now() }
func (l *life) now() time.Duration              { return time.Since(l.began) }
func (l *life) mark(at *atomic.Int64)           { at.Store(int64(l.now())) }
func (l *life) time(at *atomic.Int64) time.Time { return l.began.Add(time.Duration(at.Load())) }
func (l *life) since(at *atomic.Int64) time.Duration {
	return l.now() - time.Duration(at.Load())
}

// ears is the connection while it is read.
type ears struct{ w *wire }

func (e ears) Read(p []byte) (int, error) {
	l := &e.w.life
	l.reading.Store(true)
	n, err := e.w.conn.Read(p)
	if n > 0 {
		l.mark(&l.bytes)
	}
	l.reading.Store(false)
	return n, err
}

// pulse keeps the connection alive, and ends it when the upstream gives no
// sign of life: at most one and a half times the keep-alive after the last.
//
// Paho's own pings stop while a handler keeps its reader, and its wait for the
// answer begins when PINGREQ is written behind a payload that takes longer.
func (w *wire) pulse() {
	if w.beat == 0 {
		return
	}
	tick := time.NewTicker(w.beat / 8)
	defer tick.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-tick.C:
		}
		l := &w.life
		silent, idle := l.since(&l.bytes), l.since(&l.written)
		if l.reading.Load() && w.dead(silent, idle) {
			w.fail(fmt.Errorf("the upstream has given no sign of life for %v", silent.Round(time.Millisecond)))
			return
		}
		if due := w.beat * 7 / 10; silent >= due && l.since(&l.pinged) >= due || idle >= due {
			w.sendPing()
		}
	}
}

// patience is the least that an upstream has for its answer to PINGREQ.
const patience = 3 * time.Second

// dead tells whether PINGREQ, once written, was not answered in time, or nothing
// was taken for long.
func (w *wire) dead(silent, idle time.Duration) bool {
	pinged := w.life.since(&w.life.pinged)
	answer := max(w.beat/2, patience)
	return silent > pinged && pinged >= answer && w.life.pinged.Load() > 0 ||
		silent >= w.beat*3/2+patience && idle >= w.beat*3/2
}

func (w *wire) sendPing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ping || w.cause != nil || w.leaving != nil {
		return
	}
	w.ping = true
	w.headLocked(byte(packet.TypePingreq)<<4, 0)
	w.wake.Broadcast()
}

package history

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestMoveAgain moves samples whose time is known while the disk cannot be
// written: they wait, and are moved later.
func TestMoveAgain(t *testing.T) {
	clock := &testClock{boot: "b2"}
	bubble(t, func(t *testing.T, h *testHistory) {
		var works atomic.Bool
		h.shift = func(series string, from, to, by int64) error {
			if !works.Load() {
				return errors.New("no space left on device")
			}
			return h.db.Shift(series, from, to, by)
		}
		h.publish("plain", "4")
		clock.set(3 * time.Hour)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := h.waiting(); n != 1 {
			t.Errorf("%d boots wait for their time", n)
		}
		works.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got, want := h.samples(t, "plain"), "14:00:00=4"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if n := h.waiting(); n != 0 {
			t.Errorf("%d boots wait still", n)
		}
	}, func(_ *Config, d *Deps) { d.Clock = clock })
}

// waiting is how many boots wait for their time.
func (h *History) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.wrong)
}

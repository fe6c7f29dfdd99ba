package history

import (
	"errors"
	"testing"
	"time"
)

// TestMoveAgain moves samples whose time is known while the disk cannot be
// written: they wait, and are moved later.
func TestMoveAgain(t *testing.T) {
	clock := &testClock{boot: "b2"}
	bubble(t, func(t *testing.T, h *testHistory) {
		failing := true
		h.shift = func(series string, from, to, by int64) error {
			if failing {
				return errors.New("no space left on device")
			}
			return h.db.Shift(series, from, to, by)
		}
		h.publish("plain", "4")
		clock.set(3 * time.Hour)
		time.Sleep(5 * time.Second)
		if len(h.wrong) != 1 {
			t.Errorf("waiting: %+v", h.wrong)
		}
		failing = false
		time.Sleep(2 * time.Minute)
		if got, want := h.samples(t, "plain"), "14:00:00=4"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if len(h.wrong) != 0 {
			t.Errorf("still waiting: %+v", h.wrong)
		}
	}, func(_ *Config, d *Deps) { d.Clock = clock })
}

package history

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
)

// testClock is a clock that is set by the test.
type testClock struct {
	mu     sync.Mutex
	boot   string
	synced bool
	shifts map[string]time.Duration
}

func (c *testClock) Now() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boot, c.synced
}

func (c *testClock) Shift(boot string) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by, ok := c.shifts[boot]
	return by, ok
}

// set sets it: by is what its times of this boot are off by.
func (c *testClock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = true
	if c.shifts == nil {
		c.shifts = make(map[string]time.Duration)
	}
	c.shifts[c.boot] = by
}

func unsynced(at time.Time, boot string, x int) string {
	return fmt.Sprintf(`{"time":%q,"clock":"unsynced","boot":%q,"x":%d}`, at.UTC().Format(time.RFC3339), boot, x)
}

// TestUnsynced begins at 11:00 of a clock that goes on where it was stopped, an
// hour before the newest that is recorded; it is 14:00.
func TestUnsynced(t *testing.T) {
	clock := &testClock{boot: "b2"}
	bubble(t, func(t *testing.T, h *testHistory) {
		h.publish("a/b/c", `{"time":"2026-11-28T11:00:01Z","x":1}`) // of before: it was 12:00 really, say
		h.publish("a/b/c", unsynced(time.Now(), "b2", 2))
		time.Sleep(10 * time.Second)
		h.publish("a/b/c", unsynced(time.Now(), "b2", 3))
		h.publish("plain", "4")
		h.publish("device", `{"time":"2026-11-28T11:00:05Z","x":5}`) // has a clock of its own, which is believed
		// Behind all that there was, and as far apart as they are.
		if got, want := h.samples(t, "a/b/c#x"), "11:00:01=1 11:00:01.001=2 11:00:11.001=3"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, want := h.samples(t, "plain"), "11:00:11.001=4"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		h.publish("a/b/c", unsynced(time.Now(), "another", 9), func(m *broker.Message) { m.Topic = "other/gate/way" })
		clock.set(3 * time.Hour)
		// One that was measured before, and comes after.
		h.publish("a/b/c", unsynced(time.Now().Add(-time.Second), "b2", 6))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got, want := h.samples(t, "a/b/c#x"), "11:00:01=1 14:00:00=2 14:00:09=6 14:00:10=3"; got != want {
			t.Errorf("once it is known: %s, want %s", got, want)
		}
		if got, want := h.samples(t, "plain"), "14:00:10=4"; got != want {
			t.Errorf("once it is known: %s, want %s", got, want)
		}
		if got, want := h.samples(t, "device#x"), "11:00:05=5"; got != want {
			t.Errorf("a device with a clock: %s, want %s", got, want)
		}
		if len(h.wrong) != 0 {
			t.Errorf("still waiting: %+v", h.wrong)
		}
	}, func(_ *Config, d *Deps) { d.Clock = clock })
}

// TestUnsyncedOverARestart has the gateway stop between the samples and the moment
// in which their time is known, and in another boot.
func TestUnsyncedOverARestart(t *testing.T) {
	for _, later := range []string{"b1", "b2"} {
		dir := t.TempDir()
		clock := &testClock{boot: "b1"}
		with := func(_ *Config, d *Deps) {
			d.Folder, d.StateFolder, d.Clock = filepath.Join(dir, "history"), filepath.Join(dir, "recorder"), clock
		}
		bubble(t, func(t *testing.T, h *testHistory) { h.publish("a/b/c", unsynced(time.Now(), "b1", 1)) }, with)
		clock.set(time.Hour)
		clock.boot = later
		bubble(t, func(t *testing.T, h *testHistory) {
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if got, want := h.samples(t, "a/b/c#x"), "12:00:00=1"; got != want {
				t.Errorf("%s: %s, want %s", later, got, want)
			}
		}, with)
		bubble(t, func(t *testing.T, h *testHistory) { // and it is moved once
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if got, want := h.samples(t, "a/b/c#x"), "12:00:00=1"; got != want {
				t.Errorf("%s: %s, want %s", later, got, want)
			}
		}, with)
	}
}

// Samples of a boot whose time nobody will know stay where they are.
func TestUnsyncedForEver(t *testing.T) {
	dir := t.TempDir()
	clock := &testClock{boot: "b1"}
	with := func(_ *Config, d *Deps) {
		d.Folder, d.StateFolder, d.Clock = filepath.Join(dir, "history"), filepath.Join(dir, "recorder"), clock
	}
	bubble(t, func(t *testing.T, h *testHistory) { h.publish("a/b/c", unsynced(time.Now(), "b1", 1)) }, with)
	clock.boot = "b2"
	bubble(t, func(t *testing.T, h *testHistory) {
		h.publish("a/b/c", unsynced(time.Now(), "b2", 2))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got, want := h.samples(t, "a/b/c#x"), "11:00:00=1 11:00:00.001=2"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if len(h.wrong) != 1 || h.wrong[0].Boot != "b2" {
			t.Errorf("%+v", h.wrong)
		}
	}, with)
	if err := os.WriteFile(filepath.Join(dir, "recorder", "unsynced.json"), []byte("[{]"), 0o600); err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T, h *testHistory) { h.publish("a/b/c", `{"x":3}`) }, with) // a damaged file keeps nobody
}

package sensors

import (
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gateway/sensors/bus"
)

// clock knows whether the time of day can be believed. A Raspberry Pi has no
// battery clock: after a power cut it goes on with the time at which it was
// stopped, until a time server tells it better. Readings of until then say so
// in the tree, and how much their times are off is known once the clock has
// been set.
type clock struct {
	ask func() bool // is it synchronised
	log *slog.Logger

	mu      sync.Mutex
	is      bool
	began   time.Time     // when it was made, with a monotonic part
	wall    time.Time     // and by the wall clock only
	offset  time.Duration // what was to be added to times of before
	askNext time.Time
}

// clockEvery is how often a clock that is not synchronised is asked.
const clockEvery = time.Second

func newClock(ask func() bool, log *slog.Logger) *clock {
	now := time.Now()
	return &clock{ask: ask, log: log, began: now, wall: now.Round(0)}
}

// synced tells whether the time of day can be believed now. What was believed
// once is believed until the end: a clock runs on well without its server.
func (c *clock) synced() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.is || now.Before(c.askNext) {
		return c.is
	}
	c.askNext = now.Add(clockEvery)
	if !c.ask() {
		return false
	}
	c.is = true
	// What the wall clock says has passed, less what has passed.
	c.offset = now.Round(0).Sub(c.wall) - now.Sub(c.began)
	if c.offset.Abs() >= time.Second {
		c.log.Info("the clock was set; readings of before are corrected", "by", c.offset.Round(time.Millisecond).String())
	}
	return true
}

// correct returns what a time of before the clock was set is, and whether it
// is known by now.
func (c *clock) correct(t time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.Add(c.offset), c.is
}

// clockSet is a time that any clock is past that was set.
var clockSet = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// clockSynced asks this machine. A board (it has a device tree) without a
// battery clock believes the kernel, which is told by chrony, ntpd and
// systemd-timesyncd; other machines had their time before they began.
func clockSynced(root fs.FS) bool {
	if time.Now().Before(clockSet) {
		return false
	}
	if _, err := fs.Stat(root, "sys/firmware/devicetree/base"); err != nil {
		return true
	}
	if clocks, err := fs.ReadDir(root, "sys/class/rtc"); err == nil && len(clocks) > 0 {
		return true
	}
	return bus.ClockSynced()
}

// bootID names this run of the kernel, "" if it does not say. Times of one
// boot can be corrected together.
func bootID(root fs.FS) string {
	b, err := fs.ReadFile(root, "proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	id, _, _ := strings.Cut(strings.TrimSpace(string(b)), "-")
	return id
}

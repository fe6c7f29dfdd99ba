package sensors

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// clock knows whether the time of day can be believed, and what times of before
// it could be are. A Raspberry Pi has no battery clock: after a power cut it
// goes on with the time at which it was stopped, until a time server tells it
// better. Readings of until then say so in the tree and bear the boot they are
// of. All times of a boot are off by the same: by what the moment of the boot
// has moved when the clock was set. That is kept in a file, for readings that
// wait in a queue over restarts:
//
//	<folder>/clock.json  [{"boot":"1b9d6bcd","before":"…","after":"…"}]
type clock struct {
	ask       func() bool          // is it synchronised
	sinceBoot func() time.Duration // by a clock that is never set
	boot      string               // this one, see reading.Reading.Boot
	file      string               // "" keeps it in memory only
	log       *slog.Logger

	mu      sync.Mutex
	is      bool
	askNext time.Time
	boots   []bootRecord // the last ones that began without a clock, the newest last
	dirty   bool
}

// bootRecord is the moment of a boot by the clock before and after it was set.
type bootRecord struct {
	Boot   string    `json:"boot"`
	Before time.Time `json:"before"`
	After  time.Time `json:"after"` // zero while it is not set
}

const (
	clockEvery = time.Second // how often a clock that is not synchronised is asked
	maxBoots   = 50          // how many boots are remembered
)

func newClock(ask func() bool, sinceBoot func() time.Duration, boot, folder string, log *slog.Logger) *clock {
	c := &clock{ask: ask, sinceBoot: sinceBoot, boot: boot, log: log}
	if folder != "" {
		c.file = filepath.Join(folder, "clock.json")
		c.read()
	}
	if !c.synced() && c.recordLocked() == nil && boot != "" {
		c.boots = append(c.boots, bootRecord{Boot: boot, Before: c.bootMoment()})
		c.boots = c.boots[max(0, len(c.boots)-maxBoots):]
		c.dirty = true
	}
	return c
}

// bootMoment is when this boot was, by the clock as it is now.
func (c *clock) bootMoment() time.Time { return time.Now().Round(0).Add(-c.sinceBoot()).UTC() }

// recordLocked is that of this boot, nil if it had a clock from the beginning.
func (c *clock) recordLocked() *bootRecord {
	for i := range c.boots {
		if c.boots[i].Boot == c.boot {
			return &c.boots[i]
		}
	}
	return nil
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
	if r := c.recordLocked(); r != nil && r.After.IsZero() {
		r.After, c.dirty = c.bootMoment(), true
		c.log.Info("the clock was set; times of readings since the boot are corrected when they are forwarded",
			"by", r.After.Sub(r.Before).Round(time.Millisecond).String())
	}
	return true
}

// Correct returns r with the time that it really has, if it was taken before
// the clock was set and it is known by now what was to be added.
func (s *Sensors) Correct(r reading.Reading) (corrected reading.Reading, ok bool) {
	if !r.Unsynced {
		return r, false
	}
	c := s.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.boots {
		if b.Boot == r.Boot && !b.After.IsZero() {
			r.Time = r.Time.Add(b.After.Sub(b.Before))
			r.Unsynced, r.Boot = false, ""
			return r, true
		}
	}
	return r, false
}

func (c *clock) read() {
	b, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(b, &c.boots)
	}
	if err != nil {
		c.boots = nil
		c.log.Warn("what earlier boots had for a time is not known; readings of theirs stay marked as unsynced", "error", err, "file", c.file)
	}
}

// flush writes what has changed.
func (c *clock) flush() {
	c.mu.Lock()
	dirty, boots := c.dirty, slices.Clone(c.boots)
	c.dirty = false
	c.mu.Unlock()
	if !dirty || c.file == "" {
		return
	}
	b, err := json.Marshal(boots)
	if err == nil {
		err = replaceFile(c.file, append(b, '\n'))
	}
	if err != nil {
		c.log.Error("when the clock was set cannot be noted", "error", err)
	}
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
	synced, err := bus.ClockSynced()
	if err != nil { // forbidden; nobody can tell for ever, and a mark for ever says nothing
		return true
	}
	return synced
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

// Boot names this run of the machine, as readings bear it that are Unsynced.
func (s *Sensors) Boot() string { return s.clock.boot }

// ClockSynced tells whether the time of day can be believed now.
func (s *Sensors) ClockSynced() bool { return s.clock.synced() }

package sensors

import (
	"encoding/json"
	"errors"
	"fmt"
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
// has moved when the clock was set. One that is moved in between, by hand say,
// begins another boot in this sense, "1b9d6bcd-2". It is kept in a file, for
// readings that wait in a queue over restarts:
//
//	<folder>/clock.json  [{"boot":"1b9d6bcd","before":"…","after":"…"}]
//
// That the clock was moved is seen at once; the kernel is asked once a second
// whether it is synchronised. Between the two a reading would have the right
// time and the mark of a wrong one, and be corrected to a wrong one.
type clock struct {
	ask       func() bool          // is it synchronised
	sinceBoot func() time.Duration // by a clock that is never set
	id        string               // of this run of the kernel, "" if it has none
	file      string               // "" keeps it in memory only
	log       *slog.Logger
	changed   chan struct{} // cap 1: there is something to flush

	mu      sync.Mutex
	is      bool
	boot    string // this one, see reading.Reading.Boot
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
	clockMoved = time.Second // what no clock goes wrong by itself before it is synchronised
	clockDrift = time.Minute // and what it does not within days, without its server
	maxBoots   = 50          // how many boots are remembered
)

func newClock(ask func() bool, sinceBoot func() time.Duration, id, folder string, log *slog.Logger) *clock {
	c := &clock{ask: ask, sinceBoot: sinceBoot, id: id, boot: id, log: log, changed: make(chan struct{}, 1)}
	if folder != "" {
		c.file = filepath.Join(folder, "clock.json")
		c.read()
	}
	before := c.ofThisBoot()
	if n := len(before); n > 0 {
		last := c.boots[before[n-1]]
		c.boot = last.Boot
		c.is = !last.After.IsZero() && c.bootMoment().Sub(last.After).Abs() < clockDrift
	}
	if r := c.recordLocked(); !c.synced() && id != "" && (r == nil || !r.After.IsZero()) {
		c.beginLocked()
	}
	return c
}

// bootMoment is when this boot was, by the clock as it is now.
func (c *clock) bootMoment() time.Time { return time.Now().Round(0).Add(-c.sinceBoot()).UTC() }

// ofThisBoot returns the indices of the records of this run of the kernel, in
// their order.
func (c *clock) ofThisBoot() (all []int) {
	for i, r := range c.boots {
		if id, _, _ := strings.Cut(r.Boot, "-"); id == c.id {
			all = append(all, i)
		}
	}
	return all
}

// recordLocked is what times of now are off by, nil if the clock was right from
// the beginning.
func (c *clock) recordLocked() *bootRecord {
	for i := range c.boots {
		if c.boots[i].Boot == c.boot {
			return &c.boots[i]
		}
	}
	return nil
}

// beginLocked begins a record: the clock has been moved, or there is none yet.
func (c *clock) beginLocked() {
	c.boot = c.id
	if n := len(c.ofThisBoot()); n > 0 {
		c.boot = fmt.Sprintf("%s-%d", c.id, n+1)
	}
	c.boots = append(c.boots, bootRecord{Boot: c.boot, Before: c.bootMoment()})
	c.boots = c.boots[max(0, len(c.boots)-maxBoots):]
	c.dirtyLocked()
}

func (c *clock) dirtyLocked() {
	c.dirty = true
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// synced tells whether the time of day can be believed now.
func (c *clock) synced() bool {
	_, synced := c.now()
	return synced
}

// now tells whether the time of day can be believed now, and which boot it is
// of. What was believed once is believed until the end: a clock runs on well
// without its server.
func (c *clock) now() (boot string, synced bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	r := c.recordLocked()
	moved := !c.is && r != nil && r.After.IsZero() && c.bootMoment().Sub(r.Before).Abs() > clockMoved
	if c.is || !moved && now.Before(c.askNext) {
		return c.boot, c.is
	}
	c.askNext = now.Add(clockEvery)
	if c.is = c.ask(); c.is {
		c.settleLocked()
	} else if moved {
		c.beginLocked()
	}
	return c.boot, c.is
}

// settleLocked notes that the clock is right by now.
func (c *clock) settleLocked() {
	for _, i := range c.ofThisBoot() {
		r := &c.boots[i]
		if !r.After.IsZero() {
			continue
		}
		r.After = c.bootMoment()
		c.dirtyLocked()
		c.log.Info("the clock was set; times of readings since the boot are corrected when they are forwarded",
			"by", r.After.Sub(r.Before).Round(time.Millisecond).String())
	}
}

// Correct returns r with the time that it really has, if it was taken before
// the clock was set and it is known by now what was to be added.
func (s *Sensors) Correct(r reading.Reading) (corrected reading.Reading, ok bool) {
	if !r.Unsynced {
		return r, false
	}
	c := s.clock
	c.synced() // it may be known by now
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

// ClockSynced asks this machine whether its time of day can be believed. A board
// (it has a device tree) without a battery clock believes the kernel, which is
// told by chrony, ntpd and systemd-timesyncd; other machines had their time
// before they began. Where a sandbox forbids to ask it is believed, with an
// error: nobody can tell for ever, and a mark for ever says nothing.
func ClockSynced(root fs.FS) (bool, error) {
	if time.Now().Before(clockSet) {
		return false, nil
	}
	if _, err := fs.Stat(root, "sys/firmware/devicetree/base"); err != nil {
		return true, nil
	}
	if clocks, err := fs.ReadDir(root, "sys/class/rtc"); err == nil && len(clocks) > 0 {
		return true, nil
	}
	synced, err := bus.ClockSynced()
	return synced || err != nil, err
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
func (s *Sensors) Boot() string {
	boot, _ := s.clock.now()
	return boot
}

// ClockSynced tells whether the time of day can be believed now.
func (s *Sensors) ClockSynced() bool { return s.clock.synced() }

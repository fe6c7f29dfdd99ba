package budget

import (
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"
)

// shortest is how much time has to be counted between the beginnings of two days.
// It is less than the 23 hours of the day on which clocks are put forward, for the
// sake of clocks that are put right a little.
const shortest = 22 * time.Hour

// Day is a budget of bytes a day. All methods may be called concurrently. Those
// that are given the time now want one that only goes forward, as [time.Now]
// gives it, with its monotonic reading.
type Day struct {
	limit int64 // 0 for no bound
	file  string
	log   *slog.Logger
	boot  string // of the machine; "" if that is not known

	mu      sync.Mutex
	state   state
	last    time.Time // when state.Age was counted up to
	restart *restart  // nil if the clock was set since the machine started
	unsaved int64     // bytes spent since the last attempt to write
	failing bool      // the last one failed
}

// state is what outlives a restart.
type state struct {
	Day   string    `json:"day"`   // a date as in 2026-11-28
	Spent int64     `json:"spent"` // bytes
	Age   float64   `json:"age"`   // seconds counted since the day began
	At    time.Time `json:"at"`    // when this was
	Boot  string    `json:"boot,omitempty"`
}

// restart is what is known of a start of the machine until its clock is set.
type restart struct {
	saved   time.Time     // when we were last seen before; zero if never
	counted time.Duration // since then
}

// OpenDay returns a budget of limit bytes a day, 0 for no bound, of the bridge
// called name, with what the folder says was spent today; "" is for one that
// forgets. A file that cannot be read is reported and counts as nothing spent.
func OpenDay(folder, name string, limit int64, log *slog.Logger) *Day {
	d := &Day{limit: limit, log: log.With("bridge", name)}
	if folder != "" && limit != 0 {
		d.file = file(folder, name)
	}
	d.begin(time.Now(), bootID())
	return d
}

// begin continues what was saved, if there is something.
func (d *Day) begin(now time.Time, boot string) {
	d.last, d.boot = now, boot
	saved, ok := d.load()
	if !ok {
		d.state = state{Day: date(now), Age: sinceMidnight(now).Seconds()}
		d.restart = &restart{}
		return
	}
	d.state = saved
	off := d.count(now.Sub(saved.At))
	if boot != saved.Boot {
		d.restart = &restart{saved.At, off}
	}
	d.pass(now, 0, 0)
}

// count counts time that has gone by, as far as it can be, and returns how much.
func (d *Day) count(t time.Duration) time.Duration {
	if t <= 0 || t > 365*24*time.Hour {
		return 0
	}
	d.state.Age += t.Seconds()
	if d.restart != nil {
		d.restart.counted += t
	}
	return t
}

// set is called when the clock is put forward for the first time since the
// machine has started: it tells how long that was off.
func (d *Day) set(now time.Time) {
	r := d.restart
	d.restart = nil
	if r.saved.IsZero() {
		d.state.Day, d.state.Age = date(now), sinceMidnight(now).Seconds()
		return
	}
	d.count(now.Sub(r.saved) - r.counted)
}

// Spend counts n bytes. Once for each hundredth of the budget it waits for the
// disk.
func (d *Day) Spend(n int64) { d.spend(time.Now(), n) }

func (d *Day) spend(now time.Time, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roll(now)
	d.state.Spent += n
	d.unsaved += n
	if d.file != "" && d.unsaved >= max(1, d.limit/100) {
		d.save()
	}
}

// Spent returns how many bytes were spent today.
func (d *Day) Spent(now time.Time) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roll(now)
	return d.state.Spent
}

// Left returns how many bytes are left for today, 0 if more than all was spent.
// Without a bound it is the most that an int64 has.
func (d *Day) Left(now time.Time) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roll(now)
	return d.left()
}

func (d *Day) left() int64 {
	if d.limit == 0 {
		return math.MaxInt64
	}
	return max(0, d.limit-d.state.Spent)
}

// Until returns when there is a budget again if there is none left, and the zero
// time if there is. Clocks are set, so whoever waits asks again after a while.
func (d *Day) Until(now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roll(now)
	if d.left() > 0 {
		return time.Time{}
	}
	// The first moment with another date and enough time gone by.
	counted := now.Add(shortest - d.age())
	next := now
	if date(now) == d.state.Day {
		next = midnight(now)
	}
	if counted.After(next) {
		return counted
	}
	return next
}

// Close writes what was spent. The Day may still be used.
func (d *Day) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roll(time.Now())
	if d.file == "" || d.state.Spent == 0 {
		return nil
	}
	if err := d.write(); err != nil {
		return fmt.Errorf("what is spent of the daily budget: %w", err)
	}
	return nil
}

func (d *Day) age() time.Duration { return time.Duration(d.state.Age * float64(time.Second)) }

// roll counts what has gone by, and begins a new day if it is time.
func (d *Day) roll(now time.Time) {
	gone := now.Sub(d.last) // by the monotonic clock
	if gone >= 0 {
		d.pass(now, gone, now.Round(0).Sub(d.last.Round(0))-gone)
	}
}

// pass is roll for a time in which the clock on the wall was put forward by step.
func (d *Day) pass(now time.Time, gone, step time.Duration) {
	d.last = now
	d.count(gone)
	if d.restart != nil && step > time.Minute {
		d.set(now)
	}
	if date(now) == d.state.Day || d.age() < shortest {
		return
	}
	// Time that is left over counts for the day that has begun, but no more of it
	// than has gone by since midnight: who was off for a week gets one budget.
	over := min(d.age()-24*time.Hour, sinceMidnight(now))
	d.state.Day, d.state.Spent, d.state.Age = date(now), 0, max(0, over).Seconds()
}

func date(t time.Time) string { return t.Format(time.DateOnly) }

// midnight returns when the next date begins.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	next := time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())
	if date(next) == date(t) || !next.After(t) { // the clock jumps over midnight
		if _, end := t.ZoneBounds(); end.After(t) {
			return end
		}
	}
	return next
}

func sinceMidnight(t time.Time) time.Duration {
	y, m, d := t.Date()
	return max(0, t.Sub(time.Date(y, m, d, 0, 0, 0, 0, t.Location())))
}

package sensors

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// line is a physical bus and what is attached to it. Everything here but what
// mu guards belongs to the goroutine that runs it.
//
// Each device of a line lives in a coroutine: its life waits for the next
// tick, measures, and waits again, and whenever it waits, for a conversion
// too, the line goes on with the device whose waiting ends next. Only one of
// them runs at a time, so that drivers hold no locks and a bus carries one
// transaction at a time.
type line struct {
	place   place
	owner   *Sensors
	devices []*device
	shared  shared // what the devices of the line have open together

	deadSince time.Time // when all devices began to fail; zero while one works
	cycled    time.Time // when the power was switched last

	lives []*coroutine
	timer *time.Timer
	poke  chan struct{} // cap 1: there are requests
	ended chan struct{} // closed when run has returned

	mu       sync.Mutex
	requests []func(context.Context) // to run between two resumptions
	wake     func()                  // ends the waiting in an Awaiter
}

func newLine(owner *Sensors, p place) *line {
	return &line{place: p, owner: owner, poke: make(chan struct{}, 1), ended: make(chan struct{})}
}

// coroutine is the life of a device while the line runs it.
type coroutine struct {
	device *device
	next   func() (time.Time, bool) // goes on until the device waits; until when
	stop   func()
	until  time.Time
	left   chan struct{} // closed when the line has nothing to do with it any more
}

// run reads the devices when they are due, until ctx ends or none is left.
func (l *line) run(ctx context.Context) {
	defer close(l.ended)
	for _, d := range l.devices {
		l.begin(d, l.life(ctx, d))
	}
	for ctx.Err() == nil && len(l.lives) > 0 {
		first := slices.MinFunc(l.lives, func(a, b *coroutine) int { return a.until.Compare(b.until) })
		if !l.sleep(ctx, first) {
			continue
		}
		until, lives := first.next()
		if first.until = until; !lives {
			l.leave(first)
		}
	}
	for _, c := range l.lives {
		c.stop() // the device's waiting ends with ctx's error
		close(c.left)
	}
	l.close()
}

// begin has the line run the life of a device.
func (l *line) begin(d *device, life iter.Seq[time.Time]) *coroutine {
	next, stop := iter.Pull(life)
	c := &coroutine{device: d, next: next, stop: stop, until: d.next, left: d.left}
	l.lives = append(l.lives, c)
	return c
}

// leave gives back what a device has whose life has ended.
func (l *line) leave(c *coroutine) {
	c.device.closeSensor()
	l.lives = slices.DeleteFunc(l.lives, func(x *coroutine) bool { return x == c })
	l.devices = slices.DeleteFunc(slices.Clone(l.devices), func(d *device) bool { return d == c.device })
	close(c.left)
}

// life is what a device does as long as ctx lasts and it is not gone. It yields the time until
// which it waits.
func (l *line) life(ctx context.Context, d *device) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		shared := bus.WithYield(ctx, func(wait time.Duration) bool { return yield(time.Now().Add(wait)) })
		for ctx.Err() == nil && !d.gone {
			l.tick(ctx, shared, d)
			if d.gone || !yield(d.next) {
				break
			}
		}
	}
}

// tick takes a reading of d and tells of it. When it waits with shared, others
// of the line go on; with ctx nobody does.
func (l *line) tick(ctx, shared context.Context, d *device) {
	d.busy, d.began = true, time.Now()
	m, err := l.read(shared, d)
	d.busy = false
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, driver.ErrNothingNew):
		d.nothing(err)
	case err != nil:
		d.failed(err)
		l.revive(ctx)
	default:
		d.succeeded(m)
		l.alive()
	}
	for _, f := range d.waiting {
		f()
	}
	d.waiting = nil
}

// sleep waits until the coroutine's time has come, or until something else is
// to be done; it tells which. Requests are carried out meanwhile.
func (l *line) sleep(ctx context.Context, c *coroutine) (due bool) {
	if a := c.device.awaiter(); a != nil {
		return l.await(ctx, c, a)
	}
	wait := time.Until(c.until)
	if wait <= 0 {
		// No timer: when timers that have run out already are received from at the
		// same moment in a bubble of synctest, the race detector of Go 1.26 may
		// crash, since (*timer).unlockAndRun gives all of them one context.
		select {
		case <-l.poke:
			l.carryOut(ctx, nil)
			return false
		case <-ctx.Done():
			return false
		default:
			return true
		}
	}
	if l.timer == nil {
		l.timer = time.NewTimer(wait)
	} else {
		l.timer.Reset(wait)
	}
	select {
	case <-l.timer.C:
		return true
	case <-l.poke:
		l.carryOut(ctx, nil)
	case <-ctx.Done():
	}
	return false
}

// await is sleep for a line of one sensor that notices by itself when there is
// something to measure.
func (l *line) await(ctx context.Context, c *coroutine, a driver.Awaiter) (due bool) {
	wait, cancel := context.WithDeadline(ctx, c.until)
	defer cancel()
	if l.carryOut(ctx, cancel) {
		return false // it may have changed what is due
	}
	err := contain(c.device.driver.Name, func() error { return a.Await(wait) })
	l.carryOut(ctx, nil)
	switch {
	case ctx.Err() != nil:
		return false
	case err == nil:
		c.device.noticed = true
		return true
	case wait.Err() == nil:
		c.device.count(err)
		c.device.failed(err)
		c.device.closeSensor()
		l.due(c.device)
		return false
	}
	return !time.Now().Before(c.until)
}

// due makes the coroutine of d run again when d is due: d.next has changed.
func (l *line) due(d *device) {
	for _, c := range l.lives {
		if c.device == d {
			c.until = d.next
		}
	}
}

// ask has f run on the line's goroutine, soon, while no device is running.
func (l *line) ask(f func(context.Context)) {
	l.mu.Lock()
	l.requests = append(l.requests, f)
	if l.wake != nil {
		l.wake()
	}
	l.mu.Unlock()
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// carryOut does what was asked, and tells whether there was anything. From now
// on a request calls wake.
func (l *line) carryOut(ctx context.Context, wake func()) bool {
	l.mu.Lock()
	requests := l.requests
	l.requests, l.wake = nil, wake
	l.mu.Unlock()
	for _, f := range requests {
		f(ctx)
	}
	return len(requests) > 0
}

// close gives back what is open, devices first.
func (l *line) close() {
	for _, d := range l.devices {
		d.closeSensor()
	}
	l.shared.close()
}

package auth

import (
	"net/netip"
	"sync"
	"time"
)

// failures counts failed logins by address over the last minute. IPv6 counts by
// /64, which is what one customer has. It is safe for concurrent use.
type failures struct {
	mu    sync.Mutex
	max   int // in a window; 0 is any number
	count map[netip.Addr]failed
}

// failed is what is known of one address: how often it failed in the window
// that began at since, and in the one before. Those of the window before count
// for as much of it as is still within the last minute, so that two numbers
// stand for the times of all failures.
type failed struct {
	since     time.Time
	n, before int
}

const (
	failureWindow = time.Minute
	// maxAddresses bounds the memory that a flood from many addresses takes.
	maxAddresses = 10_000
	// sample is how many addresses are looked at to forget one of them.
	sample = 16
)

func newFailures(most int) *failures {
	return &failures{max: most, count: make(map[netip.Addr]failed)}
}

// allow changes how many there may be in a window.
func (f *failures) allow(most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.max = most
}

// customer returns what counts as one address.
func customer(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// at returns f as it is now.
func (f failed) at(now time.Time) failed {
	switch passed := now.Sub(f.since); {
	case passed >= 2*failureWindow:
		return failed{since: now}
	case passed >= failureWindow:
		return failed{since: f.since.Add(failureWindow), before: f.n}
	}
	return f
}

// wait returns how long it takes until fewer than most failures count. The f
// must be of now.
func (f failed) wait(most int, now time.Time) time.Duration {
	passed := now.Sub(f.since)
	if f.n >= most { // as if a new window had begun with n before it
		return failureWindow - passed + part(f.n-most, f.n)
	}
	if f.before == 0 {
		return 0
	}
	// before × (1 - t/window) + n < most
	return part(f.before-(most-f.n), f.before) - passed
}

// part returns the time after which fewer than whole-n of whole failures
// count.
func part(n, whole int) time.Duration {
	if n < 0 {
		return 0
	}
	return time.Duration(float64(failureWindow)*float64(n)/float64(whole)) + 1
}

// wait returns how long an address has to wait until it may try, 0 if it may
// now.
func (f *failures) wait(a netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.max == 0 || !a.IsValid() {
		return 0
	}
	c, ok := f.count[customer(a)]
	if !ok {
		return 0
	}
	return max(0, c.at(now).wait(f.max, now))
}

// note counts a failure.
func (f *failures) note(a netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.max == 0 || !a.IsValid() {
		return
	}
	a = customer(a)
	c, ok := f.count[a]
	if !ok {
		if len(f.count) >= maxAddresses {
			f.forget(now)
		}
		c.since = now
	}
	c = c.at(now)
	c.n++
	f.count[a] = c
}

// forget makes room for an address: of a few, which the map's order picks, the
// one with the fewest failures goes, so that a flood does not clear who is
// refused.
func (f *failures) forget(now time.Time) {
	var victim netip.Addr
	fewest, seen := -1, 0
	for a, c := range f.count {
		c = c.at(now)
		if n := c.n + c.before; fewest < 0 || n < fewest {
			victim, fewest = a, n
		}
		if seen++; seen == sample {
			break
		}
	}
	delete(f.count, victim)
}

package auth

import (
	"crypto/rand"
	"net/netip"
	"sync"
	"time"
)

// failures counts failed logins by address. IPv6 counts by /64, which is what
// one customer has.
type failures struct {
	max    int      // in a window; 0 is any number
	secret [32]byte // of this process: makes up the salts of users that do not exist

	mu    sync.Mutex
	count map[netip.Addr]*failed
}

type failed struct {
	since time.Time // when the window began
	n     int
}

const (
	failureWindow = time.Minute
	// maxAddresses bounds the memory that a flood from many addresses takes.
	maxAddresses = 10_000
)

func newFailures(most int) *failures {
	f := &failures{max: most, count: make(map[netip.Addr]*failed)}
	_, _ = rand.Read(f.secret[:]) // never fails
	return f
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

// allow tells whether an address may try.
func (f *failures) allow(a netip.Addr, now time.Time) bool {
	if f.max == 0 || !a.IsValid() {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.count[customer(a)]
	return c == nil || now.Sub(c.since) >= failureWindow || c.n < f.max
}

// note counts a failure.
func (f *failures) note(a netip.Addr, now time.Time) {
	if f.max == 0 || !a.IsValid() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a = customer(a)
	c := f.count[a]
	if c == nil {
		if len(f.count) >= maxAddresses {
			f.forget(now)
		}
		c = &failed{since: now}
		f.count[a] = c
	}
	if now.Sub(c.since) >= failureWindow {
		*c = failed{since: now}
	}
	c.n++
}

// forget makes room: what is old goes, and if nothing is, everything.
func (f *failures) forget(now time.Time) {
	for a, c := range f.count {
		if now.Sub(c.since) >= failureWindow {
			delete(f.count, a)
		}
	}
	if len(f.count) >= maxAddresses {
		clear(f.count)
	}
}

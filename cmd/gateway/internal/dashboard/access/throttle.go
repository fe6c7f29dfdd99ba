package access

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of guessing. Whoever mistypes a password a few times does not notice
// them; who guesses has four tries an hour in the end.
const (
	freeTries   = 5
	longestWait = 15 * time.Minute
	// All addresses together have bounds, too, but short ones: who has many
	// addresses must not keep the owner out.
	freeTriesOfAll   = 30
	longestWaitOfAll = 10 * time.Second
	// forgiven is after how long without a failure they are forgotten.
	forgiven = 2 * time.Hour
	// maxAddresses bounds the memory that a flood from many takes.
	maxAddresses = 1000
	// sample is how many addresses are looked at to forget one of them.
	sample = 16
)

// throttle slows guessing down, by address (of IPv6 a /64, which is what one
// customer has) and of all together.
type throttle struct {
	mu    sync.Mutex
	peers map[netip.Addr]tries
	all   tries
}

// tries are those that failed, or are not decided yet.
type tries struct {
	n     int
	last  time.Time
	until time.Time // no other is heard before that
}

func newThrottle() *throttle { return &throttle{peers: make(map[netip.Addr]tries)} }

// customer returns what counts as one address.
func customer(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() && !a.IsLoopback() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// begin returns how long an address has to wait until it is heard, 0 if it is
// now. That counts as a failure until succeed is called, so that of many tries at
// once no more are heard than one after another.
func (t *throttle) begin(a netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	a = customer(a)
	one, all := t.peers[a].at(now), t.all.at(now)
	wait := one.until.Sub(now)
	if !a.IsLoopback() { // whoever sits at the machine is not kept out by others
		wait = max(wait, all.until.Sub(now))
	}
	if wait > 0 {
		return wait
	}
	if _, known := t.peers[a]; !known && len(t.peers) >= maxAddresses {
		t.forget(now)
	}
	t.peers[a] = one.more(now, freeTries, longestWait)
	t.all = all.more(now, freeTriesOfAll, longestWaitOfAll)
	return 0
}

// succeed takes the failures of an address back.
func (t *throttle) succeed(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.peers, customer(a))
	t.all.n, t.all.until = max(0, t.all.n-1), time.Time{} // nobody was heard since
}

// reset forgets all failures.
func (t *throttle) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.peers, t.all = make(map[netip.Addr]tries), tries{}
}

// at returns t as it is now.
func (t tries) at(now time.Time) tries {
	if now.Sub(t.last) > forgiven {
		return tries{}
	}
	return t
}

// more returns t with another failure. After free ones each doubles the wait,
// from a second up.
func (t tries) more(now time.Time, free int, longest time.Duration) tries {
	t.n++
	t.last = now
	if over := t.n - free; over >= 0 {
		t.until = now.Add(min(longest, time.Second<<min(over, 20)))
	}
	return t
}

// forget makes room for an address: of a few, which the map's order picks, the
// one with the fewest failures goes, so that a flood does not clear who waits.
func (t *throttle) forget(now time.Time) {
	var victim netip.Addr
	fewest, seen := -1, 0
	for a, c := range t.peers {
		if n := c.at(now).n; fewest < 0 || n < fewest {
			victim, fewest = a, n
		}
		if seen++; seen == sample {
			break
		}
	}
	delete(t.peers, victim)
}

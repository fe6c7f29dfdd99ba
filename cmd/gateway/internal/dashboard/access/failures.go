package access

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
)

// linesAnHour is how many addresses that fail to log in have a line of their own
// in the log each hour; the rest are counted.
const linesAnHour = 5

// failures logs failed logins: an address that fails at once, and how often that
// was once an hour. What was tried is never logged.
type failures struct {
	log *slog.Logger

	mu    sync.Mutex
	n     int // since the last report
	peers []netip.Addr
}

func newFailures(log *slog.Logger) *failures { return &failures{log: log} }

// note counts a failure. what is what was wrong: "password", "code".
func (f *failures) note(what string, from netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	from = customer(from)
	if len(f.peers) >= linesAnHour || slices.Contains(f.peers, from) {
		return
	}
	f.peers = append(f.peers, from)
	f.log.Warn("somebody failed to log in to the page", "wrong", what, "from", from)
}

// report logs how many failures there were since the last one, if the log does
// not say so already.
func (f *failures) report() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n > len(f.peers) {
		f.log.Warn("failed logins to the page within the last hour", "times", f.n)
	}
	f.n, f.peers = 0, nil
}

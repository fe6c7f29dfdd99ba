package access

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where an Access keeps what it knows.
type Options struct {
	// Folder has access.json and grants.json, and is made when the first of them
	// is; "" keeps what they have in memory.
	Folder string
	// AllowAnonymous lets everybody look who reaches the page.
	AllowAnonymous bool
	Log            *slog.Logger
}

// Access knows who may do what. Make one with [New].
type Access struct {
	folder string
	log    *slog.Logger
	others http.CrossOriginProtection // requests that other sites make
	tries  *throttle
	failed *failures
	turn   chan struct{} // held by who computes a hash: it takes 19 MiB, and a second on a small board

	anonymous atomic.Bool // everybody may look
	local     atomic.Bool // only this machine reaches the listener
	port      atomic.Int32
	writing   sync.Mutex // held while a file is written; locked before mu

	mu       sync.Mutex  // locked before that of tries
	password *password   // nil: there is none
	damaged  error       // why it cannot be known; nil if it is
	seen     os.FileInfo // access.json as it was read; nil if there was none
	looked   time.Time   // when it was last asked whether there is another
	code     code
	grants   grants
	free     underWay // requests of those who have shown nothing
}

// New makes an Access of what its folder has. What cannot be read is logged, and
// said to whoever needs it: the gateway starts all the same.
func New(o Options) *Access {
	a := &Access{
		folder: o.Folder, log: o.Log,
		tries: newThrottle(), failed: newFailures(o.Log), turn: make(chan struct{}, 1), free: make(underWay),
	}
	a.anonymous.Store(o.AllowAnonymous)
	a.grants = a.readGrants()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read(time.Now())
	return a
}

// Bind says where the page listens.
func (a *Access) Bind(addr net.Addr) {
	tcp, ok := addr.(*net.TCPAddr)
	a.local.Store(ok && tcp.IP.IsLoopback())
	if ok {
		a.port.Store(int32(tcp.Port)) // at most 65535
	}
}

// Rebind says that the page listens elsewhere while Run runs.
func (a *Access) Rebind(addr net.Addr) {
	a.Bind(addr)
	if !a.local.Load() {
		a.announce()
	}
}

// AllowAnonymous lets everybody look from now on, or not any more.
func (a *Access) AllowAnonymous(allow bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.anonymous.Store(allow)
	if !allow {
		a.free.end()
	}
}

// tidyInterval is how often sessions that have ended are forgotten.
const tidyInterval = time.Hour

// Run logs the code that a password is set with, if whoever opens the page needs
// it, and then forgets what has expired, until ctx ends. It is to be called after
// Bind.
func (a *Access) Run(ctx context.Context) error {
	if !a.local.Load() {
		a.announce()
	}
	tick := time.NewTicker(tidyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.failed.report()
			return nil
		case <-tick.C:
			a.failed.report()
			a.tidy(time.Now())
		}
	}
}

// tidy forgets sessions that have expired, and writes down once a day which were
// used.
func (a *Access) tidy(now time.Time) {
	a.mu.Lock()
	changed := a.grants.expire(now)
	a.mu.Unlock()
	if changed {
		a.keepGrants()
	}
}

// underWay are requests that are being answered, and how each is cancelled.
type underWay map[*http.Request]context.CancelFunc

// end cancels all of them.
func (u underWay) end() {
	for _, cancel := range u {
		cancel()
	}
}

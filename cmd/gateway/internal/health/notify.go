package health

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	// The protocol of systemd's notify socket: a datagram, abstract sockets, and
	// what WATCHDOG_USEC and WATCHDOG_PID mean. Nothing else of it is used.
	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells systemd how the service is, as sd_notify(3) has it. Without
// $NOTIFY_SOCKET, as on a desk or in a container, nothing of it does anything.
// What cannot be sent is logged, once: the service goes on, and it is systemd that
// acts on silence. Its methods may be called concurrently; a nil Notifier tells
// nobody anything.
type Notifier struct {
	log *slog.Logger

	mu     sync.Mutex
	status string // what was said last
	failed bool   // and that it could not be sent
}

// NewNotifier makes a Notifier for the service manager that started this process.
func NewNotifier(log *slog.Logger) *Notifier { return &Notifier{log: log} }

// The service manager waits for what begins, and is told now and then that it goes
// on: before DefaultTimeoutStartSec, 90 s, is over, and for longer than until the
// next time.
const (
	extendEvery = 10 * time.Second
	extendBy    = 60 * time.Second
	// extendLongest is how long a start may take in all: the largest store on the
	// slowest card takes minutes.
	extendLongest = 30 * time.Minute
)

// Starting says that the start takes long because of what is being done, until
// stop is called, which has to be. A start that is quick says nothing.
func (n *Notifier) Starting(doing string) (stop func()) {
	if n == nil {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.Background(), extendLongest)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(extendEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", extendBy.Microseconds(), line(doing)))
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// Ready says that the service can be used, or can be used again after Reloading,
// and how it is.
func (n *Notifier) Ready(status string) {
	n.keep(status)
	n.send("READY=1\nSTATUS=" + line(status))
}

// Status says how the service is, in a sentence, if that is not what was said last.
func (n *Notifier) Status(status string) {
	if n.keep(status) {
		n.send("STATUS=" + line(status))
	}
}

// Reloading says that the configuration is being read again. Ready has to follow,
// also if it was not taken.
func (n *Notifier) Reloading() {
	n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic().Microseconds()))
}

// Stopping says that the service ends.
func (n *Notifier) Stopping() { n.send("STOPPING=1\nSTATUS=stopping") }

// idleCheck is how often check is called if systemd does not watch the service.
const idleCheck = 30 * time.Second

// Watch calls check twice in each WatchdogSec= of the unit, until ctx ends, and
// tells systemd that all is well each time that check returns nil. The context of
// check ends when it should have. Without WatchdogSec= check is called, too, and
// what it finds is logged; without a service manager Watch does nothing but wait.
//
// A check that has not returned is waited for, and not called again beside itself:
// a process that hangs has one goroutine that does, and is ended by systemd.
func (n *Notifier) Watch(ctx context.Context, check func(ctx context.Context) error) error {
	if n == nil || os.Getenv("NOTIFY_SOCKET") == "" {
		<-ctx.Done()
		return nil
	}
	every := idleCheck
	watched, err := daemon.SdWatchdogEnabled(false)
	switch {
	case err != nil: // no reason not to run
		n.log.Error("systemd's watchdog is not served: WATCHDOG_USEC or WATCHDOG_PID makes no sense", "error", err)
	case watched > 0:
		every = watched / 2
	}
	var ill error
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := n.checkOnce(ctx, every, check)
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case err == nil && ill != nil:
			n.log.Warn("the gateway answers again")
		case err != nil && ill == nil:
			n.log.Error("the gateway does not work as it should; if the unit has WatchdogSec=, systemd restarts it when that is over", "error", err)
		}
		ill = err
		if err == nil && watched > 0 {
			n.send(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// checkOnce calls check, and complains meanwhile if it takes too long.
func (n *Notifier) checkOnce(ctx context.Context, patience time.Duration, check func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result := make(chan error)
	go func() { result <- check(ctx) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(patience / 4) // for a check that ends with its context
	defer late.Stop()
	select {
	case err := <-result:
		return err
	case <-late.C:
	}
	n.log.Error("the gateway hangs: a look at whether it works has not come back", "after", patience)
	err := <-result
	if err == nil {
		n.log.Warn("the gateway answers again")
	}
	return err
}

// keep tells whether a status is new.
func (n *Notifier) keep(status string) bool {
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	is := n.status != status
	n.status = status
	return is
}

func (n *Notifier) send(state string) {
	if n == nil {
		return
	}
	_, err := daemon.SdNotify(false, state)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && !n.failed {
		n.log.Error("systemd cannot be told how the gateway is", "error", err)
	}
	n.failed = err != nil
}

// line is a text in one line, as a variable has it.
func line(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

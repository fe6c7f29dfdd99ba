package badline

import (
	"syscall"
	"time"
)

// coarse is how late Go's timers may ring in an idle process: its poller counts
// whole milliseconds. Measured: 0.97 ms at the median, which is 2 % of a round
// trip of 100 ms over two ways; with nanosleep for the rest it is 0.09 ms.
const coarse = 1500 * time.Microsecond

// waitUntil waits until t, never less. It returns false if stop was closed.
func waitUntil(t time.Time, stop <-chan struct{}) bool {
	if d := time.Until(t) - coarse; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-stop:
			return false
		}
	}
	for d := time.Until(t); d > 0; d = time.Until(t) { // a signal interrupts it
		rest := syscall.NsecToTimespec(int64(d))
		syscall.Nanosleep(&rest, nil) // EINTR is the loop
	}
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

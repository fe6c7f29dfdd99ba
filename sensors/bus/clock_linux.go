package bus

import (
	"time"

	"golang.org/x/sys/unix"
)

// ClockSynced tells whether the kernel believes its time of day: a time server
// was heard. An error of the kernel is a no.
func ClockSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// SinceBoot returns the time since the machine was started, by a clock that is
// never set and goes on while it sleeps.
func SinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0 // no kernel since 2.6.39 does that
	}
	return time.Duration(t.Nano())
}

package bus

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ClockSynced tells whether the kernel believes its time of day: a time server
// was heard. It fails where a sandbox forbids to ask.
func ClockSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, fmt.Errorf("ask the kernel whether the clock is set (adjtimex): %w", err)
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, nil
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

package bus

import "golang.org/x/sys/unix"

// ClockSynced tells whether the kernel believes its time of day: a time server
// was heard. An error of the kernel is a no.
func ClockSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

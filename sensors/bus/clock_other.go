//go:build !linux

package bus

// ClockSynced tells whether the kernel believes its time of day; elsewhere than
// on Linux it is taken for granted.
func ClockSynced() bool { return true }

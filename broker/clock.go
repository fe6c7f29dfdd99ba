package broker

import "time"

// clockSet is a time that any clock is past that was set. A Raspberry Pi has none
// that runs without power: until the network is there it may be 1970.
var clockSet = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// sinceStored returns the moment at that the store has, as far as it can be believed
// at now: one of a clock that was not set is now, and so is one still to come.
func sinceStored(at, now time.Time) time.Time {
	if at.After(now) || at.Before(clockSet) && !now.Before(clockSet) {
		return now
	}
	return at
}

// expiryStored returns when a message from the store expires that came at came. If
// the clock was not set then, it has as long as it had when it came.
func expiryStored(came, expires, now time.Time) time.Time {
	if expires.Before(clockSet) && !now.Before(clockSet) {
		return now.Add(expires.Sub(came))
	}
	return expires
}

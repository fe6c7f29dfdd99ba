// Package budget holds a bridge to what its line may carry: [Rate] to messages a
// second, [Day] to bytes a day.
//
// # What a day is
//
// A day begins at midnight, local time, and what was spent is forgotten. What is
// spent outlives a restart in
//
//	<folder>/<name>.budget.json  {"day":"2026-11-28","spent":1234567,…}
//
// which is written anew for each hundredth of the budget, so about a hundred
// times a day: an SD card dies of small writes. A power cut forgets that much.
//
// # Clocks that are wrong
//
// No clock is trusted to have passed midnight if too little time has gone by
// since the last one: a new day needs 22 hours of time that was counted, by
// the monotonic clock while the process runs and by the clock on the wall while it
// does not. So whoever puts the clock forward gets no second budget, and who
// puts it back waits for no date to come round again, but no longer than that.
//
// A board without a battery clock starts with the time at which it stopped, and
// the clock is put right when there is a network. So the first step forward
// after the machine has started counts as time that it was off. A year or more
// counts as nothing: that clock was never set.
package budget

// Package timetable says when a line may be open: a modem that is paid by the
// minute, or a battery that has the sun at noon.
//
//	02:00-04:00                every day
//	mon-fri 12:00-12:30        on these days
//	sat,sun 22:00-02:00        over midnight: the days are those it begins on
//
// Times are those that a clock on the wall shows, 00:00 to 24:00. A window is
// open from its first minute to the beginning of its last.
//
// # Clocks that are put forward and back
//
// A window begins and ends when the clock shows the time, and for the first
// time if it shows it twice. A time that the clock jumps over has come when it
// jumps. A window that it jumps over in whole is open from then on for as long
// as it would have been: no night goes without.
package timetable

// Package logs keeps the newest lines of the log in memory, for the page and the
// support bundle. It knows slog, and what of a line is a secret, and nothing of
// who logs or who reads.
//
// A [Ring] stands behind the handler that writes the log and gets the same
// records. It holds so many lines and so many bytes and forgets the oldest first.
// A [Tail] follows it without ever holding it up: who reads slowly misses lines,
// and is told how many.
package logs

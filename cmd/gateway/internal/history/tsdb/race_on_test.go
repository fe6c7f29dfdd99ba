//go:build race

package tsdb

import "testing"

// underRace is that the race detector looks, which makes all of this ten times
// slower: what has one goroutine only is tried on fewer occasions then, and in full
// by another line of the Makefile.
const underRace = true

// alone skips a test that has one goroutine.
func alone(t *testing.T) {
	t.Helper()
	t.Skip("has one goroutine, and takes minutes with the race detector")
}

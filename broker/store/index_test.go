package store

import "testing"

// TestNumbers has every bit of a few chunks set, found and taken away.
func TestNumbers(t *testing.T) {
	n := make(numbers)
	for x := range uint64(4 * numbersSize) {
		if n.has(x) {
			t.Errorf("%d is there before it was added", x)
		}
		n.add(x)
		if !n.has(x) {
			t.Errorf("%d is not there", x)
		}
		if got := n.in(x / numbersSize); len(got) != int(x%numbersSize)+1 || got[len(got)-1] != x {
			t.Errorf("after %d there are %d", x, got)
		}
	}
	for x := range uint64(4 * numbersSize) {
		n.remove(x)
		if n.has(x) {
			t.Errorf("%d is still there", x)
		}
	}
	if len(n) != 0 {
		t.Errorf("%d chunks are left", len(n))
	}
}

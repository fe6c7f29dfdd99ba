package access

import "testing"

// TestRights: each has those before it.
func TestRights(t *testing.T) {
	names := ""
	for r := Open; r <= Admin; r++ {
		names += r.String() + " "
	}
	if names != "open read admin " || !(Open < Read && Read < Admin) {
		t.Errorf("%s", names)
	}
}

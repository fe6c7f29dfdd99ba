// Package golden compares what a test got with a file of testdata. With -update the
// files are written. It is for tests only, and knows nothing of what is in a file.
package golden

import (
	"flag"
	"os"
	"testing"
)

// update is a flag of every test that uses this package.
var update = flag.Bool("update", false, "write the golden files")

// Check fails the test if got is not what the file has.
func Check(t testing.TB, file, got string) {
	t.Helper()
	if Write(t, file, got) {
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// Write writes the file if that is asked for, and tells whether it is.
func Write(t testing.TB, file, text string) bool {
	t.Helper()
	if !*update {
		return false
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return true
}

package statefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "file.json")
	for _, text := range []string{"first and long", "second", ""} {
		if err := Replace(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); string(got) != text || err != nil {
			t.Errorf("it has %q, %v", got, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(name)); len(left) != 1 || err != nil {
		t.Errorf("beside it there is %v, %v", left, err)
	}
}

// What cannot be written leaves the old file.
func TestReplaceFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(name, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Replace(name, []byte("y")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if left, err := os.ReadDir(filepath.Dir(name)); len(left) != 1 || err != nil {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

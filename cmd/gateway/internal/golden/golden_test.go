package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// failing is a test that only notes what it would say.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper()                        {}
func (f *failing) Errorf(format string, a ...any) { f.said = fmt.Sprintf(format, a...) }

func TestCheck(t *testing.T) {
	if *update {
		t.Skip("there is nothing to write")
	}
	file := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	Check(t, file, "a\n")
	f := &failing{TB: t}
	if Check(f, file, "b\n"); f.said != file+": got\nb\n\nwant\na\n" {
		t.Errorf("it says %q", f.said)
	}
	*update = true
	defer func() { *update = false }()
	Check(t, file, "b\n")
	if got, err := os.ReadFile(file); string(got) != "b\n" || err != nil {
		t.Errorf("it has %q, %v", got, err)
	}
}

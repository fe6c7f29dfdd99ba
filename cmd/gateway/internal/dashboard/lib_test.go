package dashboard

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestLib runs the tests of the page's pure functions, testdata/lib/*.test.mjs,
// in node. They see static as ../static, in a folder that says what its files
// are: modules, which a browser is told by their address and node is not.
func TestLib(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatal("node is not installed: apt-get install nodejs, or run make test")
		}
		t.Skip("node is not installed: apt-get install nodejs, or run make test")
	}
	dir := t.TempDir()
	for from, to := range map[string]string{"static": "static", "testdata/lib": "lib"} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(dir, "lib", "*.test.mjs"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{"--test", "--test-reporter=spec"}, tests...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

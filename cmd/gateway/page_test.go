package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The tests of the page, page_*_test.go, drive a real Chromium at a real
// gateway. Each has a script in testdata/page, which says on its standard output
// what it wants done outside of the browser, one line each ("do kill"), and goes
// on when it reads "done", with an answer behind it perhaps.

// browserPatience is how long a script may take; it is never waited for when all
// is well.
const browserPatience = 8 * time.Minute

// browse runs testdata/page/<script>.mjs against the gateway at url. do does what
// the script asks for, and returns the answer; nil if it asks for nothing.
func browse(t *testing.T, script, url string, do func(what string) string) {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser")
	}
	node := needNode(t, "playwright-core")
	needNode(t, "axe-core")
	chromium := need(t, "chromium", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), browserPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "page", script+".mjs"), url)
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	passed := false
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch what, wanted := strings.CutPrefix(line, "do "); {
		case wanted:
			said := ""
			if do != nil {
				said = do(what)
			}
			if _, err := io.WriteString(stdin, strings.TrimRight("done "+said, " ")+"\n"); err != nil {
				t.Error(err)
			}
		case line == "passed":
			passed = true
		default:
			t.Log(line)
		}
	}
	if err := cmd.Wait(); err != nil || !passed {
		t.Errorf("%s.mjs fails in the browser: %v", script, err)
	}
}

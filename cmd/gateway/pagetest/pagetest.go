// Package pagetest is the Go half of the tests that drive the page in a real browser:
// it runs a script, such as those of testdata/page, and does for it what has to be
// done outside of the browser. It is for tests of every package that has a page to
// look at, and knows nothing of what is on it.
package pagetest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Converse runs a script until it ends. What the script wants done it says on its
// standard output, a line each, "do kill": do does it, if it is not nil, and the
// script reads "done" and, behind that, what do returns. A script that is content
// says "passed" before it ends well; the test fails if it does not. Everything else
// that it says is logged.
func Converse(t testing.TB, script *exec.Cmd, do func(what string) string) {
	t.Helper()
	script.Stderr = os.Stderr
	stdin, err := script.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
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
	if err := script.Wait(); err != nil || !passed {
		t.Errorf("%s fails in the browser: %v", strings.Join(script.Args[1:], " "), err)
	}
}

//go:build !race

package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable tells a test that it runs in a process of its own, and names
// the test.
const childVariable = "GATEWAY_TEST_CHILD"

// pahoPanic is how paho.golang v0.23.0 dies when PUBREC is received while the
// connection ends: (*State).PacketReceived, in lines 536 and 552 of
// session/state/state.go, writes PUBREL to a connection that is nil by then.
var pahoPanic = regexp.MustCompile(`(?s)panic: runtime error: invalid memory address or nil pointer dereference.*` +
	`paho\.golang/packets\.\(\*Pubrel\)\.WriteTo\(.*paho\.golang/paho/session/state\.\(\*State\)\.PacketReceived\(`)

// pahoAttempts is how often a test is begun anew after that panic, which comes
// once in ten runs or so.
const pahoAttempts = 4

// apart runs a test of paho.golang in a process of its own, because its panic
// would end all other tests, and again if it was that very panic that ended
// it. It reports whether this is that process, in which the test goes on.
func apart(t *testing.T) bool {
	if os.Getenv(childVariable) == t.Name() {
		return true
	}
	t.Helper()
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=5m"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	for attempt := 1; ; attempt++ {
		child := exec.CommandContext(t.Context(), os.Args[0], args...)
		child.Env = append(os.Environ(), childVariable+"="+t.Name(), "TMPDIR="+t.TempDir())
		// A test that panics leaves its gateways behind.
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		child.WaitDelay = time.Second
		out, err := child.CombinedOutput()
		if child.Process != nil {
			syscall.Kill(-child.Process.Pid, syscall.SIGKILL)
		}
		switch ended := new(exec.ExitError); {
		case err == nil && strings.Contains(string(out), "\n--- PASS: "+t.Name()):
			return false
		case attempt < pahoAttempts && errors.As(err, &ended) && pahoPanic.Match(out):
			t.Logf("attempt %d: paho.golang wrote to a connection that had ended, and panicked", attempt)
		default:
			t.Fatalf("attempt %d in a process of its own: %v\n%s", attempt, err, out)
		}
	}
}

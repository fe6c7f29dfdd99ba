//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/broker"
	"gateway/broker/store"
	"gateway/cmd/gateway/internal/health"

	"golang.org/x/sys/unix"
)

// manager is the end of the notify socket that systemd has.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// listenAsManager opens a notify socket and sets the environment of a unit with it.
// A name that begins with @ is abstract, as systemd's are in containers.
func listenAsManager(t *testing.T, name string, watchdog time.Duration) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_PID", "")
	t.Setenv("WATCHDOG_USEC", "")
	if watchdog > 0 {
		t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	}
	return &manager{t, conn}
}

// next returns the next datagram that is as wanted, and gives up after a while.
func (m *manager) next(pattern string) string {
	m.t.Helper()
	re := regexp.MustCompile(pattern)
	_ = m.conn.SetReadDeadline(time.Now().Add(patience))
	var others []string
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("no %q, but %q: %v", pattern, others, err)
		}
		text := string(b[:n])
		if re.MatchString(text) {
			return text
		}
		others = append(others, text)
	}
}

// TestNotify is the life of the service as systemd sees it.
func TestNotify(t *testing.T) {
	for name, socket := range map[string]string{"path": filepath.Join(t.TempDir(), "notify"), "abstract": fmt.Sprintf("@gateway-test-%d", os.Getpid())} {
		t.Run(name, func(t *testing.T) {
			m := listenAsManager(t, socket, time.Second)
			g := startGateway(t, "sensors: []\n")
			ready := m.next(`^READY=1\n`)
			// It can be used from that moment on.
			if conn, err := net.Dial("tcp", g.mqtt); err != nil {
				t.Error(err)
			} else {
				conn.Close()
			}
			if want := "STATUS=page " + g.page + "; MQTT " + g.mqtt; !strings.Contains(ready, want) {
				t.Errorf("systemd was told %q, want %q", ready, want)
			}
			for range 3 {
				m.next(`^WATCHDOG=1$`)
			}
			before := clockMonotonic(t)
			g.cmd.Process.Signal(syscall.SIGHUP)
			reloading := m.next(`^RELOADING=1\n`)
			usec, err := strconv.ParseInt(strings.TrimPrefix(reloading, "RELOADING=1\nMONOTONIC_USEC="), 10, 64)
			if now := clockMonotonic(t); err != nil || usec < before || usec > now {
				t.Errorf("%q at a clock of %d to %d", reloading, before, now)
			}
			m.next(`^READY=1\n`)
			m.next(`^WATCHDOG=1$`)
			if err := g.stop(); err != nil {
				t.Error(err)
			}
			m.next(`^STOPPING=1\n`)
		})
	}
}

// clockMonotonic is the clock by which systemd tells whether a reload is the one
// that it asked for, µs.
func clockMonotonic(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano() / 1000
}

// TestNotifyOfAnotherProcess has variables that are not for this process, and some
// that make no sense: the gateway runs without a watchdog.
func TestNotifyOfAnotherProcess(t *testing.T) {
	m := listenAsManager(t, filepath.Join(t.TempDir(), "notify"), time.Second)
	t.Setenv("WATCHDOG_USEC", "soon")
	g := startGateway(t, "sensors: []\n")
	m.next(`^READY=1\n`)
	g.await(`level=ERROR msg="systemd's watchdog is not served`)
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	m.next(`^STOPPING=1\n`)
}

// TestWatchdogOfAHungBroker has a part hold up whoever publishes, as a deadlock
// would: systemd must hear nothing more, and the log says what hangs.
func TestWatchdogOfAHungBroker(t *testing.T) {
	m := listenAsManager(t, filepath.Join(t.TempDir(), "notify"), 400*time.Millisecond)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	lines := &syncBuffer{grown: make(chan struct{})}
	g, err := build(testGatewayConfig(t), false, slog.New(slog.NewTextHandler(lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g.notify = health.NewNotifier(g.log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.run(ctx, append(g.parts(), part{"systemd", g.runNotify})) }()
	m.next(`^READY=1\n`)
	m.next(`^WATCHDOG=1$`)

	hangs, release := make(chan struct{}), make(chan struct{})
	first := true
	hang := func(*broker.Message) bool {
		if first {
			first = false
			close(hangs)
			<-release
		}
		return false
	}
	if _, err := g.broker.Subscribe(broker.SubscribeOptions{Skip: hang}, watchdogTopic); err != nil {
		t.Fatal(err)
	}
	<-hangs
	// What was sent before is read, however much a busy machine has let come together;
	// then nothing may follow. The log says so only after a time in which a ping would
	// have been due.
	m.rest()
	lines.await(t, "(the gateway hangs)")
	if sent := m.rest(); strings.Contains(sent, "WATCHDOG=1") {
		t.Errorf("sent while the broker hung: %q", sent)
	}
	close(release)
	m.next(`^WATCHDOG=1$`) // it is not too late
	lines.await(t, "(the gateway answers again)")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	m.next(`^STOPPING=1\n`)
}

// rest returns what has come and was not read, a datagram a line. It does not wait.
func (m *manager) rest() string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Time{})
	raw, err := m.conn.SyscallConn()
	if err != nil {
		m.t.Fatal(err)
	}
	var all []string
	b := make([]byte, 4096)
	for {
		var n int
		var failed error
		if err := raw.Read(func(fd uintptr) bool {
			n, failed = unix.Read(int(fd), b)
			return true
		}); err != nil {
			m.t.Fatal(err)
		}
		switch {
		case errors.Is(failed, unix.EINTR):
		case errors.Is(failed, unix.EAGAIN):
			return strings.Join(all, "\n")
		case failed != nil:
			m.t.Fatal(failed)
		default:
			all = append(all, string(b[:n]))
		}
	}
}

// TestCommitter is about when the store counts as hung. A full disk never does:
// systemd would restart the gateway again and again, and all that still works with
// it.
func TestCommitter(t *testing.T) {
	start := time.Now()
	full := errors.New("no space left on device")
	steps := []struct {
		after time.Duration
		stats store.Stats
		hung  bool
	}{
		{0, store.Stats{}, false},
		{time.Hour, store.Stats{}, false}, // idle
		{time.Hour, store.Stats{Pending: 1}, false},
		{time.Hour + 90*time.Second, store.Stats{Pending: 1}, false},            // a slow card
		{time.Hour + 2*time.Minute, store.Stats{Pending: 9, Commits: 1}, false}, // it has written
		{time.Hour + 4*time.Minute, store.Stats{Pending: 9, Commits: 1}, false},
		{time.Hour + 5*time.Minute, store.Stats{Pending: 9, Commits: 1}, true},
		{time.Hour + 6*time.Minute, store.Stats{Pending: 9, Commits: 2}, false},
		{2 * time.Hour, store.Stats{Pending: 9, Commits: 2, Failure: full}, false}, // alarmed
		{3 * time.Hour, store.Stats{Pending: 9, Commits: 2, Failure: full}, false},
		{3*time.Hour + time.Minute, store.Stats{Pending: 9, Commits: 2}, false},
		{3*time.Hour + 3*time.Minute, store.Stats{Pending: 9, Commits: 2}, true},
	}
	c := committer{since: start}
	for _, s := range steps {
		err := c.check(s.stats, start.Add(s.after), 5*time.Second)
		if (err != nil) != s.hung {
			t.Errorf("after %v, %+v: %v", s.after, s.stats, err)
		}
	}
}

// TestWatchdogRestarts ends the gateway as systemd's watchdog does. What it ends with
// must not be among what the unit takes for a reason to stay away, and all goroutines
// have to be in the journal.
func TestWatchdogRestarts(t *testing.T) {
	unit := read(t, "../../deploy/raspberrypi/gateway.service")
	m := regexp.MustCompile(`(?m)^RestartPreventExitStatus=(.*)$`).FindStringSubmatch(unit)
	if m == nil || !strings.Contains(unit, "\nWatchdogSignal=SIGABRT\n") || !strings.Contains(unit, "\nRestart=always\n") {
		t.Fatal("the unit has no watchdog that ends and starts again")
	}
	g := startGateway(t, "sensors: []\n")
	g.cmd.Process.Signal(syscall.SIGABRT)
	<-g.done
	if status := strconv.Itoa(g.cmd.ProcessState.ExitCode()); slices.Contains(strings.Fields(m[1]), status) {
		t.Errorf("after the watchdog it ends with %s, and the unit does not start it again (RestartPreventExitStatus=%s)", status, m[1])
	}
	if n := strings.Count(g.text(), "\ngoroutine "); n < 5 {
		t.Errorf("%d goroutines are in the journal", n)
	}
}

//go:build linux

package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// socket is a notify socket, as the unit of a service has it.
func socket(t *testing.T, watchdogUSec string) *net.UnixConn {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", watchdogUSec)
	t.Setenv("WATCHDOG_PID", "")
	return conn
}

// received returns what has been sent, which is there already: a datagram is not
// under way between two sockets of one machine.
func received(t *testing.T, conn *net.UnixConn) (all []string) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	for {
		n := -1
		if err := raw.Read(func(fd uintptr) bool {
			if got, _, err := syscall.Recvfrom(int(fd), b, syscall.MSG_DONTWAIT); err == nil {
				n = got
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if n < 0 {
			return all
		}
		all = append(all, string(b[:n]))
	}
}

// TestStarting is the start of a gateway with a large store.
func TestStarting(t *testing.T) {
	conn := socket(t, "")
	synctest.Test(t, func(t *testing.T) {
		n := NewNotifier(slog.New(slog.DiscardHandler))
		stop := n.Starting("reading\nthe store")
		time.Sleep(9 * time.Second)
		if got := received(t, conn); got != nil {
			t.Errorf("a quick start says %q", got)
		}
		time.Sleep(12 * time.Second)
		want := "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=reading the store"
		if got := received(t, conn); !slices.Equal(got, []string{want, want}) {
			t.Errorf("after 21 s it has said %q", got)
		}
		stop()
		stop()
		time.Sleep(time.Minute)
		if got := received(t, conn); got != nil {
			t.Errorf("after the start it says %q", got)
		}
		stop = n.Starting("reading for ever")
		extended := 0
		for range 120 { // a socket holds few datagrams
			time.Sleep(time.Minute)
			extended += len(received(t, conn))
		}
		if extended < 170 || extended > 180 {
			t.Errorf("a start that never ends was extended %d times; half an hour has 180", extended)
		}
		stop()
	})
}

// TestWatch is about when systemd hears that all is well.
func TestWatch(t *testing.T) {
	conn := socket(t, "30000000")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := NewNotifier(slog.New(slog.NewTextHandler(&log, nil)))
		ill := errors.New("the broker does not answer")
		var isIll atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- n.Watch(ctx, func(ctx context.Context) error {
				if d, ok := ctx.Deadline(); !ok || time.Until(d) != 15*time.Second {
					t.Errorf("a check has until %v", d)
				}
				if isIll.Load() {
					return ill
				}
				return nil
			})
		}()
		time.Sleep(time.Second)
		pings := func(after time.Duration) int {
			t.Helper()
			time.Sleep(after)
			got := received(t, conn)
			for _, g := range got {
				if g != "WATCHDOG=1" {
					t.Errorf("sent %q", g)
				}
			}
			return len(got)
		}
		if n := pings(time.Minute); n != 5 {
			t.Errorf("%d pings in 61 s of WatchdogSec=30, want 5", n)
		}
		isIll.Store(true)
		if n := pings(time.Minute); n != 0 {
			t.Errorf("%d pings while nothing works", n)
		}
		isIll.Store(false)
		if n := pings(30 * time.Second); n != 2 {
			t.Errorf("%d pings in 30 s after it works again, want 2", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), ill.Error()); n != 1 || !strings.Contains(log.String(), "answers again") {
			t.Errorf("the log has it %d times:\n%s", n, &log)
		}
	})
}

// TestNotifierOfNobody is the gateway on a desk.
func TestNotifierOfNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "30000000")
	for _, n := range []*Notifier{nil, NewNotifier(slog.New(slog.NewTextHandler(failing{t}, nil)))} {
		n.Starting("x")()
		n.Ready("x")
		n.Status("y")
		n.Reloading()
		n.Stopping()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := n.Watch(ctx, func(context.Context) error { t.Error("checked"); return nil }); err != nil {
			t.Error(err)
		}
	}
}

// TestNotifierWithoutASocket has systemd gone: it is said once, and all goes on.
func TestNotifierWithoutASocket(t *testing.T) {
	conn := socket(t, "")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(os.Getenv("NOTIFY_SOCKET"))
	var log bytes.Buffer
	n := NewNotifier(slog.New(slog.NewTextHandler(&log, nil)))
	n.Ready("x")
	n.Status("y")
	n.Stopping()
	if c := strings.Count(log.String(), "systemd cannot be told"); c != 1 {
		t.Errorf("said %d times:\n%s", c, &log)
	}
}

// TestStatus is sent when it changes.
func TestStatus(t *testing.T) {
	conn := socket(t, "")
	n := NewNotifier(slog.New(slog.DiscardHandler))
	n.Ready("well")
	n.Status("well")
	n.Status("1 alarm:\nthe disk is full")
	n.Status("1 alarm:\nthe disk is full")
	n.Stopping()
	want := []string{"READY=1\nSTATUS=well", "STATUS=1 alarm: the disk is full", "STOPPING=1\nSTATUS=stopping"}
	if got := received(t, conn); !slices.Equal(got, want) {
		t.Errorf("sent %q", got)
	}
}

// failing is a log that nothing may be written to.
type failing struct{ t *testing.T }

func (f failing) Write(b []byte) (int, error) {
	f.t.Errorf("logged: %s", b)
	return len(b), nil
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// broker is a broker's process, pinned to core 0.
type broker struct {
	name    string
	gateway string // the gateway's binary
	dir     string // for its files
	address string // "" if it listens nowhere
	cmd     *exec.Cmd
}

// startBroker starts a broker on a free port of this machine.
//
// Both keep their defaults, but for: one listener on loopback without
// passwords; any number of connections and subscriptions; and up to 500 messages
// in flight to a client, the gateway's default, where Mosquitto has 20: with 20
// both would wait for the load's acknowledgements most of the time. Mosquitto's
// queue has no bound: with 1,000, its default, 2.0.11 drops messages of a fan-in
// of which never more than 400 waited. Nothing is on disk, which is Mosquitto's
// default, unless durable says so; then no queue has a bound.
func startBroker(ctx context.Context, name, gateway, dir string, durable bool) (*broker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err = os.MkdirTemp(dir, name)
	if err != nil {
		return nil, err
	}
	b := &broker{name: name, gateway: gateway, dir: dir, address: "127.0.0.1:" + port}
	content, disk := "", "persistence: {enabled: false}\n"
	switch name {
	case "gateway":
		queues := ""
		if durable {
			disk = fmt.Sprintf("persistence: {path: %q, max_bytes: 4294967296}\n", filepath.Join(dir, "store"))
			queues = "  max_queued_messages: 0\n  max_queued_bytes: 0\n"
		}
		content = "site: bench\nsensors: []\nlog: {level: error}\ndashboard: {address: \"\"}\n" + disk + "broker:\n" +
			"  max_connections: 0\n  max_subscriptions: 0\n  max_retained: 0\n" + queues +
			"  listeners:\n    - {protocol: tcp, address: \"" + b.address + "\"}\n"
	case "mosquitto":
		content = "listener " + port + " 127.0.0.1\nallow_anonymous true\nlog_dest none\nmax_inflight_messages 500\nmax_queued_messages 0\n"
		if durable {
			content += "persistence true\npersistence_location " + dir + "/\nautosave_interval 1\nautosave_on_changes true\nuser root\n"
		}
	default:
		return nil, fmt.Errorf("no broker is called %q; mosquitto and gateway are known", name)
	}
	return b, b.run(ctx, content)
}

// run starts the broker with that configuration.
func (b *broker) run(ctx context.Context, content string) error {
	if err := os.WriteFile(b.conf(), []byte(content), 0o600); err != nil {
		return err
	}
	return b.start(ctx)
}

func (b *broker) conf() string { return filepath.Join(b.dir, b.name+".conf") }

// start starts the broker and waits until it listens.
func (b *broker) start(ctx context.Context) error {
	b.cmd = exec.CommandContext(ctx, b.gateway, "run", "-c", b.conf())
	if b.name == "mosquitto" {
		program, err := exec.LookPath("mosquitto")
		if err != nil {
			if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
				return errors.New("mosquitto is not installed (Debian's package mosquitto)")
			}
		}
		b.cmd = exec.CommandContext(ctx, program, "-c", b.conf())
	}
	if err := startPinned(b.cmd); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); b.address != ""; {
		nc, err := net.Dial("tcp", b.address)
		if err == nil {
			nc.Close()
			return nil
		}
		if time.Now().After(deadline) {
			b.stop()
			return fmt.Errorf("does not listen on %s: %w", b.address, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// stop ends the broker and waits for it.
func (b *broker) stop() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { _ = b.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		_ = b.cmd.Process.Kill()
		<-ended
	}
}

// cpu returns the CPU time of the broker's threads so far.
func (b *broker) cpu() (time.Duration, error) {
	dir := fmt.Sprintf("/proc/%d/task", b.cmd.Process.Pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, t := range tasks {
		text, err := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += ns
	}
	return time.Duration(total), nil
}

// memory returns a figure of /proc/PID/status, VmRSS or VmHWM, KiB.
func (b *broker) memory(figure string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return statusFigure(string(text), figure)
}

func statusFigure(text, figure string) (float64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, figure+":"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("no %s in the process's status", figure)
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

// startPinned starts a program that sees only core 0, while we stay on ours.
func startPinned(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(0, 0); err != nil { // which the program inherits
		return err
	}
	return errors.Join(cmd.Start(), pin(0, loadCore))
}

// loadCore is the core of the load.
const loadCore = 1

// pin keeps a thread on one core; 0 is the calling one.
func pin(tid, core int) error {
	mask := [16]uint64{1 << core}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask))); errno != 0 {
		return fmt.Errorf("pinning to core %d: %w", core, errno)
	}
	return nil
}

// pinSelf keeps this process on the load's core.
func pinSelf() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := pin(tid, loadCore); err != nil {
			return err
		}
	}
	runtime.GOMAXPROCS(1)
	return nil
}

// raiseFiles lets this process, and the brokers it starts, have as many files
// as it may.
func raiseFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

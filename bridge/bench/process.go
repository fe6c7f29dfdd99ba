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

// process is a broker with a bridge, pinned to core 0.
type process struct {
	address string
	cmd     *exec.Cmd
}

// startBroker starts a broker whose bridge goes to that address, with so many
// messages under way at once.
func startBroker(ctx context.Context, name, gateway, dir, upstream string, window int) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &process{address: "127.0.0.1:" + port}
	conf := filepath.Join(dir, "conf")
	content := gatewayConfig(p.address, dir, upstream, window)
	p.cmd = exec.CommandContext(ctx, gateway, "run", "-c", conf)
	if name == "mosquitto" {
		content = mosquittoConfig(port, dir, upstream, window)
		program, err := mosquitto()
		if err != nil {
			return nil, err
		}
		p.cmd = exec.CommandContext(ctx, program, "-c", conf)
	}
	if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
		return nil, err
	}
	if err := startPinned(p.cmd); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		nc, err := net.Dial("tcp", p.address)
		if err == nil {
			return p, nc.Close()
		}
		if time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("does not listen on %s: %w", p.address, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func gatewayConfig(address, dir, upstream string, window int) string {
	return fmt.Sprintf(`site: bench
sensors: []
dashboard: {address: ""}
log: {level: error}
persistence: {path: %q, max_bytes: 4294967296}
broker:
  listeners: [{protocol: tcp, address: %q, allow_anonymous: true}]
bridges:
  - name: up
    address: mqtt://%s
    client_id: bench
    max_inflight: %d
    topics: [{filter: "home/#", qos: 1}]
    reconnect_max: 1s
    queue: {max_messages: 10000000, max_bytes: 4294967296}
`, filepath.Join(dir, "store"), address, upstream, window)
}

func mosquittoConfig(port, dir, upstream string, window int) string {
	user := ""
	if os.Getuid() == 0 {
		user = "user root\n"
	}
	return fmt.Sprintf(`listener %s 127.0.0.1
allow_anonymous true
log_dest none
persistence true
persistence_location %s/
max_inflight_messages %d
max_queued_messages 0
connection up
address %s
remote_clientid bench
bridge_protocol_version mqttv311
try_private false
notifications false
cleansession false
restart_timeout 1
topic home/# out 1
`, port, dir, window, upstream) + user
}

// stop ends the process. It may be killed: nothing of it is needed any more.
func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// cpu returns the CPU time of its threads so far.
func (p *process) cpu() (time.Duration, error) {
	dir := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
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

// memory returns VmRSS, KiB.
func (p *process) memory() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, errors.New("no VmRSS in the process's status")
}

// mosquitto is where Debian has it.
func mosquitto() (string, error) {
	for _, p := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mosquitto is not installed (Debian's package mosquitto)")
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
	if err := pin(0, 0); err != nil { // which the program inherits
		return err
	}
	err := errors.Join(cmd.Start(), pin(0, loadCore))
	runtime.UnlockOSThread()
	return err
}

// loadCore is the core of all but the brokers.
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

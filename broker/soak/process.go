//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// variant is a broker and how it is configured.
type variant struct {
	name    string // in the table
	gateway bool
	config  func(*broker) string
	tear    func(b *broker, j *journal, random *rand.Rand) (string, error) // nil: no such run
	tears   string                                                         // what tear does, for the table
}

// variants are the brokers of -broker, in the table's order.
func variants(which string) ([]variant, error) {
	gateway := variant{name: "gateway", gateway: true, config: gatewayConfig, tear: tearGateway,
		tears: "bytes that were never stable:\ngarbage, zeros or half a frame behind the last frame of the newest segment, or that\nframe cut in its middle if nobody had been told of anything in it"}
	var mosquittos []variant
	for _, m := range []struct{ name, lines string }{
		{"Mosquitto, saved at each change", "autosave_interval 1\nautosave_on_changes true\n"},
		{"Mosquitto, saved each 1 s", "autosave_interval 1\n"},
		{"Mosquitto, saved each 30 min", ""},
	} {
		v := variant{name: m.name, config: func(b *broker) string { return mosquittoConfig(b) + m.lines }}
		if m.lines != "" { // otherwise there is no file yet
			v.tear, v.tears = tearMosquitto, "up to 4 KiB cut off its file,\nat most half of it, though it syncs that file"
		}
		mosquittos = append(mosquittos, v)
	}
	switch which {
	case "gateway":
		return []variant{gateway}, nil
	case "mosquitto":
		return mosquittos, nil
	case "both":
		return append(mosquittos, gateway), nil
	}
	return nil, fmt.Errorf("-broker %s: gateway, mosquitto and both are known", which)
}

// gatewayConfig has no bound for queues, and a bridge to the upstream.
func gatewayConfig(b *broker) string {
	return fmt.Sprintf(`site: soak
sensors: []
dashboard: {address: ""}
log: {level: warn}
persistence: {path: %q, max_bytes: 8589934592}
broker:
  listeners: [{protocol: tcp, address: %q, allow_anonymous: true}]
  max_queued_messages: 0
  max_queued_bytes: 0
  max_queue_memory: 268435456
  sys_interval: 0s
bridges:
  - name: up
    address: mqtt://%s
    topics: [{filter: "load/#", qos: 1}]
    queue: {max_messages: 10000000, max_bytes: 4294967296}
    reconnect_min: 50ms
    reconnect_max: 200ms
`, b.store(), b.address, b.upstream)
}

func mosquittoConfig(b *broker) string {
	_, port, _ := net.SplitHostPort(b.address)
	user := ""
	if os.Getuid() == 0 {
		user = "user root\n"
	}
	return fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nlog_type error\nlog_type warning\n"+
		"max_queued_messages 0\npersistence true\npersistence_location %s/\n%s", port, b.store(), user)
}

// broker is a broker's process, with a folder of its own.
type broker struct {
	variant
	program  string
	dir      string
	address  string
	upstream string // where its bridge goes
	upgrades bool   // it is stopped with SIGTERM, and its program replaced

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	err   error         // of Wait, after ended
}

// newBroker makes the broker's folder.
func newBroker(v variant, program, dir, upstream string, random *rand.Rand) (*broker, error) {
	address, err := freeAddress(random)
	if err != nil {
		return nil, err
	}
	b := &broker{variant: v, program: program, dir: dir, address: address, upstream: upstream}
	if err := os.MkdirAll(b.store(), 0o700); err != nil {
		return nil, err
	}
	return b, os.WriteFile(b.conf(), []byte(v.config(b)), 0o600)
}

func (b *broker) store() string { return filepath.Join(b.dir, "store") }
func (b *broker) conf() string  { return filepath.Join(b.dir, "config") }
func (b *broker) log() string   { return filepath.Join(b.dir, "log") }

// slowest is how long a start may take.
const slowest = 20 * time.Second

// spawn starts the process.
func (b *broker) spawn() error {
	out, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	b.cmd = exec.Command(b.program, "-c", b.conf())
	if b.gateway {
		b.cmd = exec.Command(b.program, "run", "-c", b.conf())
	}
	b.cmd.Stdout, b.cmd.Stderr = out, out
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left if we are killed ourselves
	if err := b.cmd.Start(); err != nil {
		b.cmd = nil
		return err
	}
	cmd, ended := b.cmd, make(chan struct{})
	b.ended = ended
	go func() {
		b.err = cmd.Wait()
		close(ended)
	}()
	return nil
}

// start starts the broker and waits until it listens.
func (b *broker) start(ctx context.Context) error {
	if err := b.spawn(); err != nil {
		return err
	}
	ended := b.ended
	for deadline := time.Now().Add(slowest); ; {
		nc, err := net.Dial("tcp", b.address)
		if err == nil {
			nc.Close()
			if closed(ended) {
				return fmt.Errorf("it ended: %v", b.err)
			}
			return nil
		}
		if closed(ended) {
			return fmt.Errorf("it ended: %v; %s", b.err, b.lastWords())
		}
		if time.Now().After(deadline) {
			b.kill()
			return fmt.Errorf("it does not listen after %v: %w; %s", slowest, err, b.lastWords())
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			b.kill()
			return err
		}
	}
}

// kill kills the process with SIGKILL and waits for its end. The error says
// that it had ended by itself.
func (b *broker) kill() error {
	if b.cmd == nil {
		return nil
	}
	if closed(b.ended) {
		return fmt.Errorf("it ended by itself: %v; %s", b.err, b.lastWords())
	}
	_ = b.cmd.Process.Kill()
	<-b.ended
	return nil
}

// end ends the process: it kills it or, where an upgrade is wanted, puts another
// program in the place of the one that runs, as apt does, and stops it as systemd does.
func (b *broker) end() error {
	if !b.upgrades || b.cmd == nil || closed(b.ended) {
		return b.kill()
	}
	if err := b.replace(); err != nil {
		return err
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-b.ended:
	case <-time.After(slowest):
		_ = b.kill()
		return fmt.Errorf("it did not stop within %v; %s", slowest, b.lastWords())
	}
	if b.err != nil {
		return fmt.Errorf("it stopped with %v; %s", b.err, b.lastWords())
	}
	return nil
}

// replace puts a copy of the program in its place, whole.
func (b *broker) replace() error {
	data, err := os.ReadFile(b.program)
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.program+".new", data, 0o755); err != nil {
		return err
	}
	return os.Rename(b.program+".new", b.program)
}

// lastWords is the end of the broker's log.
func (b *broker) lastWords() string {
	text, _ := os.ReadFile(b.log())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
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

// freeAddress returns an address of this machine where nobody listens, with a
// port that connections do not get by themselves: one of our own that is tried
// while the broker is dead could end up connected to itself, and hold the port.
func freeAddress(random *rand.Rand) (string, error) {
	low := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if f := strings.Fields(string(text)); len(f) == 2 {
			if n, err := strconv.Atoi(f[0]); err == nil && n > 12000 {
				low = n
			}
		}
	}
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+random.IntN(low-10000))
		if ln, err := net.Listen("tcp", address); err == nil {
			return address, ln.Close()
		}
	}
	return "", errors.New("no free port of this machine")
}

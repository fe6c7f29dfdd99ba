//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"gateway/broker/bench/machine"
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
	port, err := machine.FreePort()
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
		program, err := machine.Mosquitto()
		if err != nil {
			return err
		}
		b.cmd = exec.CommandContext(ctx, program, "-c", b.conf())
	}
	if err := machine.StartPinned(b.cmd); err != nil {
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

func (b *broker) pid() int { return b.cmd.Process.Pid }

// raiseFiles lets this process, and the brokers it starts, have as many files
// as it may.
func raiseFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

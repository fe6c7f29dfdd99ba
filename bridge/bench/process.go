//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gateway/broker/bench/machine"
)

// process is a broker with a bridge, pinned to core 0.
type process struct {
	address string
	cmd     *exec.Cmd
}

// startBroker starts a broker whose bridge goes to that address, with so many
// messages under way at once.
func startBroker(ctx context.Context, name, gateway, dir, upstream string, window int) (*process, error) {
	port, err := machine.FreePort()
	if err != nil {
		return nil, err
	}
	p := &process{address: "127.0.0.1:" + port}
	conf := filepath.Join(dir, "conf")
	content := gatewayConfig(p.address, dir, upstream, window)
	p.cmd = exec.CommandContext(ctx, gateway, "run", "-c", conf)
	if name == "mosquitto" {
		content = mosquittoConfig(port, dir, upstream, window)
		program, err := machine.Mosquitto()
		if err != nil {
			return nil, err
		}
		p.cmd = exec.CommandContext(ctx, program, "-c", conf)
	}
	if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
		return nil, err
	}
	if err := machine.StartPinned(p.cmd); err != nil {
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

func (p *process) pid() int { return p.cmd.Process.Pid }

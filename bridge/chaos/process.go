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
	"strings"
	"syscall"
	"time"
)

// slowest is how long a gateway may take until it listens.
const slowest = 30 * time.Second

// gateway is a gateway's process, with a folder of its own.
type gateway struct {
	binary  string
	dir     string
	address string

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	err   error         // of Wait, after ended
}

// newGateway makes the folder of one that listens on a free port, and has those
// listeners besides and that in its configuration.
func newGateway(binary, dir, config string, listeners ...string) (*gateway, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	g := &gateway{binary: binary, dir: dir, address: address}
	listeners = append(listeners, fmt.Sprintf("{protocol: tcp, address: %q, allow_anonymous: true}", address))
	content := fmt.Sprintf(`site: chaos
sensors: []
dashboard: {address: ""}
persistence: {path: %q, max_bytes: 4294967296}
broker:
  listeners: [%s]
  max_queued_messages: 0
  max_queued_bytes: 0
`, filepath.Join(dir, "store"), strings.Join(listeners, ", ")) + config
	return g, os.WriteFile(g.conf(), []byte(content), 0o600)
}

func (g *gateway) conf() string { return filepath.Join(g.dir, "config") }
func (g *gateway) log() string  { return filepath.Join(g.dir, "log") }

// spawn starts the process. It does not wait until it listens.
func (g *gateway) spawn() error {
	out, err := os.OpenFile(g.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(g.binary, "run", "-c", g.conf())
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left if we are killed ourselves
	if err := cmd.Start(); err != nil {
		return err
	}
	g.cmd, g.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		g.err = cmd.Wait()
		close(ended)
	}(g.ended)
	return nil
}

// start starts the process and waits until it listens.
func (g *gateway) start(ctx context.Context) error {
	if err := g.spawn(); err != nil {
		return err
	}
	for deadline := time.Now().Add(slowest); ; {
		nc, err := net.Dial("tcp", g.address)
		if err == nil {
			return nc.Close()
		}
		select {
		case <-g.ended:
			return fmt.Errorf("the gateway ended: %w; %s", g.err, g.lastWords())
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the gateway does not listen after %v: %w; %s", slowest, err, g.lastWords())
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// kill kills the process with SIGKILL and waits for its end. The error says that
// it had ended by itself. It does nothing before the first start.
func (g *gateway) kill() error {
	if g.cmd == nil {
		return nil
	}
	select {
	case <-g.ended:
		return fmt.Errorf("the gateway ended by itself: %w; %s", g.err, g.lastWords())
	default:
	}
	_ = g.cmd.Process.Kill()
	<-g.ended
	return nil
}

// lastWords is the end of the log.
func (g *gateway) lastWords() string {
	text, _ := os.ReadFile(g.log())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// logged returns the lines of the log with that in them.
func (g *gateway) logged(what string) (found []string) {
	text, _ := os.ReadFile(g.log())
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, what) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// freeAddress returns an address of this machine where nobody listens, with a
// port that outgoing connections do not get, see upstreams.
func freeAddress() (string, error) {
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(8_000))
		if ln, err := net.Listen("tcp", address); err == nil {
			return address, ln.Close()
		}
	}
	return "", errors.New("no free port of this machine")
}

// pause waits for d, or until ctx ends, whose error it returns then.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

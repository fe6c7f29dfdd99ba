//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"gateway/bridge/upstreams"
)

// upstream is a broker that is killed and started again.
type upstream interface {
	Address() string
	Kill() // with SIGKILL
	Stop() // with SIGTERM
	// Reload has it read its certificates again, with SIGHUP.
	Reload() error
	// Restart starts it on the same port, with what it has stored.
	Restart(ctx context.Context) error
	Close() error
}

// savesAtTheEnd has Mosquitto write its file when it is stopped. With a file for
// each change, and a queue, it takes 60 packets a second. Its max_inflight_messages
// is more than it ever has on its way, see the package comment.
const savesAtTheEnd = "autosave_on_changes false\nautosave_interval 1800\nmax_inflight_messages 60000\n"

// startUpstream starts the upstream of that name. safe tells whether it keeps
// all that it has acknowledged when it is killed. It listens with TLS too if s is
// not nil.
func startUpstream(ctx context.Context, name string, o options, dir string, s *secured) (u upstream, safe bool, err error) {
	switch name {
	case "mosquitto":
		log, err := os.Create(filepath.Join(dir, "mosquitto.log"))
		if err != nil {
			return nil, false, err
		}
		m, err := upstreams.Start(ctx, upstreams.Mosquitto, upstreams.Options{Log: log, Config: savesAtTheEnd + s.mosquitto()})
		if err != nil {
			log.Close()
			return nil, false, err
		}
		return logged{m, log}, false, nil
	case "gateway":
		g, err := newGateway(o.gateway, filepath.Join(dir, "upstream"), "log: {level: warn}\n", s.listeners()...)
		if err != nil {
			return nil, true, err
		}
		return far{g}, true, g.start(ctx)
	}
	return nil, false, fmt.Errorf("-upstream %s: mosquitto and gateway are known", name)
}

// logged is an upstream whose log is a file.
type logged struct {
	*upstreams.Upstream
	log *os.File
}

func (l logged) Reload() error {
	pid, err := l.Pid()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGHUP)
}

func (l logged) Close() error {
	defer l.log.Close()
	return l.Upstream.Close()
}

// far is a gateway as an upstream.
type far struct{ *gateway }

func (f far) Address() string                   { return f.address }
func (f far) Kill()                             { _ = f.kill() }
func (f far) Stop()                             { f.Kill() } // which is as good
func (f far) Reload() error                     { return f.cmd.Process.Signal(syscall.SIGHUP) }
func (f far) Restart(ctx context.Context) error { return f.start(ctx) }
func (f far) Close() error                      { f.Kill(); return nil }

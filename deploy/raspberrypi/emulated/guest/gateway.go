//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gateway/deploy/raspberrypi/emulated/agent"
)

// gateway is the program under test.
type gateway struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// start starts the gateway; what it prints is on the console.
func (g *guest) start() error {
	cmd := exec.Command(g.plan.Gateway[0], g.plan.Gateway[1:]...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=/root"}, g.plan.Env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &gateway{cmd: cmd, ended: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		say("gateway ended: %v", cmd.ProcessState)
		if err != nil && cmd.ProcessState == nil {
			say("gateway: %v", err)
		}
		close(p.ended)
	}()
	g.gateway = p
	say("gateway started")
	return nil
}

// serve does what is asked for, one request after the other, until one is to
// turn the board off.
func (g *guest) serve() error {
	l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(agent.Port)))
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		done := false
		err = agent.Handle(conn, func(r agent.Request) agent.Answer {
			done = r.PowerOff
			return g.do(r)
		})
		if err != nil {
			say("request: %v", err)
		}
		if done {
			return nil
		}
	}
}

func (g *guest) do(r agent.Request) agent.Answer {
	switch {
	case len(r.Run) > 0:
		return run(r.Run)
	case r.Signal != "":
		return failed(g.signal(r.Signal))
	case r.Start:
		return failed(g.start())
	case r.Memory:
		m, err := memory(g.gateway.cmd.Process.Pid)
		a := failed(err)
		a.Memory = m
		return a
	case r.PowerOff:
		return failed(g.powerOff())
	}
	return agent.Answer{Error: "a request that asks for nothing"}
}

func failed(err error) agent.Answer {
	if err != nil {
		return agent.Answer{Error: err.Error()}
	}
	return agent.Answer{}
}

// signal sends the gateway a signal, and waits for its end where there will be
// one.
func (g *guest) signal(name string) error {
	s, ok := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}[name]
	if !ok {
		return fmt.Errorf("signal %q: there is TERM, HUP and KILL", name)
	}
	if err := g.gateway.cmd.Process.Signal(s); err != nil {
		return err
	}
	if s != syscall.SIGHUP {
		<-g.gateway.ended
	}
	return nil
}

// powerOff stops the gateway as systemd does, and gives the disk back.
func (g *guest) powerOff() error {
	err := g.signal("TERM")
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	if code := g.gateway.cmd.ProcessState.ExitCode(); err == nil && code != 0 {
		err = fmt.Errorf("the gateway ended with exit status %d", code)
	}
	if g.plan.Disk != "" {
		err = errors.Join(err, syscall.Unmount(g.plan.State, 0))
	}
	return err
}

// memory reads what a process takes.
func memory(pid int) (agent.Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return agent.Memory{}, err
	}
	var m agent.Memory
	for line := range strings.Lines(string(b)) {
		key, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, _ := strconv.ParseInt(fields[0], 10, 64)
		switch key {
		case "VmRSS":
			m.Resident = n * 1024
		case "VmHWM":
			m.Peak = n * 1024
		case "RssAnon":
			m.Anonymous = n * 1024
		case "RssFile", "RssShmem": // the program is in a file system in memory
			m.File += n * 1024
		case "Threads":
			m.Threads = n
		}
	}
	m.Age, err = age(pid)
	return m, err
}

// age reads how long a process has been running: field 22 of its stat is when it
// began, in hundredths of a second since the kernel did.
func age(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // its name is in parentheses; field 3 follows
	fields := strings.Fields(rest)
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil || len(fields) < 20 {
		return 0, errors.Join(err, errors.New("/proc is not as it should be"))
	}
	began, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return 0, err
	}
	now, err := time.ParseDuration(strings.Fields(string(uptime))[0] + "s")
	return now - time.Duration(began)*10*time.Millisecond, err
}

package upstreams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
	"time"

	"gateway/broker/client"
)

// plan is how a program is started, again and again.
type plan struct {
	path    string
	args    []string
	env     []string // the whole environment; nil: ours
	dir     string   // where it runs
	address string   // where it listens
	mqtt    bool     // ready when it accepts CONNECT; otherwise when it accepts a connection
}

// server is a program that listens, and whether it runs.
type server struct {
	plan
	ctx context.Context // of all its processes
	log io.Writer

	mu   sync.Mutex
	proc *process // nil before the first start
}

// start starts it and returns when it is ready. ctx is for the waiting only.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs() {
		return fmt.Errorf("%s runs already, process %d", s.address, s.proc.cmd.Process.Pid)
	}
	cmd := exec.Command(s.path, s.args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	p, err := startProcess(s.ctx, cmd, s.log)
	if err != nil {
		return err
	}
	s.proc = p
	if err := s.awaitReady(ctx, p); err != nil {
		p.kill()
		return err
	}
	return nil
}

// patience is how long a program may take until it is ready. It is never waited
// for when all is well. RabbitMQ needs 10 s alone and more among others, and
// nearly 2 min when it is the first of a cluster's minority to come back.
const patience = 4 * time.Minute

// probeInterval is how often a program is asked whether it is ready.
const probeInterval = 50 * time.Millisecond

func (s *server) awaitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("waited for it in vain"))
	defer cancel()
	again := time.NewTicker(probeInterval)
	defer again.Stop()
	for {
		err := s.probe(ctx)
		select {
		case <-p.done: // whoever answered, it was not p
			return p.ended()
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.ended()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready on %s, %w: %w; it printed last:\n%s", s.path, s.address, context.Cause(ctx), err, p.tail.text())
		case <-again.C:
		}
	}
}

// probe connects as a client does. An answer may be long in coming, and the
// next try be answered at once.
func (s *server) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	if !s.mqtt {
		return conn.Close()
	}
	c, err := client.Connect(ctx, conn, client.Options{ClientID: "probe", CleanStart: true})
	if err != nil {
		return err
	}
	_ = c.Disconnect(0) // it has accepted us, that is all we want
	return nil
}

// running returns its process, or an error if it does not run.
func (s *server) running() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.runs() {
		return nil, fmt.Errorf("%s does not run", s.address)
	}
	return s.proc, nil
}

// runs says whether it does; the caller holds mu.
func (s *server) runs() bool {
	if s.proc == nil {
		return false
	}
	select {
	case <-s.proc.done:
		return false
	default:
		return true
	}
}

// kill and stop do nothing if it does not run.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs() {
		s.proc.kill()
	}
}

// grace is how long a program may take to end when it is asked to.
const grace = 30 * time.Second

func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs() {
		s.proc.stop(grace)
	}
}

package upstreams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running program. It ends with its context, on Linux also with
// the process that it was started from.
type process struct {
	cmd  *exec.Cmd
	tail tail
	done chan struct{} // closed when it has ended
	err  error         // of Wait, after done
}

// startProcess starts a program in a process group of its own. log, if it is
// not nil, gets what it prints, in one piece per Write.
func startProcess(ctx context.Context, cmd *exec.Cmd, log io.Writer) (*process, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.tail.to = log
	cmd.Stdout, cmd.Stderr = &p.tail, &p.tail
	cmd.WaitDelay = 2 * time.Second // a child of it that has left its group keeps the pipe
	dieWithParent(cmd)
	started := make(chan error)
	go func() {
		// The kernel kills the child when the thread ends that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, p.signalKill)
		p.err = cmd.Wait()
		stop()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %q: %w", cmd.Path, err)
	}
	return p, nil
}

// signalKill ends it and all of its group, without waiting.
func (p *process) signalKill() { signalGroup(p.cmd.Process, syscall.SIGKILL) }

// kill ends it as a power cut does.
func (p *process) kill() {
	p.signalKill()
	<-p.done
}

// stop asks it to end, and kills it if it does not in grace.
func (p *process) stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.kill()
}

// ended says why it did, with the last that it printed.
func (p *process) ended() error {
	why := "it ended"
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		why = exit.Error()
	}
	return fmt.Errorf("%s: %s; it printed last:\n%s", filepath.Base(p.cmd.Path), why, p.tail.text())
}

// tail keeps the last lines and passes everything on.
type tail struct {
	mu   sync.Mutex
	to   io.Writer
	last []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if n := len(t.last) - tailSize; n > 0 {
		t.last = append(t.last[:0], t.last[n:]...)
	}
	if t.to != nil {
		_, _ = t.to.Write(b) // a log that fails must not stop the broker
	}
	return len(b), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}

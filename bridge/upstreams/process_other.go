//go:build !linux

package upstreams

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func dieWithParent(*exec.Cmd) {}

func signalGroup(p *os.Process, sig syscall.Signal) { _ = p.Signal(sig) } // it may have ended

func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("the CPU time of a process is known on Linux only")
}

package upstreams

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// dieWithParent has the kernel kill the child when the thread that started it
// ends, and gives it a process group of its own.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func signalGroup(p *os.Process, sig syscall.Signal) {
	_ = syscall.Kill(-p.Pid, sig) // it may have ended
}

// ticks is the unit of the times in /proc/PID/stat, USER_HZ, which is 100 on
// every processor that Go knows.
const ticks = time.Second / 100

// cpuTime returns the user and system time of a process so far.
func cpuTime(pid int) (time.Duration, error) {
	file := fmt.Sprintf("/proc/%d/stat", pid)
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses, which may hold anything;
	// utime and stime are the 14th and 15th, see proc(5).
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s has %d fields", file, len(fields)+2)
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += time.Duration(n) * ticks
	}
	return sum, nil
}

//go:build unix

package driver

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has the program lead a process group of its own, whose number is
// that of the program.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the program and what it started. As long as one of them
// lives, no other group gets that number.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

//go:build linux

package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// loadCore is the core of all but the program that is measured.
const loadCore = 1

// StartPinned starts a program that sees only core 0, while we stay on ours.
func StartPinned(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(0, 0); err != nil { // which the program inherits
		return err
	}
	return errors.Join(cmd.Start(), pin(0, loadCore))
}

// pin keeps a thread on one core; 0 is the calling one.
func pin(tid, core int) error {
	mask := [16]uint64{1 << core}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask))); errno != 0 {
		return fmt.Errorf("pinning to core %d: %w", core, errno)
	}
	return nil
}

// PinSelf keeps this process on the load's core.
func PinSelf() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := pin(tid, loadCore); err != nil {
			return err
		}
	}
	runtime.GOMAXPROCS(1)
	return nil
}

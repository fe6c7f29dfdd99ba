//go:build linux

package machine

import (
	"os"
	"testing"
)

func TestStatusFigure(t *testing.T) {
	if kib, err := statusFigure("Name:\tx\nVmRSS:\t   1234 kB\n", "VmRSS"); kib != 1234 || err != nil {
		t.Errorf("%v, %v", kib, err)
	}
}

func TestOwnProcess(t *testing.T) {
	if cpu, err := CPU(os.Getpid()); cpu <= 0 || err != nil {
		t.Errorf("CPU time %v, %v", cpu, err)
	}
	if kib, err := Memory(os.Getpid(), "VmRSS"); kib <= 0 || err != nil {
		t.Errorf("memory %v KiB, %v", kib, err)
	}
}

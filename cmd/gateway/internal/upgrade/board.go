package upgrade

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
)

// Board is what a binary has to be for, as releases name it: armv6, armv7, arm64 or
// amd64, or another of Go's architectures.
type Board struct {
	Machine string   // as the kernel names it (uname -m)
	Own     string   // what the running binary is for
	Runs    []string // all that runs on it, the best first
}

// boardOf returns what runs on a machine. own is the running binary's: it
// comes first, as who has chosen it had a reason.
func boardOf(machine, own string) Board {
	var runs []string
	switch machine {
	case "x86_64":
		runs = []string{"amd64", "386"}
	case "aarch64": // whether 32-bit programs run, too, is tried before they are installed
		runs = []string{"arm64", "armv7", "armv6", "armv5"}
	case "armv8l", "armv7l":
		runs = []string{"armv7", "armv6", "armv5"}
	case "armv6l":
		runs = []string{"armv6", "armv5"}
	default:
		runs = []string{own}
	}
	if i := slices.Index(runs, own); i > 0 {
		runs = append([]string{own}, slices.Delete(runs, i, i+1)...)
	}
	return Board{machine, own, runs}
}

// ThisBoard is where this program runs.
func ThisBoard() (Board, error) {
	machine, err := kernelMachine()
	if err != nil {
		return Board{}, fmt.Errorf("which machine this is: %w", err)
	}
	own := runtime.GOARCH
	if own == "arm" {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return Board{}, errors.New("this binary does not say which ARM it is for")
		}
		own = armOf(info)
	}
	return boardOf(machine, own), nil
}

// boardOfBinary returns which board a binary is for: by its ELF header, and for ARM by
// what the Go tool has written into it, as the header does not say which ARM.
func boardOfBinary(binary []byte) (string, error) {
	machine, err := elfMachine(binary)
	if err != nil {
		return "", err
	}
	info, err := buildInfo(binary)
	if err != nil {
		return "", err
	}
	os, arch := setting(info, "GOOS"), setting(info, "GOARCH")
	switch want, known := elfMachines[arch]; {
	case os != "linux":
		return "", fmt.Errorf("a program for %q, not for linux", os)
	case !known:
		return "", fmt.Errorf("a program for %q, which no release is for", arch)
	case machine != want:
		return "", fmt.Errorf("its header says machine %d, and what Go wrote into it says %s", machine, arch)
	case arch == "arm":
		return armOf(info), nil
	}
	return arch, nil
}

// armOf names the ARM that a program was built for.
func armOf(info *debug.BuildInfo) string {
	level := setting(info, "GOARM")
	if level == "" {
		level = "7" // what Go takes if nobody says
	}
	return "armv" + level[:1] // without ",softfloat"
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// takes says why a binary cannot run here.
func (b Board) takes(binary []byte) error {
	is, err := boardOfBinary(binary)
	if err != nil {
		return err
	}
	if !slices.Contains(b.Runs, is) {
		return fmt.Errorf("it is for %s, and this board (%s) runs %v", is, b.Machine, b.Runs)
	}
	return nil
}

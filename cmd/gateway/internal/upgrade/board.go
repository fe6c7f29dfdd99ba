package upgrade

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"runtime"
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
		self, err := openSelf()
		if err != nil {
			return Board{}, err
		}
		defer self.Close()
		info, err := buildinfo.Read(self)
		if err != nil {
			return Board{}, fmt.Errorf("what this binary is for: %w", err)
		}
		own = armOf(info)
	}
	return boardOf(machine, own), nil
}

// boardOfBinary returns which board a binary is for: by its ELF header, and for ARM by
// what the Go tool has written into it, as the header does not say which ARM.
func boardOfBinary(binary []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("not a program for Linux: %w", err)
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("not a program that Go has built: %w", err)
	}
	os, arch := setting(info, "GOOS"), setting(info, "GOARCH")
	machines := map[string]elf.Machine{"arm": elf.EM_ARM, "arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64, "386": elf.EM_386}
	switch want, known := machines[arch]; {
	case os != "linux":
		return "", fmt.Errorf("a program for %q, not for linux", os)
	case known && f.Machine != want:
		return "", fmt.Errorf("its header says %v, and what Go wrote into it says %s", f.Machine, arch)
	case arch == "arm":
		return armOf(info), nil
	case arch == "":
		return "", fmt.Errorf("it does not say which architecture it is for")
	}
	return arch, nil
}

// armOf names the ARM that a program was built for.
func armOf(info *buildinfo.BuildInfo) string {
	level := setting(info, "GOARM")
	if level == "" {
		level = "7" // what Go takes if nobody says
	}
	return "armv" + level[:1] // without ",softfloat"
}

func setting(info *buildinfo.BuildInfo, key string) string {
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

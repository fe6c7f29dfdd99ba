//go:build linux

package board

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"gateway/deploy/raspberrypi/emulated/kernels"
)

// Arch is a kind of board.
type Arch struct {
	Name   string   // of Debian: arm64, armhf
	Binary string   // of the gateway: gateway-linux-<Binary>
	qemu   string   // program
	args   []string // machine and processor; the first is the machine's
	env    []string // of go build
}

// The boards there are. The binary for armhf is built for ARMv6, which a
// Raspberry Pi Zero runs; the processor is a newer one, as Debian's kernel needs.
var (
	ARM64 = Arch{Name: "arm64", Binary: "arm64", qemu: "qemu-system-aarch64",
		args: []string{"virt", "-cpu", "cortex-a53"}, env: []string{"GOARCH=arm64"}}
	ARMHF = Arch{Name: "armhf", Binary: "armv6", qemu: "qemu-system-arm",
		args: []string{"virt,highmem=off", "-cpu", "cortex-a15"}, env: []string{"GOARCH=arm", "GOARM=6"}}
)

// Missing returns what has to be installed before a board can boot, and how; nil
// if all is here.
func Missing(a Arch) error {
	for program, pkg := range map[string]string{a.qemu: "qemu-system-arm", "fdtput": "device-tree-compiler", "mkfs.ext4": "e2fsprogs"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed: apt-get install %s, or run make test", program, pkg)
		}
	}
	_, err := kernels.Find(a.Name)
	return err
}

// Programs are what runs on a board.
type Programs struct {
	Gateway string // file
	Guest   string // file of the first process
}

// Build builds the programs into dir. The gateway is the one of the folder that
// GATEWAY_BIN names, as make cross leaves it there, or if that has none built
// here, stripped as it ships.
func Build(ctx context.Context, dir string, a Arch) (Programs, error) {
	p := Programs{
		Gateway: filepath.Join(os.Getenv("GATEWAY_BIN"), "gateway-linux-"+a.Binary),
		Guest:   filepath.Join(dir, "guest-"+a.Name),
	}
	if _, err := os.Stat(p.Gateway); err != nil || os.Getenv("GATEWAY_BIN") == "" {
		p.Gateway = filepath.Join(dir, "gateway-linux-"+a.Binary)
		if err := build(ctx, a, p.Gateway, "gateway/cmd/gateway"); err != nil {
			return Programs{}, err
		}
	}
	return p, build(ctx, a, p.Guest, "gateway/deploy/raspberrypi/emulated/guest")
}

func build(ctx context.Context, a Arch, to, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), a.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s for %s: %w\n%s", pkg, a.Name, err, out)
	}
	return nil
}

// Format makes an empty ext4 of that many bytes in a file, a disk for a board.
func Format(ctx context.Context, file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", file).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4 %s: %w\n%s", file, err, out)
	}
	return nil
}

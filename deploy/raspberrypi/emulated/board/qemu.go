//go:build linux

package board

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"gateway/deploy/raspberrypi/emulated/agent"
	"gateway/deploy/raspberrypi/emulated/kernels"
)

// gpioNode is the PL061 in the device tree of both boards.
const gpioNode = "/pl061@9030000"

// makeDeviceTree writes the board's device tree, with names for the GPIO lines.
func (o Options) makeDeviceTree(ctx context.Context, to string) error {
	machine := o.Arch.args[0] + ",dumpdtb=" + to
	args := append([]string{"-M", machine}, o.Arch.args[1:]...)
	args = append(args, "-m", strconv.Itoa(o.memory()), "-nic", "none", "-display", "none")
	if out, err := exec.CommandContext(ctx, o.Arch.qemu, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: dumpdtb: %w\n%s", o.Arch.qemu, err, out)
	}
	args = append([]string{"-t", "s", to, gpioNode, "gpio-line-names"}, Lines...)
	if out, err := exec.CommandContext(ctx, "fdtput", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("fdtput: %w\n%s", err, out)
	}
	return nil
}

func (o Options) memory() int {
	if o.Memory > 0 {
		return o.Memory
	}
	return 512
}

// command returns QEMU with the board. Ports of the host are the kernel's
// choice.
func (o Options) command(k kernels.Kernel) *exec.Cmd {
	in := func(name string) string { return filepath.Join(o.Dir, name) }
	forward := func(port int) string { return fmt.Sprintf(",hostfwd=tcp:127.0.0.1:0-10.0.2.15:%d", port) }
	args := append([]string{"-M"}, o.Arch.args...)
	args = append(args,
		"-accel", "tcg", "-m", strconv.Itoa(o.memory()), "-dtb", in("board.dtb"), "-kernel", k.Image, "-initrd", in("initrd"),
		// A kernel that panics reboots at once, which ends QEMU.
		"-append", "console=ttyAMA0 quiet loglevel=4 panic=-1", "-no-reboot",
		"-netdev", "user,id=n0,restrict=on"+forward(mqttPort)+forward(pagePort)+forward(agent.Port), "-device", "virtio-net-device,netdev=n0",
		"-qmp", "unix:"+in("qmp.sock")+",server=on,wait=off",
		"-qtest", "unix:"+in("qtest.sock")+",server=on,wait=off", "-qtest-log", "/dev/null",
		"-display", "none", "-monitor", "none", "-serial", "stdio")
	if o.Bus != nil {
		args = append(args, "-device", "qemu-xhci", "-chardev", "socket,id=i2c,path="+in("usb.sock"), "-device", "usb-redir,chardev=i2c")
	}
	if o.Disk != "" {
		args = append(args, "-drive", "if=none,id=disk,format=raw,cache=writeback,file="+o.Disk, "-device", "virtio-blk-device,drive=disk")
	}
	return exec.Command(o.Arch.qemu, args...)
}

// Ports on the board.
const (
	mqttPort = 1883
	pagePort = 8080
)

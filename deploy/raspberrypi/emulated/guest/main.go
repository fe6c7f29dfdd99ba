//go:build linux

// Command guest is the first process of an emulated board. It does what an
// operating system would: mounts, loads modules, brings the network up, checks
// nothing and hides nothing, starts the gateway and does what a test asks for
// over package agent. What it does, and what the gateway prints, is on the
// serial console.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gateway/deploy/raspberrypi/emulated/agent"
	"gateway/deploy/raspberrypi/emulated/initrd"
)

func main() {
	g := &guest{}
	if err := g.boot(); err != nil {
		say("FAILED: %v", err)
		off()
	}
	if err := g.serve(); err != nil {
		say("FAILED: %v", err)
	}
	off()
}

// say writes a line on the serial console, in one piece.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stdout, "guest: "+format+"\n", args...)
}

// off turns the board off; it does not return.
func off() {
	syscall.Sync()
	if err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		say("power off: %v", err)
	}
	select {}
}

// guest is the board.
type guest struct {
	plan    agent.Plan
	gateway *gateway
}

// boot brings everything up and starts the gateway.
func (g *guest) boot() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"}} {
		if err := mount(m[0], m[1], m[0]); err != nil {
			return err
		}
	}
	b, err := os.ReadFile("/" + agent.PlanFile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &g.plan); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if err := syscall.Sethostname([]byte("board")); err != nil {
		return err
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := network(); err != nil {
		return err
	}
	if err := g.mountState(); err != nil {
		return err
	}
	if err := g.addChips(); err != nil {
		return err
	}
	for _, file := range g.plan.Await {
		if err := await(file); err != nil {
			return err
		}
	}
	for _, w := range g.plan.Write {
		if err := os.WriteFile(w.File, []byte(w.Text), 0); err != nil {
			return err
		}
	}
	markClock()
	return g.start()
}

// mount makes the folder and mounts what is there.
func mount(device, folder, kind string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(device, folder, kind, 0, ""); err != nil && err != syscall.EBUSY {
		return fmt.Errorf("mount %s at %s: %w", device, folder, err)
	}
	return nil
}

// mountState mounts the disk, whose journal the kernel plays back.
func (g *guest) mountState() error {
	if g.plan.Disk == "" {
		return os.MkdirAll(g.plan.State, 0o755)
	}
	if err := await(g.plan.Disk); err != nil {
		return err
	}
	return mount(g.plan.Disk, g.plan.State, "ext4")
}

// addChips gives chips to drivers of the kernel.
func (g *guest) addChips() error {
	for _, d := range g.plan.I2C {
		file := "/sys/bus/i2c/devices/" + d.Bus + "/new_device"
		if err := await(file); err != nil {
			return err
		}
		if err := os.WriteFile(file, fmt.Appendf(nil, "%s %#02x", d.Driver, d.Addr), 0); err != nil {
			return fmt.Errorf("chip %s: %w", d.Driver, err)
		}
	}
	return nil
}

// patience is how long hardware may take to appear.
const patience = 90 * time.Second

// await waits for a file, which the kernel does not announce to a process that
// has no udev.
func await(file string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s did not appear within %v", file, patience)
}

// loadModules loads the modules in their order.
func loadModules() error {
	list, err := os.ReadFile("/" + initrd.ModuleList)
	if err != nil {
		return err
	}
	for _, file := range strings.Fields(string(list)) {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := loadModule(b); err != nil && err != syscall.EEXIST {
			say("module %s: %v", filepath.Base(file), err)
		}
		if err := os.Remove(file); err != nil { // it is in memory twice
			return err
		}
	}
	return nil
}

// markClock says that the time is right, as chrony does: it is the host's.
func markClock() {
	const adjStatus = 0x0010
	if _, err := syscall.Adjtimex(&syscall.Timex{Modes: adjStatus}); err != nil {
		say("clock: %v", err)
	}
}

// run runs a program and returns what it prints.
func run(args []string) agent.Answer {
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.CombinedOutput()
	a := agent.Answer{Output: string(out)}
	if cmd.ProcessState != nil {
		a.Status = cmd.ProcessState.ExitCode()
	} else {
		a.Error = err.Error()
	}
	return a
}

//go:build linux

package board

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gateway/deploy/raspberrypi/emulated/agent"
	"gateway/deploy/raspberrypi/emulated/initrd"
	"gateway/deploy/raspberrypi/emulated/kernels"
	"gateway/sensors/bus/bustest"
)

// Options say what board to boot.
type Options struct {
	Arch     Arch
	Programs Programs
	Dir      string // for files of this boot, an empty one
	Config   string // gateway.yaml; MQTT is expected at :1883 and the page at :8080, all addresses
	// Files are more files of the board, by their path without a leading slash.
	Files map[string][]byte
	// Bus has the chips of /dev/i2c-0; nil: there is no such bus.
	Bus *bustest.Bus
	// I2C are chips of Bus that a driver of the kernel is given when it boots.
	I2C []agent.Device
	// Disk is what is kept of the gateway's state, an ext4: a file, or what QEMU
	// takes for one, such as nbd+unix:///?socket=/tmp/x. What the guest flushes is
	// flushed. "": the state is in memory.
	Disk string
	// Await are files that have to be there before the gateway is started, after
	// the chips of I2C were given to their drivers.
	Await []string
	// Write is what is written to files of the kernel's when all those are there.
	Write []agent.Write
	// Env is the gateway's environment, in addition to what systemd would set.
	Env []string
	// Memory of the board, MB; 0: 512, as a Raspberry Pi Zero has.
	Memory int
}

// Where things are on the board.
const (
	Gateway    = "/usr/bin/gateway"
	ConfigFile = "/etc/gateway/gateway.yaml"
	State      = "/var/lib/gateway"
)

// modules of the kernel, beside those that they need. ext4 asks for crc32c by
// its name.
var modules = []string{"virtio_mmio", "virtio_net", "virtio_blk", "crc32c_generic", "ext4", "xhci_pci", "i2c-dev", "i2c-tiny-usb", "ds2482", "w1_therm"}

// Lines are the names of the GPIO lines of gpiochip0; those of a Raspberry Pi
// where a test needs them. The board turns itself off by line 3.
var Lines = []string{"GPIO4", "GPIO17", "GPIO22", "POWER", "GPIO23", "GPIO24", "GPIO25", "GPIO27"}

// makeInitrd writes the first file system to a file.
func (o Options) makeInitrd(k kernels.Kernel, to string) error {
	plan := agent.Plan{
		State: State, I2C: o.I2C, Await: o.Await, Write: o.Write,
		Gateway: []string{Gateway, "-c", ConfigFile},
		Env:     append([]string{"STATE_DIRECTORY=" + State}, o.Env...),
	}
	if o.Disk != "" {
		plan.Disk = "/dev/vda"
	}
	if o.Bus != nil {
		plan.Await = append([]string{"/dev/i2c-0"}, plan.Await...)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	files := map[string][]byte{agent.PlanFile: text, ConfigFile[1:]: []byte(o.Config), "etc/hosts": []byte("127.0.0.1 localhost board\n")}
	for name, data := range o.Files {
		files[name] = data
	}
	for name, from := range map[string]string{"init": o.Programs.Guest, Gateway[1:]: o.Programs.Gateway} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		files[name] = data
	}
	image, err := initrd.Build(k, modules, files)
	if err != nil {
		return err
	}
	return os.WriteFile(to, image, 0o644)
}

// check says what cannot work before anything is started.
func (o Options) check() error {
	switch {
	case o.Arch.qemu == "":
		return errors.New("board: Options.Arch is not set: it is ARM64 or ARMHF")
	case o.Programs.Gateway == "" || o.Programs.Guest == "":
		return errors.New("board: Options.Programs is not set: see Build")
	case o.Dir == "":
		return errors.New("board: Options.Dir is not set")
	case len(filepath.Join(o.Dir, "usb.sock")) > 100:
		return fmt.Errorf("board: the path of Options.Dir is too long for sockets: %s", o.Dir)
	}
	return nil
}

package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

func i2cName(n int) string   { return "i2c-" + strconv.Itoa(n) }
func i2cDevice(n int) string { return "/dev/" + i2cName(n) }

// i2cNumber returns the number of the bus called name.
func i2cNumber(name string) (int, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(name, "/dev/"), "i2c-")
	n, err := strconv.ParseUint(digits, 10, 20) // the kernel has 20 bits for it
	if err != nil || strings.HasPrefix(name, "/dev/") && name != i2cDevice(int(n)) {
		return 0, fmt.Errorf("I²C bus %q: not the name of a bus; one looks like i2c-1", name)
	}
	return int(n), nil
}

// I2CBuses returns the names of the I²C buses that there are, by number.
func I2CBuses(root fs.FS) []string {
	devices, _ := fs.Glob(root, "dev/i2c-*") // it fails on a bad pattern only
	var numbers []int
	for _, d := range devices {
		if n, err := i2cNumber("/" + d); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var names []string
	for _, n := range numbers {
		names = append(names, i2cName(n))
	}
	return names
}

// describeI2C returns the buses with their adapters: one on USB comes again by
// another number if the old one was still in use.
func describeI2C(root fs.FS) []string {
	buses := I2CBuses(root)
	for i, b := range buses {
		if name := I2CAdapterName(root, b); name != "" {
			buses[i] += " [" + name + "]"
		}
	}
	return buses
}

// I2CAdapterName returns what the kernel calls the adapter of a bus,
// "bcm2835 (i2c@7e804000)", and "" if there is no such bus.
func I2CAdapterName(root fs.FS, bus string) string {
	n, err := i2cNumber(bus)
	if err != nil {
		return ""
	}
	return readLine(root, path.Join(i2cDevices, i2cName(n), "name"))
}

// I2CKernelDriver returns the name of the kernel driver that has the chip at
// addr, and "" if none has. Such a chip is read through the kernel's tables,
// not by a driver of ours.
func I2CKernelDriver(root fs.FS, bus string, addr uint16) string {
	n, err := i2cNumber(bus)
	if err != nil {
		return ""
	}
	device := path.Join(i2cDevices, fmt.Sprintf("%d-%04x", n, addr))
	if link, err := fs.ReadLink(root, path.Join(device, "driver")); err == nil {
		return path.Base(link)
	}
	// The name of the chip tells as much to a file system that cannot read
	// links.
	if _, err := fs.Stat(root, path.Join(device, "driver")); err == nil {
		return readLine(root, path.Join(device, "name"))
	}
	return ""
}

// i2cDevices has a folder for each adapter, and for each chip that the kernel
// was told of.
const i2cDevices = "sys/bus/i2c/devices"

// readLine returns the text of a file, without white space around it, and ""
// if there is no such file.
func readLine(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// explainOpen says what to do about err, which opening bus n gave on a
// machine with those buses.
func explainOpen(n int, err error, buses []string) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "this machine has no I²C bus"
		if len(buses) > 0 {
			hint = "this machine has " + strings.Join(buses, ", ")
		}
		hint += "; on a Raspberry Pi, turn I²C on with: sudo raspi-config nonint do_i2c 0"
	case errors.Is(err, fs.ErrPermission):
		hint = "this user may not use it; run: sudo usermod -aG i2c $USER, and log in again"
	default:
		return fmt.Errorf("I²C bus %s: %w", i2cName(n), err)
	}
	return fmt.Errorf("I²C bus %s: %w (%s)", i2cName(n), err, hint)
}

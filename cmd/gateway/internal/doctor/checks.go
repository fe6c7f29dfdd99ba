package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gateway/cmd/gateway/internal/config"
	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// Examine looks at everything that sensors are attached to. What no sensor of
// the configuration needs is at most a note.
func (m Machine) Examine(cfg *config.Config) []Finding {
	all := cfg.Sensors.WithDefaults(m.Hostname).Sensors
	of := func(kind bus.Kind) (some []sensors.SensorConfig) {
		for _, s := range all {
			if d, ok := driver.Lookup(s.Driver); ok && d.Bus == kind {
				some = append(some, s)
			}
		}
		return some
	}
	return slices.Concat(
		m.i2c(of(bus.I2C)),
		m.devices("SPI", bus.SPIDevices(m.Root), named(of(bus.SPI), func(s sensors.SensorConfig) string { return s.Bus }),
			func(name string) string { return "/dev/spidev" + strings.TrimPrefix(name, "spi") },
			m.switchOn("do_spi 0", "turn the bus on in the board's firmware or device tree; a PC has none")),
		m.oneWire(of(bus.OneWire)),
		m.gpio(of(bus.GPIO)),
		m.serial(append(of(bus.Serial), of(bus.Modbus)...)),
		m.supply(), m.clock(), m.keeps(cfg),
	)
}

// switchOn is how an interface of the board is turned on.
func (m Machine) switchOn(raspiConfig, otherwise string) string {
	if m.IsPi() {
		return "sudo raspi-config nonint " + raspiConfig
	}
	return otherwise
}

func named(all []sensors.SensorConfig, name func(sensors.SensorConfig) string) []string {
	var names []string
	for _, s := range all {
		if n := name(s); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// devices looks at the buses of a kind: those that there are, and those that
// are needed. file is where a bus is; on turns the kind on.
func (m Machine) devices(about string, there, needed []string, file func(string) string, on string) []Finding {
	var all []Finding
	for _, name := range needed {
		if !slices.Contains(there, name) {
			what := file(name) + " is not there"
			if len(there) > 0 {
				what += "; there is " + strings.Join(there, ", ")
			}
			all = append(all, Finding{Bad, about, what, on})
		}
	}
	for _, name := range there {
		all = append(all, m.device(about, file(name), slices.Contains(needed, name)))
	}
	if len(all) == 0 {
		all = append(all, Finding{Note, about, "off, or there is none", on})
	}
	return all
}

// device looks whether this user may use a device.
func (m Machine) device(about, file string, needed bool) Finding {
	err := m.Access(file)
	f := Finding{Good, about, file, ""}
	if err == nil {
		return f
	}
	f.Verdict, f.What = Note, err.Error()
	if needed {
		f.Verdict = Bad
	}
	switch group := m.Group(file); {
	case errors.Is(err, fs.ErrPermission) && group != "" && group != "root":
		f.Fix = fmt.Sprintf("sudo usermod -aG %s %s   and log in again", group, m.User)
	case errors.Is(err, fs.ErrPermission):
		f.Fix = "its group is " + group + ", which nobody should be in; install udev rules, deploy/raspberrypi has some"
	case errors.Is(err, syscall.EBUSY):
		f.Fix = "another program has it open; sudo fuser " + file + " says which"
	}
	return f
}

func (m Machine) i2c(all []sensors.SensorConfig) []Finding {
	needed := named(all, func(s sensors.SensorConfig) string { return s.Bus })
	findings := m.devices("I²C", bus.I2CBuses(m.Root), needed, func(name string) string { return "/dev/" + name },
		m.switchOn("do_i2c 0   or add dtparam=i2c_arm=on to /boot/firmware/config.txt and restart", "sudo modprobe i2c-dev, and turn the bus on in the board's firmware"))
	for _, s := range all {
		if k := bus.I2CKernelDriver(m.Root, s.Bus, s.Address); k != "" {
			findings = append(findings, Finding{Bad, "I²C", fmt.Sprintf("the kernel's driver %s has address %#02x of %s, which %s/%s wants", k, s.Address, s.Bus, s.Room, s.Name),
				"use driver iio or hwmon for it, or take its dtoverlay out of /boot/firmware/config.txt"})
		}
	}
	return findings
}

func (m Machine) oneWire(all []sensors.SensorConfig) []Finding {
	const devices = "sys/bus/w1/devices"
	on := m.switchOn("do_onewire 0   and restart", "turn w1-gpio on in the board's device tree; for a DS2482, sudo modprobe ds2482 and tell the bus of it")
	entries, err := fs.ReadDir(m.Root, devices)
	if err != nil {
		v := Note
		if len(all) > 0 {
			v = Bad
		}
		return []Finding{{v, "1-Wire", "off, or there is none", on}}
	}
	var there []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "w1_bus_master") {
			there = append(there, e.Name())
		}
	}
	var findings []Finding
	for _, s := range all {
		if s.ID != "" && !slices.ContainsFunc(there, func(id string) bool { return strings.EqualFold(id, s.ID) }) {
			findings = append(findings, Finding{Bad, "1-Wire", s.ID + " does not answer", "check its cable, and the 4.7 kΩ between data and 3.3 V"})
		}
	}
	switch {
	case len(there) == 0 && len(all) > 0:
		findings = append(findings, Finding{Bad, "1-Wire", "nothing answers", "check the cable, and the 4.7 kΩ between data and 3.3 V"})
	default:
		findings = append(findings, Finding{Good, "1-Wire", fmt.Sprintf("%d devices", len(there)), ""})
	}
	return findings
}

func (m Machine) gpio(all []sensors.SensorConfig) []Finding {
	chips, _ := fs.Glob(m.Root, "dev/gpiochip*") // it fails on a bad pattern only
	if len(chips) == 0 {
		v := Note
		if len(all) > 0 {
			v = Bad
		}
		return []Finding{{v, "GPIO", "this machine has no lines", ""}}
	}
	return []Finding{m.device("GPIO", "/"+chips[0], len(all) > 0)}
}

func (m Machine) serial(all []sensors.SensorConfig) []Finding {
	var findings []Finding
	for _, port := range named(all, func(s sensors.SensorConfig) string { return s.Port }) {
		if strings.Contains(port, "://") {
			continue // somewhere else
		}
		f := m.device("serial", port, true)
		if f.Verdict == Bad && f.Fix == "" {
			if there := bus.SerialPorts(m.Root); len(there) > 0 {
				f.Fix = "there is " + strings.Join(there, ", ")
			} else {
				f.Fix = "plug the adapter in; for the pins of the board: " + m.switchOn("do_serial_hw 0", "turn the UART on in the board's firmware")
			}
		}
		findings = append(findings, f)
		if console := m.console(port); console != "" {
			findings = append(findings, Finding{Bad, "serial", port + " is the console of the kernel, which writes on it", m.switchOn("do_serial_cons 1", "take console="+console+" out of the kernel's command line")})
		}
	}
	return findings
}

// console returns what the kernel's command line calls port if it is its
// console.
func (m Machine) console(port string) string {
	name := filepath.Base(port)
	for _, word := range strings.Fields(m.text("proc/cmdline")) {
		console, ok := strings.CutPrefix(word, "console=")
		console, _, _ = strings.Cut(console, ",")
		if ok && (console == name || console == "serial0" && (name == "ttyAMA0" || name == "ttyS0")) {
			return console
		}
	}
	return ""
}

// supply looks at the board's alarm about its voltage.
func (m Machine) supply() []Finding {
	alarms, _ := fs.Glob(m.Root, "sys/class/hwmon/*/in0_lcrit_alarm") // it fails on a bad pattern only
	for _, alarm := range alarms {
		if m.text(filepath.Dir(alarm)+"/name") != "rpi_volt" {
			continue
		}
		if m.text(alarm) == "1" {
			return []Finding{{Bad, "supply", "the voltage of the board is, or was, too low: readings, SD card and USB suffer", "use a stronger supply and a shorter cable"}}
		}
		return []Finding{{Good, "supply", "no under-voltage since the start", ""}}
	}
	return nil
}

func (m Machine) clock() []Finding {
	synced, err := sensors.ClockSynced(m.Root)
	switch {
	case err != nil:
		return []Finding{{Note, "clock", err.Error(), "allow it, or times of readings before the clock is set are wrong without a mark"}}
	case synced:
		return nil
	}
	return []Finding{{Note, "clock", "is not synchronised yet: readings are marked until it is", "timedatectl says more"}}
}

// keeps looks whether what outlives a restart can be written.
func (m Machine) keeps(cfg *config.Config) []Finding {
	if !cfg.Persistence.Enabled {
		return []Finding{{Note, "persistence", "off: nothing outlives a restart", ""}}
	}
	if m.Store != "" {
		return []Finding{m.keepsService()}
	}
	dir, err := cfg.Persistence.Folder()
	if err == nil {
		err = writable(dir)
	}
	if err != nil {
		return []Finding{{Bad, "persistence", err.Error(), "set persistence.path to a folder that " + m.User + " may write to"}}
	}
	return []Finding{{Good, "persistence", dir, ""}}
}

// keepsService looks at the store of the service as another user, who perhaps may not
// look into it.
func (m Machine) keepsService() Finding {
	what := m.Store + ", that of the service"
	switch err := writable(m.Store); {
	case errors.Is(err, fs.ErrPermission):
		return Finding{Note, "persistence", what + ", which " + m.User + " may not look into", "sudo -u gateway gateway doctor   looks as the service does"}
	case err != nil:
		return Finding{Bad, "persistence", err.Error(), "sudo systemctl restart gateway makes it, and journalctl -u gateway says why not"}
	}
	return Finding{Good, "persistence", what, ""}
}

// writable tells whether files can be made in a folder, or, if it does not
// exist, whether it can be made.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is no folder", dir)
		case err == nil:
			f, err := os.CreateTemp(dir, ".gateway-doctor-*")
			if err != nil {
				return err
			}
			return errors.Join(f.Close(), os.Remove(f.Name()))
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir:
			return err
		}
		dir = filepath.Dir(dir)
	}
}

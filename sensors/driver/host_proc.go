package driver

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"gateway/sensors/reading"
)

// thermalNames are the names of thermal zones and hwmon devices that are the
// processor's, the best first. The first match wins; a machine with zones of
// other names only gives its first zone.
var thermalNames = []string{
	"cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "x86_pkg_temp", "k10temp", "coretemp", "zenpower", "acpitz",
}

// hostTemperature finds the processor's temperature: thermal zones first,
// because every Raspberry Pi has one, then hwmon.
func hostTemperature(root fs.FS) (hostMeter, error) {
	type place struct{ name, file string }
	var places []place
	zones, _ := fs.Glob(root, "sys/class/thermal/thermal_zone*/type")
	for _, z := range zones {
		if name, err := text(root, z); err == nil {
			places = append(places, place{name, path.Join(path.Dir(z), "temp")})
		}
	}
	names, _ := fs.Glob(root, "sys/class/hwmon/hwmon*/name")
	for _, n := range names {
		if name, err := text(root, n); err == nil {
			places = append(places, place{name, path.Join(path.Dir(n), "temp1_input")})
		}
	}
	rank := func(p place) int {
		if i := slices.Index(thermalNames, p.name); i >= 0 {
			return i
		}
		return len(thermalNames)
	}
	slices.SortStableFunc(places, func(a, b place) int { return rank(a) - rank(b) })
	for _, p := range places {
		if _, err := integer(root, p.file); err != nil {
			continue // a zone that is switched off has no value
		}
		return hostMeter{hostChannelsOf(reading.Temperature), func(out []float64) error {
			milli, err := integer(root, p.file)
			out[0] = float64(milli) / 1000
			return err
		}}, nil
	}
	return hostMeter{}, fmt.Errorf("no thermal zone in /sys/class/thermal and no temperature in /sys/class/hwmon")
}

// cpuTimes are the jiffies of the first line of /proc/stat.
type cpuTimes struct{ busy, total float64 }

// hostCPU measures what share of the time since the last measurement all
// processors together were busy. The first measurement is since the machine
// started, and so is one that follows so closely that no jiffy has passed.
func hostCPU(root fs.FS) (hostMeter, error) {
	if _, err := readCPU(root); err != nil {
		return hostMeter{}, err
	}
	var last cpuTimes
	return hostMeter{hostChannelsOf(reading.CPUUsage), func(out []float64) error {
		now, err := readCPU(root)
		if err != nil {
			return err
		}
		if now.total <= last.total {
			last = cpuTimes{}
		}
		out[0] = share(now.busy-last.busy, now.total-last.total)
		last = now
		return nil
	}}, nil
}

// readCPU reads "cpu user nice system idle iowait irq softirq steal guest
// guest_nice": guest times are in user and nice already, and a processor that
// waits for a disk is not busy.
func readCPU(root fs.FS) (t cpuTimes, err error) {
	const file = "proc/stat"
	b, err := content(root, file)
	if err != nil {
		return t, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 5 || fields[0] != "cpu" {
		return t, fmt.Errorf("/%s: the first line is %.60q, want cpu and its times", file, line)
	}
	for i, f := range fields[1:min(len(fields), 9)] {
		x, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return t, fmt.Errorf("/%s: %w", file, err)
		}
		t.total += float64(x)
		if i != 3 && i != 4 { // idle, iowait
			t.busy += float64(x)
		}
	}
	return t, nil
}

// hostLoad is the load average of the last minute.
func hostLoad(root fs.FS) (hostMeter, error) {
	return firstNumber(root, "proc/loadavg", reading.Load)
}

// hostUptime is the time since the machine started, s.
func hostUptime(root fs.FS) (hostMeter, error) {
	return firstNumber(root, "proc/uptime", reading.Uptime)
}

// firstNumber is a file whose first field is the value.
func firstNumber(root fs.FS, file string, q reading.Quantity) (hostMeter, error) {
	read := func() (float64, error) {
		b, err := content(root, file)
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(b))
		if len(fields) == 0 {
			return 0, fmt.Errorf("/%s is empty", file)
		}
		x, err := strconv.ParseFloat(fields[0], 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return 0, fmt.Errorf("/%s: %q is not a number", file, fields[0])
		}
		return x, nil
	}
	if _, err := read(); err != nil {
		return hostMeter{}, err
	}
	return hostMeter{hostChannelsOf(q), func(out []float64) (err error) {
		out[0], err = read()
		return err
	}}, nil
}

// hostMemory is the memory that programs use and what they could still get.
func hostMemory(root fs.FS) (hostMeter, error) {
	const file = "proc/meminfo"
	read := func() (total, available float64, err error) {
		b, err := content(root, file)
		if err != nil {
			return 0, 0, err
		}
		found := map[string]float64{}
		for line := range strings.Lines(string(b)) {
			name, rest, _ := strings.Cut(line, ":")
			if name != "MemTotal" && name != "MemAvailable" {
				continue
			}
			fields := strings.Fields(rest)
			if len(fields) != 2 || fields[1] != "kB" {
				return 0, 0, fmt.Errorf("/%s: %s is %.40q, want kB", file, name, strings.TrimSpace(rest))
			}
			kib, err := strconv.ParseUint(fields[0], 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("/%s: %s: %w", file, name, err)
			}
			found[name] = float64(kib) * 1024
		}
		if len(found) != 2 || found["MemTotal"] == 0 {
			return 0, 0, fmt.Errorf("/%s: no MemTotal and MemAvailable", file)
		}
		return found["MemTotal"], found["MemAvailable"], nil
	}
	if _, _, err := read(); err != nil {
		return hostMeter{}, err
	}
	return hostMeter{hostChannelsOf(reading.MemoryUsed, reading.MemoryAvailable), func(out []float64) error {
		total, available, err := read()
		out[0], out[1] = share(total-available, total), available/1e6
		return err
	}}, nil
}

// diskSize returns the size of the file system of / and what is free for
// users, bytes; the tests have their own.
var diskSize = statfs

func hostDisk(fs.FS) (hostMeter, error) {
	size := diskSize // one that a test put there stays with its sensor
	if _, _, err := size("/"); err != nil {
		return hostMeter{}, err
	}
	return hostMeter{hostChannelsOf(reading.DiskUsed, reading.DiskFree), func(out []float64) error {
		total, free, err := size("/")
		out[0], out[1] = share(total-free, total), free/1e9
		return err
	}}, nil
}

// hostNetwork counts what came and went over the network, as the kernel does
// since the machine started: the interfaces with hardware behind them, so
// that a bridge or a tunnel does not count the same bytes again; if there are
// none, as in a container, all but lo. On 32-bit kernels the counters of an
// interface may start over at 4 GB.
func hostNetwork(root fs.FS) (hostMeter, error) {
	interfaces := func() []string {
		all, _ := fs.Glob(root, "sys/class/net/*/statistics/rx_bytes")
		var physical, others []string
		for _, file := range all {
			dir := path.Dir(path.Dir(file))
			switch _, err := fs.Stat(root, dir+"/device"); {
			case err == nil:
				physical = append(physical, dir)
			case path.Base(dir) != "lo":
				others = append(others, dir)
			}
		}
		if len(physical) > 0 {
			return physical
		}
		return others
	}
	if len(interfaces()) == 0 {
		return hostMeter{}, fmt.Errorf("no network interface in /sys/class/net")
	}
	return hostMeter{hostChannelsOf(reading.Received, reading.Sent), func(out []float64) error {
		out[0], out[1] = 0, 0
		for _, dir := range interfaces() { // they come and go
			for i, counter := range []string{"rx_bytes", "tx_bytes"} {
				n, err := integer(root, dir+"/statistics/"+counter)
				if err != nil {
					return err
				}
				out[i] += float64(n) / 1e6
			}
		}
		return nil
	}}, nil
}

// hostUnderVoltage is what the firmware of a Raspberry Pi tells the kernel's
// driver raspberrypi-hwmon, which asks every 2 s. The file get_throttled in
// /sys says more, and has the kernel log a warning with a stack.
func hostUnderVoltage(root fs.FS) (hostMeter, error) {
	names, _ := fs.Glob(root, "sys/class/hwmon/hwmon*/name")
	for _, n := range names {
		if name, err := text(root, n); err != nil || name != "rpi_volt" {
			continue
		}
		return hostFlag(reading.UnderVoltage, func() (bool, error) {
			alarm, err := integer(root, path.Dir(n)+"/in0_lcrit_alarm")
			return alarm != 0, err
		})
	}
	return hostMeter{}, fmt.Errorf("no rpi_volt in /sys/class/hwmon")
}

// coolingTypes are cooling devices that cool by slowing the processor.
var coolingTypes = []string{"thermal-cpufreq", "cpufreq-cpu", "Processor"}

// hostThrottled is whether the kernel slows a processor because of its heat.
func hostThrottled(root fs.FS) (hostMeter, error) {
	var states []string
	types, _ := fs.Glob(root, "sys/class/thermal/cooling_device*/type")
	for _, t := range types {
		name, err := text(root, t)
		if err == nil && slices.ContainsFunc(coolingTypes, func(c string) bool { return strings.HasPrefix(name, c) }) {
			states = append(states, path.Dir(t)+"/cur_state")
		}
	}
	if len(states) == 0 {
		return hostMeter{}, fmt.Errorf("no cooling device in /sys/class/thermal slows the processor")
	}
	return hostFlag(reading.Throttled, func() (bool, error) {
		for _, s := range states {
			if state, err := integer(root, s); err != nil || state > 0 {
				return true, err
			}
		}
		return false, nil
	})
}

// hostFlag is a value of 0 or 1, if it can be read now.
func hostFlag(q reading.Quantity, read func() (bool, error)) (hostMeter, error) {
	if _, err := read(); err != nil {
		return hostMeter{}, err
	}
	return hostMeter{hostChannelsOf(q), func(out []float64) error {
		set, err := read()
		out[0] = 0
		if set {
			out[0] = 1
		}
		return err
	}}, nil
}

// content reads a file of /sys or /proc, whose size says nothing, to its end.
func content(root fs.FS, file string) ([]byte, error) {
	b, err := fs.ReadFile(root, file)
	if err != nil {
		return nil, fmt.Errorf("read /%s: %w", file, underlying(err))
	}
	return b, nil
}

// underlying drops the path from an error that is about to name it.
func underlying(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}

// text reads a file of one word.
func text(root fs.FS, file string) (string, error) {
	b, err := content(root, file)
	return strings.TrimSpace(string(b)), err
}

// integer reads a file of one number.
func integer(root fs.FS, file string) (int64, error) {
	s, err := text(root, file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s: %.40q is not a number", file, s)
	}
	return n, nil
}

// Everything the kernel monitors: boards, processors, disks, fans, chips with
// a driver of the kernel's.
//
//	chip       any with a driver in drivers/hwmon
//	bus        /sys/class/hwmon/hwmon*
//	reference  Linux: Documentation/hwmon/sysfs-interface.rst

package driver

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// hwmonKind is a kind of value: files of prefix, number and _input.
type hwmonKind struct {
	prefix   string
	quantity reading.Quantity
	units    float64 // of the file in one of the quantity
	input    []string
}

// hwmonKinds are sysfs-interface.rst's, in the order of the channels.
var hwmonKinds = []hwmonKind{
	{"temp", reading.Temperature, 1e3, []string{"input"}},       // m°C
	{"humidity", reading.Humidity, 1e3, []string{"input"}},      // m%
	{"in", reading.Voltage, 1e3, []string{"input"}},             // mV
	{"curr", reading.Current, 1e3, []string{"input"}},           // mA
	{"power", reading.Power, 1e6, []string{"input", "average"}}, // µW
	{"energy", reading.Energy, 3.6e12, []string{"input"}},       // µJ
	{"fan", reading.FanSpeed, 1, []string{"input"}},             // rpm
}

var _ = register(Driver{
	Name:      "hwmon",
	Title:     "A chip with a driver of the kernel's, by hwmon",
	Datasheet: "Linux Documentation/hwmon/sysfs-interface.rst",
	Bus:       bus.Sysfs,
	Channels:  hwmonChannels(),
	Dynamic:   true,
	Options: []Option{{Name: "values", Doc: "Which of its values, and what they are called: \"temp1=temperature_cpu, fan2=fan_speed\", " +
		"by the names of their files or by their labels; all, if left out."}},
	Notes: "The key id says which chip: its name (nvme, cpu_thermal, sht3x), name@device where there are several of that name, or its " +
		"folder; gateway scan lists them. The number of a hwmon folder changes from start to start.",
	Open:  openHwmon,
	Check: checkValues,
	Find:  findHwmon,
})

func hwmonChannels() []Channel {
	var all []Channel
	for _, k := range hwmonKinds {
		all = append(all, channelOf(k.quantity))
	}
	return all
}

func openHwmon(_ context.Context, slot *bus.Slot) (Sensor, error) {
	chip, err := chooseChip(hwmonChips(slot.Root), slot.ID, "hwmon chip", "the kernel has no driver for any; see dtoverlay -a")
	if err != nil {
		return nil, err
	}
	all := hwmonValues(slot.Root, chip)
	if len(all) == 0 {
		return nil, fmt.Errorf("/%s (%s): %w", chip.dir, chip.name, errNoValues)
	}
	values := slot.Options["values"]
	if strings.TrimSpace(values) == "" {
		if all, err = answering(all); err != nil {
			return nil, err
		}
	}
	return openKernelSensor("/"+chip.dir+" ("+chip.name+")", all, values)
}

// answering leaves out what cannot be read while others can: the sensor of a
// radio that is off, a socket without a fan.
func answering(all []kernelValue) ([]kernelValue, error) {
	var some []kernelValue
	var first error
	for _, v := range all {
		if _, err := v.read(); err == nil {
			some = append(some, v)
		} else if first == nil {
			first = err
		}
	}
	if len(some) == 0 {
		return nil, first
	}
	return some, nil
}

func hwmonChips(root fs.FS) []kernelChip {
	return kernelChips(root, "sys/class/hwmon/hwmon*", "name", func(dir string) string { return lastOf(root, dir+"/device") })
}

// findHwmon leaves out what other drivers find: thermal zones and 1-Wire
// thermometers, which the kernel shows here once more.
func findHwmon(root fs.FS) []Found {
	chips := hwmonChips(root)
	zones := thermalZones(root)
	chips = slices.DeleteFunc(chips, func(c kernelChip) bool {
		return c.name == "w1_slave_temp" || slices.ContainsFunc(zones, func(z kernelChip) bool {
			return strings.ReplaceAll(z.name, "-", "_") == c.name // thermal_hwmon.c
		})
	})
	return kernelFound(chips, func(c kernelChip) []kernelValue { return hwmonValues(root, c) })
}

// hwmonValues are the values of a chip, by kind and number.
func hwmonValues(root fs.FS, chip kernelChip) []kernelValue {
	entries, _ := fs.ReadDir(root, chip.dir)
	var all []kernelValue
	for _, k := range hwmonKinds {
		var numbers []int
		files := make(map[int]string)
		for _, input := range slices.Backward(k.input) { // the first counts
			for _, e := range entries {
				if n, ok := numberBetween(e.Name(), k.prefix, "_"+input); ok {
					if files[n] == "" {
						numbers = append(numbers, n)
					}
					files[n] = path.Join(chip.dir, e.Name())
				}
			}
		}
		slices.Sort(numbers)
		for _, n := range numbers {
			all = append(all, hwmonValue(root, chip, k, n, files[n]))
		}
	}
	return all
}

func hwmonValue(root fs.FS, chip kernelChip, k hwmonKind, n int, file string) kernelValue {
	v := kernelValue{key: k.prefix + strconv.Itoa(n), quantity: k.quantity, part: strconv.Itoa(n)}
	v.label, _ = text(root, path.Join(chip.dir, v.key+"_label"))
	fault := path.Join(chip.dir, v.key+"_fault")
	if _, err := fs.Stat(root, fault); err != nil {
		fault = ""
	}
	v.read = func() (float64, error) {
		if fault != "" {
			if broken, err := integer(root, fault); err != nil || broken != 0 {
				return 0, hwmonFault(fault, err)
			}
		}
		n, err := integer(root, file)
		return float64(n) / k.units, err
	}
	return v
}

// hwmonFault is the error about a fault, or about reading whether there is one.
func hwmonFault(file string, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("/%s says that its probe or fan is broken or not connected", file)
}

// numberBetween reads the number of "temp12_input".
func numberBetween(s, prefix, suffix string) (int, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	s, ok2 := strings.CutSuffix(s, suffix)
	if !ok || !ok2 || len(s) > 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil
}

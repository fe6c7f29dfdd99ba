package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// sysTree makes a file system of texts; "-> x" is a link to x.
func sysTree(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, data := range files {
		if to, ok := strings.CutPrefix(data, "-> "); ok {
			tree[name] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		tree[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return tree
}

// failing is a file system some of whose files cannot be read.
type failing struct {
	fstest.MapFS
	errs map[string]error
}

// ReadFile implements [fs.ReadFileFS].
func (f failing) ReadFile(name string) ([]byte, error) {
	if err := f.errs[name]; err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return f.MapFS.ReadFile(name)
}

// board is what a PC or a Raspberry Pi with a few chips shows.
var board = map[string]string{
	"sys/class/hwmon/hwmon0/name":             "nvme\n",
	"sys/class/hwmon/hwmon0/device":           "-> ../../../0000:01:00.0/nvme0",
	"sys/class/hwmon/hwmon0/temp1_input":      "35850\n",
	"sys/class/hwmon/hwmon0/temp1_label":      "Composite\n",
	"sys/class/hwmon/hwmon1/name":             "nvme\n",
	"sys/class/hwmon/hwmon1/device":           "-> ../../../0000:02:00.0/nvme1",
	"sys/class/hwmon/hwmon1/temp1_input":      "-5000\n",
	"sys/class/hwmon/hwmon2/name":             "rpi_volt\n",
	"sys/class/hwmon/hwmon2/in0_lcrit_alarm":  "0\n",
	"sys/class/hwmon/hwmon3/name":             "sht3x\n",
	"sys/class/hwmon/hwmon3/device":           "-> ../../1-0044",
	"sys/class/hwmon/hwmon3/temp1_input":      "21530\n",
	"sys/class/hwmon/hwmon3/humidity1_input":  "43700\n",
	"sys/class/hwmon/hwmon4/name":             "board\n",
	"sys/class/hwmon/hwmon4/temp1_input":      "30000\n",
	"sys/class/hwmon/hwmon4/temp1_fault":      "0\n",
	"sys/class/hwmon/hwmon4/temp2_input":      "40000\n",
	"sys/class/hwmon/hwmon4/temp2_label":      "CPU\n",
	"sys/class/hwmon/hwmon4/temp10_input":     "50000\n",
	"sys/class/hwmon/hwmon4/temp2_crit":       "100000\n",
	"sys/class/hwmon/hwmon4/in0_input":        "3312\n",
	"sys/class/hwmon/hwmon4/curr1_input":      "-250\n",
	"sys/class/hwmon/hwmon4/power1_average":   "12500000\n",
	"sys/class/hwmon/hwmon4/power2_average":   "1\n",
	"sys/class/hwmon/hwmon4/power2_input":     "2500000\n",
	"sys/class/hwmon/hwmon4/energy1_input":    "7200000000000\n",
	"sys/class/hwmon/hwmon4/fan1_input":       "1234\n",
	"sys/class/hwmon/hwmon4/fan1_fault":       "0\n",
	"sys/class/hwmon/hwmon4/temp1_max_alarm":  "0\n",
	"sys/class/hwmon/hwmon4/temp_foo_input":   "1\n",
	"sys/class/hwmon/hwmon4/temp99999_input":  "1\n",
	"sys/class/hwmon/hwmon4/intrusion0_alarm": "0\n",
}

// kernelValuesOf measures a sensor of the kernel's, by quantity.
func kernelValuesOf(t *testing.T, s Sensor, err error) (map[reading.Quantity]float64, error) {
	t.Helper()
	if err != nil {
		return nil, err
	}
	channels := s.(Channeler).Channels()
	out := slices.Repeat([]float64{-9e9}, len(channels))
	if err := s.Measure(t.Context(), out); err != nil {
		if slices.ContainsFunc(out, func(x float64) bool { return x != -9e9 }) {
			t.Errorf("out was written on error: %v", out)
		}
		return nil, err
	}
	values := make(map[reading.Quantity]float64)
	for i, c := range channels {
		if _, twice := values[c.Quantity]; twice {
			t.Errorf("two channels are %s", c.Quantity)
		}
		if _, known := c.Quantity.Info(); !known || out[i] < c.Min || out[i] > c.Max {
			t.Errorf("%v is %v", c, out[i])
		}
		values[c.Quantity] = out[i]
	}
	return values, nil
}

func measureHwmon(t *testing.T, root fs.FS, id, values string) (map[reading.Quantity]float64, error) {
	t.Helper()
	s, err := openHwmon(t.Context(), &bus.Slot{Root: root, ID: id, Options: map[string]string{"values": values}})
	return kernelValuesOf(t, s, err)
}

// A vector is a file's name, =, and what is in it.
var _ = vectors("hwmon", 1e-9, func(in string) ([]float64, error) {
	name, data, _ := strings.Cut(in, "=")
	const dir = "sys/class/hwmon/hwmon0/"
	tree := sysTree(map[string]string{dir + "name": "chip", dir + name: data})
	s, err := openHwmon(context.Background(), &bus.Slot{Root: tree, Options: map[string]string{}})
	if err != nil {
		return nil, err
	}
	out := make([]float64, 1)
	return out, s.Measure(context.Background(), out)
},
	vector{in: "temp1_input=-12500\n", want: []float64{-12.5}, source: "Linux hwmon sysfs-interface.rst, m°C"},
	vector{in: "humidity1_input=45120\n", want: []float64{45.12}, source: "Linux hwmon sysfs-interface.rst, m%"},
	vector{in: "in0_input=3312\n", want: []float64{3.312}, source: "Linux hwmon sysfs-interface.rst, mV"},
	vector{in: "curr1_input=-250\n", want: []float64{-0.25}, source: "Linux hwmon sysfs-interface.rst, mA"},
	vector{in: "power1_input=12500000\n", want: []float64{12.5}, source: "Linux hwmon sysfs-interface.rst, µW"},
	vector{in: "energy1_input=3600000000000\n", want: []float64{1}, source: "Linux hwmon sysfs-interface.rst, µJ"},
	vector{in: "fan1_input=1234\n", want: []float64{1234}, source: "Linux hwmon sysfs-interface.rst, rpm"},
	vector{in: "temp1_input=warm\n", source: "Linux hwmon sysfs-interface.rst"},
	vector{in: "temp1_input=\n", source: "Linux hwmon sysfs-interface.rst"},
)

func TestHwmonMeasures(t *testing.T) {
	for _, test := range []struct {
		id, values string
		want       map[reading.Quantity]float64
	}{
		{"sht3x", "", map[reading.Quantity]float64{"temperature": 21.53, "humidity": 43.7}},
		{"nvme@nvme1", "", map[reading.Quantity]float64{"temperature": -5}},
		{"hwmon0", "", map[reading.Quantity]float64{"temperature": 35.85}},
		{"/sys/class/hwmon/hwmon0", "", map[reading.Quantity]float64{"temperature": 35.85}},
		{"board", "", map[reading.Quantity]float64{"temperature_1": 30, "temperature_2": 40, "temperature_10": 50, "voltage": 3.312,
			"current": -0.25, "power_1": 12.5, "power_2": 2.5, "energy": 2, "fan_speed": 1234}},
		{"board", "cpu=temperature_cpu, fan1=fan_speed, in0=voltage_supply*2, temp1=raw",
			map[reading.Quantity]float64{"temperature_cpu": 40, "fan_speed": 1234, "voltage_supply": 6.624, "raw": 30}},
	} {
		got, err := measureHwmon(t, sysTree(board), test.id, test.values)
		if err != nil || !maps.Equal(got, test.want) {
			t.Errorf("%s %q: %v, %v; want %v", test.id, test.values, got, err, test.want)
		}
	}
}

func TestHwmonFails(t *testing.T) {
	broken := func(changes map[string]string) fs.FS {
		files := maps.Clone(board)
		maps.Copy(files, changes)
		return sysTree(files)
	}
	const dir = "sys/class/hwmon/hwmon4/"
	for _, test := range []struct {
		root       fs.FS
		id, values string
		want       string
	}{
		{fstest.MapFS{}, "", "", "there is no hwmon chip"},
		{sysTree(board), "", "", "there are several: say which hwmon chip with id: board, nvme@nvme0, nvme@nvme1, rpi_volt, sht3x"},
		{sysTree(board), "nvme", "", "there are several"},
		{sysTree(board), "bme280", "", "there is no hwmon chip bme280: file does not exist; there is board, nvme@nvme0"},
		{sysTree(board), "rpi_volt", "", "/sys/class/hwmon/hwmon2 (rpi_volt): it has no values"},
		{sysTree(board), "board", "temp9=temperature", `has no "temp9"; it has temp1, temp2 (CPU), temp10, in0`},
		{sysTree(board), "board", "temp1=humidity", `"temp1" is temperature in °C, which humidity is not`},
		{sysTree(board), "board", "!temp1=temperature", "take the ! away"},
		{sysTree(board), "board", "temp1", "is no quantity"},
		{broken(map[string]string{dir + "temp1_fault": "1\n"}), "board", "temp1=temperature", "/sys/class/hwmon/hwmon4/temp1_fault says that its probe or fan is broken"},
		{broken(map[string]string{dir + "fan1_fault": "1\n"}), "board", "fan1=fan_speed", "fan1_fault says"},
		{broken(map[string]string{dir + "temp2_input": "\n"}), "board", "temp2=temperature", "temp2_input"},
	} {
		_, err := measureHwmon(t, test.root, test.id, test.values)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: error %v, want %q in it", test.id, test.values, err, test.want)
		}
	}
}

// What cannot be read at the start is no channel; what cannot be read later is
// an error, and nothing is written.
func TestHwmonUnreadable(t *testing.T) {
	root := failing{sysTree(board), map[string]error{"sys/class/hwmon/hwmon3/humidity1_input": syscall.ENODATA}}
	s, err := openHwmon(t.Context(), &bus.Slot{Root: root, ID: "sht3x", Options: map[string]string{}})
	got, err := kernelValuesOf(t, s, err)
	if err != nil || len(got) != 1 || got["temperature"] != 21.53 {
		t.Errorf("without humidity: %v, %v", got, err)
	}
	root.errs["sys/class/hwmon/hwmon3/temp1_input"] = syscall.EIO
	if _, err := kernelValuesOf(t, s, nil); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "/sys/class/hwmon/hwmon3/temp1_input") {
		t.Errorf("broken later: %v", err)
	}
	if _, err := measureHwmon(t, root, "sht3x", ""); !errors.Is(err, syscall.EIO) {
		t.Errorf("nothing can be read: %v", err)
	}
}

func TestHwmonFind(t *testing.T) {
	want := []Found{
		{Model: "board", ID: "board", Certain: true, Note: "has temp1, temp2 (CPU), temp10, in0, curr1, power1, power2, energy1, fan1"},
		{Model: "nvme", ID: "nvme@nvme0", Certain: true, Note: "has temp1 (Composite)"},
		{Model: "nvme", ID: "nvme@nvme1", Certain: true, Note: "has temp1"},
		{Model: "sht3x", ID: "sht3x", Certain: true, Note: "has temp1, humidity1"},
	}
	files := maps.Clone(board)
	maps.Copy(files, map[string]string{ // what others find
		"sys/class/hwmon/hwmon5/name": "w1_slave_temp", "sys/class/hwmon/hwmon5/temp1_input": "21000",
		"sys/class/hwmon/hwmon6/name": "cpu_thermal", "sys/class/hwmon/hwmon6/temp1_input": "48312",
		"sys/class/thermal/thermal_zone0/type": "cpu-thermal",
		"sys/class/hwmon/hwmon7/name":          "k10temp", "sys/class/hwmon/hwmon7/temp1_input": "50000",
	})
	want = slices.Insert(want, 1, Found{Model: "k10temp", ID: "k10temp", Note: "has temp1; " + hostHasIt})
	if got := findHwmon(sysTree(files)); !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%+v, want\n%+v", got, want)
	}
	for _, f := range findHwmon(sysTree(board)) {
		if _, err := measureHwmon(t, sysTree(board), f.ID, ""); err != nil {
			t.Errorf("%s was found: %v", f.ID, err)
		}
	}
}

func TestThermal(t *testing.T) {
	zones := map[string]string{
		"sys/class/thermal/thermal_zone0/type": "acpitz\n", "sys/class/thermal/thermal_zone0/temp": "27800\n",
		"sys/class/thermal/thermal_zone1/type": "x86_pkg_temp\n", "sys/class/thermal/thermal_zone1/temp": "-1000\n",
		"sys/class/thermal/thermal_zone2/type": "acpitz\n", // switched off
		"sys/class/thermal/thermal_zone3/type": "pch\n", "sys/class/thermal/thermal_zone3/temp": "40000\n",
	}
	measure := func(id string) (map[reading.Quantity]float64, error) {
		s, err := openThermal(t.Context(), &bus.Slot{Root: sysTree(zones), ID: id})
		return kernelValuesOf(t, s, err)
	}
	for id, want := range map[string]float64{"x86_pkg_temp": -1, "acpitz@thermal_zone0": 27.8, "thermal_zone0": 27.8} {
		if got, err := measure(id); err != nil || got[reading.Temperature] != want {
			t.Errorf("%s: %v, %v; want %v", id, got, err, want)
		}
	}
	for id, want := range map[string]string{
		"": "several", "acpitz": "several", "cpu-thermal": "there is no thermal zone cpu-thermal",
		"acpitz@thermal_zone2": "/sys/class/thermal/thermal_zone2/temp",
	} {
		if _, err := measure(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", id, err, want)
		}
	}
	if _, err := openThermal(t.Context(), &bus.Slot{Root: fstest.MapFS{}}); err == nil || !strings.Contains(err.Error(), "a virtual one") {
		t.Errorf("without zones: %v", err)
	}
	want := []Found{
		{Model: "acpitz", ID: "acpitz@thermal_zone0", Note: hostHasIt},
		{Model: "acpitz", ID: "acpitz@thermal_zone2", Note: "it cannot be read now"},
		{Model: "pch", ID: "pch", Certain: true},
		{Model: "x86_pkg_temp", ID: "x86_pkg_temp", Note: hostHasIt},
	}
	if got := findThermal(sysTree(zones)); !reflect.DeepEqual(got, want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

var _ = vectors("thermal", 1e-9, func(in string) ([]float64, error) {
	tree := sysTree(map[string]string{"sys/class/thermal/thermal_zone0/temp": in})
	x, err := thermalRead(tree, kernelChip{dir: "sys/class/thermal/thermal_zone0"})()
	return []float64{x}, err
},
	vector{in: "48312\n", want: []float64{48.312}, source: "Linux thermal sysfs-api.rst, m°C"},
	vector{in: "-1500\n", want: []float64{-1.5}, source: "Linux thermal sysfs-api.rst, m°C"},
	vector{in: "\n", source: "Linux thermal sysfs-api.rst"},
)

// The kernel's files of this machine, whatever they are, are read or are an
// error that names them.
func TestKernelFilesOfThisMachine(t *testing.T) {
	for _, d := range []string{"hwmon", "iio", "thermal", "w1"} {
		drv, _ := Lookup(d)
		for _, f := range drv.Find(bus.Root()) {
			s, err := drv.Open(t.Context(), &bus.Slot{Root: bus.Root(), ID: f.ID, Options: map[string]string{}})
			if _, err := kernelValuesOf(t, s, err); err != nil && !strings.Contains(err.Error(), "/sys/") {
				t.Errorf("%s %s: %v", d, f.ID, err)
			}
			t.Log(fmt.Sprint(d, " ", f))
		}
	}
}

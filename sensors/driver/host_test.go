package driver

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// pi is what a Raspberry Pi shows in /sys and /proc.
var pi = map[string]string{
	"sys/class/thermal/thermal_zone0/type":        "cpu-thermal\n",
	"sys/class/thermal/thermal_zone0/temp":        "48312\n",
	"proc/stat":                                   "cpu  100 10 40 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n",
	"proc/loadavg":                                "0.12 0.20 0.30 1/123 4567\n",
	"proc/meminfo":                                "MemTotal:         500000 kB\nMemFree: 1 kB\nMemAvailable:     125000 kB\n",
	"proc/uptime":                                 "123456.78 400000.00\n",
	"sys/class/net/lo/statistics/rx_bytes":        "999000000\n",
	"sys/class/net/lo/statistics/tx_bytes":        "999000000\n",
	"sys/class/net/eth0/statistics/rx_bytes":      "5000000\n",
	"sys/class/net/eth0/statistics/tx_bytes":      "2500000\n",
	"sys/class/net/eth0/device/uevent":            "",
	"sys/class/net/wlan0/statistics/rx_bytes":     "1000000\n",
	"sys/class/net/wlan0/statistics/tx_bytes":     "500000\n",
	"sys/class/net/wlan0/device/uevent":           "",
	"sys/class/net/docker0/statistics/rx_bytes":   "777000000\n",
	"sys/class/net/docker0/statistics/tx_bytes":   "777000000\n",
	"sys/class/hwmon/hwmon1/name":                 "rpi_volt\n",
	"sys/class/hwmon/hwmon1/in0_lcrit_alarm":      "1\n",
	"sys/class/thermal/cooling_device0/type":      "pwm-fan\n",
	"sys/class/thermal/cooling_device0/cur_state": "4\n",
	"sys/class/thermal/cooling_device1/type":      "thermal-cpufreq-0\n",
	"sys/class/thermal/cooling_device1/cur_state": "0\n",
}

// tree makes a file system of pi with some files changed, "-" for removed.
func hostTree(changes map[string]string) fstest.MapFS {
	files := maps.Clone(pi)
	maps.Copy(files, changes)
	tree := fstest.MapFS{}
	for name, data := range files {
		if data != "-" {
			tree[name] = &fstest.MapFile{Data: []byte(data)}
		}
	}
	return tree
}

func withDisk(t *testing.T, size func(string) (float64, float64, error)) {
	t.Helper()
	old := diskSize
	diskSize = size
	t.Cleanup(func() { diskSize = old })
}

func readHost(t *testing.T, s Sensor) map[reading.Quantity]float64 {
	t.Helper()
	channels := s.(Channeler).Channels()
	out := make([]float64, len(channels))
	if err := s.Measure(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	values := make(map[reading.Quantity]float64)
	for i, c := range channels {
		if out[i] < c.Min || out[i] > c.Max || math.IsNaN(out[i]) {
			t.Errorf("%s is %v, out of its range", c.Quantity, out[i])
		}
		values[c.Quantity] = out[i]
	}
	return values
}

func TestHostMeasures(t *testing.T) {
	withDisk(t, func(string) (float64, float64, error) { return 32e9, 8e9, nil })
	tree := hostTree(nil)
	s, err := openHost(t.Context(), &bus.Slot{Root: tree})
	if err != nil {
		t.Fatal(err)
	}
	got := readHost(t, s)
	want := map[reading.Quantity]float64{
		reading.Temperature: 48.312, reading.CPUUsage: 15, reading.Load: 0.12,
		reading.MemoryUsed: 75, reading.MemoryAvailable: 128, reading.DiskUsed: 75, reading.DiskFree: 8,
		reading.Received: 6, reading.Sent: 3, reading.Uptime: 123456.78, reading.UnderVoltage: 1, reading.Throttled: 0,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(want) != len(hostChannels) {
		t.Errorf("this test knows %d of %d channels", len(want), len(hostChannels))
	}
	tree["sys/class/hwmon/hwmon1/in0_lcrit_alarm"] = &fstest.MapFile{Data: []byte("0\n")}
	tree["sys/class/thermal/cooling_device1/cur_state"] = &fstest.MapFile{Data: []byte("2\n")}
	if got := readHost(t, s); got[reading.UnderVoltage] != 0 || got[reading.Throttled] != 1 {
		t.Errorf("a good supply, and hot: %v", got)
	}
	// 60 of the next 100 jiffies were busy.
	tree["proc/stat"] = &fstest.MapFile{Data: []byte("cpu  150 10 50 830 60 0 0 0 0 0\n")}
	if got := readHost(t, s)[reading.CPUUsage]; got != 60 {
		t.Errorf("CPU usage of the second measurement %v %%, want 60", got)
	}
}

func TestHostHasOnlyWhatIsThere(t *testing.T) {
	withDisk(t, func(string) (float64, float64, error) { return 0, 0, errors.New("no disk") })
	s, err := openHost(t.Context(), &bus.Slot{Root: fstest.MapFS{"proc/loadavg": {Data: []byte("1.5 1 1 1/1 1\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := readHost(t, s); len(got) != 1 || got[reading.Load] != 1.5 {
		t.Errorf("got %v", got)
	}
	if _, err := openHost(t.Context(), &bus.Slot{Root: fstest.MapFS{}}); err == nil || !strings.Contains(err.Error(), "is it Linux?") {
		t.Errorf("a machine without anything: %v", err)
	}
}

func TestHostTemperatureSource(t *testing.T) {
	none := map[string]string{"sys/class/thermal/thermal_zone0/type": "-", "sys/class/thermal/thermal_zone0/temp": "-"}
	with := func(files map[string]string) map[string]string {
		all := maps.Clone(none)
		maps.Copy(all, files)
		return all
	}
	for name, test := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"the processor's zone among several": {map[string]string{
			"sys/class/thermal/thermal_zone0/type": "pch_cannonlake", "sys/class/thermal/thermal_zone0/temp": "30000",
			"sys/class/thermal/thermal_zone1/type": "x86_pkg_temp", "sys/class/thermal/thermal_zone1/temp": "40000"}, 40},
		"hwmon": {with(map[string]string{"sys/class/hwmon/hwmon3/name": "k10temp\n", "sys/class/hwmon/hwmon3/temp1_input": "51500\n",
			"sys/class/hwmon/hwmon0/name": "nvme", "sys/class/hwmon/hwmon0/temp1_input": "20000"}), 51.5},
		"a zone that is off": {map[string]string{
			"sys/class/thermal/thermal_zone0/temp": "-", "sys/class/thermal/thermal_zone1/type": "wifi", "sys/class/thermal/thermal_zone1/temp": "33000"}, 33},
		"below zero": {map[string]string{"sys/class/thermal/thermal_zone0/temp": "-12500"}, -12.5},
	} {
		m, err := hostTemperature(hostTree(test.files))
		out := make([]float64, 1)
		if err != nil || m.measure(out) != nil || out[0] != test.want {
			t.Errorf("%s: %v, %v; want %v", name, out[0], err, test.want)
		}
	}
	if _, err := hostTemperature(hostTree(none)); err == nil {
		t.Error("a temperature without any source")
	}
}

// TestHostFaults breaks each file after Open: Measure names it and writes
// nothing.
func TestHostFaults(t *testing.T) {
	withDisk(t, func(string) (float64, float64, error) { return 32e9, 8e9, nil })
	for _, file := range []string{"proc/stat", "proc/loadavg", "proc/meminfo", "proc/uptime", "sys/class/thermal/thermal_zone0/temp", "sys/class/net/eth0/statistics/tx_bytes",
		"sys/class/hwmon/hwmon1/in0_lcrit_alarm", "sys/class/thermal/cooling_device1/cur_state"} {
		for _, garbage := range []string{"-", "", "garbage\n", "cpu x y z a b\n", "NaN", "MemTotal: many kB\n", "MemTotal: 1 MB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\n"} {
			tree := hostTree(nil)
			s, err := openHost(t.Context(), &bus.Slot{Root: tree})
			if err != nil {
				t.Fatal(err)
			}
			if garbage == "-" {
				delete(tree, file)
			} else {
				tree[file] = &fstest.MapFile{Data: []byte(garbage)}
			}
			out := make([]float64, len(s.(Channeler).Channels()))
			err = s.Measure(t.Context(), out)
			if err == nil || !strings.Contains(err.Error(), "/"+file) {
				t.Errorf("%s is %q: error %v does not name it", file, garbage, err)
			}
			for i, x := range out {
				if x != 0 {
					t.Errorf("%s is %q: out[%d] was written", file, garbage, i)
				}
			}
		}
	}
}

func TestHostNetworkInterfaces(t *testing.T) {
	tree := hostTree(map[string]string{"sys/class/net/eth0/device/uevent": "-", "sys/class/net/wlan0/device/uevent": "-"})
	m, err := hostNetwork(tree)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 2)
	if err := m.measure(out); err != nil || out[0] != 5+1+777 {
		t.Errorf("without hardware all but lo count: %v, %v", out, err)
	}
	if _, err := hostNetwork(fstest.MapFS{"sys/class/net/lo/statistics/rx_bytes": {Data: []byte("1")}}); err == nil {
		t.Error("lo alone is a network")
	}
}

func TestHostDiskError(t *testing.T) {
	fail := false
	withDisk(t, func(string) (float64, float64, error) {
		if fail {
			return 0, 0, errors.New("input/output error")
		}
		return 0, 0, nil
	})
	m, err := hostDisk(nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 2)
	if err := m.measure(out); err != nil || out[0] != 0 {
		t.Errorf("a disk of no size: %v, %v", out, err)
	}
	fail = true
	if err := m.measure(out); err == nil {
		t.Error("a disk that fails measures")
	}
}

// TestThisMachine reads the real thing.
func TestThisMachine(t *testing.T) {
	s, err := openHost(t.Context(), &bus.Slot{Root: bus.Root()})
	if err != nil {
		t.Skipf("not a machine that host knows: %v", err)
	}
	got := readHost(t, s)
	if got[reading.Uptime] <= 0 || got[reading.MemoryAvailable] <= 0 {
		t.Errorf("got %v", got)
	}
}

// A vector is the text of a file of /sys or /proc.
var _ = vectors("host", 1e-9, func(in string) ([]float64, error) {
	file, data, _ := strings.Cut(in, "=")
	return measureHostFile(file, data)
},
	vector{in: "sys/class/thermal/thermal_zone0/temp=48312\n", want: []float64{48.312}, source: "Linux thermal sysfs-api.rst, m°C"},
	vector{in: "sys/class/thermal/thermal_zone0/temp=-1500\n", want: []float64{-1.5}, source: "Linux thermal sysfs-api.rst, m°C"},
	vector{in: "sys/class/thermal/thermal_zone0/temp=warm\n", source: "Linux thermal sysfs-api.rst, m°C"},
	vector{in: "proc/loadavg=0.12 0.20 0.30 1/123 4567\n", want: []float64{0.12}, source: "Linux proc.rst"},
	vector{in: "proc/uptime=123456.78 400000.00\n", want: []float64{123456.78}, source: "Linux proc.rst"},
	vector{in: "proc/uptime=\n", source: "Linux proc.rst"},
	vector{in: "sys/class/hwmon/hwmon1/in0_lcrit_alarm=1\n", want: []float64{1}, source: "Linux hwmon sysfs-interface.rst, alarm"},
	vector{in: "sys/class/hwmon/hwmon1/in0_lcrit_alarm=0\n", want: []float64{0}, source: "Linux hwmon sysfs-interface.rst, alarm"},
	vector{in: "sys/class/thermal/cooling_device1/cur_state=3\n", want: []float64{1}, source: "Linux thermal sysfs-api.rst, cur_state"},
)

// measureHostFile measures what the probe of one file finds in data.
func measureHostFile(file, data string) ([]float64, error) {
	probes := map[string]func(fs.FS) (hostMeter, error){
		"sys/class/thermal/thermal_zone0/temp": hostTemperature, "proc/loadavg": hostLoad, "proc/uptime": hostUptime,
		"sys/class/hwmon/hwmon1/in0_lcrit_alarm": hostUnderVoltage, "sys/class/thermal/cooling_device1/cur_state": hostThrottled,
	}
	m, err := probes[file](hostTree(map[string]string{file: data}))
	if err != nil {
		return nil, err
	}
	out := make([]float64, 1)
	err = m.measure(out)
	return out, err
}

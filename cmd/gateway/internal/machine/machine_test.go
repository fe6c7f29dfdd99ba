package machine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"gateway/sensors/bus"
)

func pi(more map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/device-tree/model":                 "Raspberry Pi Zero W Rev 1.1\x00",
		"proc/sys/kernel/osrelease":              "6.12.47+rpt-rpi-v6\n",
		"proc/loadavg":                           "0.52 0.58 0.59 1/123 4567\n",
		"proc/uptime":                            "93784.12 80000.00\n",
		"proc/meminfo":                           "MemTotal:         437684 kB\nMemFree:           20000 kB\nMemAvailable:     287684 kB\n",
		"proc/stat":                              "cpu  100 0 100 800 0 0 0 0 0 0\n",
		"sys/class/thermal/thermal_zone0/type":   "cpu-thermal\n",
		"sys/class/thermal/thermal_zone0/temp":   "47236\n",
		"sys/class/hwmon/hwmon1/name":            "rpi_volt\n",
		"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
		"proc/self/statm":                        "3000 1000 700 1 0 500 0\n",
		"proc/self/io":                           "rchar: 1\nwchar: 2\nread_bytes: 4096\nwrite_bytes: 12288\ncancelled_write_bytes: 0\n",
		"proc/self/fd/0":                         "", "proc/self/fd/1": "",
		"etc/timezone": "Asia/Seoul\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range more {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func TestPi(t *testing.T) {
	m := New(pi(nil))
	s := m.State()
	if !s.Pi || s.Model != "Raspberry Pi Zero W Rev 1.1" || s.Kernel != "6.12.47+rpt-rpi-v6" || s.Uptime.Hours() < 26 || len(s.Load) != 3 || s.Load[1] != 0.58 {
		t.Errorf("%+v", s)
	}
	if s.CPUTemp == nil || *s.CPUTemp != 47.236 || s.Voltage == nil || !*s.Voltage || s.Throttled != nil {
		t.Errorf("temperature %v, under-voltage %v, throttled %v", s.CPUTemp, s.Voltage, s.Throttled)
	}
	if s.MemTotal == nil || *s.MemTotal != 437684*1024 || s.MemFree == nil || *s.MemFree != 287684*1024 {
		t.Errorf("memory %v, %v", s.MemTotal, s.MemFree)
	}
	p := m.Process()
	if p.Resident != 1000*float64(os.Getpagesize()) || p.Written == nil || *p.Written != 12288 || p.OpenFiles != 2 || p.Goroutines < 1 || p.Heap == 0 {
		t.Errorf("%+v", p)
	}
	c := m.Clock()
	if c.Zone == "" || c.Time.IsZero() || !c.Synced { // no device tree in sys: it is no board
		t.Errorf("%+v", c)
	}
}

// TestNothing is a machine that tells nothing: no guess is made.
func TestNothing(t *testing.T) {
	m := New(fstest.MapFS{})
	if s := m.State(); s.Pi || s.Model != "" || s.CPUTemp != nil || s.Voltage != nil || s.MemTotal != nil || s.Load != nil || s.Uptime != 0 {
		t.Errorf("%+v", s)
	}
	if p := m.Process(); p.Written != nil || p.Resident != 0 {
		t.Errorf("%+v", p)
	}
}

// TestThisMachine only wants it to work where the tests run.
func TestThisMachine(t *testing.T) {
	m := New(bus.Root())
	if s := m.State(); s.OS == "" || s.CPUs < 1 {
		t.Errorf("%+v", s)
	}
	m.State()
	m.Clock()
	d, err := m.Disk(t.TempDir())
	if err != nil || d.Total <= 0 || d.Free < 0 || d.Free > d.Total {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestDiskOfWhatIsNotThere asks the folder above.
func TestDiskOfWhatIsNotThere(t *testing.T) {
	m := New(fstest.MapFS{})
	var asked []string
	m.disk = func(folder string) (float64, float64, error) {
		asked = append(asked, folder)
		if folder != "/var" {
			return 0, 0, errors.New("not there")
		}
		return 100, 40, nil
	}
	if d, err := m.Disk("/var/lib/gateway"); err != nil || d != (Disk{100, 40}) || len(asked) != 3 {
		t.Errorf("%+v, %v, asked %v", d, err, asked)
	}
	m.disk = func(string) (float64, float64, error) { return 0, 0, errors.New("broken") }
	if _, err := m.Disk("/var/lib"); err == nil {
		t.Error("no error")
	}
}

func TestFolderSize(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"a": 100, "sub/b": 50, "history/c": 1000} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := New(fstest.MapFS{})
	if n := m.FolderSize(dir, filepath.Join(dir, "history")); n != 150 {
		t.Errorf("%d bytes, want 150", n)
	}
	if n := m.FolderSize(filepath.Join(dir, "history")); n != 1000 {
		t.Errorf("%d bytes, want 1000", n)
	}
	if n := m.FolderSize(filepath.Join(dir, "none")); n != 0 {
		t.Errorf("%d bytes, want 0", n)
	}
}

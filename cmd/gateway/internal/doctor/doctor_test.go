package doctor

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"gateway/cmd/gateway/internal/config"
	"gateway/sensors"
)

// files makes a tree of files with their content; those below dev are devices.
func files(all map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, content := range all {
		f := &fstest.MapFile{Data: []byte(content)}
		if strings.HasPrefix(name, "dev/") {
			f.Mode = fs.ModeDevice
		}
		tree[name] = f
	}
	return tree
}

const piModel = "proc/device-tree/model"

func TestDoctor(t *testing.T) {
	pi := "Raspberry Pi 4 Model B Rev 1.4\x00"
	bme := sensors.SensorConfig{Driver: "bme280", Room: "kitchen"}
	for _, tt := range []struct {
		name   string
		files  map[string]string
		denied string // the file that may not be opened
		broken error  // why a file cannot be opened that may
		cfg    []sensors.SensorConfig
		want   []string // lines, or what begins the line after
	}{
		{"I²C is off", map[string]string{piModel: pi}, "", nil, []sensors.SensorConfig{bme},
			[]string{"BAD   I²C            /dev/i2c-1 is not there", "→ sudo raspi-config nonint do_i2c 0"}},
		{"nobody needs I²C", map[string]string{piModel: pi}, "", nil, nil,
			[]string{"note  I²C            off, or there is none", "note  SPI", "note  1-Wire"}},
		{"another bus", map[string]string{"dev/i2c-3": ""}, "", nil, []sensors.SensorConfig{bme},
			[]string{"BAD   I²C            /dev/i2c-1 is not there; there is i2c-3", "ok    I²C            /dev/i2c-3"}},
		{"not in the group", map[string]string{"dev/i2c-1": ""}, "/dev/i2c-1", nil, []sensors.SensorConfig{bme},
			[]string{"BAD   I²C            open /dev/i2c-1: permission denied", "→ sudo usermod -aG i2c pi   and log in again"}},
		{"not in the group that nobody needs", map[string]string{"dev/spidev0.0": ""}, "/dev/spidev0.0", nil, nil,
			[]string{"note  SPI            open /dev/spidev0.0: permission denied", "→ sudo usermod -aG spi pi   and log in again"}},
		{"the kernel has the chip", map[string]string{"dev/i2c-1": "", "sys/bus/i2c/devices/1-0076/driver/module": "", "sys/bus/i2c/devices/1-0076/name": "bme280"}, "", nil, []sensors.SensorConfig{bme},
			[]string{"BAD   I²C            the kernel's driver bme280 has address 0x76 of i2c-1, which kitchen/bme280 wants", "→ use driver iio or hwmon"}},
		{"1-Wire is off", map[string]string{piModel: pi}, "", nil, []sensors.SensorConfig{{Driver: "w1", Room: "cellar"}},
			[]string{"BAD   1-Wire         off, or there is none", "→ sudo raspi-config nonint do_onewire 0"}},
		{"1-Wire without a thermometer", map[string]string{"sys/bus/w1/devices/w1_bus_master1/x": ""}, "", nil, []sensors.SensorConfig{{Driver: "w1", Room: "cellar"}},
			[]string{"BAD   1-Wire         nothing answers", "→ check the cable, and the 4.7 kΩ"}},
		{"1-Wire without this thermometer", map[string]string{"sys/bus/w1/devices/28-1/x": ""}, "", nil, []sensors.SensorConfig{{Driver: "w1", Room: "cellar", ID: "28-2"}},
			[]string{"BAD   1-Wire         28-2 does not answer", "ok    1-Wire         1 devices"}},
		{"under-voltage", map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, "", nil, nil,
			[]string{"BAD   supply", "→ use a stronger supply"}},
		{"no under-voltage", map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n"}, "", nil, nil,
			[]string{"ok    supply         no under-voltage"}},
		{"the console is on the port", map[string]string{piModel: pi, "dev/ttyAMA0": "", "proc/cmdline": "console=serial0,115200 root=/dev/mmcblk0p2\n"}, "", nil,
			[]sensors.SensorConfig{{Driver: "modbus", Room: "cellar", Port: "/dev/ttyAMA0", UnitID: 1}},
			[]string{"ok    serial         /dev/ttyAMA0", "BAD   serial         /dev/ttyAMA0 is the console", "→ sudo raspi-config nonint do_serial_cons 1"}},
		{"adapter is unplugged", map[string]string{}, "", fs.ErrNotExist,
			[]sensors.SensorConfig{{Driver: "modbus", Room: "cellar", Port: "/dev/ttyUSB0", UnitID: 1}, {Driver: "modbus", Room: "attic", Port: "tcp://meter:502", UnitID: 1}},
			[]string{"BAD   serial         open /dev/ttyUSB0: file does not exist", "→ plug the adapter in"}},
		{"another program has the port", map[string]string{}, "", syscall.EBUSY, []sensors.SensorConfig{{Driver: "modbus", Room: "cellar", Port: "/dev/ttyUSB0", UnitID: 1}},
			[]string{"BAD   serial", "→ another program has it open; sudo fuser /dev/ttyUSB0 says which"}},
		{"no lines", map[string]string{}, "", nil, nil, []string{"note  GPIO           this machine has no lines"}},
		{"a line", map[string]string{"dev/gpiochip0": ""}, "", nil, nil, []string{"ok    GPIO           /dev/gpiochip0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Machine{
				Root: files(tt.files), User: "pi",
				Access: func(file string) error {
					switch {
					case file == tt.denied:
						return &fs.PathError{Op: "open", Path: file, Err: fs.ErrPermission}
					case tt.broken != nil:
						return &fs.PathError{Op: "open", Path: file, Err: tt.broken}
					}
					return nil
				},
				Group: func(file string) string { return strings.Trim(strings.TrimSuffix(filepath.Base(file), "dev0.0"), "-1") },
			}
			cfg := config.Default()
			cfg.Persistence.Path = t.TempDir()
			cfg.Sensors.Sensors = tt.cfg
			var out strings.Builder
			sick := Print(&out, m.Examine(cfg))
			rest := out.String()
			for _, want := range tt.want {
				i := strings.Index(rest, want)
				if i < 0 {
					t.Fatalf("want %q in\n%s", want, &out)
				}
				rest = rest[i+len(want):]
			}
			if wantSick := strings.Contains(strings.Join(tt.want, "\n"), "BAD"); sick != wantSick || strings.Contains(rest, "BAD") {
				t.Errorf("sick %v, want %v:\n%s", sick, wantSick, &out)
			}
		})
	}
}

// TestDoctorOfTheService: the folder of the service counts, and not that of who asks.
func TestDoctorOfTheService(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := (Machine{Store: dir}).keeps(config.Default()); f[0].Verdict != Good || f[0].What != dir+", that of the service" {
		t.Errorf("%+v", f)
	}
	if f := (Machine{Store: filepath.Join(dir, "file")}).keeps(config.Default()); f[0].Verdict != Bad || f[0].Fix == "" {
		t.Errorf("%+v", f)
	}
}

func TestDoctorOfTheStore(t *testing.T) {
	dir := t.TempDir()
	cfg := config.Default()
	for _, tt := range []struct {
		path string
		want Verdict
	}{
		{filepath.Join(dir, "a", "b"), Good},
		{dir, Good},
		{filepath.Join(dir, "file", "b"), Bad},
	} {
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.Persistence.Path = tt.path
		if f := (Machine{User: "pi"}).keeps(cfg); f[0].Verdict != tt.want {
			t.Errorf("%s: %+v", tt.path, f)
		}
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Error("the doctor leaves something behind")
	}
	cfg.Persistence.Enabled = false
	if f := (Machine{}).keeps(cfg); f[0].Verdict != Note {
		t.Errorf("off: %+v", f)
	}
}

package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestI2CNumber(t *testing.T) {
	for _, tt := range []struct {
		name string
		want int // -1 for an error
	}{
		{"i2c-1", 1},
		{"/dev/i2c-1", 1},
		{"1", 1},
		{"i2c-0", 0},
		{"i2c-22", 22},
		{"", -1},
		{"i2c-", -1},
		{"i2c--1", -1},
		{"i2c-+1", -1},
		{"-1", -1},
		{"i2c-1x", -1},
		{"i2c1", -1},
		{"I2C1", -1},
		{"/dev/1", -1},
		{"/dev/i2c-01", -1},
		{"/dev/spidev0.0", -1},
		{"i2c-99999999999999999999", -1},
	} {
		got, err := i2cNumber(tt.name)
		if tt.want < 0 {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", tt.name)) {
				t.Errorf("i2cNumber(%q) = %d, %v, want an error with the name", tt.name, got, err)
			}
			continue
		}
		if got != tt.want || err != nil {
			t.Errorf("i2cNumber(%q) = %d, %v, want %d", tt.name, got, err, tt.want)
		}
	}
}

func FuzzI2CNumber(f *testing.F) {
	f.Add("i2c-1")
	f.Add("/dev/i2c-1")
	f.Fuzz(func(t *testing.T, name string) {
		n, err := i2cNumber(name)
		if err != nil {
			return
		}
		if again, err := i2cNumber(i2cDevice(n)); n < 0 || again != n || err != nil {
			t.Errorf("%q is bus %d, and %s is %d, %v", name, n, i2cDevice(n), again, err)
		}
	})
}

func TestI2CBuses(t *testing.T) {
	for _, tt := range []struct {
		files []string
		want  []string
	}{
		{nil, nil},
		{[]string{"dev/null", "dev/spidev0.0"}, nil},
		{[]string{"dev/i2c-20", "dev/i2c-1", "dev/i2c-10", "dev/i2c-x", "dev/null"}, []string{"i2c-1", "i2c-10", "i2c-20"}},
	} {
		root := fstest.MapFS{}
		for _, f := range tt.files {
			root[f] = &fstest.MapFile{}
		}
		if got := I2CBuses(root); !slices.Equal(got, tt.want) {
			t.Errorf("I2CBuses with %v = %v, want %v", tt.files, got, tt.want)
		}
	}
}

func TestExplainOpen(t *testing.T) {
	absent := &fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: syscall.ENOENT}
	forbidden := &fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: syscall.EACCES}
	for _, tt := range []struct {
		err   error
		buses []string
		says  []string
	}{
		{absent, nil, []string{"i2c-1", "no I²C bus", "sudo raspi-config nonint do_i2c 0"}},
		{absent, []string{"i2c-20", "i2c-21"}, []string{"this machine has i2c-20, i2c-21;", "do_i2c 0"}},
		{forbidden, []string{"i2c-1"}, []string{"/dev/i2c-1", "sudo usermod -aG i2c $USER", "log in again"}},
		{syscall.ENOTTY, nil, []string{"i2c-1", "inappropriate ioctl"}},
	} {
		err := explainOpen(1, tt.err, tt.buses)
		if !errors.Is(err, tt.err) {
			t.Errorf("%v does not wrap %v", err, tt.err)
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q does not say %q", err, s)
			}
		}
	}
}

// i2cTables are of a machine with a bus, a chip that the kernel has, and one
// that it was only told of.
var i2cTables = fstest.MapFS{
	"dev/i2c-1":                           {},
	"sys/bus/i2c/devices/i2c-1/name":      {Data: []byte("bcm2835 (i2c@7e804000)\n")},
	"sys/bus/i2c/devices/1-0076/name":     {Data: []byte("bme280\n")},
	"sys/bus/i2c/devices/1-0076/driver":   {Mode: fs.ModeSymlink, Data: []byte("../../../../../../bus/i2c/drivers/bmp280")},
	"sys/bus/i2c/devices/1-0044/name":     {Data: []byte("sht3x\n")},
	"sys/bus/i2c/devices/22-0068/name":    {Data: []byte("ds3231\n")},
	"sys/bus/i2c/devices/22-0068/driver/": {Mode: fs.ModeDir},
}

func TestI2CKernelDriver(t *testing.T) {
	for _, tt := range []struct {
		bus  string
		addr uint16
		want string
	}{
		{"i2c-1", 0x76, "bmp280"},
		{"/dev/i2c-1", 0x76, "bmp280"},
		{"i2c-1", 0x77, ""},
		{"i2c-1", 0x44, ""},
		{"i2c-2", 0x76, ""},
		{"i2c-22", 0x68, "ds3231"}, // a link that cannot be read
		{"usb", 0x76, ""},
	} {
		if got := I2CKernelDriver(i2cTables, tt.bus, tt.addr); got != tt.want {
			t.Errorf("I2CKernelDriver(%s, %#x) = %q, want %q", tt.bus, tt.addr, got, tt.want)
		}
	}
}

func TestI2CAdapterName(t *testing.T) {
	for bus, want := range map[string]string{"i2c-1": "bcm2835 (i2c@7e804000)", "1": "bcm2835 (i2c@7e804000)", "i2c-2": "", "usb": ""} {
		if got := I2CAdapterName(i2cTables, bus); got != want {
			t.Errorf("I2CAdapterName(%s) = %q, want %q", bus, got, want)
		}
	}
}

func TestRootHasProc(t *testing.T) {
	if _, err := fs.Stat(Root(), "proc/self/stat"); err != nil {
		t.Skip("no /proc here: ", err)
	}
	if b, err := fs.ReadFile(Root(), "proc/self/stat"); err != nil || len(b) == 0 {
		t.Errorf("proc/self/stat: %d bytes, %v", len(b), err)
	}
}

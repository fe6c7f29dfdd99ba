package bus

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// pi is a Raspberry Pi with two adapters and its console on the header.
var pi = fstest.MapFS{
	"dev/serial/by-id/usb-1a86_USB_Serial-if00-port0": {Mode: fs.ModeSymlink, Data: []byte("../../ttyUSB1")},
	"dev/serial0":              {Mode: fs.ModeSymlink, Data: []byte("ttyAMA0")},
	"dev/ttyAMA0":              {},
	"dev/ttyAMA10":             {},
	"dev/ttyAMA2":              {},
	"dev/ttyS0":                {},
	"dev/ttyS1":                {},
	"dev/ttyUSB0":              {},
	"dev/ttyUSB1":              {},
	"dev/ttyUSBx":              {},
	"dev/ttyACM0":              {},
	"dev/tty1":                 {},
	"sys/class/tty/ttyS0/type": {Data: []byte("4\n")},
	"sys/class/tty/ttyS1/type": {Data: []byte("0\n")}, // no chip
	"proc/cmdline":             {Data: []byte("console=ttyAMA0,115200 console=tty1 root=PARTUUID=1-02\n")},
}

func TestSerialPorts(t *testing.T) {
	want := []string{"/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "/dev/ttyAMA0", "/dev/ttyAMA2", "/dev/ttyAMA10",
		"/dev/ttyS0", "/dev/ttyUSB0", "/dev/ttyACM0"}
	if got := SerialPorts(pi); !slices.Equal(got, want) {
		t.Errorf("SerialPorts = %q, want %q", got, want)
	}
	if got := SerialPorts(fstest.MapFS{}); len(got) != 0 {
		t.Errorf("SerialPorts of nothing = %q", got)
	}
}

func TestExplainSerial(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		root fs.FS
		says []string
	}{
		{"/dev/ttyUSB7", syscall.ENOENT, pi, []string{"/dev/ttyUSB7", "this machine has /dev/serial/by-id/usb-1a86", "/dev/ttyACM0"}},
		{"/dev/ttyUSB7", syscall.ENOENT, fstest.MapFS{}, []string{"this machine has no serial port"}},
		{"/dev/serial0", syscall.ENOENT, fstest.MapFS{}, []string{"do_serial_hw 0"}},
		{"/dev/ttyUSB0", syscall.EACCES, pi, []string{"sudo usermod -aG dialout $USER", "log in again"}},
		{"/dev/ttyAMA0", syscall.EACCES, pi, []string{"sudo raspi-config nonint do_serial_cons 1", "serial console has it"}},
		{"/dev/serial0", syscall.EACCES, pi, []string{"do_serial_cons 1"}},
		{"/dev/ttyAMA2", syscall.EACCES, pi, []string{"dialout"}},
		{"/dev/ttyUSB0", syscall.EBUSY, pi, []string{"another program", "sudo fuser -v /dev/ttyUSB0"}},
		{"/dev/null", syscall.ENOTTY, pi, []string{"/dev/null", "no serial port"}},
		{"/dev/ttyS1", syscall.EIO, pi, []string{"no hardware"}},
		{"/dev/ttyAMA0", syscall.EINVAL, pi, []string{"set up like that"}},
		{"/dev/ttyAMA0", syscall.EMFILE, pi, []string{"serial port /dev/ttyAMA0: too many"}},
	} {
		err := explainSerial(tt.name, tt.err, tt.root)
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

func TestSerialModes(t *testing.T) {
	for _, tt := range []struct {
		m    SerialMode
		want SerialMode
		says string // of the error
	}{
		{SerialMode{Baud: 9600}, SerialMode{9600, 8, "none", 1}, ""},
		{SerialMode{2400, 7, "even", 2}, SerialMode{2400, 7, "even", 2}, ""},
		{SerialMode{}, SerialMode{}, "baud rate 0"},
		{SerialMode{Baud: 5_000_000}, SerialMode{}, "baud rate 5000000"},
		{SerialMode{Baud: 9600, DataBits: 9}, SerialMode{}, "9 data bits"},
		{SerialMode{Baud: 9600, Parity: "E"}, SerialMode{}, `parity "E"`},
		{SerialMode{Baud: 9600, StopBits: 3}, SerialMode{}, "3 stop bits"},
	} {
		got, err := tt.m.withDefaults()
		if tt.says != "" {
			_, openErr := OpenSerial("/dev/null", tt.m)
			for _, err := range []error{err, openErr} {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%+v: %v, want %q", tt.m, err, tt.says)
				}
			}
			continue
		}
		if got != tt.want || err != nil {
			t.Errorf("%+v: %+v, %v", tt.m, got, err)
		}
	}
	if got := (SerialMode{9600, 8, "none", 1}).onWire(96); got != 100*time.Millisecond {
		t.Errorf("96 bytes at 9600 baud take %v", got)
	}
	if got := (SerialMode{9600, 8, "even", 2}).onWire(80); got != 100*time.Millisecond {
		t.Errorf("80 bytes at 9600 baud with parity take %v", got)
	}
}

func TestOpenSerialNames(t *testing.T) {
	for name, says := range map[string]string{
		"":              `""`,
		"ttyUSB0":       "/dev/ttyUSB0",
		"tcp://host":    "tcp://192.168.1.7:2000",
		"tcp://:x:":     "tcp://192.168.1.7:2000",
		"udp://a:1":     "tcp://host:port",
		"/dev/tty-none": "/dev/tty-none",
	} {
		if p, err := OpenSerial(name, SerialMode{Baud: 9600}); err == nil || p != nil || !strings.Contains(err.Error(), says) {
			t.Errorf("OpenSerial(%q) = %v, %v, want %q", name, p, err, says)
		}
	}
}

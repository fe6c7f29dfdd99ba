package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// OpenSerial opens a serial port: "/dev/ttyUSB0", better by the name that
// stays the same, "/dev/serial/by-id/usb-…", or one of another machine behind
// ser2net in its raw mode, "tcp://host:port", where it was set up: m is of no
// use then. Its error says what to do about it.
//
// Before SetReadTimeout a Read waits for a second. A Write that cannot get rid
// of its bytes fails after the time they take and two seconds more.
func OpenSerial(name string, m SerialMode) (SerialPort, error) {
	if address, ok := strings.CutPrefix(name, "tcp://"); ok {
		return dialSerial(name, address)
	}
	m, err := m.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", name, err)
	}
	if !strings.HasPrefix(name, "/") {
		return nil, fmt.Errorf("serial port %q: not a name; one looks like /dev/ttyUSB0, /dev/serial/by-id/… or tcp://host:port", name)
	}
	p, err := openSerial(name, m)
	if err != nil {
		return nil, explainSerial(name, err, Root())
	}
	return p, nil
}

const (
	readTimeout  = time.Second     // before SetReadTimeout
	writeTimeout = 2 * time.Second // beyond what the bytes take on the wire
	dialTimeout  = 5 * time.Second
)

// withDefaults fills in the fields that are zero.
func (m SerialMode) withDefaults() (SerialMode, error) {
	if m.DataBits == 0 {
		m.DataBits = 8
	}
	if m.Parity == "" {
		m.Parity = "none"
	}
	if m.StopBits == 0 {
		m.StopBits = 1
	}
	switch {
	case m.Baud < 50 || m.Baud > 4_000_000:
		return m, fmt.Errorf("baud rate %d: it is 50 to 4000000", m.Baud)
	case m.DataBits < 5 || m.DataBits > 8:
		return m, fmt.Errorf("%d data bits: they are 5 to 8", m.DataBits)
	case !slices.Contains([]string{"none", "even", "odd"}, m.Parity):
		return m, fmt.Errorf("parity %q: it is none, even or odd", m.Parity)
	case m.StopBits != 1 && m.StopBits != 2:
		return m, fmt.Errorf("%d stop bits: they are 1 or 2", m.StopBits)
	}
	return m, nil
}

// onWire is how long n bytes take.
func (m SerialMode) onWire(n int) time.Duration {
	bits := 1 + m.DataBits + m.StopBits
	if m.Parity != "none" {
		bits++
	}
	return time.Duration(n*bits) * time.Second / time.Duration(m.Baud)
}

// SerialPorts returns the names of the serial ports that there are: the links
// in /dev/serial/by-id, which stay the same, then those without one.
func SerialPorts(root fs.FS) []string {
	var ports []string
	linked := map[string]bool{}
	links, _ := fs.Glob(root, "dev/serial/by-id/*") // it fails on a bad pattern only
	for _, l := range links {
		ports = append(ports, "/"+l)
		if to, err := fs.ReadLink(root, l); err == nil {
			linked[path.Base(to)] = true
		}
	}
	for _, kind := range []string{"ttyAMA", "ttyS", "ttyUSB", "ttyACM"} {
		for _, tty := range numbered(root, kind) {
			// The kernel has a number of ttyS, whether there is a chip or not.
			if !linked[tty] && readLine(root, "sys/class/tty/"+tty+"/type") != "0" {
				ports = append(ports, "/dev/"+tty)
			}
		}
	}
	return ports
}

// numbered returns the devices kind0, kind1 and so on, by number.
func numbered(root fs.FS, kind string) []string {
	devices, _ := fs.Glob(root, "dev/"+kind+"[0-9]*")
	var names []string
	for _, d := range devices {
		names = append(names, path.Base(d))
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return names
}

// explainSerial says what to do about err, which opening a port gave.
func explainSerial(name string, err error, root fs.FS) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "this machine has no serial port"
		if ports := SerialPorts(root); len(ports) > 0 {
			hint = "this machine has " + strings.Join(ports, ", ")
		}
		if onHeader(name) {
			hint += "; on a Raspberry Pi, turn the header's port on with: sudo raspi-config nonint do_serial_hw 0, and reboot"
		}
	case errors.Is(err, fs.ErrPermission) && hasConsole(root, name):
		hint = "the serial console has it; run: sudo raspi-config nonint do_serial_cons 1, and reboot"
	case errors.Is(err, fs.ErrPermission):
		hint = "this user may not use it; run: sudo usermod -aG dialout $USER, and log in again"
	case errors.Is(err, syscall.EBUSY):
		hint = "another program has it open; find it with: sudo fuser -v " + name
	case errors.Is(err, syscall.ENOTTY):
		hint = "it is no serial port"
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV):
		hint = "there is no hardware behind it, or it was unplugged"
	case errors.Is(err, syscall.EINVAL):
		hint = "it cannot be set up like that"
	default:
		return fmt.Errorf("serial port %s: %w", name, err)
	}
	return fmt.Errorf("serial port %s: %w (%s)", name, err, hint)
}

// onHeader tells whether a port is one of a Raspberry Pi's own.
func onHeader(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "serial") || strings.HasPrefix(base, "ttyAMA") || strings.HasPrefix(base, "ttyS")
}

// hasConsole tells whether the kernel was told to use a port as its console.
// Then systemd has a login prompt on it.
func hasConsole(root fs.FS, name string) bool {
	tty := path.Base(name)
	if to, err := fs.ReadLink(root, strings.TrimPrefix(name, "/")); err == nil {
		tty = path.Base(to)
	}
	for _, word := range strings.Fields(readLine(root, "proc/cmdline")) {
		console, ok := strings.CutPrefix(word, "console=")
		console, _, _ = strings.Cut(console, ",")
		if ok && (console == tty || console == path.Base(name)) {
			return true
		}
	}
	return false
}

// dialSerial connects to a port of another machine.
func dialSerial(name, address string) (SerialPort, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("serial port %s: %w (it looks like tcp://192.168.1.7:2000)", name, err)
	}
	c, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w (is ser2net running there, and the port open in its firewall)", name, err)
	}
	return &tcpPort{name: name, conn: c, timeout: readTimeout}, nil
}

package modbus

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// tcpPort is that of Modbus/TCP. Implementation guide, section 4.3.1.
const tcpPort = "502"

// address is the name of a port, understood.
type address struct {
	network bool   // behind TCP, at host
	rtu     bool   // with the frames of RTU
	host    string // and port
}

// parseAddress understands the name of a port: a device, or one of the
// schemes.
func parseAddress(name string) (address, error) {
	scheme, host, found := strings.Cut(name, "://")
	var err error
	a := address{network: true, host: host}
	switch {
	case name == "":
		return a, errors.New("modbus port: it has no name; one looks like /dev/ttyUSB0 or tcp://192.168.1.20")
	case !found:
		return address{rtu: true}, nil
	case scheme == "tcp":
		a.host, err = hostPort(host, tcpPort)
	case scheme == "rtu+tcp":
		a.rtu = true
		a.host, err = hostPort(host, "")
	default:
		err = fmt.Errorf("unknown scheme %s; there are tcp and rtu+tcp, and devices such as /dev/ttyUSB0", scheme)
	}
	if err != nil {
		return a, fmt.Errorf("modbus port %q: %w", name, err)
	}
	return a, nil
}

// hostPort returns s with a port, which is port if s has none.
func hostPort(s, port string) (string, error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil && port != "" {
		host, p, err = net.SplitHostPort(s + ":" + port)
	}
	if err != nil || host == "" {
		return "", fmt.Errorf("%q is not host:port", s)
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q is not a port, 1 to 65535", p)
	}
	if strings.ContainsAny(host, "/ \t") {
		return "", fmt.Errorf("%q is not a host", host)
	}
	return net.JoinHostPort(host, p), nil
}

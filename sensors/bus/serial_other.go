//go:build !linux || ppc64 || ppc64le

package bus

import "errors"

// openSerial opens a port of this machine, on Linux.
func openSerial(string, SerialMode) (SerialPort, error) {
	return nil, errNeedsLinux
}

// Any speed can be set with termios2 only, which POWER does not have.
var errNeedsLinux = errors.Join(errors.New("a port of this machine needs Linux, and not on POWER; tcp:// does not"), errors.ErrUnsupported)

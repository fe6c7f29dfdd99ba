package upgrade

import (
	"os"
	"syscall"
)

// kernelMachine is what uname -m prints.
func kernelMachine() (string, error) {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return "", err
	}
	var b []byte
	for _, c := range u.Machine {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b), nil
}

// openSelf opens the running binary, also if its file has been replaced.
func openSelf() (*os.File, error) { return os.Open("/proc/self/exe") }

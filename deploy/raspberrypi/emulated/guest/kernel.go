//go:build linux

package main

import (
	"fmt"
	"syscall"
	"unsafe"
)

// loadModule is init_module(2).
func loadModule(module []byte) error {
	none := []byte{0}
	_, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&module[0])), uintptr(len(module)), uintptr(unsafe.Pointer(&none[0])))
	if errno != 0 {
		return errno
	}
	return nil
}

// The board's address in the network that QEMU makes, in which the host is
// 10.0.2.2.
var (
	address  = [4]byte{10, 0, 2, 15}
	netmask  = [4]byte{255, 255, 255, 0}
	loopback = [4]byte{127, 0, 0, 1}
	classA   = [4]byte{255, 0, 0, 0}
)

// network brings up lo and eth0.
func network() error {
	if err := await("/sys/class/net/eth0"); err != nil {
		return err
	}
	if err := up("lo", loopback, classA); err != nil {
		return err
	}
	return up("eth0", address, netmask)
}

// request is struct ifreq of <linux/if.h>; sa is its address, flags share the
// place.
type request struct {
	name [16]byte
	data [24]byte
}

// up gives an interface its address and turns it on.
func up(name string, addr, mask [4]byte) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	set := func(what uintptr, data []byte) error {
		var r request
		copy(r.name[:15], name)
		copy(r.data[:], data)
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), what, uintptr(unsafe.Pointer(&r))); errno != 0 {
			return fmt.Errorf("interface %s: ioctl %#x: %w", name, what, errno)
		}
		return nil
	}
	sockaddr := func(a [4]byte) []byte { return append([]byte{syscall.AF_INET, 0, 0, 0}, a[:]...) }
	if err := set(syscall.SIOCSIFADDR, sockaddr(addr)); err != nil {
		return err
	}
	if err := set(syscall.SIOCSIFNETMASK, sockaddr(mask)); err != nil {
		return err
	}
	return set(syscall.SIOCSIFFLAGS, []byte{syscall.IFF_UP | syscall.IFF_RUNNING, 0})
}

package dial

import "syscall"

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall does
// not name on every processor.
const tcpUserTimeout = 0x12

// setSocket gives up a line on which what was sent is not acknowledged. Without
// it Linux sends again for some 15 minutes.
func setSocket(_, _ string, c syscall.RawConn) error {
	// A kernel that does not know the option has a line that is noticed later.
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
	})
}

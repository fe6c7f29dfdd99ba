//go:build unix

package door

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TCP_NODELAY, because a packet of MQTT is often all there is to say, and
// probes for peers that are gone.
func TestSocketOptions(t *testing.T) {
	d := open(t, Options{})
	dial(t, d)
	raw, err := accept(t, d).Raw().(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		for name, option := range map[string][2]int{
			"TCP_NODELAY":  {syscall.IPPROTO_TCP, syscall.TCP_NODELAY},
			"SO_KEEPALIVE": {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
		} {
			if v, err := syscall.GetsockoptInt(int(fd), option[0], option[1]); err != nil || v == 0 {
				t.Errorf("%s is %d, %v", name, v, err)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// A socket file is never open to more people than it should be, not even
// before chmod.
func TestNarrow(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux makes the file with the mode of the socket")
	}
	path := filepath.Join(t.TempDir(), "s")
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return narrow(c, 0o600) }}
	ln, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

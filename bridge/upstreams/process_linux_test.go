package upstreams

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes this test binary a program that starts Mosquitto, prints its
// address and waits to be killed.
const childEnv = "UPSTREAMS_TEST_CHILD"

func TestABrokerEndsWhenItsParentIsKilled(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		u, err := Start(t.Context(), Mosquitto, Options{Dir: os.Getenv(childEnv)})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("address", u.Address())
		select {}
	}
	_, err := program("mosquitto", "mosquitto")
	failOrSkip(t, err)
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		address, _ = strings.CutPrefix(lines.Text(), "address ")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	if address == "" {
		t.Fatal("it printed no address")
	}
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return // nobody listens any more
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("mosquitto listens on %s, and its parent was killed", address)
		}
	}
}

// expectLoopback looks at all that the processes of our process groups listen
// on.
func expectLoopback(t *testing.T, servers ...*server) {
	t.Helper()
	n := 0
	for _, s := range servers {
		p, err := s.running()
		if err != nil {
			t.Fatal(err)
		}
		for _, ip := range listens(t, p.cmd.Process.Pid) {
			if n++; !ip.IsLoopback() {
				t.Errorf("%s listens on %s", s.path, ip)
			}
		}
	}
	if n < len(servers) {
		t.Errorf("%d listeners of %d programs", n, len(servers))
	}
}

// listens returns the addresses that a process listens on.
func listens(t *testing.T, pid int) []net.IP {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	var sockets []string
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil { // it may have been closed
			sockets = append(sockets, to)
		}
	}
	var ips []net.IP
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue // no IPv6
		}
		for line := range bytes.Lines(b) {
			f := strings.Fields(string(line))
			if f[3] == "0A" && slices.Contains(sockets, "socket:["+f[9]+"]") { // LISTEN
				ips = append(ips, parseIP(t, f[1]))
			}
		}
	}
	return ips
}

// parseIP reads "0100007F:1F90": words of four bytes, each with the last byte
// first on the processors that tests run on.
func parseIP(t *testing.T, s string) net.IP {
	t.Helper()
	ip, err := hex.DecodeString(s[:strings.IndexByte(s, ':')])
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(ip, 4) {
		slices.Reverse(word)
	}
	return ip
}

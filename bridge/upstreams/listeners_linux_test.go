package upstreams

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ActiveMQ listened to everybody for the tenth of a second in which it made up
// its name.
func TestNobodyElseCanConnectWhileOneStarts(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			if testing.Short() && !quick(kind) {
				t.Skip("slow to start")
			}
			address, all := startWatched(t, kind)
			if !all[address] {
				t.Errorf("%s is not among the listeners %v: the test is blind", address, all)
			}
			for a := range all {
				if !strings.HasPrefix(a, "127.0.0.1:") && !strings.HasPrefix(a, "[::1]:") {
					t.Errorf("something listens on %s", a)
				}
			}
		})
	}
}

// startWatched starts an upstream and returns its address, and all addresses
// that processes of this test have listened on meanwhile.
func startWatched(t *testing.T, kind Kind) (string, map[string]bool) {
	t.Helper()
	all := map[string]bool{}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		watchListeners(all, stop)
	}()
	defer func() { // whether the test is skipped or not
		close(stop)
		<-stopped
	}()
	u := startUpstream(t, kind, Options{})
	exchange(t, u.Address())
	return u.Address(), all
}

// watchListeners adds to all, until stop is closed, the addresses on which
// processes below this one listen. It looks often enough to see what is there
// for a tenth of a second.
func watchListeners(all map[string]bool, stop <-chan struct{}) {
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	for last := false; ; {
		ours := socketsBelow(os.Getpid())
		for inode, address := range listeners() {
			if ours[inode] {
				all[address] = true
			}
		}
		if last {
			return
		}
		select {
		case <-again.C:
		case <-stop:
			last = true // what is there now has perhaps not been seen
		}
	}
}

// listeners returns the addresses of all sockets that listen on this machine,
// by inode. Each line of /proc/net/tcp has the local address second, the state
// fourth and the inode tenth; see proc(5).
func listeners() map[string]string {
	const listen = "0A"
	all := map[string]string{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, _ := os.ReadFile(name) // a machine without IPv6 has no tcp6
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == listen {
				all[f[9]] = listenAddress(f[1])
			}
		}
	}
	return all
}

// listenAddress makes "127.0.0.1:20000" of "0100007F:4E20", in which each four
// bytes are reversed; what is not loopback stays as it is.
func listenAddress(hex string) string {
	host, port, _ := strings.Cut(hex, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	switch {
	case err != nil:
		return hex
	case host == "0100007F" || host == "0000000000000000FFFF00000100007F":
		return fmt.Sprintf("127.0.0.1:%d", n)
	case host == "00000000000000000000000001000000":
		return fmt.Sprintf("[::1]:%d", n)
	}
	return fmt.Sprintf("%s:%d", host, n)
}

// socketsBelow returns the inodes of the sockets that the children of a
// process have, and theirs. It may miss those of a process that ends meanwhile.
func socketsBelow(root int) map[string]bool {
	parents := map[int]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		b, _ := os.ReadFile(file)
		// The name in parentheses may hold anything; the parent is the second after it.
		f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(f) < 2 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parents[pid], _ = strconv.Atoi(string(f[1]))
	}
	inodes := map[string]bool{}
	for pid := range parents {
		if !isBelow(parents, pid, root) {
			continue
		}
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			to, _ := os.Readlink(link)
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return inodes
}

func isBelow(parents map[int]int, pid, root int) bool {
	for range len(parents) { // they were not read at one moment, so there may be a loop
		switch pid = parents[pid]; pid {
		case root:
			return true
		case 0:
			return false
		}
	}
	return false
}

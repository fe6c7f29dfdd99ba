package door

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpenInvalid(t *testing.T) {
	_, err := Open(Options{Network: "tcp"}, discard())
	wants(t, err, "cannot listen on : address: is missing")
}

func TestOpenPortTaken(t *testing.T) {
	d := open(t, Options{})
	_, err := Open(Options{Network: "tcp", Address: d.Addr().String()}, discard())
	wants(t, err, "cannot listen on "+d.Addr().String()+": another program has this port already", "sudo ss -ltnp")
}

func TestOpenNotOurAddress(t *testing.T) {
	_, err := Open(Options{Network: "tcp", Address: "192.0.2.1:1883"}, discard())
	wants(t, err, "192.0.2.1 is not an address of this machine, or not yet", "write :1883 for all of them")
}

func TestExplainTCP(t *testing.T) {
	tests := []struct {
		address string
		err     error
		want    string
	}{
		{":883", syscall.EACCES, "cannot listen on :883: ports below 1024 need more rights; choose another port, or give the service the capability CAP_NET_BIND_SERVICE"},
		{":1883", syscall.EACCES, "cannot listen on :1883: permission denied"},
		{"pi.example:1883", &net.DNSError{Name: "pi.example"}, "cannot listen on pi.example:1883: the name pi.example has no address; write the address itself, or :1883 for all of this machine"},
		{":1883", syscall.ENOBUFS, "cannot listen on :1883: no buffer space available"},
	}
	for _, tt := range tests {
		if got := ExplainTCP(tt.address, tt.err, "").Error(); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d := open(t, Options{Network: "unix", Address: path, MaxConnectionsPerAddress: 1})
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode is %v", info.Mode())
	}
	for range 2 { // nobody is counted by address
		client, server := dial(t, d), accept(t, d)
		if _, ok := server.Raw().(*net.UnixConn); !ok {
			t.Errorf("raw is %T", server.Raw())
		}
		if p := server.Peer(); p.Remote.IsValid() || p.Proxy.IsValid() {
			t.Errorf("peer is %+v", p)
		}
		echo(t, client, server)
		halfClose(t, server, client)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if err := d.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

// The umask neither widens nor narrows the mode.
func TestUnixMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o666, 0o777} {
		path := filepath.Join(t.TempDir(), "s")
		open(t, Options{Network: "unix", Address: path, UnixMode: mode})
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode is %v, %v, want %v", info.Mode(), err, mode)
		}
	}
}

func TestUnixSocketOfTheDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	d := open(t, Options{Network: "unix", Address: path})
	echo(t, dial(t, d), accept(t, d))
}

func TestUnixSocketInTheWay(t *testing.T) {
	folder := t.TempDir()
	file := write(t, folder, "file", nil)
	living := open(t, Options{Network: "unix", Address: filepath.Join(folder, "living")}).Addr().String()
	datagrams := filepath.Join(folder, "datagrams")
	pc, err := net.ListenPacket("unixgram", datagrams)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for path, want := range map[string]string{
		file:                             "there is a file of this name already, and it is not a socket; move it away or choose another path",
		living:                           "another program answers on this socket; is the gateway running already?",
		datagrams:                        "it is not clear whether a program still uses it; remove it if not",
		filepath.Join(folder, "no", "s"): "there is no folder " + filepath.Join(folder, "no") + "; make it, or have systemd do so",
	} {
		_, err := Open(Options{Network: "unix", Address: path}, discard())
		wants(t, err, "cannot listen on "+path+": ", want)
		if _, err := os.Lstat(path); path == file && err != nil {
			t.Errorf("the file is gone: %v", err)
		}
	}
}

func TestExplainUnix(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EACCES:     "cannot listen on /run/x: the user that the gateway runs as may not make files in /run; choose a folder of its own, such as /run/gateway",
		syscall.EADDRINUSE: "cannot listen on /run/x: another program has this name already; is the gateway running already?",
		syscall.EROFS:      "cannot listen on /run/x: read-only file system",
	} {
		if got := explainUnix("/run/x", err).Error(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// What another program has put in place of our file stays.
func TestUnixSocketReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d := open(t, Options{Network: "unix", Address: path})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other := open(t, Options{Network: "unix", Address: path})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	echo(t, dial(t, other), accept(t, other))
}

func TestAbstractSocket(t *testing.T) {
	d, err := Open(Options{Network: "unix", Address: fmt.Sprintf("@gateway-door-test-%d", os.Getpid())}, discard())
	if err != nil {
		t.Skipf("no abstract sockets here: %v", err)
	}
	defer d.Close()
	echo(t, dial(t, d), accept(t, d))
	_, err = Open(Options{Network: "unix", Address: d.Addr().String()}, discard())
	wants(t, err, "another program has this name already")
}

func TestOpenTLSFiles(t *testing.T) {
	_, err := Open(Options{Network: "tcp", Address: "127.0.0.1:0", TLS: &TLS{Certificate: "none.pem", Key: "neither.pem"}}, discard())
	wants(t, err, "cannot listen on 127.0.0.1:0: tls.certificate: there is no file none.pem", "\ntls.key: there is no file neither.pem")
	if strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want two lines: %v", err)
	}
}

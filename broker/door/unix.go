package door

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// longestUnixPath is what fits into a sockaddr_un of Linux with the zero
// behind it, bytes.
const longestUnixPath = 107

// socketFile is the file of a Unix socket that we made.
type socketFile struct {
	path string
	info os.FileInfo
}

// listenUnix listens on a socket file that those may connect to who are let
// by mode. The file is nil for an address without one.
func listenUnix(path string, mode fs.FileMode) (net.Listener, *socketFile, error) {
	if strings.HasPrefix(path, "@") {
		ln, err := net.Listen("unix", path)
		if err != nil {
			return nil, nil, explainUnix(path, err)
		}
		return ln, nil, nil
	}
	if err := removeDeadSocket(path); err != nil {
		return nil, nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return narrow(c, mode) }}
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, nil, explainUnix(path, err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // socketFile.remove looks first
	info, err := os.Lstat(path)
	if err == nil {
		err = os.Chmod(path, mode) // what the umask took away
	}
	if err != nil {
		ln.Close()
		return nil, nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	return ln, &socketFile{path, info}, nil
}

// removeDeadSocket removes the socket file that a process left behind that was
// killed. Anything else that is in the way is an error.
func removeDeadSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file of this name already, and it is not a socket; move it away or choose another path")
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		nc.Close()
		return errors.New("another program answers on this socket; is the gateway running already?")
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("a dead process left this socket behind, and it cannot be removed: %w", err)
		}
		return nil
	}
	return fmt.Errorf("there is a socket of this name already, and it is not clear whether a program still uses it; remove it if not: %w", err)
}

// explainUnix says what to do about the common failures.
func explainUnix(path string, err error) error {
	folder := filepath.Dir(path)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("cannot listen on %s: there is no folder %s; make it, or have systemd do so (RuntimeDirectory=gateway makes /run/gateway)", path, folder)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot listen on %s: the user that the gateway runs as may not make files in %s; choose a folder of its own, such as /run/gateway", path, folder)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: another program has this name already; is the gateway running already?", path)
	}
	return fmt.Errorf("cannot listen on %s: %w", path, err)
}

// remove removes the file, unless another program has made its own of that
// name in the meantime.
func (f *socketFile) remove() error {
	info, err := os.Lstat(f.path)
	if err != nil || !os.SameFile(info, f.info) {
		return nil
	}
	return os.Remove(f.path)
}

package badline

import (
	"fmt"
	"syscall"
)

// port is a port of 127.0.0.1 that nobody else is given. The socket is bound
// and never listens: while nothing of ours listens either, the kernel answers
// with RST, and neither bind to port 0 nor connect of another process chooses
// the port. SO_REUSEADDR, which Go's listeners have too, lets us listen beside
// it.
type port struct {
	addr string
	fd   int
}

func holdPort() (*port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	p := &port{fd: fd}
	if err := p.bind(); err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

func (p *port) bind() error {
	if err := syscall.SetsockoptInt(p.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return fmt.Errorf("SO_REUSEADDR: %w", err)
	}
	if err := syscall.Bind(p.fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	name, err := syscall.Getsockname(p.fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	in4, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return fmt.Errorf("getsockname: not IPv4: %T", name)
	}
	p.addr = fmt.Sprintf("127.0.0.1:%d", in4.Port)
	return nil
}

func (p *port) release() { syscall.Close(p.fd) }

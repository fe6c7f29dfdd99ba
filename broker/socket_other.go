//go:build !unix

package broker

import (
	"errors"
	"net"
)

// socket is for systems whose sockets this package cannot ask without
// waiting: connections are read and written in goroutines that wait.
type socket struct {
	raw *struct{}
}

func (s *socket) open(net.Conn, *input) {}

func (s *socket) read() (int, error)          { return 0, errors.ErrUnsupported }
func (s *socket) write([][]byte) (int, error) { return 0, errors.ErrUnsupported }

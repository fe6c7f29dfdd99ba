//go:build unix

package broker

import (
	"net"
	"os"
	"syscall"
)

// socket reads and writes a connection of the system without waiting, where
// the connection allows it. The functions that the runtime calls back are
// made once.
type socket struct {
	raw syscall.RawConn // nil: reads and writes wait

	room    func() []byte // where read puts what it gets
	idle    func()        // nothing to read: give memory back, then wait
	readOne func(fd uintptr) bool
	n       int
	err     error

	chunks   [][]byte
	writeOne func(fd uintptr) bool
	wn       int
	werr     error
}

// open makes s the socket of nc, if it is one.
func (s *socket) open(nc net.Conn, room func() []byte, idle func()) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return // a layer in between has bytes of its own
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	s.raw, s.room, s.idle = raw, room, idle
	s.readOne = s.tryRead
	s.writeOne = s.tryWrite
}

// read waits for bytes and reads them into room(). Memory is asked for when
// there may be something to read. n is 0 at the end.
func (s *socket) read() (n int, err error) {
	s.n, s.err = 0, nil
	if err := s.raw.Read(s.readOne); err != nil {
		return 0, err
	}
	return s.n, s.err
}

func (s *socket) tryRead(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), s.room())
		switch err {
		case nil:
			s.n = n
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			s.idle()
			return false
		default:
			s.err = os.NewSyscallError("read", err)
			return true
		}
	}
}

// write writes what the system takes at once, and returns how much that was.
func (s *socket) write(chunks [][]byte) (n int, err error) {
	s.chunks, s.wn, s.werr = chunks, 0, nil
	err = s.raw.Write(s.writeOne)
	s.chunks = nil
	if err != nil {
		return s.wn, err
	}
	return s.wn, s.werr
}

func (s *socket) tryWrite(fd uintptr) bool {
	for _, b := range s.chunks {
		for len(b) > 0 {
			n, err := syscall.Write(int(fd), b)
			switch err {
			case nil:
				s.wn += n
				b = b[n:]
			case syscall.EINTR:
			case syscall.EAGAIN:
				return true
			default:
				s.werr = os.NewSyscallError("write", err)
				return true
			}
		}
	}
	return true
}

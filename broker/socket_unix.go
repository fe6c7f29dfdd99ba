//go:build unix

package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// socket reads and writes a connection of the system without waiting, where
// the connection allows it. The functions that the runtime calls back are
// made once.
type socket struct {
	raw syscall.RawConn // nil: reads and writes wait

	in      *input // where read puts what it gets; idle while there is nothing
	readOne func(fd uintptr) bool
	n       int
	err     error

	writeOne func(fd uintptr) bool
	writing  *writing
}

// open makes s the socket of nc, if it is one.
func (s *socket) open(nc net.Conn, in *input) {
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
	s.raw, s.in = raw, in
	s.readOne = s.tryRead
	s.writeOne = s.tryWrite
}

// read waits for bytes and reads them into the input, which gets memory
// when there may be something to read. n is 0 at the end.
func (s *socket) read() (n int, err error) {
	s.n, s.err = 0, nil
	if err := s.raw.Read(s.readOne); err != nil {
		return 0, err
	}
	return s.n, s.err
}

func (s *socket) tryRead(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), s.in.room())
		switch err {
		case nil:
			s.n = n
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			s.in.idle()
			return false
		default:
			s.err = os.NewSyscallError("read", err)
			return true
		}
	}
}

// writing is one write that goes on.
type writing struct {
	chunks [][]byte
	n      int
	err    error
}

// write writes what the system takes at once, and returns how much that was.
// One goroutine writes at a time.
func (s *socket) write(chunks [][]byte) (n int, err error) {
	w := writings.Get().(*writing)
	*w = writing{chunks: chunks}
	s.writing = w
	err = s.raw.Write(s.writeOne)
	n, err = w.n, errors.Join(err, w.err)
	s.writing = nil
	*w = writing{}
	writings.Put(w)
	return n, err
}

var writings = sync.Pool{New: func() any { return new(writing) }}

func (s *socket) tryWrite(fd uintptr) bool {
	w := s.writing
	for _, b := range w.chunks {
		for len(b) > 0 {
			n, err := syscall.Write(int(fd), b)
			switch err {
			case nil:
				w.n += n
				b = b[n:]
			case syscall.EINTR:
			case syscall.EAGAIN:
				return true
			default:
				w.err = os.NewSyscallError("write", err)
				return true
			}
		}
	}
	return true
}

package nbd

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// Serve serves d to everybody who connects to l, until ctx ends or l fails. It
// closes l and all connections, and returns when all its goroutines have ended:
// nil if ctx has. A disk that has stopped keeps them, until its power is back or
// it is closed. A client that breaks the protocol loses its connection, and
// nothing else happens.
func Serve(ctx context.Context, l net.Listener, d *Disk) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		conns.Go(func() {
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			_ = serve(c, d)
		})
	}
}

// serve serves one connection to its end. errLeft is how it ends in order.
func serve(c io.ReadWriter, d *Disk) error {
	s := session{c: c, disk: d}
	if err := s.negotiate(); err != nil {
		return err
	}
	for {
		if err := s.one(); err != nil {
			return err
		}
	}
}

// session is one connection.
type session struct {
	c    io.ReadWriter
	disk *Disk
	buf  []byte // of payloads and replies
}

// room returns n bytes that hold until the next call.
func (s *session) room(n int) []byte {
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	return s.buf[:n]
}

// one does the next request.
func (s *session) one() error {
	r, err := readRequest(s.c)
	if err != nil {
		return err
	}
	var payload []byte
	switch r.command {
	case cmdDisc:
		return errLeft
	case cmdWrite:
		if r.length > maxPayload {
			return errProtocol // what follows would have to be read to find the next request
		}
		if err := s.disk.check(r.offset, int64(r.length)); err != nil { // what it has is skipped
			if _, err := io.CopyN(io.Discard, s.c, int64(r.length)); err != nil {
				return err
			}
			return s.reply(r, err)
		}
		payload = s.room(int(r.length))
		if _, err := io.ReadFull(s.c, payload); err != nil {
			return err
		}
	case cmdRead:
		return s.read(r)
	}
	return s.reply(r, s.do(r, payload))
}

const replyHead = 16

// read answers READ. There is no data in the reply if it fails.
func (s *session) read(r request) error {
	if r.length > maxPayload || r.flags&^cmdFlagFUA != 0 {
		return s.reply(r, errRange)
	}
	if err := s.disk.check(r.offset, int64(r.length)); err != nil {
		return s.reply(r, err)
	}
	b := s.room(replyHead + int(r.length))
	if _, err := s.disk.ReadAt(b[replyHead:], int64(r.offset)); err != nil {
		return s.reply(r, err)
	}
	appendReply(b[:0], codeOK, r.cookie)
	_, err := s.c.Write(b)
	return err
}

// errCommand is the reason of EINVAL for what the server does not know.
var errCommand = errors.New("no such command, or not with these flags")

// do does everything else.
func (s *session) do(r request, payload []byte) error {
	known := uint16(cmdFlagFUA)
	if r.command == cmdWriteZeroes {
		known |= cmdFlagNoHole
	}
	if r.flags&^known != 0 {
		return errCommand
	}
	fua := r.flags&cmdFlagFUA != 0
	switch r.command {
	case cmdFlush:
		return s.disk.Flush()
	case cmdWrite, cmdTrim, cmdWriteZeroes:
	default:
		return errCommand
	}
	if err := s.disk.check(r.offset, int64(r.length)); err != nil {
		return err
	}
	if r.command == cmdWrite {
		return s.disk.WriteAt(payload, int64(r.offset), fua)
	}
	return s.disk.Zero(int64(r.offset), int64(r.length), fua)
}

// reply answers without data.
func (s *session) reply(r request, err error) error {
	code := uint32(codeIO)
	switch {
	case err == nil:
		code = codeOK
	case errors.Is(err, errRange) && (r.command == cmdWrite || r.command == cmdWriteZeroes):
		code = codeNoSpace
	case errors.Is(err, errRange), errors.Is(err, errAlign), errors.Is(err, errCommand):
		code = codeInvalid
	}
	_, err = s.c.Write(appendReply(s.room(replyHead)[:0], code, r.cookie))
	return err
}

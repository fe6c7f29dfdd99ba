//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// sink is an upstream that acknowledges everything and keeps nothing but the
// count of the messages.
type sink struct {
	ln      net.Listener
	serving sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	n     int
	want  int
	came  chan struct{} // closed when n is want; nil if nobody waits
}

func newSink() (*sink, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{ln: ln, conns: make(map[net.Conn]bool)}
	s.serving.Go(s.accept)
	return s, nil
}

func (s *sink) address() string { return s.ln.Addr().String() }

func (s *sink) accept() {
	for {
		nc, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[nc] = true
		s.mu.Unlock()
		s.serving.Go(func() {
			defer nc.Close()
			_ = s.serve(nc) // whoever waits sees that nothing comes
		})
	}
}

func (s *sink) close() {
	s.ln.Close()
	s.mu.Lock()
	for nc := range s.conns {
		nc.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// await returns when n messages have come in all.
func (s *sink) await(ctx context.Context, n int) error {
	s.mu.Lock()
	if s.n >= n {
		s.mu.Unlock()
		return nil
	}
	came := make(chan struct{})
	s.want, s.came = n, came
	s.mu.Unlock()
	select {
	case <-came:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d messages came: %w", s.count(), n, context.Cause(ctx))
	}
}

func (s *sink) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n += n; s.came != nil && s.n >= s.want {
		close(s.came)
		s.came = nil
	}
}

// serve answers what comes, all that came at once in one write.
func (s *sink) serve(nc net.Conn) error {
	r := bufio.NewReaderSize(nc, 64<<10)
	var answers, body []byte
	messages := 0
	for {
		if r.Buffered() == 0 && len(answers) > 0 {
			s.add(messages)
			messages = 0
			if _, err := nc.Write(answers); err != nil {
				return err
			}
			answers = answers[:0]
		}
		first, err := r.ReadByte()
		if err != nil {
			return err
		}
		length, err := binary.ReadUvarint(r) // which is how MQTT writes it
		if err != nil || length > 1<<20 {
			return errors.Join(err, errors.New("no MQTT"))
		}
		if uint64(cap(body)) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		answers, err = answer(answers, first, body)
		if err != nil {
			return err
		}
		if first>>4 == 3 {
			messages++
		}
	}
}

// answer appends what a packet is answered with.
func answer(dst []byte, first byte, body []byte) ([]byte, error) {
	switch first >> 4 {
	case 1: // CONNECT
		return append(dst, 0x20, 2, 0, 0), nil
	case 3: // PUBLISH, of QoS 1
		at := 2 + int(binary.BigEndian.Uint16(body))
		return append(dst, 0x40, 2, body[at], body[at+1]), nil
	case 8: // SUBSCRIBE, of one filter
		return append(dst, 0x90, 3, body[0], body[1], 1), nil
	case 10: // UNSUBSCRIBE
		return append(dst, 0xb0, 2, body[0], body[1]), nil
	case 12: // PINGREQ
		return append(dst, 0xd0, 0), nil
	case 14: // DISCONNECT
		return dst, nil
	}
	return dst, fmt.Errorf("packet %#x", first)
}

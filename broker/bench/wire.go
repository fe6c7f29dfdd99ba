//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// MQTT 3.1.1, as much of it as the load needs.

// connectPacket is a CONNECT with a clean session and without keep-alive.
func connectPacket(id string) []byte {
	b := []byte{0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0}
	b = appendText(b, id)
	b[1] = byte(len(b) - 2)
	return b
}

func subscribePacket(qos byte, filters ...string) []byte {
	body := []byte{0, 1}
	for _, f := range filters {
		body = append(appendText(body, f), qos)
	}
	return append(appendLength([]byte{0x82}, len(body)), body...)
}

// publishPacket returns a PUBLISH and where in it the packet identifier and the
// payload lie.
func publishPacket(topic string, qos byte, retain bool, payload []byte) (b []byte, idAt, payloadAt int) {
	n := 2 + len(topic) + len(payload)
	if qos > 0 {
		n += 2
	}
	first := 0x30 | qos<<1
	if retain {
		first |= 1
	}
	b = appendText(appendLength([]byte{first}, n), topic)
	idAt = len(b)
	if qos > 0 {
		b = append(b, 0, 0)
	}
	payloadAt = len(b)
	return append(b, payload...), idAt, payloadAt
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// appendLength appends a remaining length.
func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// frame looks at the packet at the beginning of b: the size of its fixed header
// and of the whole, 0 if it is not all there.
func frame(b []byte) (header, size int, err error) {
	n, shift := 0, 0
	for i := 1; i < len(b); i++ {
		n |= int(b[i]&0x7f) << shift
		if b[i] < 0x80 {
			if size = i + 1 + n; size > len(b) {
				return i + 1, 0, nil
			}
			return i + 1, size, nil
		}
		if shift += 7; shift > 21 {
			return 0, 0, errors.New("a remaining length of five bytes")
		}
	}
	return 0, 0, nil
}

// dial connects and waits for CONNACK.
func dial(address, id string) (net.Conn, error) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := ask(nc, connectPacket(id), 4, 0x20); err != nil {
		nc.Close()
		return nil, fmt.Errorf("CONNECT: %w", err)
	}
	return nc, nil
}

// ask sends a packet and reads an answer of that size and type.
func ask(nc net.Conn, p []byte, size int, first byte) error {
	if _, err := nc.Write(p); err != nil {
		return err
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(nc, answer); err != nil {
		return err
	}
	if answer[0] != first || answer[size-1] >= 0x80 || first == 0x20 && answer[3] != 0 {
		return fmt.Errorf("answered with % x", answer)
	}
	return nil
}

// reader takes what a broker sends apart, counts messages, and answers.
type reader struct {
	nc      net.Conn
	buf     []byte
	n       int
	answers []byte
}

func newReader(nc net.Conn) *reader { return &reader{nc: nc, buf: make([]byte, 256<<10)} }

// next reads once and calls visit with every whole packet; then it sends what
// is to be answered to messages.
func (r *reader) next(visit func(p []byte, header int)) error {
	n, err := r.nc.Read(r.buf[r.n:])
	if err != nil {
		return err
	}
	r.n += n
	at := 0
	for {
		header, size, err := frame(r.buf[at:r.n])
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		p := r.buf[at : at+size]
		r.answer(p, header)
		visit(p, header)
		at += size
	}
	r.n = copy(r.buf, r.buf[at:r.n])
	if len(r.answers) == 0 {
		return nil
	}
	_, err = r.nc.Write(r.answers)
	r.answers = r.answers[:0]
	return err
}

// answer notes the acknowledgement that a packet wants.
func (r *reader) answer(p []byte, header int) {
	switch p[0] >> 4 {
	case 3:
		qos := p[0] >> 1 & 3
		if qos == 0 {
			return
		}
		id := p[header+2+int(binary.BigEndian.Uint16(p[header:])):]
		ack := byte(0x40)
		if qos == 2 {
			ack = 0x50
		}
		r.answers = append(r.answers, ack, 2, id[0], id[1])
	case 5:
		r.answers = append(r.answers, 0x62, 2, p[2], p[3])
	case 6:
		r.answers = append(r.answers, 0x70, 2, p[2], p[3])
	}
}

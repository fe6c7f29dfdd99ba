package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// The header of Modbus/TCP: transaction, protocol 0, length of what follows
// it, unit. Implementation guide, section 3.1.3.
const (
	headerSize = 7
	maxLength  = 254 // unit, and a PDU of 253 bytes
	maxBehind  = 256 // transactions; what is older is no late answer
)

// tcpLink speaks Modbus/TCP.
type tcpLink struct {
	linkState
	port        bus.SerialPort
	transaction uint16 // of the last request
	asked       int    // requests, to know which transactions there were
	got         []byte // and not yet looked at; answers of requests that were given up, for one
}

func (l *tcpLink) close() error { return l.port.Close() }

func (l *tcpLink) exchange(ctx context.Context, r request, timeout time.Duration) ([]byte, error) {
	l.transaction++
	l.asked++
	if err := send(l.port, tcpFrame(l.transaction, r)); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	for {
		data, err := l.next(r)
		if err != errMore {
			return data, err
		}
		l.got, err = receive(ctx, l.port, l.got, deadline)
		if errors.Is(err, bus.ErrSilent) && len(l.got) > 0 {
			l.broken = true
			return nil, fmt.Errorf("the answer % X is too short", l.got)
		}
		if errors.Is(err, bus.ErrSilent) {
			return nil, &silentError{timeout, "check the address of the slave, and its power and wires"}
		}
		if err != nil {
			return nil, err
		}
	}
}

// next looks for the answer to r in what was received, and removes from it
// what it has seen. What cannot be an answer means that nobody knows where
// the next one begins: the link is broken.
func (l *tcpLink) next(r request) ([]byte, error) {
	for {
		f, rest, err := cutTCP(l.got)
		if err == errMore {
			return nil, err
		}
		if err != nil {
			l.broken = true
			return nil, err
		}
		l.got = rest
		behind := l.transaction - f.transaction
		switch {
		case behind != 0 && int(behind) < min(l.asked, maxBehind): // the answer to one that was given up
			continue
		case behind != 0:
			l.broken = true
			return nil, fmt.Errorf("the answer is one to transaction %d in place of %d", f.transaction, l.transaction)
		case f.unit != r.unit:
			l.broken = true
			return nil, fmt.Errorf("the answer is one of slave %d", f.unit)
		}
		return r.check(f.pdu)
	}
}

// tcpFrame returns r as a frame.
func tcpFrame(transaction uint16, r request) []byte {
	pdu := r.pdu()
	b := binary.BigEndian.AppendUint16(nil, transaction)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(1+len(pdu)))
	b = append(b, r.unit)
	return append(b, pdu...)
}

// tcpAnswer is a frame that was received.
type tcpAnswer struct {
	transaction uint16
	unit        byte
	pdu         []byte
}

// cutTCP returns the frame that b begins with, and what is behind it.
func cutTCP(b []byte) (f tcpAnswer, rest []byte, err error) {
	if len(b) < headerSize {
		return f, b, errMore
	}
	protocol, length := binary.BigEndian.Uint16(b[2:]), int(binary.BigEndian.Uint16(b[4:]))
	if protocol != 0 || length < 2 || length > maxLength {
		return f, b, fmt.Errorf("% X does not begin an answer of Modbus/TCP; is it RTU over TCP, rtu+tcp://", b[:headerSize])
	}
	end := headerSize - 1 + length
	if len(b) < end {
		return f, b, errMore
	}
	return tcpAnswer{binary.BigEndian.Uint16(b), b[6], b[headerSize:end]}, b[end:], nil
}

package modbus

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"gateway/sensors/bus"
)

// slice is how long a port is listened to before looking at the context: a
// serial port cannot be interrupted.
const slice = 20 * time.Millisecond

// receive appends to b what the port receives, at least one byte, until
// deadline; then its error is [bus.ErrSilent].
func receive(ctx context.Context, port bus.SerialPort, b []byte, deadline time.Time) ([]byte, error) {
	var piece [512]byte
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return b, bus.ErrSilent
		}
		if err := ctx.Err(); err != nil {
			return b, err
		}
		if err := port.SetReadTimeout(min(left, slice)); err != nil {
			return b, &lostError{err}
		}
		n, err := port.Read(piece[:])
		switch {
		case n > 0:
			return append(b, piece[:n]...), nil
		case err == nil:
			return b, &lostError{io.ErrNoProgress}
		case !errors.Is(err, bus.ErrSilent):
			return b, &lostError{err}
		}
	}
}

// send writes all of b.
func send(port bus.SerialPort, b []byte) error {
	n, err := port.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &lostError{err}
	}
	return nil
}

// connPort is a connection as a serial port.
type connPort struct {
	conn    net.Conn
	timeout time.Duration
}

// writeTimeout is for a peer that takes nothing any more. A request fits into
// any buffer, so it is long.
const writeTimeout = time.Second

func (p *connPort) SetReadTimeout(d time.Duration) error {
	p.timeout = d
	return nil
}

func (p *connPort) Read(b []byte) (int, error) {
	// A deadline that has passed reads nothing, not even what is there.
	if err := p.conn.SetReadDeadline(time.Now().Add(max(p.timeout, time.Millisecond))); err != nil {
		return 0, err
	}
	n, err := p.conn.Read(b)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, bus.ErrSilent
	}
	return n, err
}

func (p *connPort) Write(b []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return p.conn.Write(b)
}

// Discard implements [bus.SerialPort]. What it throws away is bounded: a peer
// that talks without end is not listened to.
func (p *connPort) Discard() error {
	var b [512]byte
	p.timeout = 0
	for range 8 {
		if _, err := p.Read(b[:]); errors.Is(err, bus.ErrSilent) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("it does not stop sending")
}

func (p *connPort) Close() error { return p.conn.Close() }

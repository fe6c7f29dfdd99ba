package bus

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// tcpPort is a serial port behind TCP, every byte as it is. It is not RFC 2217:
// there is nothing to set up.
type tcpPort struct {
	name    string
	conn    net.Conn
	timeout time.Duration
}

// Read implements [SerialPort].
func (p *tcpPort) Read(b []byte) (int, error) {
	// A deadline that has passed reads nothing, not even what is there.
	if err := p.conn.SetReadDeadline(time.Now().Add(max(p.timeout, time.Millisecond))); err != nil {
		return 0, p.explain(err)
	}
	n, err := p.conn.Read(b)
	switch {
	case n > 0:
		return n, nil // an error comes again
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, ErrSilent
	case errors.Is(err, io.EOF):
		return 0, fmt.Errorf("serial port %s: the other side closed the connection: %w", p.name, io.ErrUnexpectedEOF)
	}
	return 0, p.explain(err)
}

// Write implements [SerialPort].
func (p *tcpPort) Write(b []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, p.explain(err)
	}
	n, err := p.conn.Write(b)
	return n, p.explain(err)
}

// SetReadTimeout implements [SerialPort].
func (p *tcpPort) SetReadTimeout(d time.Duration) error {
	p.timeout = d
	return nil
}

// Discard implements [SerialPort]. What it throws away is bounded: a port that
// talks without end is not listened to.
func (p *tcpPort) Discard() error {
	kept := p.timeout
	defer func() { p.timeout = kept }()
	p.timeout = 0
	var b [4096]byte
	for range 16 {
		if _, err := p.Read(b[:]); errors.Is(err, ErrSilent) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Close implements [SerialPort].
func (p *tcpPort) Close() error { return p.explain(p.conn.Close()) }

func (p *tcpPort) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("serial port %s: %w", p.name, err)
}
